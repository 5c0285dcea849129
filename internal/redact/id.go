package redact

import "strings"

// maxID is longer than the ID of any request.
const maxID = 128

// ID returns the ID of a request. A request ID may be made of hex digits, which Text
// would hide as a possible secret, so ID hides only what Redactor knows to be secret.
// What cannot be an ID is treated as Text.
//
// Almost every ID is a UUID. A UUID costs no regular expression.
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
