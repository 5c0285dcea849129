package redact

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxID is longer than the ID of any request.
const maxID = 128

// ID returns the ID of a request, which is made of hex digits and so might not
// survive Text, unless it holds a secret or is no ID at all. Every verdict has one,
// so nothing is compiled for those that are clean.
func (r *Redactor) ID(id string) string {
	switch {
	case isUUID(id) && (r.Date == "" || !strings.Contains(id, r.Date)):
		return id
	case len(id) <= maxID && !strings.ContainsFunc(id, notInID) && !r.isIn(id):
		return id
	}
	return r.Text(id)
}

func notInID(c rune) bool { return c != '-' && notAlphanumeric(c) }

func isUUID(id string) bool {
	if len(id) != 36 {
		return false
	}
	for i, c := range []byte(id) {
		if hyphen := i == 8 || i == 13 || i == 18 || i == 23; hyphen != (c == '-') || !hyphen && !isHexDigit(c) {
			return false
		}
	}
	return true
}

func isHexDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// isIn reports whether hide would change an ID. Letters, digits and hyphens leave
// few of the spellings that hide knows: the secret itself, in whichever case, and
// the date with letters or hyphens in it.
func (r *Redactor) isIn(id string) bool {
	whole, heads := r.all(len(id))
	return holdsDate(id, r.Date) ||
		slices.ContainsFunc(heads, func(head string) bool { return holds(id, head, false) }) ||
		slices.ContainsFunc(whole, func(secret string) bool { return holds(id, secret, isShort(secret)) })
}

// holds reports whether an ID holds a secret, or, if asWord, holds it as a word.
func holds(id, secret string, asWord bool) bool {
	if strings.ContainsFunc(secret, notFolded) {
		return false
	}
	length := utf8.RuneCountInString(secret) // as many octets of an ID
	for from, to := 0, length; to <= len(id); from, to = from+1, to+1 {
		if strings.EqualFold(id[from:to], secret) &&
			(!asWord || (from == 0 || id[from-1] == '-') && (to == len(id) || id[to] == '-')) {
			return true
		}
	}
	return false
}

// notFolded finds what is no letter, digit or hyphen in either case: beside ASCII
// only the long s and the sign for kelvin are letters of an ID in another case.
func notFolded(c rune) bool { return c > unicode.MaxASCII && c != 'ſ' && c != '\u212A' }

// holdsDate reports whether an ID holds a date with up to three letters or hyphens
// between year, month and day.
func holdsDate(id, date string) bool {
	if date == "" {
		return false
	}
	for from := range id {
		rest, ok := strings.CutPrefix(id[from:], date[:4])
		for _, part := range []string{date[4:6], date[6:]} {
			for skipped := 0; skipped < 3 && rest != "" && (rest[0] < '0' || rest[0] > '9'); skipped++ {
				rest = rest[1:]
			}
			if ok {
				rest, ok = strings.CutPrefix(rest, part)
			}
		}
		if ok {
			return true
		}
	}
	return false
}
