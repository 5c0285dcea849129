package id2meta_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aliyun/credentials-go/credentials"

	"github.com/id2meta/id2meta"
)

// leakyError is an error as a provider of one's own might have it: everything
// in its text and in its fields.
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
	// answer makes a role of an STS that answers like this to everything.
	answer := func(status int, body string) func(*testing.T) credentials.Credential {
		return func(t *testing.T) credentials.Credential {
			sts := newSTS(t)
			sts.behave(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(status)
				io.WriteString(w, strings.ReplaceAll(body, "$", everything+" "+r.Form.Encode()))
			})
			return sts.ramRole(t)
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
		{"STS answers what is no JSON", answer(http.StatusOK, `$`)},
		{"STS answers JSON of another type", answer(http.StatusOK, `{"Credentials":"$"}`)},
		{"STS answers with an Expiration that is none", answer(http.StatusOK,
			`{"Credentials":{"AccessKeyId":"`+roleKeyID+`","AccessKeySecret":"`+roleSecret+`","SecurityToken":"`+roleToken+`","Expiration":"$"}}`)},
		{"STS closes the connection", func(t *testing.T) credentials.Credential {
			sts := newSTS(t)
			sts.behave(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
			return sts.ramRole(t)
		}},
		{"STS redirects to an address with everything in it", func(t *testing.T) credentials.Credential {
			sts := newSTS(t)
			sts.behave(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://127.0.0.1:1/?"+r.Form.Encode(), http.StatusTemporaryRedirect)
			})
			return sts.ramRole(t)
		}},
		{"STS hangs", func(t *testing.T) credentials.Credential {
			sts := newSTS(t)
			sts.behave(sts.hang)
			return sts.ramRole(t, impatient)
		}},
		{"STS cannot be reached", func(t *testing.T) credentials.Credential {
			sts := newSTS(t)
			sts.Server.Close()
			return sts.ramRole(t)
		}},
		{"STS repeats the OIDC token", func(t *testing.T) credentials.Credential {
			sts := newSTS(t)
			sts.behave(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusUnauthorized)
				io.WriteString(w, r.Form.Encode())
			})
			return newCredential(t, new(credentials.Config).SetType("oidc_role_arn").SetOIDCProviderArn(oidcProvider).
				SetOIDCToken(oidcToken).SetRoleArn(roleARN).SetSTSEndpoint(sts.Listener.Addr().String()))
		}},
		{"a credentials URI holds a password, and repeats a key", func(t *testing.T) credentials.Credential {
			sts := newSTS(t)
			sts.behave(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"AccessKeyId":"`+everything+`"}`) })
			return newCredential(t, new(credentials.Config).SetType("credentials_uri").
				SetURLCredential(strings.Replace(sts.URL, "//", "//user:"+userSecret+"@", 1)+"/?token="+roleToken))
		}},
		{"a CLI configuration is no JSON", func(t *testing.T) credentials.Credential {
			writeFile(t, `{"profiles":`+everything, setHome(t), ".aliyun", "config.json")
			return nil
		}},
		{"a provider of one's own puts everything into its errors", func(*testing.T) credentials.Credential { return leakyCredential{} }},
		{"a provider of one's own panics with a secret", func(*testing.T) credentials.Credential { return panickingCredential{} }},
	} {
		t.Run(test.name, func(t *testing.T) {
			setHome(t)
			var log bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			server, client := newVerification(t, test.given(t), id2meta.WithLogger(logger))
			err := requireRefused(t, t.Context(), client, id2meta.ErrCredential)
			if n := len(server.Calls()); n != 0 {
				t.Errorf("the service saw %d requests without a credential", n)
			}
			requireNoSecret(t, log.String())
			walk(err, func(err error) {
				for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
					requireNoSecret(t, fmt.Sprintf(verb, err))
				}
			})
		})
	}
}

// walk calls f for every error of the chain.
func walk(err error, f func(error)) {
	if err == nil {
		return
	}
	f(err)
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		walk(err.Unwrap(), f)
	case interface{ Unwrap() []error }:
		for _, inner := range err.Unwrap() {
			walk(inner, f)
		}
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
