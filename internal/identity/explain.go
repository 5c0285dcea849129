package identity

import (
	"strings"
	"unicode/utf8"
)

// explainName returns the Problem that says what a refused name probably is. If
// explainName has no better explanation, it returns found, the Problem of the check.
func explainName(s string, form Form, found Problem) Problem {
	if !utf8.ValidString(s) && form != Encrypted {
		return NotUTF8
	}
	s = foldCharacters(s)
	switch {
	case s == "":
		return Empty
	case form == Masked && checkMaskedNumber(s) == "":
		return Swapped
	case form == Masked:
		return found
	case looksLikeNumber(s):
		return Swapped
	case form == Encrypted && (checkMaskedName(foldMaskedName(s)) == "" || checkName(foldName(s), nothing) == ""):
		return NotEncrypted
	case form == Encrypted:
		return found
	case len(s) >= md5Len && isHex(s[:md5Len]):
		return AlreadyMasked
	case checkCiphertext(s) == "":
		return AlreadyEncrypted
	}
	found = explainText(s, found)
	if (found == Dot || found == TwoPeople) && !strings.ContainsFunc(s, isLetter) {
		return NoLetter // - or /
	}
	return found
}

func isLetter(r rune) bool { return kindOf(r) == ideograph || kindOf(r) == letter }

// explainNumber does the same as explainName for a number.
func explainNumber(s string, form Form, found Problem) Problem {
	if !utf8.ValidString(s) && form == Plain {
		return NotUTF8
	}
	s = foldNumber(s)
	switch {
	case s == "":
		return Empty
	case form == Masked && len(s) > md5Len && checkMaskedName(foldMaskedName(s)) == "": // an md5 alone is probably the md5 of a number
		return Swapped
	case form == Masked:
		return found
	case form == Encrypted && looksLikeNumber(s):
		return NotEncrypted
	case form == Encrypted && checkName(foldName(s), nothing) == "":
		return Swapped
	case form == Encrypted:
		return found
	case found == CheckDigit && strings.HasSuffix(s, "000"), isSpreadsheetNumber(s):
		return SpreadsheetNumber
	case found != NumberFormat:
		return found
	case len(s) == 15 && isDigits(s):
		return FirstGeneration
	case len(s) >= 6+md5Len && isHex(s[6:6+md5Len]):
		return AlreadyMasked
	case checkCiphertext(s) == "":
		return AlreadyEncrypted
	}
	return explainTypedNumber(s, found)
}

func explainTypedNumber(s string, found Problem) Problem {
	if hasNumberShape(strings.Map(letterToDigit, s)) {
		return LetterForDigit
	}
	isDigit := func(r rune) bool { return '0' <= r && r <= '9' || looksLikeX(r) }
	digits, text := keep(s, isDigit), keep(s, func(r rune) bool { return !isDigit(r) })
	switch problem := explainText(s, ""); {
	case problem != "":
		return problem
	case isLabel(s):
		return Label
	case utf8.RuneCountInString(digits) > 1 && strings.ContainsAny(s, "Xx") && strings.Trim(s, "Xx") == "": // XX
		return HiddenForDisplay
	case strings.Contains(s, "证"), strings.Contains(s, "号码"):
		return Label
	case strings.Trim(s, "〇零一二三四五六七八九X") == "":
		return Digits
	case checkName(foldName(s), nothing) == "":
		return Swapped
	case strings.Contains(s, "XX"), strings.Contains(s, "xx"), strings.ContainsAny(s, "●⚫⬤"), digits != "" && hasTwoDots(s):
		return HiddenForDisplay
	}
	for _, r := range s {
		if kindOf(r) != other {
			continue
		}
		switch problem := problemOf(r); problem {
		case ControlCharacter, LostCharacter, HiddenForDisplay, Quotes, Note, Escaped:
			return problem
		case Digits:
			if r > '9' {
				return Digits
			}
		}
	}
	switch n := utf8.RuneCountInString(digits); {
	case n == 36:
		return TwoPeople
	case strings.Contains(s, "'"):
		return Quotes
	case n == 18 && strings.ContainsFunc(text, isLetter):
		return Label
	}
	return found
}

// hasTwoDots reports whether two dots of any kind stand side by side.
func hasTwoDots(s string) bool {
	before := ' '
	for _, r := range s {
		if isDot(before) && isDot(r) {
			return true
		}
		before = r
	}
	return false
}

func keep(s string, wanted func(rune) bool) string {
	return strings.Map(func(r rune) rune {
		if wanted(r) {
			return r
		}
		return -1
	}, s)
}

// explainText finds texts that programs write instead of a value.
func explainText(s string, found Problem) Problem {
	switch {
	case strings.HasPrefix(s, "#"):
		return SpreadsheetError
	case isPlaceholder(s):
		return Placeholder
	case strings.Contains(s, "&") && strings.Contains(s, ";"):
		return Escaped
	}
	return found
}

// looksLikeNumber reports whether s has the form of a number with 15 or 18 characters,
// or of a masked number.
func looksLikeNumber(s string) bool {
	s = foldNumber(s)
	return hasNumberShape(s) || len(s) == 15 && isDigits(s) || checkMaskedNumber(s) == ""
}

// isSpreadsheetNumber finds 1.10105E+17, 1.10105×10^17, 110105194912310000.0 and
// 110,105,194,912,310,000.
func isSpreadsheetNumber(s string) bool {
	for _, times := range "×xX*" {
		s = strings.Replace(s, string(times)+"10^", "E", 1)
	}
	mantissa, exponent, isScientific := strings.Cut(strings.ToUpper(s), "E")
	whole, decimals, _ := strings.Cut(mantissa, ".")
	digits := strings.ReplaceAll(whole, ",", "")
	if digits == "" || !isDigits(digits) || !isDigits(strings.ReplaceAll(decimals, ",", "")) {
		return false
	}
	if isScientific {
		exponent = strings.TrimLeft(exponent, "+ ")
		return exponent != "" && isDigits(exponent)
	}
	return len(digits) == 18 && len(digits) < len(s)
}

// letterToDigit returns the digit that a letter looks like, or r itself.
func letterToDigit(r rune) rune {
	switch r {
	case 'O', 'o':
		return '0'
	case 'I', 'l', '|':
		return '1'
	}
	return r
}
