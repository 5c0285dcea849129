package systemtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliyun/credentials-go/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testenv"
)

// The keys that the providers of the tests return, and the keys that they send to STS. No
// error may show them.
const (
	roleKeyID    = testenv.RoleKeyID
	roleSecret   = testenv.RoleSecret
	roleToken    = testenv.RoleToken
	userKeyID    = testenv.UserKeyID
	userSecret   = testenv.UserSecret
	roleARN      = testenv.RoleARN
	oidcProvider = testenv.OIDCProvider
	oidcToken    = testenv.OIDCToken
)

// newVerification starts a simulator, and makes a Client for it with a credential. A nil
// credential is the default chain.
func newVerification(t *testing.T, credential credentials.Credential, opts ...id2meta.Option) (*id2metatest.Server, *id2meta.Client) {
	t.Helper()
	server := newServer(t)
	opts = append([]id2meta.Option{id2meta.WithEndpoints(server.Endpoint())}, opts...)
	if credential != nil {
		opts = append(opts, id2meta.WithCredential(credential))
	}
	client, err := id2meta.New(opts...)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return server, client
}

// requireSignedBy verifies, and requires that the service saw this access key.
func requireSignedBy(t *testing.T, server *id2metatest.Server, client *id2meta.Client, keyID string) id2metatest.Call {
	t.Helper()
	before := len(server.Calls())
	result, err := client.Verify(t.Context(), zhangSan)
	if err != nil {
		t.Fatalf("Verify failed: %v", err)
	}
	if !result.Match() {
		t.Fatalf("Verify gave %v, want a match", result)
	}
	calls := server.Calls()[before:]
	if len(calls) != 1 {
		t.Fatalf("the service saw %d requests, want 1", len(calls))
	}
	if calls[0].AccessKeyID != keyID {
		t.Fatalf("the service saw the access key %q, want %q", calls[0].AccessKeyID, keyID)
	}
	return calls[0]
}

// requireRefused verifies, and requires an error.
func requireRefused(t *testing.T, ctx context.Context, client *id2meta.Client, want error) error {
	t.Helper()
	result, err := client.Verify(ctx, zhangSan)
	if !errors.Is(err, want) {
		t.Fatalf("Verify gave the error %v, want %v", err, want)
	}
	if result != (id2meta.Result{}) {
		t.Fatal("Verify gave a result beside an error")
	}
	return err
}

func writeFile(t *testing.T, text string, path ...string) string {
	t.Helper()
	name := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func profileFile(keyID, secret string) string {
	return "[default]\ntype = access_key\naccess_key_id = " + keyID + "\naccess_key_secret = " + secret + "\n"
}

func cliConfig(profile string) string {
	return `{"current":"default","profiles":[{"name":"default",` + profile + `}]}`
}

func TestCredentialOfEveryProvider(t *testing.T) {
	for _, test := range []struct {
		name string
		// given returns the credential, or nil for the default chain.
		given func(t *testing.T, home string) credentials.Credential
		keyID string
		sts   bool
	}{
		{"an access key of the environment", func(t *testing.T, _ string) credentials.Credential {
			t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", userKeyID)
			t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", userSecret)
			return nil
		}, userKeyID, false},
		{"an STS token of the environment", func(t *testing.T, _ string) credentials.Credential {
			t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", roleKeyID)
			t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", roleSecret)
			t.Setenv("ALIBABA_CLOUD_SECURITY_TOKEN", roleToken)
			return nil
		}, roleKeyID, true},
		{"the profile file in the home directory", func(t *testing.T, home string) credentials.Credential {
			writeFile(t, profileFile(userKeyID, userSecret), home, ".alibabacloud", "credentials")
			return nil
		}, userKeyID, false},
		{"a named profile of a file elsewhere", func(t *testing.T, _ string) credentials.Credential {
			text := strings.Replace(profileFile(userKeyID, userSecret), "default", "other", 1)
			t.Setenv("ALIBABA_CLOUD_CREDENTIALS_FILE", writeFile(t, text, t.TempDir(), "profiles"))
			t.Setenv("ALIBABA_CLOUD_PROFILE", "other")
			return nil
		}, userKeyID, false},
		{"an access key of the CLI's configuration", func(t *testing.T, home string) credentials.Credential {
			writeFile(t, cliConfig(`"mode":"AK","access_key_id":"`+userKeyID+`","access_key_secret":"`+userSecret+`"`), home, ".aliyun", "config.json")
			return nil
		}, userKeyID, false},
		{"an STS token of the CLI's configuration", func(t *testing.T, home string) credentials.Credential {
			writeFile(t, cliConfig(`"mode":"StsToken","access_key_id":"`+roleKeyID+`","access_key_secret":"`+roleSecret+`","sts_token":"`+roleToken+`"`), home, ".aliyun", "config.json")
			return nil
		}, roleKeyID, true},
		{"a credentials URI of the environment", func(t *testing.T, _ string) credentials.Credential {
			t.Setenv("ALIBABA_CLOUD_CREDENTIALS_URI", testenv.NewCredentialsURI(t))
			return nil
		}, roleKeyID, true},
		{"a credentials URI of WithCredential", func(t *testing.T, _ string) credentials.Credential {
			return newCredential(t, new(credentials.Config).SetType("credentials_uri").SetURLCredential(testenv.NewCredentialsURI(t)))
		}, roleKeyID, true},
		{"ram_role_arn with an access key", func(t *testing.T, _ string) credentials.Credential {
			return testenv.NewSTS(t).RAMRole(t)
		}, roleKeyID, true},
		{"oidc_role_arn with a token file", func(t *testing.T, _ string) credentials.Credential {
			return newCredential(t, new(credentials.Config).
				SetType("oidc_role_arn").
				SetOIDCProviderArn(oidcProvider).
				SetOIDCTokenFilePath(writeFile(t, oidcToken, t.TempDir(), "token")).
				SetRoleArn(roleARN).
				SetSTSEndpoint(testenv.NewSTS(t).Listener.Addr().String()))
		}, roleKeyID, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, client := newVerification(t, test.given(t, testenv.EmptyHome(t)))
			server.AddCredential(userKeyID, userSecret, "")
			server.AddCredential(roleKeyID, roleSecret, roleToken)
			for range 2 {
				call := requireSignedBy(t, server, client, test.keyID)
				if call.STS != test.sts {
					t.Errorf("a security token came along: %t, want %t", call.STS, test.sts)
				}
			}
		})
	}
}

func TestCredentialOfSTS(t *testing.T) {
	t.Parallel()
	t.Run("64 callers cause one request to STS", func(t *testing.T) {
		t.Parallel()
		sts := testenv.NewSTS(t)
		second := make(chan struct{}, 64)
		sts.Behave(func(w http.ResponseWriter, r *http.Request) {
			if len(sts.Asked()) > 1 {
				second <- struct{}{}
			}
			select { // time enough for another request
			case <-second:
			case <-time.After(200 * time.Millisecond):
			}
			sts.Answer(w, r)
		})
		server, client := newVerification(t, sts.RAMRole(t), patient()...)
		server.AddCredential(roleKeyID, roleSecret, roleToken)
		var callers sync.WaitGroup
		for range 64 {
			callers.Go(func() {
				result, err := client.Verify(t.Context(), zhangSan)
				assert.NoError(t, err)
				assert.True(t, result.Match())
			})
		}
		callers.Wait()
		sts.RequireAsked(t, 1)
	})
	t.Run("callers wait no longer than their contexts while STS hangs", func(t *testing.T) {
		t.Parallel()
		const generous = 5 * time.Second
		sts := testenv.NewSTS(t)
		sts.Behave(sts.Hang)
		server, client := newVerification(t, sts.RAMRole(t), id2meta.WithTimeout(time.Minute))
		var callers sync.WaitGroup
		for i := range 16 {
			callers.Go(func() {
				own := time.Duration(i) * 20 * time.Millisecond
				ctx, cancel := context.WithTimeout(t.Context(), own)
				defer cancel()
				want := context.DeadlineExceeded
				if i%2 == 1 { // this caller cancels
					ctx, cancel = context.WithCancel(t.Context())
					defer cancel()
					time.AfterFunc(own, cancel)
					want = context.Canceled
				}
				started := time.Now()
				result, err := client.Verify(ctx, zhangSan)
				assert.ErrorIs(t, err, want)
				assert.Zero(t, result)
				assert.Less(t, time.Since(started), own+generous)
			})
		}
		callers.Wait()
		sts.RequireAsked(t, 1)
		assert.Empty(t, server.Calls(), "a request without a credential")
	})
	t.Run("a refresh that hangs ends with the provider's own timeout, and the next refresh is answered", func(t *testing.T) {
		t.Parallel()
		const own, generous = 2 * time.Second, 10 * time.Second
		sts := testenv.NewSTS(t)
		sts.Behave(sts.Hang)
		server, client := newVerification(t, sts.RAMRole(t, func(config *credentials.Config) {
			config.SetConnectTimeout(int(own / time.Millisecond)).SetTimeout(int(own / time.Millisecond))
		}), id2meta.WithTimeout(time.Minute))
		server.AddCredential(roleKeyID, roleSecret, roleToken)
		started := time.Now()
		asked := testenv.EndWhen(t, context.DeadlineExceeded, func() bool { return len(sts.Asked()) > 0 })
		requireRefused(t, asked, client, context.DeadlineExceeded)
		sts.Behave(nil)
		requireRefused(t, t.Context(), client, id2meta.ErrCredential) // this call came while the refresh hung
		assert.Less(t, time.Since(started), own+generous)
		requireSignedBy(t, server, client, roleKeyID)
		sts.RequireAsked(t, 2)
	})
	t.Run("the error names the code of a refusal", func(t *testing.T) {
		sts := testenv.NewSTS(t)
		sts.Behave(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"RequestId":"1","Code":"AuthenticationFail.OIDCToken.Expired","Message":"no"}`)
		})
		_, client := newVerification(t, sts.RAMRole(t))
		err := requireRefused(t, t.Context(), client, id2meta.ErrCredential)
		if !strings.Contains(err.Error(), "AuthenticationFail.OIDCToken.Expired") {
			t.Errorf("the error does not tell the code: %v", err)
		}
	})
	t.Run("an answer without Expiration, which makes the provider panic, is a failure", func(t *testing.T) {
		sts := testenv.NewSTS(t)
		sts.Behave(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"Credentials":{"AccessKeyId":"a","AccessKeySecret":"b","SecurityToken":"c"}}`)
		})
		server, client := newVerification(t, sts.RAMRole(t))
		server.AddCredential(roleKeyID, roleSecret, roleToken)
		requireRefused(t, t.Context(), client, id2meta.ErrCredential)
		sts.Behave(nil)
		requireSignedBy(t, server, client, roleKeyID)
	})
}

func TestCredentialThatTheServiceRefuses(t *testing.T) {
	expired := id2metatest.Status(http.StatusBadRequest, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")

	t.Run("the next call asks the provider again", func(t *testing.T) {
		sts := testenv.NewSTS(t)
		sts.HandOut(roleKeyID, 100*time.Second)
		server, client := newVerification(t, sts.RAMRole(t))
		server.AddCredential(roleKeyID, roleSecret, roleToken)
		requireSignedBy(t, server, client, roleKeyID)

		server.Inject(expired)
		requireRefused(t, t.Context(), client, id2meta.ErrCredential)
		if n := len(server.Calls()); n != 2 {
			t.Errorf("the service saw %d requests, want 2: a refused key is not retried", n)
		}
		server.AddCredential("renewed", roleSecret, roleToken)
		sts.HandOut("renewed", 100*time.Second)
		requireSignedBy(t, server, client, "renewed")
		sts.RequireAsked(t, 2)
	})
	t.Run("the refused key is not used again while STS is down", func(t *testing.T) {
		sts := testenv.NewSTS(t)
		sts.HandOut(roleKeyID, 100*time.Second)
		server, client := newVerification(t, sts.RAMRole(t))
		server.AddCredential(roleKeyID, roleSecret, roleToken)
		requireSignedBy(t, server, client, roleKeyID)

		server.Inject(expired)
		requireRefused(t, t.Context(), client, id2meta.ErrCredential)
		sts.Behave(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
		requireRefused(t, t.Context(), client, id2meta.ErrCredential)
		if n := len(server.Calls()); n != 2 {
			t.Errorf("the service saw %d requests, want 2", n)
		}
	})
	t.Run("the default chain asks again, even if its provider keeps the old key", func(t *testing.T) {
		testenv.EmptyHome(t)
		source := testenv.NewSTS(t)
		source.Behave(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, testenv.SessionJSON(roleKeyID, time.Hour))
		})
		t.Setenv("ALIBABA_CLOUD_CREDENTIALS_URI", source.URL)
		server, client := newVerification(t, nil)
		server.AddCredential(roleKeyID, roleSecret, roleToken)
		requireSignedBy(t, server, client, roleKeyID)
		server.Inject(expired)
		requireRefused(t, t.Context(), client, id2meta.ErrCredential)
		requireSignedBy(t, server, client, roleKeyID)
		source.RequireAsked(t, 2)
	})
	t.Run("a key that was replaced in a profile is found", func(t *testing.T) {
		home := testenv.EmptyHome(t)
		writeFile(t, profileFile(userKeyID, "old"), home, ".alibabacloud", "credentials")
		server, client := newVerification(t, nil)
		server.AddCredential(userKeyID, "old", "")
		requireSignedBy(t, server, client, userKeyID)

		writeFile(t, profileFile(userKeyID, userSecret), home, ".alibabacloud", "credentials")
		server.AddCredential(userKeyID, userSecret, "") // the old secret is no longer valid
		requireRefused(t, t.Context(), client, id2meta.ErrCredential)
		requireSignedBy(t, server, client, userKeyID)
	})
}

func TestCredentialOfTheDefaultChain(t *testing.T) {
	environment := func(t *testing.T, keyID, secret string) {
		t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", keyID)
		t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret)
	}
	for _, later := range []struct {
		name   string
		appear func(t *testing.T, home string)
		keyID  string
	}{
		{"a profile file that appears later is found", func(t *testing.T, home string) {
			writeFile(t, profileFile(userKeyID, userSecret), home, ".alibabacloud", "credentials")
		}, userKeyID},
		{"a CLI configuration that appears later is found", func(t *testing.T, home string) {
			writeFile(t, cliConfig(`"mode":"AK","access_key_id":"`+userKeyID+`","access_key_secret":"`+userSecret+`"`), home, ".aliyun", "config.json")
		}, userKeyID},
		{"an access key that appears in the environment is found", func(t *testing.T, _ string) {
			environment(t, userKeyID, userSecret)
		}, userKeyID},
		{"a credentials URI that appears in the environment is found", func(t *testing.T, _ string) {
			t.Setenv("ALIBABA_CLOUD_CREDENTIALS_URI", testenv.NewCredentialsURI(t))
		}, roleKeyID},
		{"another home directory is found", func(t *testing.T, _ string) {
			writeFile(t, profileFile(userKeyID, userSecret), testenv.EmptyHome(t), ".alibabacloud", "credentials")
		}, userKeyID},
	} {
		t.Run(later.name, func(t *testing.T) {
			home := testenv.EmptyHome(t)
			server, client := newVerification(t, nil)
			server.AddCredential(userKeyID, userSecret, "")
			server.AddCredential(roleKeyID, roleSecret, roleToken)
			for range 2 {
				err := requireRefused(t, t.Context(), client, id2meta.ErrCredential)
				if !strings.Contains(err.Error(), "ALIBABA_CLOUD_ACCESS_KEY_ID") {
					t.Errorf("the error does not say what to set: %v", err)
				}
			}
			later.appear(t, home)
			requireSignedBy(t, server, client, later.keyID)
		})
	}
	t.Run("a key that changes in the environment is used after a refusal, and by a new Client", func(t *testing.T) {
		testenv.EmptyHome(t)
		server, client := newVerification(t, nil)
		server.AddCredential("first", "secret", "")
		environment(t, "first", "secret")
		requireSignedBy(t, server, client, "first")

		server.AddCredential("first", "another secret", "")
		server.AddCredential("second", "secret", "")
		environment(t, "second", "secret")
		requireRefused(t, t.Context(), client, id2meta.ErrCredential)
		requireSignedBy(t, server, client, "second")
	})
	t.Run("a profile that names itself as its source is an error", func(t *testing.T) {
		writeFile(t, `{"current":"a","profiles":[{"name":"a","mode":"ChainableRamRoleArn","source_profile":"a"}]}`,
			testenv.EmptyHome(t), ".aliyun", "config.json")
		_, client := newVerification(t, nil)
		err := requireRefused(t, t.Context(), client, id2meta.ErrCredential)
		assert.EqualError(t, err, "id2meta: credential: a profile names itself as its source")
	})
}

// leakyError has secrets in its text and in its fields, as the error of a provider may
// have.
type leakyError struct{ Secret, Token string }

func (e *leakyError) Error() string { return "refused " + e.Secret + " and " + e.Token }

type leakyCredential struct{ credentials.Credential }

func (leakyCredential) GetCredential() (*credentials.CredentialModel, error) {
	return nil, fmt.Errorf("%s failed: %w", userKeyID, errors.Join(&leakyError{userSecret, roleToken}, errors.New(roleSecret)))
}

type panickingCredential struct{ credentials.Credential }

func (panickingCredential) GetCredential() (*credentials.CredentialModel, error) {
	panic(userSecret + roleToken)
}

func TestCredentialErrorsHoldNoSecret(t *testing.T) {
	everything := strings.Join([]string{userKeyID, userSecret, roleKeyID, roleSecret, roleToken, oidcToken}, " ")
	// answer returns the role of an STS that always gives the same answer.
	answer := func(status int, body string) func(*testing.T) credentials.Credential {
		return func(t *testing.T) credentials.Credential {
			sts := testenv.NewSTS(t)
			sts.Behave(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(status)
				io.WriteString(w, strings.ReplaceAll(body, "$", everything+" "+r.Form.Encode()))
			})
			return sts.RAMRole(t)
		}
	}
	for _, test := range []struct {
		name  string
		given func(*testing.T) credentials.Credential
	}{
		{"STS refuses and repeats the request", answer(http.StatusForbidden, `{"Code":"NoPermission","Message":"$"}`)},
		{"STS fails with a page that repeats the request", answer(http.StatusBadGateway, `<p>$</p>`)},
		{"STS refuses with a secret as the code", answer(http.StatusBadRequest, `{"Code":"`+userSecret+`"}`)},
		{"STS refuses with a secret at the end of the code", answer(http.StatusBadRequest, `{"Code":"NoPermission.`+userSecret+`"}`)},
		{"STS answers with a body that is not JSON", answer(http.StatusOK, `$`)},
		{"STS answers with JSON of another type", answer(http.StatusOK, `{"Credentials":"$"}`)},
		{"STS answers with an Expiration that is not a time", answer(http.StatusOK,
			`{"Credentials":{"AccessKeyId":"`+roleKeyID+`","AccessKeySecret":"`+roleSecret+`","SecurityToken":"`+roleToken+`","Expiration":"$"}}`)},
		{"STS closes the connection", func(t *testing.T) credentials.Credential {
			sts := testenv.NewSTS(t)
			sts.Behave(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
			return sts.RAMRole(t)
		}},
		{"STS redirects to an address with everything in it", func(t *testing.T) credentials.Credential {
			sts := testenv.NewSTS(t)
			sts.Behave(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://127.0.0.1:1/?"+r.Form.Encode(), http.StatusTemporaryRedirect)
			})
			return sts.RAMRole(t)
		}},
		{"STS hangs", func(t *testing.T) credentials.Credential {
			sts := testenv.NewSTS(t)
			sts.Behave(sts.Hang)
			return sts.RAMRole(t, testenv.Impatient)
		}},
		{"STS cannot be reached", func(t *testing.T) credentials.Credential {
			sts := testenv.NewSTS(t)
			sts.Server.Close()
			return sts.RAMRole(t)
		}},
		{"STS repeats the OIDC token", func(t *testing.T) credentials.Credential {
			sts := testenv.NewSTS(t)
			sts.Behave(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusUnauthorized)
				io.WriteString(w, r.Form.Encode())
			})
			return newCredential(t, new(credentials.Config).SetType("oidc_role_arn").SetOIDCProviderArn(oidcProvider).
				SetOIDCToken(oidcToken).SetRoleArn(roleARN).SetSTSEndpoint(sts.Listener.Addr().String()))
		}},
		{"a credentials URI holds a password, and repeats a key", func(t *testing.T) credentials.Credential {
			sts := testenv.NewSTS(t)
			sts.Behave(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"AccessKeyId":"`+everything+`"}`) })
			return newCredential(t, new(credentials.Config).SetType("credentials_uri").
				SetURLCredential(strings.Replace(sts.URL, "//", "//user:"+userSecret+"@", 1)+"/?token="+roleToken))
		}},
		{"a CLI configuration is not JSON", func(t *testing.T) credentials.Credential {
			writeFile(t, `{"profiles":`+everything, testenv.EmptyHome(t), ".aliyun", "config.json")
			return nil
		}},
		{"a provider of the caller puts everything into its errors", func(*testing.T) credentials.Credential { return leakyCredential{} }},
		{"a provider of the caller panics with a secret", func(*testing.T) credentials.Credential { return panickingCredential{} }},
	} {
		t.Run(test.name, func(t *testing.T) {
			testenv.EmptyHome(t)
			var log bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			server, client := newVerification(t, test.given(t), id2meta.WithLogger(logger))
			err := requireRefused(t, t.Context(), client, id2meta.ErrCredential)
			if n := len(server.Calls()); n != 0 {
				t.Errorf("the service saw %d requests without a credential", n)
			}
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
	for _, secret := range []string{userKeyID, userSecret, roleKeyID, roleSecret, roleToken, oidcToken, "Signature=", "AccessKeyId=", "https://", "http://"} {
		if strings.Contains(text, secret) || strings.Contains(text, url.QueryEscape(secret)) {
			t.Errorf("%q is in %s", secret, text)
		}
	}
}
