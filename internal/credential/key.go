package credential

import (
	"errors"
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

// Check returns key without the white space around its values. It returns an error if
// key cannot sign a request. The error says what is wrong, and never shows a value.
//
// A Kubernetes Secret that was made with echo ends in a line feed. A file that was
// saved by some editors begins with a byte order mark. Neither is part of a key.
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
		*value.text = strings.TrimFunc(*value.text, isOuterSpace)
		if strings.ContainsFunc(*value.text, unicode.IsControl) {
			return Key{}, errors.New("the " + value.name + " holds a control character, for example a line feed")
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

func isOuterSpace(c rune) bool { return unicode.IsSpace(c) || c == '\uFEFF' }
