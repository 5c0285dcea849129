package redact

import "strings"

// maxID is longer than any request ID.
const maxID = 128

// ID returns a request ID without the secrets of r. Unlike Text, ID does not hide long
// runs of hex digits, because a request ID may be such a run. If id cannot be a request
// ID, or holds a secret, ID returns Text(id).
//
// Almost every request ID is a UUID. For a UUID, ID needs no regular expression.
func (r *Redactor) ID(id string) string {
	switch {
	case isUUID(id) && (r.Date == "" || !strings.Contains(id, r.Date)):
		return id
	case len(id) <= maxID && !strings.ContainsFunc(id, notInID) && r.hide(id) == id:
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
		isHyphen := i == 8 || i == 13 || i == 18 || i == 23
		if isHyphen != (c == '-') || !isHyphen && !isHexDigit(c) {
			return false
		}
	}
	return true
}

func isHexDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
