package id2metatest_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/aliyun/credentials-go/credentials"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// hexDigest is what the string to sign is made of.
var hexDigest = regexp.MustCompile(`[0-9a-f]{64}`)

// The Server repeats what was signed. An [id2meta.Client] with a wrong secret
// must not pass that on: to neither the person, nor the token, nor what a person
// or a key could be tried against.
func TestClientDoesNotShowWhatTheServerSigned(t *testing.T) {
	const token = "a-security-token,-which-opens-something-elsewhere"
	s := newServer(t)
	s.AddCredential("temporary", "its-secret", token)
	md5Param, err := id2meta.MD5Param(name, number)
	if err != nil {
		t.Fatal(err)
	}

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
			config := new(credentials.Config).SetType("access_key").SetAccessKeyId(id2metatest.AccessKeyID).SetAccessKeySecret("a-wrong-secret")
			if test.token != "" {
				config.SetType("sts").SetAccessKeyId("temporary").SetSecurityToken(test.token)
			}
			cred, err := credentials.NewCredential(config)
			if err != nil {
				t.Fatal(err)
			}
			client, err := id2meta.New(append(s.Options(), id2meta.WithCredential(cred))...)
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.Verify(context.Background(), test.param)
			var apiError *id2meta.APIError
			if !errors.Is(err, id2meta.ErrCredential) || !errors.As(err, &apiError) || apiError.Code != "SignatureDoesNotMatch" {
				t.Fatalf("got %v", err)
			}

			shown := fmt.Sprintf("%v %+v %#v", err, err, err)
			for what, secret := range map[string]string{
				"the name": name, "the number": number, "the date of birth": number[6:14],
				"the masked name": maskedName[:32], "the masked number": maskedNumber[6:38],
				"the secret": "a-wrong-secret", "the token": token,
			} {
				if strings.Contains(shown, secret) || strings.Contains(shown, url.QueryEscape(secret)) {
					t.Errorf("the error shows %s: %v", what, err)
				}
			}
			if strings.Contains(shown, "ACS3-HMAC-SHA256\n") || hexDigest.MatchString(shown) {
				t.Errorf("the error shows the string to sign: %v", err)
			}
		})
	}
}
