package identity

import (
	"crypto/md5" //nolint:gosec // the format of the service needs md5; md5 protects nothing here
	"encoding/hex"
	"strings"
	"time"
	"unicode/utf8"
)

// md5Len is the length of an md5 in lower-case hex, the form that the service takes.
const md5Len = 2 * md5.Size

const maskedNumberLen = 6 + md5Len + 4

// MaskName replaces the first character of a plaintext name by its md5. It refuses the
// same names as [Name].
func MaskName(s string) (masked string, problem Problem) {
	name, problem := Name(s, Plain)
	if problem != "" {
		return "", problem
	}
	_, size := utf8.DecodeRuneInString(name)
	digest := md5Of(name[:size])
	return string(digest[:]) + name[size:], ""
}

// MaskNumber replaces the birth date in a plaintext number by its md5. It refuses the
// same numbers as [Number].
func MaskNumber(s string, now func() time.Time) (masked string, problem Problem) {
	number, problem := Number(s, Plain, now)
	if problem != "" {
		return "", problem
	}
	digest := md5Of(number[6:14])
	return number[:6] + string(digest[:]) + number[14:], ""
}

func md5Of(s string) (digest [md5Len]byte) {
	sum := md5.Sum([]byte(s)) //nolint:gosec // see the import
	hex.Encode(digest[:], sum[:])
	return digest
}

// checkMaskedName returns the Problem of a folded name of the form Masked, or "". The
// part after the md5 may be empty, because there are names of one character.
func checkMaskedName(s string) Problem {
	if !beginsWithMD5(s) {
		return MaskedFormat
	}
	return checkName(s[md5Len:], unknown)
}

func checkMaskedNumber(s string) Problem {
	if len(s) != maskedNumberLen || !isDigits(s[:6]) || !beginsWithMD5(s[6:]) || !isDigits(s[6+md5Len:maskedNumberLen-1]) ||
		!strings.HasSuffix(s, "X") && !isDigits(s[maskedNumberLen-1:]) {
		return MaskedFormat
	}
	return ""
}

func beginsWithMD5(s string) bool { return len(s) >= md5Len && isLowerHex(s[:md5Len]) }

func isLowerHex(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func isHex(s string) bool { return isLowerHex(strings.ToLower(s)) }
