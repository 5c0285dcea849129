package identity

import "time"

// checkNumber returns the Problem of a folded number, or "".
func checkNumber(s string, now func() time.Time) Problem {
	if !hasNumberShape(s) {
		return NumberFormat
	}
	if problem := checkBirthDate(s[6:14], now); problem != "" {
		return problem
	}
	// ISO 7064 MOD 11-2, with 10 written as X. 18 doublings cannot overflow.
	sum := 0
	for _, c := range []byte(s[:17]) {
		sum = (sum + int(c-'0')) * 2
	}
	check := int(s[17] - '0')
	if s[17] == 'X' {
		check = 10
	}
	if (sum+check)%11 != 1 {
		return CheckDigit
	}
	return ""
}

func hasNumberShape(s string) bool {
	return len(s) == 18 && isDigits(s[:17]) && (s[17] == 'X' || isDigits(s[17:]))
}

func checkBirthDate(digits string, now func() time.Time) Problem {
	date := 0
	for _, c := range []byte(digits) {
		date = date*10 + int(c-'0')
	}
	year, month, day := date/10000, date/100%100, date%100
	// The source may hold everybody who has been alive since 1949, also old people.
	if year < 1800 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return BirthDate
	}
	// For years before 2026 the clock is not needed, so a machine whose clock was
	// never set refuses nobody. The date is the date in Shanghai. China has no daylight
	// saving time, so no time zone database is needed.
	if year >= 2026 &&
		time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).After(now().Add(8*time.Hour)) {
		return FutureBirthDate
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

func isDigits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
