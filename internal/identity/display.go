package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// DisplayName returns the first character of a folded name, and an asterisk for each
// following character. It returns one asterisk if s has at most one character, and three asterisks
// if s is not a name.
func DisplayName(s string) string {
	if len(s) > maxRaw {
		return "***"
	}
	s = foldName(s)
	first, size := utf8.DecodeRuneInString(s)
	length := utf8.RuneCountInString(s)
	isLetter := isIdeograph(first) || unicode.IsLetter(first)
	switch {
	case length <= 1:
		return "*"
	case !isLetter, length > maxNameLen, len(s) >= md5Len && isHex(s[:md5Len]):
		return "***"
	}
	return s[:size] + strings.Repeat("*", length-1)
}

// DisplayNumber replaces the birth date of an 18-character number by asterisks. It
// returns three asterisks if s does not have the form of such a number.
func DisplayNumber(s string) string {
	if len(s) > maxRaw {
		return "***"
	}
	s = foldNumber(s)
	if len(s) != 18 || !isDigits(s[:6]) || !isDigits(s[14:17]) || s[17] != 'X' && !isDigits(s[17:]) {
		return "***"
	}
	return s[:6] + "********" + s[14:]
}
