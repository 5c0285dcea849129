package id2meta

import (
	"crypto/md5" //nolint:gosec // the service's format asks for it; it protects nothing here
	"encoding/hex"
	"strings"
	"time"
	"unicode/utf8"
)

// md5Len is the length of an md5 as the service wants it: in lower-case hex.
const md5Len = 2 * md5.Size

const maskedNumberLen = len(number{}) - 8 + md5Len

// reasons for a Param of ParamTypeMD5; see those in param.go.
const (
	reasonNotMaskedName = "it must be the md5 of the first character (32 lower-case hex digits) " +
		"and the rest of the name; MD5Param makes it from plaintext"
	reasonNotMaskedNumber = "it must be 6 digits, the md5 of the birth date (32 lower-case hex digits), " +
		"3 digits and a digit or X; MD5Param makes it from plaintext"
)

// MD5Param returns the Param of [ParamTypeMD5] for a person in plaintext. It
// normalizes and validates both as for [ParamTypeNormal]; its error is a
// *[ParamError].
//
// This is masking, not encryption. It keeps a person from being read over
// somebody's shoulder, in a log for one. Whoever has the masked number finds the
// birth date in milliseconds, by trying all of them, and the first character as
// easily. Treat a masked person as personal data.
//
// Editions of the vendor's API page differ: one describes md5, another says that
// the authoritative source of Id2MetaVerify does not support it. Try one call
// with your account before you rely on it.
func MD5Param(userName, identifyNum string) (Param, error) {
	name, err := MaskUserName(userName)
	if err != nil {
		return Param{}, err
	}
	num, err := MaskIdentifyNum(identifyNum)
	if err != nil {
		return Param{}, err
	}
	return Param{ParamType: ParamTypeMD5, UserName: name, IdentifyNum: num}, nil
}

// MaskUserName replaces the first character (one Unicode code point) of a
// plaintext name by the md5 of its UTF-8 bytes. It validates as [MD5Param] does
// and, like it, is no encryption.
func MaskUserName(userName string) (string, error) {
	name, err := normalName(userName)
	if err != nil {
		return "", err
	}
	_, size := utf8.DecodeRuneInString(name)
	sum := md5.Sum([]byte(name[:size])) //nolint:gosec // see the import
	var masked [md5Len + maxNameLen*utf8.UTFMax]byte
	hex.Encode(masked[:], sum[:])
	n := copy(masked[md5Len:], name[size:])
	return string(masked[:md5Len+n]), nil
}

// MaskIdentifyNum replaces the eight digits of the birth date in a plaintext
// number by their md5. It validates as [MD5Param] does and, like it, is no
// encryption.
func MaskIdentifyNum(identifyNum string) (string, error) {
	num, err := parseNumber(identifyNum, time.Now)
	if err != nil {
		return "", err
	}
	sum := md5.Sum(num.birth()) //nolint:gosec // see the import
	var masked [maskedNumberLen]byte
	copy(masked[:], num.area())
	hex.Encode(masked[6:], sum[:])
	copy(masked[6+md5Len:], num.tail())
	return string(masked[:]), nil
}

// maskedName returns a masked name as it is sent. The rest may be empty: there
// are names of one character.
func maskedName(s string) (string, error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return "", badName(reasonEmpty)
	case isMaskedNumber(s):
		return "", badName(reasonIsNumber)
	case len(s) < md5Len || !isLowerHex(s[:md5Len]):
		return "", badName(reasonNotMaskedName)
	}
	if _, reason := scanName(s[md5Len:]); reason != "" {
		return "", badName(reason)
	}
	return s, nil
}

// maskedNumber returns a masked number as it is sent.
func maskedNumber(s string) (string, error) {
	s = strings.TrimSpace(s)
	var num [maskedNumberLen]byte
	switch {
	case s == "":
		return "", badNumber(reasonEmpty)
	case isMaskedNumber(s):
		return s, nil
	case foldNumber(num[:], s) && isMaskedNumber(string(num[:])):
		return string(num[:]), nil
	}
	// An md5 alone is rather that of a whole number than a name.
	if _, err := maskedName(s); err == nil && len(s) > md5Len {
		return "", badNumber(reasonIsName)
	}
	return "", badNumber(reasonNotMaskedNumber)
}

func isMaskedNumber(s string) bool {
	return len(s) == maskedNumberLen && isDigits(s[:6]) && isLowerHex(s[6:6+md5Len]) &&
		isDigits(s[6+md5Len:maskedNumberLen-1]) && strings.ContainsRune("0123456789X", rune(s[maskedNumberLen-1]))
}

func isLowerHex(s string) bool { return isHex(s) && !strings.ContainsAny(s, "ABCDEF") }

func isHex(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}
