package credential

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCheck(t *testing.T) {
	pair := Key{AccessKeyID: "id", AccessKeySecret: "secret"}
	for _, test := range []struct {
		name string
		key  Key
		want Key
		err  string // what the error says; empty: none
	}{
		{"an access key", pair, pair, ""},
		{"a line feed at the end, as echo makes it", Key{AccessKeyID: "id\n", AccessKeySecret: "secret\n"}, pair, ""},
		{"white space of all kinds around", Key{AccessKeyID: " \tid\r\n", AccessKeySecret: "\u3000secret\u00a0"}, pair, ""},
		{"a byte order mark in front", Key{AccessKeyID: "\uFEFFid", AccessKeySecret: "secret"}, pair, ""},
		{"white space around a token", Key{AccessKeyID: "id", AccessKeySecret: "secret", SecurityToken: "token\n"},
			Key{AccessKeyID: "id", AccessKeySecret: "secret", SecurityToken: "token"}, ""},
		{"white space around a bearer token", Key{Type: "bearer", BearerToken: " token\r\n"}, Key{Type: "bearer", BearerToken: "token"}, ""},
		{"an id_token", Key{Type: "id_token", SecurityToken: "token\n"}, Key{Type: "id_token", SecurityToken: "token"}, ""},
		{"a line feed inside the ID", Key{AccessKeyID: "sec\nret", AccessKeySecret: "secret"}, Key{}, "the access key ID holds a control character"},
		{"a carriage return inside the secret", Key{AccessKeyID: "id", AccessKeySecret: "sec\rret"}, Key{}, "the access key secret holds a control character"},
		{"a tab inside the token", Key{AccessKeyID: "id", AccessKeySecret: "secret", SecurityToken: "sec\tret"}, Key{}, "the security token holds a control character"},
		{"a zero byte inside the bearer token", Key{Type: "bearer", BearerToken: "sec\x00ret"}, Key{}, "the bearer token holds a control character"},
		{"DEL inside the ID", Key{AccessKeyID: "sec\x7fret", AccessKeySecret: "secret"}, Key{}, "the access key ID holds a control character"},
		{"a C1 control inside the ID", Key{AccessKeyID: "sec\u0085ret", AccessKeySecret: "secret"}, Key{}, "the access key ID holds a control character"},
		{"two values in one, as a file with two lines has", Key{AccessKeyID: "secret\nsecret\n", AccessKeySecret: "secret"}, Key{}, "the access key ID holds"},
		{"marks around, as a web page has them", Key{AccessKeyID: "\u200b\u202aid\u202c", AccessKeySecret: "\u2060secret\u200e"}, pair, ""},
		{"an ID in quotes", Key{AccessKeyID: `"secre"`, AccessKeySecret: "secret"}, Key{}, "the access key ID holds a quotation mark"},
		{"a secret in single quotes", Key{AccessKeyID: "id", AccessKeySecret: "'secre'"}, Key{}, "the access key secret holds a quotation mark"},
		{"an ID in typographic quotes", Key{AccessKeyID: "“secre”", AccessKeySecret: "secret"}, Key{}, "the access key ID holds a character that is not ASCII (U+201C)"},
		{"a zero-width space inside", Key{AccessKeyID: "sec\u200bret", AccessKeySecret: "secret"}, Key{}, "the access key ID holds a character that is not ASCII (U+200B)"},
		{"a full-width digit inside", Key{AccessKeyID: "id", AccessKeySecret: "sec１ret"}, Key{}, "the access key secret holds a character that is not ASCII"},
		{"a space inside", Key{AccessKeyID: "id", AccessKeySecret: "secret", SecurityToken: "sec ret"}, Key{}, "the security token holds a space"},
		{"a secret that no source has", Key{AccessKeyID: "id", AccessKeySecret: strings.Repeat("s", 300_000)}, Key{}, "the access key secret is longer than 16384 bytes"},
		{"the longest token", Key{AccessKeyID: "id", AccessKeySecret: "secret", SecurityToken: strings.Repeat("t", maxLength)},
			Key{AccessKeyID: "id", AccessKeySecret: "secret", SecurityToken: strings.Repeat("t", maxLength)}, ""},
		{"an ID without a secret", Key{AccessKeyID: "secret"}, Key{}, "half a key pair: the source gave an access key ID without its secret"},
		{"an ID with white space for a secret", Key{AccessKeyID: "secret", AccessKeySecret: " \n"}, Key{}, "half a key pair"},
		{"a secret without an ID", Key{AccessKeySecret: "secret"}, Key{}, "half a key pair: the source gave an access key secret without its ID"},
		{"an ID with a token and no secret", Key{AccessKeyID: "secret", SecurityToken: "secret"}, Key{}, "half a key pair"},
		{"nothing", Key{}, Key{}, "neither an access key nor a token"},
		{"a bearer without its token", Key{Type: "bearer", AccessKeyID: "secret", AccessKeySecret: "secret"}, Key{}, "an empty token"},
		{"an id_token without its token", Key{Type: "id_token", SecurityToken: " "}, Key{}, "an empty token"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Check(test.key)
			assert.Equal(t, test.want, got)
			if test.err == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, test.err)
			for _, value := range []string{test.key.AccessKeyID, test.key.AccessKeySecret, test.key.SecurityToken, test.key.BearerToken} {
				if len(value) > 4 && value != "secret" { // which is a word of the error, too
					assert.False(t, strings.Contains(err.Error(), value), "a value is in the error")
				}
			}
		})
	}
}
