package main

import (
	"regexp"
	"strings"

	"github.com/id2meta/id2meta"
)

// userForm keeps e-mail addresses, telephone numbers with a plus, names in
// Chinese and line breaks out of the database and the log.
var userForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// idNumberForm finds what may be an ID number and is not part of a longer number. An X
// ends a number.
var idNumberForm = regexp.MustCompile(`(?:^|[^0-9])([0-9]{17}(?:[Xx]|[0-9](?:[^0-9]|$)))`)

// holdsIDNumber reports whether a user in userForm is or contains an ID number. A user
// is stored and logged, an ID number must not be. Dots, hyphens and underscores may
// stand anywhere in it. The typed number counts although it is wrong.
func holdsIDNumber(user, typed string) bool {
	parts := strings.FieldsFunc(user, func(r rune) bool { return strings.ContainsRune(".-_", r) })
	for i := range parts {
		for j := i + 1; j <= len(parts); j++ {
			if containsIDNumber(strings.Join(parts[i:j], "")) {
				return true
			}
		}
	}
	const short = 6 // what has less characters is found in too many users
	own, bare := lettersAndDigits(typed), strings.Join(parts, "")
	return len(own) >= short && strings.Contains(strings.ToUpper(bare), own)
}

func containsIDNumber(text string) bool {
	for _, found := range idNumberForm.FindAllStringSubmatch(text, -1) {
		person := id2meta.Param{UserName: "张三", IdentifyNum: found[1][:18]}
		if person.Validate() == nil {
			return true
		}
	}
	return false
}

// lettersAndDigits returns what is left of text in the characters of userForm, in
// capitals and without separators.
func lettersAndDigits(text string) string {
	return strings.Map(func(r rune) rune {
		const fullWidth = '！' - '!'
		if r >= '！' && r <= '～' {
			r -= fullWidth
		}
		switch {
		case '0' <= r && r <= '9', 'A' <= r && r <= 'Z':
			return r
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case strings.ContainsRune("ХχΧⅩⅹ×✕", r): // looks like X
			return 'X'
		}
		return -1
	}, text)
}
