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
			hasLetter = true
		case isHidden(r):
			return reasonHidden
		default:
			hasLetter = hasLetter || unicode.IsLetter(r) || isReserved(r)
		}
	}
	if !hasLetter {
		return reasonNoLetter
	}
	return ""
}

// isHidden finds what is neither seen nor known: the blank letters U+115F and
// U+3164 and variation selectors, too, and private-use characters, which mean
// something in names alone.
func isHidden(r rune) bool {
	return !unicode.IsGraphic(r) && !isReserved(r) ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// isIdeograph reports whether r stands for an ideograph in a name. Some rare
// ones are private-use characters, in the police's data too.
func isIdeograph(r rune) bool {
	return unicode.Is(unicode.Han, r) || isReserved(r) || unicode.Is(unicode.Co, r)
}

// isReserved reports whether r is in the planes that Unicode reserves for
// ideographs. Those added after Go's tables (Unicode 15.0) are unassigned for
// package unicode, yet many were added because people have them in their names.
func isReserved(r rune) bool {
	return 0x20000 <= r && r <= 0x3FFFD && r&0xFFFE != 0xFFFE
}

// middleDot is how the dot in a name is written, by notice 民委发〔2016〕33号 of
// twelve ministries, the Ministry of Public Security among them.
const middleDot = '·'

// isOtherDot finds what people type for a middleDot.
func isOtherDot(r rune) bool {
	switch r {
	case '.', '•', '‧', '∙', '⋅', '・', '･', '．':
		return true
	}
	return false
}

// withMiddleDots returns a name with a middleDot for every dot between two
// ideographs. Any other dot, and one of two in a row, may be right as it is.
func withMiddleDots(s string) string {
	if !strings.ContainsFunc(s, isOtherDot) {
		return s
	}
	var text [md5Len + maxNameLen*utf8.UTFMax]byte
	if folded := appendWithMiddleDots(text[:0], 0, s); string(folded) != s {
		return string(folded)
	}
	return s
}

// appendWithMiddleDots appends s, which stands after the character before.
func appendWithMiddleDots(dst []byte, before rune, s string) []byte {
	for i, r := range s {
		if isOtherDot(r) && isIdeograph(before) {
			if after, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):]); isIdeograph(after) {
				r = middleDot
			}
		}
		dst = utf8.AppendRune(dst, r)
		before = r
	}
	return dst
}
