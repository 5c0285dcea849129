package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// windows1252 has the characters that Windows-1252 puts in the place of the control
// characters 0x80 to 0x9F, and a space for a place without a character.
const windows1252 = "€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ"

// isMojibake reports whether s is UTF-8 or GBK that was read as Latin-1 or Windows-1252,
// such as å¼\u00a0ä¸‰ and ÕÅÈý for 张三.
func isMojibake(s string) bool {
	if strings.ContainsFunc(s, func(r rune) bool { return r > 0xFF && !strings.ContainsRune(windows1252, r) }) {
		return false // nearly every name
	}
	var octets []byte
	for _, r := range s {
		if i := strings.IndexRune(windows1252, r); r > 0xFF {
			r = rune(0x80 + utf8.RuneCountInString(windows1252[:i]))
		}
		octets = append(octets, byte(r))
	}
	text := string(octets)
	return isUTF8(text) || isUTF8(strings.ReplaceAll(text, " ", "\xa0")) || isGBK(strings.ReplaceAll(text, " ", ""))
}

// isUTF8 reports whether s is UTF-8 with an ideograph.
func isUTF8(s string) bool {
	return utf8.ValidString(s) && strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// isGBK reports whether s consists of pairs of octets as in GBK. The second octet of
// half of the pairs must not be ASCII: Öz and Éléa are names in Latin letters, too.
func isGBK(s string) bool {
	high := 0
	for i := 0; i < len(s); i += 2 {
		switch {
		case i+1 == len(s), s[i] < 0x81, s[i] == 0xFF, s[i+1] < 0x40, s[i+1] == 0x7F, s[i+1] == 0xFF:
			return false
		case s[i+1] >= 0x80:
			high++
		}
	}
	return high > 0 && 4*high >= len(s)
}
