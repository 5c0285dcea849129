package id2meta

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Why a UserName is refused; see those in param.go.
const (
	reasonNotUTF8  = "it is not valid UTF-8 (is it GBK?)"
	reasonDamaged  = "it contains U+FFFD, which stands for text that was decoded wrongly"
	reasonStars    = "it contains an asterisk, so it was redacted for display"
	reasonSpace    = "it contains white space other than the plain space"
	reasonHidden   = "it contains a control, invisible or unassigned character"
	reasonLong     = "it is longer than any name"
	reasonDigits   = "it contains digits, which the service does not accept in a name"
	reasonPrivate  = "it contains a private-use character; use the standard code point of the ideograph"
	reasonNoLetter = "it contains no letter"
	reasonIsNumber = "it is an ID number (UserName and IdentifyNum seem to be swapped)"
)

// maxNameLen, in characters, is several times the longest name that a card has
// room for. It stops a document that was pasted into the wrong field.
const maxNameLen = 100

// normalName returns a plaintext name as it is sent.
func normalName(s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", badName(reasonEmpty)
	}
	hasLetter, reason := scanName(s)
	switch {
	case reason == "" && !hasLetter:
		return "", badName(reasonNoLetter)
	case reason == "":
		return s, nil
	case isNumber(s):
		return "", badName(reasonIsNumber)
	case len(s) >= md5Len && isHex(s[:md5Len]):
		return "", badName(reasonMasked)
	case whyNotEncrypted(s) == "":
		return "", badName(reasonEncrypted)
	}
	return "", badName(reason)
}

// scanName says why s cannot be a name, or the rest of a masked one, or "".
func scanName(s string) (hasLetter bool, reason string) {
	if len(s) > maxNameLen && utf8.RuneCountInString(s) > maxNameLen {
		return false, reasonLong
	}
	for i, r := range s {
		switch {
		case '\u4E00' <= r && r <= '\u9FFF', 'A' <= r && r <= 'Z', 'a' <= r && r <= 'z':
			hasLetter = true // nearly every name is made of these: skip the tables
		case r == ' ':
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			return false, reasonNotUTF8
		case r == utf8.RuneError:
			return false, reasonDamaged
		case unicode.Is(unicode.Nd, r): // not 〇, which names have
			return false, reasonDigits
		case r == '*' || r == '＊':
			return false, reasonStars
		case unicode.IsSpace(r):
			return false, reasonSpace
		case unicode.Is(unicode.Co, r):
			return false, reasonPrivate
		case isHidden(r):
			return false, reasonHidden
		default:
			hasLetter = hasLetter || unicode.IsLetter(r) || isIdeographic(r)
		}
	}
	return hasLetter, ""
}

// isHidden finds what is neither seen nor known, the blank letters U+115F and
// U+3164 and variation selectors included.
func isHidden(r rune) bool {
	return !unicode.IsGraphic(r) && !isIdeographic(r) ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// isIdeographic reports whether r is in the planes that Unicode reserves for
// ideographs. Those added after Go's tables (Unicode 15.0) are unassigned for
// package unicode, yet many were added because people have them in their names.
func isIdeographic(r rune) bool {
	return 0x20000 <= r && r <= 0x3FFFD && r&0xFFFE != 0xFFFE
}
