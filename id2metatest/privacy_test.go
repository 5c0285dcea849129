package id2metatest_test

import (
	"context"
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// The Server repeats what was signed. An [id2meta.Client] with a wrong secret
// must not pass that on: to neither the person, nor the token, nor what a person
// or a key could be tried against.
func TestClientDoesNotShowWhatTheServerSigned(t *testing.T) {
	const token = "a-security-token,-which-opens-something-elsewhere"
	s := newServer(t)
	s.AddCredential("temporary", "its-secret", token)
	md5Param, err := id2meta.MD5Param(name, number)
	require.NoError(t, err)

	for _, test := range []struct {
		name  string
		param id2meta.Param
		token string
	}{
		{"a person in plain text", id2meta.Param{UserName: name, IdentifyNum: number}, ""},
		{"a masked person", md5Param, ""},
		{"with a temporary key", id2meta.Param{UserName: name, IdentifyNum: number}, token},
	} {
		t.Run(test.name, func(t *testing.T) {
			key := id2meta.AccessKey{ID: id2metatest.AccessKeyID, Secret: "a-wrong-secret"}
			if test.token != "" {
				key.ID, key.SecurityToken = "temporary", test.token
			}
			client, err := id2meta.New(id2meta.WithEndpoints(s.Endpoint()), id2meta.WithHTTPClient(s.Client()), id2meta.WithAccessKey(key))
			require.NoError(t, err)
			_, err = client.Verify(context.Background(), test.param)
			var apiError *id2meta.APIError
			require.ErrorIs(t, err, id2meta.ErrCredential)
			require.ErrorAs(t, err, &apiError)
			require.Equal(t, "SignatureDoesNotMatch", apiError.Code)

			shown := fmt.Sprintf("%v %+v %#v", err, err, err)
			for what, secret := range map[string]string{
				"the name": name, "the number": number, "the date of birth": number[6:14],
				"the masked name": maskedName[:32], "the masked number": maskedNumber[6:38],
				"the secret": "a-wrong-secret", "the token": token,
			} {
				assert.NotContains(t, shown, secret, what)
				assert.NotContains(t, shown, url.QueryEscape(secret), what)
			}
			assert.NotContains(t, shown, "ACS3-HMAC-SHA256\n")
			assert.NotRegexp(t, `[0-9a-f]{64}`, shown, "what the string to sign is made of")
		})
	}
}
