package id2metatest_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/id2meta/id2meta/id2metatest"
)

func TestGatewayRefuses(t *testing.T) {
	const (
		stsID, stsSecret, stsToken = "temporary", "its secret", "its token"
		noMatch                    = "SignatureDoesNotMatch"
	)
	replaceHeader := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for _, test := range []struct {
		name   string
		ask    ask
		status int
		code   string
	}{
		{"another HTTP method", ask{method: "PUT"}, 405, "UnsupportedHTTPMethod"},
		{"another action", ask{action: "Mobile2MetaVerify"}, 404, "InvalidAction.NotFound"},
		{"another path", ask{path: "/id2meta"}, 404, "InvalidAction.NotFound"},
		{"another version", ask{version: "2019-03-08"}, 400, "InvalidVersion"},

		{"an unsigned request", ask{tamper: func(r *http.Request) { r.Header.Del("Authorization") }}, 400, "MissingAccessKeyId"},
		{"an unknown access key", ask{id: "unknown"}, 404, "InvalidAccessKeyId.NotFound"},
		{"an unknown access key in the older signature", ask{rpc: true, id: "unknown"}, 404, "InvalidAccessKeyId.NotFound"},
		{"an Authorization header without access key",
			ask{tamper: replaceHeader("Authorization", "ACS3-HMAC-SHA256 SignedHeaders=host,Signature=00")}, 400, "MissingAccessKeyId"},
		{"an Authorization header without signature",
			ask{tamper: replaceHeader("Authorization", "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=host")}, 400, "IncompleteSignature"},
		{"an Authorization header without signed headers",
			ask{tamper: replaceHeader("Authorization", "ACS3-HMAC-SHA256 Credential=a,Signature=00")}, 400, "IncompleteSignature"},
		{"another kind of signature",
			ask{tamper: replaceHeader("Authorization", "Bearer a")}, 400, "InvalidSignatureMethod"},
		{"another kind of older signature", ask{rpc: true, query: true, tamper: func(r *http.Request) {
			r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "HMAC-SHA1", "HMAC-MD5", 1)
		}}, 400, "InvalidSignatureMethod"},

		{"another version of the older signature", ask{rpc: true, query: true, tamper: func(r *http.Request) {
			r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "SignatureVersion=1.0", "SignatureVersion=2.0", 1)
		}}, 400, "InvalidSignatureMethod"},
		{"an older signature that is empty", ask{rpc: true, query: true, tamper: func(r *http.Request) {
			r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "Signature=", "Signatur=", 1)
		}}, 400, "IncompleteSignature"},

		{"a wrong secret", ask{secret: "wrong"}, 400, noMatch},
		{"a wrong secret in the older signature", ask{rpc: true, secret: "wrong"}, 400, noMatch},
		{"the secret of another access key", ask{id: stsID, token: stsToken}, 400, noMatch},
		{"a body that was changed", ask{tamper: func(r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(bytes.Replace(body, []byte("md5"), []byte("MD5"), 1)))
		}, params: masked(maskedName, maskedNumber)}, 400, noMatch},
		{"a body that was changed with its hash", ask{tamper: func(r *http.Request) {
			const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
			r.Header.Set("x-acs-content-sha256", empty)
			r.Body, r.ContentLength = http.NoBody, 0
		}}, 400, noMatch},
		{"a hash that is not the body's, and not signed", ask{signed: []string{"host", "x-acs-date"},
			beforeSigned: replaceHeader("x-acs-content-sha256", "00")}, 400, noMatch},
		{"a hash that is not the body's, though signed", ask{beforeSigned: replaceHeader("x-acs-content-sha256", "00")}, 400, noMatch},
		{"a query that was changed", ask{query: true, tamper: func(r *http.Request) { r.URL.RawQuery += "&a=b" }}, 400, noMatch},
		{"a query that was changed under the older signature",
			ask{rpc: true, query: true, tamper: func(r *http.Request) { r.URL.RawQuery += "&a=b" }}, 400, noMatch},
		{"a header that was changed", ask{tamper: replaceHeader("x-acs-signature-nonce", "another")}, 400, noMatch},
		{"a request for another host", ask{tamper: func(r *http.Request) { r.Host = "cloudauth.example" }}, 400, noMatch},

		{"a temporary key without its token", ask{id: stsID, secret: stsSecret}, 400, "MissingSecurityToken"},
		{"a temporary key with another token", ask{id: stsID, secret: stsSecret, token: "another"}, 400, "InvalidSecurityToken.MismatchWithAccessKey"},
		{"a temporary key with another token in the older signature",
			ask{rpc: true, id: stsID, secret: stsSecret, token: "another"}, 400, "InvalidSecurityToken.MismatchWithAccessKey"},
		{"a permanent key with a token", ask{token: stsToken}, 400, "InvalidSecurityToken.MismatchWithAccessKey"},

		{"a date 16 minutes ago", ask{date: time.Now().Add(-16 * time.Minute)}, 400, "InvalidTimeStamp.Expired"},
		{"a date in 16 minutes", ask{date: time.Now().Add(16 * time.Minute)}, 400, "InvalidTimeStamp.Expired"},
		{"an old date in the older signature", ask{rpc: true, date: time.Now().Add(-16 * time.Minute)}, 400, "InvalidTimeStamp.Expired"},
		{"a date that is none", ask{beforeSigned: replaceHeader("x-acs-date", "today")}, 400, "InvalidTimeStamp.Format"},
		{"no nonce in the older signature", ask{rpc: true, nonce: "none"}, 400, "MissingSignatureNonce"},
	} {
		t.Run(test.name+" is "+test.code, func(t *testing.T) {
			s := newServer(t)
			s.AddCredential(stsID, stsSecret, stsToken)
			ans := test.ask.mustSend(t, s)
			assert.Equal(t, test.status, ans.status)
			assert.Equal(t, test.code, ans.Code, ans.body)
			assert.True(t, ans.RequestId != "" && ans.HostId != "" && ans.Message != "", ans.body)
			assert.Equal(t, ans.RequestId, ans.header.Get("x-acs-request-id"))
			assert.Regexp(t, "^https://.*"+ans.RequestId, ans.Recommend)
			secrets := []string{stsSecret, id2metatest.AccessKeySecret}
			if test.code != noMatch { // which repeats what was signed
				secrets = append(secrets, name, number, maskedName, maskedNumber, stsToken)
			}
			for _, secret := range secrets {
				assert.NotContains(t, ans.body, secret)
			}
			call := s.Calls()[0]
			assert.True(t, call.Outcome == test.code && call.HTTPStatus == test.status && !call.Billed && call.RequestID == ans.RequestId,
				"recorded as %+v", call)
		})
	}
}

func TestGatewayAccepts(t *testing.T) {
	for _, test := range []struct {
		name string
		ask  ask
	}{
		{"a date 14 minutes ago", ask{date: time.Now().Add(-14 * time.Minute)}},
		{"a date in 14 minutes", ask{date: time.Now().Add(14 * time.Minute)}},
		{"fewer signed headers", ask{signed: []string{"host", "x-acs-date"}}},
		{"a content type with a charset", ask{contentType: "application/x-www-form-urlencoded; charset=utf-8"}},
		{"no nonce, as the vendor's page allows", ask{nonce: "none"}},
		{"no hash of the body", ask{beforeSigned: func(r *http.Request) { r.Header.Del("x-acs-content-sha256") }}},
		{"more headers than it knows", ask{beforeSigned: func(r *http.Request) { r.Header.Set("x-acs-credentials-provider", "env") }}},
		{"spaces behind the commas of Authorization", ask{tamper: func(r *http.Request) {
			r.Header.Set("Authorization", strings.ReplaceAll(r.Header.Get("Authorization"), ",", ", "))
		}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			assert.Equal(t, "1", test.ask.mustSend(t, newServer(t)).bizCode)
		})
	}
}

func TestNonceIsForOneRequest(t *testing.T) {
	for _, rpc := range []bool{false, true} {
		s := newServer(t)
		s.AddCredential("other", "secret", "")
		a := ask{rpc: rpc, nonce: "same"}

		forged := a
		forged.secret = "wrong"
		assert.Equal(t, "SignatureDoesNotMatch", forged.mustSend(t, s).Code)
		assert.Equal(t, "1", a.mustSend(t, s).bizCode, "the first use, after a forged one")
		second := a.mustSend(t, s)
		assert.Equal(t, 400, second.status)
		assert.Equal(t, "SignatureNonceUsed", second.Code)
		a.id, a.secret = "other", "secret"
		assert.Equal(t, "1", a.mustSend(t, s).bizCode, "the use by another access key")
	}
}

func TestAddCredentialReplacesOneThatIsKnown(t *testing.T) {
	s := newServer(t)
	s.AddCredential("rotated", "old", "old token")
	s.AddCredential("rotated", "new", "new token")
	assert.Equal(t, 400, ask{id: "rotated", secret: "old", token: "old token"}.mustSend(t, s).status)
	assert.Equal(t, "1", ask{id: "rotated", secret: "new", token: "new token"}.mustSend(t, s).bizCode)
}

func TestBodyThatDoesNotEndIsCutOff(t *testing.T) {
	s := newServer(t)
	a := ask{tamper: func(r *http.Request) {
		body := bytes.Repeat([]byte("a"), 2<<20)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}}
	_, err := a.send(t, s)
	assert.Error(t, err)
	assert.Empty(t, s.Calls())
}
