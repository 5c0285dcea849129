package identity

import (
	"time"
	"unicode"
)

// plainNumber writes a plaintext number to num as it is sent, or returns the
// reason why it cannot be. No string, so that masking allocates only its result.
func plainNumber(num *[18]byte, s string, now func() time.Time) (reason string) {
	if !foldNumber(num[:], s) || !isDigits(num[:17]) || !isDigits(num[17:]) && num[17] != 'X' {
		return explain(s, reasonNumber, numberMistakes[Plain])
	}
	if reason := flawInBirth(num[6:14], now); reason != "" {
		return reason
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
		return reasonCheckDigit
	}
	return ""
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

// flawInBirth says why the eight digits are no birth date, or "".
func flawInBirth(digits []byte, now func() time.Time) string {
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
	// before; to ask it takes as long as to validate everything else. The day
	// changes for everybody when it does in Shanghai. China has no daylight saving
	// time, so no time zone database is needed.
	if year >= 2026 &&
		time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).After(now().Add(8*time.Hour)) {
		return reasonFuture
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
