package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxNameLen, in characters, is several times the length of the longest name that an ID
// card has room for. It refuses a document that was pasted into the wrong field.
const maxNameLen = 100

// kind is the kind of a character in a name.
type kind int

const (
	nothing   kind = iota // the beginning or the end of a name
	unknown               // the first character of a masked name
	ideograph             // also an ideograph that is newer than Go's tables, and any private-use character
	letter                // a letter of an alphabet
	mark                  // a combining mark of the letter before
	dot                   // a middle dot, or a character that people type instead
	space
	joiner // a comma, hyphen or apostrophe between letters of an alphabet
	other  // a character that no name has
)

func kindOf(r rune) kind {
	switch {
	case '\u4E00' <= r && r <= '\u9FFF':
		return ideograph
	case 'A' <= r && r <= 'Z', 'a' <= r && r <= 'z':
		return letter
	case r == ' ':
		return space
	case r == ',', r == '-', r == '\'':
		return joiner
	case isDot(r):
		return dot
	case isIdeograph(r):
		return ideograph
	case isStyled(r):
		return other
	case unicode.IsLetter(r):
		return letter
	case unicode.In(r, unicode.Mn, unicode.Mc), r == '\u0F0B', r == '\u0F0C': // the last two end a Tibetan syllable
		return mark
	}
	return other
}

func kindOfFirst(s string) kind {
	if s == "" {
		return nothing
	}
	r, _ := utf8.DecodeRuneInString(s)
	return kindOf(r)
}

// isIdeograph reports whether r is an ideograph, or may represent one in a name. Some
// rare ideographs are private-use characters, also in the data of the police.
func isIdeograph(r rune) bool {
	return unicode.Is(unicode.Han, r) && unicode.IsLetter(r) || r == '〇' || isReserved(r) || unicode.Is(unicode.Co, r)
}

// isReserved reports whether r is in the planes that Unicode reserves for ideographs.
// For package unicode (Unicode 15.0), newer ideographs are unassigned. Many of them were
// added to Unicode because they are part of people's names.
func isReserved(r rune) bool {
	return 0x20000 <= r && r <= 0x3FFFD && r&0xFFFE != 0xFFFE
}

// isStyled reports whether r is a letter in a special style, such as 𝐉, ℌ and ﬁ. For
// package unicode these are letters, but no register has them.
func isStyled(r rune) bool {
	return 0x2100 <= r && r <= 0x214F || 0xFB00 <= r && r <= 0xFB06 || 0x1D400 <= r && r <= 0x1D7FF
}

// checkName returns the Problem of a folded name, or "". before is nothing for a whole
// name, and unknown for the part of a masked name after the md5.
func checkName(s string, before kind) Problem {
	if len(s) > maxNameLen && utf8.RuneCountInString(s) > maxNameLen {
		return TooLong
	}
	isWhole := before == nothing
	hasLetter, hasIdeograph := !isWhole, false
	for i, r := range s {
		rest := s[i+utf8.RuneLen(r):]
		k := kindOf(r)
		switch k {
		case ideograph:
			if r == '〇' && strings.HasPrefix(rest, "〇") {
				return HiddenForDisplay
			}
			if before == letter || before == mark {
				return problemOfMixture(s)
			}
			hasLetter, hasIdeograph = true, true
		case letter:
			if before == ideograph && r != 'Γ' { // a public list of old names has 王Γ, where Γ stands for an ideograph
				return problemOfMixture(s)
			}
			hasLetter = true
		case mark:
			if before != letter && before != mark && before != unknown {
				return Symbol
			}
		case dot:
			if !dotMayStand(before, r, kindOfFirst(rest)) {
				return misplacedDot(r)
			}
		case space:
			if before == ideograph || kindOfFirst(rest) == ideograph {
				return TwoPeople // 张三 JOHN
			}
		case joiner:
			if after := kindOfFirst(rest); !joins(before) || !joins(after) {
				return misplacedJoiner(r)
			}
		case other:
			return problemOf(r)
		}
		before = k
	}
	switch {
	case !hasLetter:
		return NoLetter
	case !isWhole:
		return ""
	case hasIdeograph:
		return problemOfIdeographs(s)
	}
	return problemOfLetters(s)
}

// dotMayStand reports whether the dot r is allowed between before and after: a full stop
// after a letter of an alphabet, or a middle dot between two letters of any kind.
func dotMayStand(before kind, r rune, after kind) bool {
	followed := after == ideograph || after == letter
	switch {
	case before == unknown:
		return followed || r == '.' && after != dot
	case r == '.':
		return before == letter || before == mark || before == ideograph && after == letter
	case r == middleDot:
		return followed && (before == ideograph || before == letter || before == mark)
	}
	return false
}

func misplacedDot(r rune) Problem {
	if strings.ContainsRune("●⚫⬤", r) {
		return HiddenForDisplay // 张●●
	}
	return Dot
}

// joins reports whether a joiner is allowed beside k.
func joins(k kind) bool { return k != nothing && k != ideograph && k != joiner }

func misplacedJoiner(r rune) Problem {
	switch r {
	case ',':
		return TwoPeople
	case '\'':
		return Quotes
	}
	return Dot // 阿依古丽-买买提
}

// problemOfMixture returns the Problem of a name in which an ideograph and a letter of an
// alphabet stand side by side. Crosses and circles are often typed as letters.
func problemOfMixture(s string) Problem {
	letters := keep(s, func(r rune) bool { return kindOf(r) == letter })
	if strings.Trim(letters, "XxХхΧχOoОоΟο") == "" {
		return HiddenForDisplay // 张XX, 王O明
	}
	return MixedLetters // 王zhuo
}

// problemOfIdeographs finds texts that are made of ideographs but are not names.
func problemOfIdeographs(s string) Problem {
	switch {
	case strings.Contains(s, "姓名") && !isThreeWith(s, "姓名"), isLabel(s): // 客户姓名
		return Label
	case strings.Contains(s, "锟斤拷"): // U+FFFD in UTF-8, read as GBK
		return LostCharacter
	}
	if isPlaceholder(s) {
		return Placeholder
	}
	return ""
}

// problemOfLetters finds texts that are made of letters of an alphabet but are not
// names.
func problemOfLetters(s string) Problem {
	switch {
	case isPlaceholder(s):
		return Placeholder
	case isLabel(s) && len(s) > len("id"): // Id may be a name
		return Label
	}
	return ""
}

// isThreeWith reports whether s is one character and then ending, as 张姓名 is.
func isThreeWith(s, ending string) bool {
	return utf8.RuneCountInString(s) == 3 && strings.HasSuffix(s, ending)
}

// isLabel reports whether s is the heading of a column, without a value.
func isLabel(s string) bool {
	switch strings.ToLower(s) {
	case "户名", "name", "username", "user name", "full name", "id", "id card", "id number", "idcard", "identifynum":
		return true
	}
	return false
}

// isPlaceholder reports whether s is what programs and people write for a missing value.
func isPlaceholder(s string) bool {
	switch strings.ToLower(s) {
	case "null", "nil", "none", "nan", "undefined", "n/a", "(null)", "<nil>",
		"无", "没有", "暂无", "未知", "不详", "未填写":
		return true
	}
	return false
}

// problemOf returns the Problem that a character which no name has probably indicates.
func problemOf(r rune) Problem {
	for _, sign := range signs {
		if strings.ContainsRune(sign.characters, r) {
			return sign.problem
		}
	}
	switch {
	case !unicode.IsGraphic(r):
		return ControlCharacter
	case unicode.IsNumber(r):
		return Digits
	case unicode.In(r, unicode.Ps, unicode.Pe):
		return Note
	case unicode.In(r, unicode.Pi, unicode.Pf):
		return Quotes
	case 0x2600 <= r && r <= 0x27BF, 0x2B00 <= r && r <= 0x2BFF, 0x1F000 <= r && r <= 0x1FAFF:
		return Emoji
	}
	return Symbol
}
