package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxNameLen, in characters, is several times the longest name that a card has
// room for. It stops a document that was pasted into the wrong field.
const maxNameLen = 100

// flawInName says why s is no plaintext name, or "". What has nothing but
// reasonNoLetter against it may be a part of one.
func flawInName(s string) string {
	if len(s) > maxNameLen && utf8.RuneCountInString(s) > maxNameLen {
		return reasonLong
	}
	hasLetter := false
	for i, r := range s {
		switch {
		case '\u4E00' <= r && r <= '\u9FFF', 'A' <= r && r <= 'Z', 'a' <= r && r <= 'z':
			hasLetter = true // nearly every name is made of these: skip the tables
		case r == ' ':
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			return reasonNotUTF8
		case r == utf8.RuneError:
			return reasonDamaged
		case unicode.Is(unicode.Nd, r): // not 〇, which names have
			return reasonDigits
		case r == '*' || r == '＊':
			return reasonStars
		case unicode.IsSpace(r):
			return reasonSpace
		case unicode.Is(unicode.Co, r):
			return reasonPrivate
		case isHidden(r):
			return reasonHidden
		default:
			hasLetter = hasLetter || unicode.IsLetter(r) || isIdeographic(r)
		}
	}
	if !hasLetter {
		return reasonNoLetter
	}
	return ""
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
