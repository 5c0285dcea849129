package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// DisplayName returns the first character of a name and a star for each that
// follows; of one character or none, a star; of what is no name, three.
func DisplayName(s string) string {
	s = strings.TrimSpace(s)
	first, size := utf8.DecodeRuneInString(s)
	length := utf8.RuneCountInString(s)
	isLetter := isIdeograph(first) || unicode.IsLetter(first) && !isHidden(first)
	switch {
	case length <= 1:
		return "*"
	case !isLetter, length > maxNameLen, looksLike(s, digestFirst):
		return "***"
	}
	return s[:size] + strings.Repeat("*", length-1)
}

// DisplayNumber hides the birth date in what has 18 characters, of which those
// around it are a number's. Of anything else, three stars.
func DisplayNumber(s string) string {
	var num [18]byte
	if !foldNumber(num[:], strings.TrimSpace(s)) || !isDigits(num[:6]) || !isDigits(num[14:17]) ||
		!isDigits(num[17:]) && num[17] != 'X' {
		return "***"
	}
	copy(num[6:14], "********")
	return string(num[:])
}
