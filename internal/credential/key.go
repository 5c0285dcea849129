package credential

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Key is the key or token that signs a request. Keys can be compared with ==.
type Key struct {
	Type            string // "bearer", "id_token", or an access key
	AccessKeyID     string
	AccessKeySecret string
	SecurityToken   string
	BearerToken     string
}

// maxLength is the maximum length of a value. Tokens of STS have up to about 2,000
// characters, and tokens of OIDC a few thousand.
const maxLength = 16 << 10

// Check returns key without the white space and the invisible characters around its
// values. It returns an error if key cannot sign a request. The error says what is wrong,
// and never shows a value.
//
// A Kubernetes Secret that was made with echo ends in a line feed. A file that was saved by
// some editors begins with a byte order mark. A value that was copied from a web page may
// stand between zero-width or bidirectional marks. None of them is part of a key.
func Check(key Key) (Key, error) {
	for _, value := range []struct {
		name string
		text *string
	}{
		{"access key ID", &key.AccessKeyID},
		{"access key secret", &key.AccessKeySecret},
		{"security token", &key.SecurityToken},
		{"bearer token", &key.BearerToken},
	} {
		if len(*value.text) > maxLength {
			return Key{}, fmt.Errorf("the %s is longer than %d bytes", value.name, maxLength)
		}
		*value.text = strings.TrimFunc(*value.text, isOutside)
		if odd := oddCharacter(*value.text); odd != "" {
			return Key{}, fmt.Errorf("the %s holds %s", value.name, odd)
		}
	}
	switch {
	case key.Type == "bearer" && key.BearerToken != "",
		key.Type == "id_token" && key.SecurityToken != "":
		return key, nil
	case key.Type == "bearer", key.Type == "id_token":
		return Key{}, errors.New("the source gave an empty token")
	case key.AccessKeyID == "" && key.AccessKeySecret == "":
		return Key{}, errors.New("the source gave neither an access key nor a token")
	case key.AccessKeySecret == "":
		return Key{}, errors.New("half a key pair: the source gave an access key ID without its secret")
	case key.AccessKeyID == "":
		return Key{}, errors.New("half a key pair: the source gave an access key secret without its ID")
	}
	return key, nil
}

// isOutside reports whether c is white space or invisible.
func isOutside(c rune) bool { return unicode.IsSpace(c) || unicode.Is(unicode.Cf, c) }

// oddCharacter says in words which character of a value no key and no token has, or "".
func oddCharacter(text string) string {
	for _, c := range text {
		switch {
		case unicode.IsControl(c):
			return "a control character, for example a line feed"
		case c == ' ':
			return "a space"
		case c == '"', c == '\'', c == '`':
			return "a quotation mark: leave the quotes out"
		case c > unicode.MaxASCII:
			return fmt.Sprintf("a character that is not ASCII (%U)", c)
		}
	}
	return ""
}
