package main

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// maskName keeps the first letter of a name, so that somebody who has the input
// recognises the row, and nothing of what is no name: the number may stand in
// its place. Nothing that a spreadsheet takes for a formula begins with a
// letter.
func maskName(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(s)
	if size == len(s) || !unicode.IsLetter(first) {
		return "*"
	}
	return string(first) + "*"
}

// maskNumber hides the birth date of what has the form of an ID number,
// and everything of what has not.
func maskNumber(s string) string {
	s = strings.ToUpper(width.Narrow.String(strings.TrimSpace(s)))
	switch {
	case s == "":
		return ""
	case len(s) != 18, strings.Trim(s[:17], "0123456789") != "", strings.Trim(s[17:], "0123456789X") != "":
		return "***"
	}
	return s[:6] + "********" + s[14:]
}
