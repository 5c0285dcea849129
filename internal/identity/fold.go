package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

//go:generate go run ./genfolds /usr/share/unicode folds_table.go

// foldName drops and folds what can be known without asking what it means: two
// names that look the same are the same name.
func foldName(s string) string {
	return foldDots(closeUp(foldCharacters(s)), nothing)
}

// foldMaskedName folds the rest of a masked name. Nobody knows the first
// character, so a dot behind it stays.
func foldMaskedName(s string) string {
	s = foldCharacters(s)
	if !beginsWithMD5(s) {
		return s
	}
	rest := foldDots(closeUp(s[md5Len:]), unknown)
	if rest == s[md5Len:] {
		return s
	}
	return s[:md5Len] + rest
}

// maxTypedNumber, in bytes, is longer than a number with a label and a note. A
// longer text is not looked into.
const maxTypedNumber = 300

// foldNumber also removes the white space and dashes that group digits.
func foldNumber(s string) string {
	s = strings.TrimSpace(s)
	if hasNumberShape(s) {
		return s
	}
	s = foldLastX(foldCharacters(s))
	if len(s) > maxTypedNumber {
		return s
	}
	compact := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -ー\uFF70一", r) { // the last three look like dashes
			return -1
		}
		return r
	}, s)
	if compact == "" || !isDigits(s[:1]) || !isDigits(compact[:len(compact)-1]) || !strings.HasSuffix(s, compact[len(compact)-1:]) {
		return s // what was removed did not stand between digits
	}
	return compact
}

// foldCharacters folds each character for itself.
func foldCharacters(s string) string { return strings.TrimSpace(strings.Map(foldCharacter, s)) }

func foldCharacter(r rune) rune {
	switch {
	case '\u4E00' <= r && r <= '\u9FFF', ' ' <= r && r <= '~':
		return r // nearly every character is one of these
	case isUnseen(r):
		return -1
	case unicode.IsSpace(r), r == '\u2800': // a Braille pattern without dots
		return ' '
	case '！' <= r && r <= '～': // full-width ASCII
		return r - '！' + '!'
	case unicode.Is(unicode.Pd, r), strings.ContainsRune("−⁃˗─━⎯➖", r):
		return '-'
	case strings.ContainsRune("‘’‛′´", r):
		return '\''
	}
	for _, block := range foldedBlocks {
		if i := int(r - block.first); 0 <= i && i < len(block.unified) && block.unified[i] != 0 {
			return block.unified[i]
		}
	}
	return r
}

// isUnseen reports whether r has Unicode's property
// Default_Ignorable_Code_Point: it is not shown, even by a font that lacks it.
func isUnseen(r rune) bool {
	if unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
		return true
	}
	return unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r) &&
		(r < 0xFFF9 || 0xFFFB < r) && (r < 0x13430 || 0x13440 < r)
}

// closeUp removes the spaces between two ideographs and beside a middle dot, and
// leaves one between other words. What it is given may be the rest of a masked
// name: a space at its beginning stands behind a character that nobody knows.
func closeUp(s string) string {
	if !strings.Contains(s, " ") {
		return s
	}
	var b strings.Builder
	before := '〇' // any ideograph
	for word := range strings.FieldsSeq(s) {
		after, _ := utf8.DecodeRuneInString(word)
		if (b.Len() > 0 || s[0] == ' ') && !closesUp(before, after) {
			b.WriteByte(' ')
		}
		b.WriteString(word)
		before, _ = utf8.DecodeLastRuneInString(word)
	}
	return b.String()
}

func closesUp(before, after rune) bool {
	isMiddleDot := func(r rune) bool { return isDot(r) && r != '.' }
	return isMiddleDot(before) || isMiddleDot(after) ||
		(isIdeograph(before) || before == '.') && isIdeograph(after) || isIdeograph(before) && after == '.'
}

// middleDot is how the dot in a name is written, by notice 民委发〔2016〕33号 of
// twelve ministries, the Ministry of Public Security among them.
const middleDot = '·'

// otherDots are what people type for a middleDot, and what looks like it.
const otherDots = ".•‧∙⋅・･●▪◦∘﹒․\u0387⸱⦁⸳⸰᛫ᐧꞏㆍᆞ⚫⬤◾⬝𐄁°˙"

func isDot(r rune) bool { return r == middleDot || strings.ContainsRune(otherDots, r) }

// foldDots writes each dot between two ideographs as a middleDot. A full stop
// beside a letter of an alphabet stays, because J. SMITH has it; other dots
// between an ideograph and such a letter are middle dots, too.
func foldDots(s string, before kind) string {
	isOtherDot := func(r rune) bool { return r != middleDot && kindOf(r) == dot }
	if len(s) > maxNameLen*utf8.UTFMax || !strings.ContainsFunc(s, isOtherDot) {
		return s // it is too long to be a name, or has nothing to fold
	}
	var b strings.Builder
	for i, r := range s {
		k, after := kindOf(r), kindOfFirst(s[i+utf8.RuneLen(r):])
		if k == dot {
			ideographs := before == ideograph && after == ideograph
			mixed := before == ideograph && after == letter || before == letter && after == ideograph
			if ideographs || mixed && r != '.' {
				r = middleDot
			}
		}
		b.WriteRune(r)
		before = k
	}
	return b.String()
}

// foldLastX writes what looks like an X at the end as X.
func foldLastX(s string) string {
	last, size := utf8.DecodeLastRuneInString(s)
	if last == 'X' || !looksLikeX(last) {
		return s
	}
	return s[:len(s)-size] + "X"
}

func looksLikeX(r rune) bool {
	if 0x1D400 <= r && r <= 0x1D6A3 { // mathematical alphabets of A to Z and a to z
		return (r-0x1D400)%52 == 'X'-'A' || (r-0x1D400)%52 == 26+'x'-'a'
	}
	return strings.ContainsRune("xXХхΧχⅩⅹ×✕✖✗✘⨯⨉╳☓❌ⓍⓧⵝꓫꞳꭓ᙭乂", r)
}
