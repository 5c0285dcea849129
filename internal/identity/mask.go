package identity

import (
	"crypto/md5" //nolint:gosec // the service's format asks for it; it protects nothing here
	"encoding/hex"
	"strings"
	"time"
	"unicode/utf8"
)

// md5Len is the length of an md5 as the service wants it: in lower-case hex.
const md5Len = 2 * md5.Size

const maskedNumberLen = 6 + md5Len + 4

// MaskName replaces the first character of a plaintext name by its md5. It
// refuses what [Name] does.
func MaskName(s string) (masked, reason string) {
	s, reason = trimmedName(s, Plain)
	if reason != "" {
		return "", reason
	}
	first, size := utf8.DecodeRuneInString(s)
	sum := md5.Sum([]byte(s[:size]))               //nolint:gosec // see the import
	var text [md5Len + maxNameLen*utf8.UTFMax]byte // so that only the result is allocated
	hex.Encode(text[:], sum[:])
	return string(appendWithMiddleDots(text[:md5Len], first, s[size:])), ""
}

// MaskNumber replaces the birth date in a plaintext number by its md5. It
// refuses what [Number] does.
func MaskNumber(s string, now func() time.Time) (masked, reason string) {
	var num [18]byte
	if reason = plainNumber(&num, strings.TrimSpace(s), now); reason != "" {
		return "", reason
	}
	sum := md5.Sum(num[6:14]) //nolint:gosec // see the import
	var text [maskedNumberLen]byte
	copy(text[:], num[:6])
	hex.Encode(text[6:], sum[:])
	copy(text[6+md5Len:], num[14:])
	return string(text[:]), ""
}

// flawInMaskedName says why s is no masked name, or "". The rest may be empty:
// there are names of one character.
func flawInMaskedName(s string) string {
	if len(s) < md5Len || !isLowerHex(s[:md5Len]) {
		return reasonNotMaskedName
	}
	if flaw := flawInName(s[md5Len:]); flaw != reasonNoLetter {
		return flaw
	}
	return ""
}

// foldMaskedNumber returns a masked number in ASCII and with a capital X.
func foldMaskedNumber(s string) (sent, flaw string) {
	var num [maskedNumberLen]byte
	switch {
	case isMaskedNumber(s):
		return s, ""
	case foldNumber(num[:], s) && isMaskedNumber(string(num[:])):
		return string(num[:]), ""
	}
	return "", reasonNotMaskedNumber
}

func isMaskedNumber(s string) bool {
	return len(s) == maskedNumberLen && isDigits(s[:6]) && isLowerHex(s[6:6+md5Len]) &&
		isDigits(s[6+md5Len:maskedNumberLen-1]) && strings.ContainsRune("0123456789X", rune(s[maskedNumberLen-1]))
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdefABCDEF") == "" }

func isLowerHex(s string) bool {
	for i := range len(s) {
		if (s[i] < '0' || s[i] > '9') && (s[i] < 'a' || s[i] > 'f') {
			return false
		}
	}
	return true
}
