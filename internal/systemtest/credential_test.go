package systemtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/credentials-go/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testenv"
)

// newVerification starts a simulator that knows the keys, and makes a Client for it with a
// credential. A nil credential is the default chain.
func newVerification(t *testing.T, credential credentials.Credential, opts ...id2meta.Option) (*id2metatest.Server, *id2meta.Client) {
	t.Helper()
	server := newServer(t)
	server.AddCredential(testenv.UserKeyID, testenv.UserSecret, "")
	server.AddCredential(testenv.RoleKeyID, testenv.RoleSecret, testenv.RoleToken)
	opts = append([]id2meta.Option{id2meta.WithEndpoints(server.Endpoint())}, opts...)
	if credential != nil {
		opts = append(opts, id2meta.WithCredential(credential))
	}
	client, err := id2meta.New(opts...)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return server, client
}

// requireSignedBy verifies, and requires that the service saw this access key, with its
// security token if it is a role's.
func requireSignedBy(t *testing.T, server *id2metatest.Server, client *id2meta.Client, keyID string) {
	t.Helper()
	before := len(server.Calls())
	result, err := client.Verify(t.Context(), zhangSan)
	require.NoError(t, err)
	require.True(t, result.Match())
	calls := server.Calls()[before:]
	require.Len(t, calls, 1)
	require.Equal(t, keyID, calls[0].AccessKeyID)
	require.Equal(t, keyID != testenv.UserKeyID, calls[0].STS)
}

// requireRefused verifies, and requires an ErrCredential.
func requireRefused(t *testing.T, client *id2meta.Client) error {
	t.Helper()
	result, err := client.Verify(t.Context(), zhangSan)
	require.ErrorIs(t, err, id2meta.ErrCredential)
	require.Zero(t, result)
	return err
}

func writeFile(t *testing.T, text string, path ...string) string {
	t.Helper()
	name := filepath.Join(path...)
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func profileFile(keyID, secret string) string {
	return "[default]\ntype = access_key\naccess_key_id = " + keyID + "\naccess_key_secret = " + secret + "\n"
}

func cliConfig(profile string) string {
	return `{"current":"default","profiles":[{"name":"default",` + profile + `}]}`
}

func TestCredentialOfEveryProvider(t *testing.T) {
	environment := func(name, value string) func(*testing.T, string) {
		return func(t *testing.T, _ string) { t.Setenv("ALIBABA_CLOUD_"+name, value) }
	}
	all := func(settings ...func(*testing.T, string)) func(*testing.T, string) {
		return func(t *testing.T, home string) {
			for _, set := range settings {
				set(t, home)
			}
		}
	}
	file := func(text string, path ...string) func(*testing.T, string) {
		return func(t *testing.T, home string) { writeFile(t, text, append([]string{home}, path...)...) }
	}
	for _, test := range []struct {
		name   string
		appear func(t *testing.T, home string) // makes the default chain find a key
		keyID  string
	}{
		{"an access key of the environment",
			all(environment("ACCESS_KEY_ID", testenv.UserKeyID), environment("ACCESS_KEY_SECRET", testenv.UserSecret)), testenv.UserKeyID},
		{"an STS token of the environment",
			all(environment("ACCESS_KEY_ID", testenv.RoleKeyID), environment("ACCESS_KEY_SECRET", testenv.RoleSecret), environment("SECURITY_TOKEN", testenv.RoleToken)), testenv.RoleKeyID},
		{"the profile file in the home directory", file(profileFile(testenv.UserKeyID, testenv.UserSecret), ".alibabacloud", "credentials"), testenv.UserKeyID},
		{"the profile file in another home directory", func(t *testing.T, _ string) {
			writeFile(t, profileFile(testenv.UserKeyID, testenv.UserSecret), testenv.EmptyHome(t), ".alibabacloud", "credentials")
		}, testenv.UserKeyID},
		{"a named profile of a file elsewhere", func(t *testing.T, _ string) {
			text := strings.Replace(profileFile(testenv.UserKeyID, testenv.UserSecret), "default", "other", 1)
			t.Setenv("ALIBABA_CLOUD_CREDENTIALS_FILE", writeFile(t, text, t.TempDir(), "profiles"))
			t.Setenv("ALIBABA_CLOUD_PROFILE", "other")
		}, testenv.UserKeyID},
		{"an access key of the CLI's configuration",
			file(cliConfig(`"mode":"AK","access_key_id":"`+testenv.UserKeyID+`","access_key_secret":"`+testenv.UserSecret+`"`), ".aliyun", "config.json"), testenv.UserKeyID},
		{"an STS token of the CLI's configuration",
			file(cliConfig(`"mode":"StsToken","access_key_id":"`+testenv.RoleKeyID+`","access_key_secret":"`+testenv.RoleSecret+`","sts_token":"`+testenv.RoleToken+`"`), ".aliyun", "config.json"), testenv.RoleKeyID},
		{"a credentials URI of the environment", func(t *testing.T, _ string) {
			t.Setenv("ALIBABA_CLOUD_CREDENTIALS_URI", testenv.NewCredentialsURI(t))
		}, testenv.RoleKeyID},
	} {
		t.Run(test.name+", which appears after two failures", func(t *testing.T) {
			home := testenv.EmptyHome(t)
			server, client := newVerification(t, nil)
			for range 2 {
				err := requireRefused(t, client)
				assert.ErrorContains(t, err, "ALIBABA_CLOUD_ACCESS_KEY_ID", "what to set")
			}
			test.appear(t, home)
			requireSignedBy(t, server, client, test.keyID)
			requireSignedBy(t, server, client, test.keyID)
		})
	}
	for _, test := range []struct {
		name  string
		given func(t *testing.T) credentials.Credential
	}{
		{"a credentials URI of WithCredential", func(t *testing.T) credentials.Credential {
			return newCredential(t, new(credentials.Config).SetType("credentials_uri").SetURLCredential(testenv.NewCredentialsURI(t)))
		}},
		{"ram_role_arn with an access key", func(t *testing.T) credentials.Credential { return testenv.NewSTS(t).RAMRole(t) }},
		{"oidc_role_arn with a token file", func(t *testing.T) credentials.Credential {
			return newCredential(t, new(credentials.Config).
				SetType("oidc_role_arn").
				SetOIDCProviderArn(testenv.OIDCProvider).
				SetOIDCTokenFilePath(writeFile(t, testenv.OIDCToken, t.TempDir(), "token")).
				SetRoleArn(testenv.RoleARN).
				SetSTSEndpoint(testenv.NewSTS(t).Listener.Addr().String()))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, client := newVerification(t, test.given(t))
			requireSignedBy(t, server, client, testenv.RoleKeyID)
			requireSignedBy(t, server, client, testenv.RoleKeyID)
		})
	}
}

func TestCredentialThatTheServiceRefuses(t *testing.T) {
	expired := id2metatest.Status(http.StatusBadRequest, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")
	t.Run("the next call asks STS again", func(t *testing.T) {
		sts := testenv.NewSTS(t)
		sts.HandOut(testenv.RoleKeyID, 100*time.Second)
		server, client := newVerification(t, sts.RAMRole(t))
		requireSignedBy(t, server, client, testenv.RoleKeyID)
		server.Inject(expired)
		requireRefused(t, client)
		require.Len(t, server.Calls(), 2, "a refused key is not retried")

		server.AddCredential("renewed", testenv.RoleSecret, testenv.RoleToken)
		sts.HandOut("renewed", 100*time.Second)
		requireSignedBy(t, server, client, "renewed")
		sts.RequireAsked(t, 2)
	})
	t.Run("the next call does not use it again while STS is down", func(t *testing.T) {
		sts := testenv.NewSTS(t)
		server, client := newVerification(t, sts.RAMRole(t))
		sts.HandOut(testenv.RoleKeyID, 100*time.Second)
		requireSignedBy(t, server, client, testenv.RoleKeyID)
		server.Inject(expired)
		requireRefused(t, client)
		sts.Behave(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
		requireRefused(t, client)
		require.Len(t, server.Calls(), 2)
	})
	t.Run("the next call finds a key that was replaced in a profile", func(t *testing.T) {
		home := testenv.EmptyHome(t)
		writeFile(t, profileFile(testenv.UserKeyID, "old"), home, ".alibabacloud", "credentials")
		server, client := newVerification(t, nil)
		server.AddCredential(testenv.UserKeyID, "old", "")
		requireSignedBy(t, server, client, testenv.UserKeyID)

		writeFile(t, profileFile(testenv.UserKeyID, testenv.UserSecret), home, ".alibabacloud", "credentials")
		server.AddCredential(testenv.UserKeyID, testenv.UserSecret, "") // the old secret is no longer valid
		requireRefused(t, client)
		requireSignedBy(t, server, client, testenv.UserKeyID)
	})
}

func TestCredentialErrorsHoldNoSecret(t *testing.T) {
	everything := strings.Join([]string{testenv.UserKeyID, testenv.UserSecret, testenv.RoleKeyID, testenv.RoleSecret, testenv.RoleToken, testenv.OIDCToken}, " ")
	// role returns the role of an STS that answers with handle.
	role := func(handle http.HandlerFunc) func(*testing.T) credentials.Credential {
		return func(t *testing.T) credentials.Credential {
			sts := testenv.NewSTS(t)
			sts.Behave(handle)
			return sts.RAMRole(t)
		}
	}
	// answer returns the role of an STS that always gives the same answer.
	answer := func(status int, body string) func(*testing.T) credentials.Credential {
		return role(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, strings.ReplaceAll(body, "$", everything+" "+r.Form.Encode()))
		})
	}
	failing := func(err error) func(*testing.T) credentials.Credential {
		return func(*testing.T) credentials.Credential { return failingCredential{err: err} }
	}
	for _, test := range []struct {
		name  string
		given func(*testing.T) credentials.Credential
		shown string
	}{
		{"STS refuses and repeats the request", answer(http.StatusForbidden, `{"Code":"AuthenticationFail.OIDCToken.Expired","Message":"$"}`), "AuthenticationFail.OIDCToken.Expired"},
		{"STS fails with a page that repeats the request", answer(http.StatusBadGateway, `<p>$</p>`), ""},
		{"STS refuses with a secret as the code", answer(http.StatusBadRequest, `{"Code":"`+testenv.UserSecret+`"}`), ""},
		{"STS refuses with a secret at the end of the code", answer(http.StatusBadRequest, `{"Code":"NoPermission.`+testenv.UserSecret+`"}`), ""},
		{"STS answers with a body that is not JSON", answer(http.StatusOK, `$`), ""},
		{"STS answers with JSON of another type", answer(http.StatusOK, `{"Credentials":"$"}`), ""},
		{"STS answers with an Expiration that is not a time", answer(http.StatusOK,
			`{"Credentials":{"AccessKeyId":"`+testenv.RoleKeyID+`","AccessKeySecret":"`+testenv.RoleSecret+`","SecurityToken":"`+testenv.RoleToken+`","Expiration":"$"}}`), ""},
		{"STS answers without Expiration, which makes the provider panic", answer(http.StatusOK,
			`{"Credentials":{"AccessKeyId":"`+testenv.RoleKeyID+`","AccessKeySecret":"`+testenv.RoleSecret+`","SecurityToken":"`+testenv.RoleToken+`"}}`), ""},
		{"STS closes the connection", role(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), ""},
		{"STS redirects to an address with everything in it", role(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://127.0.0.1:1/?"+r.Form.Encode(), http.StatusTemporaryRedirect)
		}), ""},
		{"STS hangs", func(t *testing.T) credentials.Credential {
			sts := testenv.NewSTS(t)
			sts.Behave(sts.Hang)
			return sts.RAMRole(t, testenv.Impatient)
		}, ""},
		{"STS cannot be reached", func(t *testing.T) credentials.Credential {
			sts := testenv.NewSTS(t)
			sts.Server.Close()
			return sts.RAMRole(t)
		}, ""},
		{"STS repeats the OIDC token", func(t *testing.T) credentials.Credential {
			sts := testenv.NewSTS(t)
			sts.Behave(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusUnauthorized)
				io.WriteString(w, r.Form.Encode())
			})
			return newCredential(t, new(credentials.Config).SetType("oidc_role_arn").SetOIDCProviderArn(testenv.OIDCProvider).
				SetOIDCToken(testenv.OIDCToken).SetRoleArn(testenv.RoleARN).SetSTSEndpoint(sts.Listener.Addr().String()))
		}, ""},
		{"a credentials URI holds a password, and repeats a key", func(t *testing.T) credentials.Credential {
			sts := testenv.NewSTS(t)
			sts.Behave(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"AccessKeyId":"`+everything+`"}`) })
			return newCredential(t, new(credentials.Config).SetType("credentials_uri").
				SetURLCredential(strings.Replace(sts.URL, "//", "//user:"+testenv.UserSecret+"@", 1)+"/?token="+testenv.RoleToken))
		}, ""},
		{"a CLI configuration is not JSON", func(t *testing.T) credentials.Credential {
			writeFile(t, `{"profiles":`+everything, testenv.EmptyHome(t), ".aliyun", "config.json")
			return nil
		}, ""},
		{"a provider of the caller puts everything into its errors", failing(
			fmt.Errorf("%s failed: %w", testenv.UserKeyID, errors.Join(&fieldError{testenv.UserSecret + testenv.RoleToken}, errors.New(testenv.RoleSecret)))), ""},
		{"the error of a provider of the caller panics with a secret", failing(panickingError(testenv.UserSecret)), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			testenv.EmptyHome(t)
			var log bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			server, client := newVerification(t, test.given(t), id2meta.WithLogger(logger))
			err := requireRefused(t, client)
			assert.Empty(t, server.Calls(), "a request without a credential")
			assert.ErrorContains(t, err, test.shown)
			requireNoSecret(t, log.String())
			eachError(err, func(err error) {
				for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
					requireNoSecret(t, fmt.Sprintf(verb, err))
				}
			})
		})
	}
}

func requireNoSecret(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{testenv.UserKeyID, testenv.UserSecret, testenv.RoleKeyID, testenv.RoleSecret, testenv.RoleToken, testenv.OIDCToken, "Signature=", "AccessKeyId=", "https://", "http://"} {
		assert.NotContains(t, text, secret)
		assert.NotContains(t, text, url.QueryEscape(secret))
	}
}
