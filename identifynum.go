package id2meta

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Why an IdentifyNum is refused; see those in param.go.
const (
	reasonIsName     = "it is a name (UserName and IdentifyNum seem to be swapped)"
	reasonFirstGen   = "it has 15 digits (first generation), which the service does not support"
	reasonNumber     = "it must be 17 digits and then a digit or X, without spaces or hyphens"
	reasonDate       = "digits 7 to 14 are not a birth date (YYYYMMDD)"
	reasonFuture     = "the birth date is in the future"
	reasonCheckDigit = "the check digit is wrong"
)

// number is a valid, normalized, plaintext IdentifyNum. It is no string, so
// that masking allocates nothing but its result.
type number [18]byte

func (n *number) area() []byte  { return n[:6] }
func (n *number) birth() []byte { return n[6:14] }
func (n *number) tail() []byte  { return n[14:] }

func parseNumber(s string, now func() time.Time) (num number, err error) {
	s = strings.TrimSpace(s)
	if !foldNumber(num[:], s) || !isDigits(num[:17]) || !isDigits(num[17:]) && num[17] != 'X' {
		return number{}, badNumber(whyNoNumber(s))
	}
	if reason := checkBirth(num.birth(), now); reason != "" {
		return number{}, badNumber(reason)
	}
	// ISO 7064 MOD 11-2, with 10 written as X. 18 doublings cannot overflow.
	sum := 0
	for _, c := range num[:17] {
		sum = (sum + int(c-'0')) * 2
	}
	check := int(num[17] - '0')
	if num[17] == 'X' {
		check = 10
	}
	if (sum+check)%11 != 1 {
		return number{}, badNumber(reasonCheckDigit)
	}
	return num, nil
}

// foldNumber copies s to dst in ASCII and with a capital X. It reports whether
// s could be so written and has as many characters as dst.
func foldNumber(dst []byte, s string) bool {
	n := 0
	for _, r := range s {
		switch {
		case '０' <= r && r <= '９':
			r -= '０' - '0'
		case r == 'x' || r == 'Ｘ' || r == 'ｘ':
			r = 'X'
		case r > unicode.MaxASCII:
			return false
		}
		if n == len(dst) {
			return false
		}
		dst[n] = byte(r)
		n++
	}
	return n == len(dst)
}

// whyNoNumber finds the reason for an s that has not the form of a number.
func whyNoNumber(s string) string {
	_, reason := scanName(s)
	switch {
	case s == "":
		return reasonEmpty
	case reason == "": // no digits in it
		return reasonIsName
	case isFirstGen(s):
		return reasonFirstGen
	case strings.ContainsAny(s, "*＊"):
		return reasonStars
	case len(s) >= 6+md5Len && isHex(s[6:6+md5Len]):
		return reasonMasked
	case whyNotEncrypted(s) == "":
		return reasonEncrypted
	case !utf8.ValidString(s):
		return reasonNotUTF8
	case strings.ContainsFunc(s, isHidden):
		return reasonHidden
	}
	return reasonNumber
}

func isFirstGen(s string) bool {
	var num [15]byte
	return foldNumber(num[:], s) && isDigits(num[:])
}

// isNumber reports whether s has the form of an ID number of any kind.
func isNumber(s string) bool {
	var num number
	return isFirstGen(s) || foldNumber(num[:], s) && isDigits(num[:17]) || isMaskedNumber(s)
}

// checkBirth says why the eight digits are no birth date, or "".
func checkBirth(digits []byte, now func() time.Time) string {
	date := 0
	for _, c := range digits {
		date = date*10 + int(c-'0')
	}
	year, month, day := date/10000, date/100%100, date%100
	// The source has people who were alive in 1949, and some who were then old.
	if year < 1800 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return reasonDate
	}
	// This was written in 2026, so no clock need be asked about the years
	// before; to ask it takes as long as to validate everything else.
	if year >= 2026 {
		// The day changes for everybody when it does in Shanghai. China has no
		// daylight saving time, so no time zone database is needed.
		y, m, d := now().UTC().Add(8 * time.Hour).Date()
		if date > y*10000+int(m)*100+d {
			return reasonFuture
		}
	}
	return ""
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && year%100 != 0 || year%400 == 0 {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

func isDigits[T string | []byte](s T) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
