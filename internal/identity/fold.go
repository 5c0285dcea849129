package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// foldName folds a name, so that names that look the same become the same name.
func foldName(s string) string {
	return foldDots(closeUp(foldKana(foldCharacters(s))), nothing)
}

// foldMaskedName folds the part of a masked name after the md5. The first character is
// not known, so a full stop after it stays.
func foldMaskedName(s string) string {
	s = foldCharacters(s)
	if !beginsWithMD5(s) {
		return s
	}
	rest := foldDots(closeUp(foldKana(s[md5Len:])), unknown)
	if rest == s[md5Len:] {
		return s
	}
	return s[:md5Len] + rest
}

// foldNumber folds a number. It removes white space and dashes between the digits.
func foldNumber(s string) string {
	s = strings.TrimSpace(s)
	if hasNumberShape(s) {
		return s
	}
	s = foldLastX(foldCharacters(s))
	compact := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -ー\uFF70一", r) { // the last three look like dashes
			return -1
		}
		return r
	}, s)
	if compact == "" || !isDigits(s[:1]) || !isDigits(compact[:len(compact)-1]) || !strings.HasSuffix(s, compact[len(compact)-1:]) {
		return s // the removed characters were not between digits
	}
	return compact
}

// foldCharacters folds each character without regard to its neighbors, and trims white
// space.
func foldCharacters(s string) string { return strings.TrimSpace(strings.Map(foldCharacter, s)) }

func foldCharacter(r rune) rune {
	switch {
	case '\u4E00' <= r && r <= '\u9FFF', ' ' <= r && r <= '~':
		return r // fast path for nearly every character
	case '\u2E80' <= r && r <= '\u2FDF', '\uF900' <= r && r <= '\uFAFF', '\U0002F800' <= r && r <= '\U0002FA1F':
		return foldIdeograph(r)
	case isUnseen(r):
		return -1
	case unicode.IsSpace(r), r == '\u2800': // a Braille pattern without dots
		return ' '
	case '！' <= r && r <= '～': // full-width ASCII
		return r - '！' + '!'
	case unicode.Is(unicode.Pd, r), strings.ContainsRune("−⁃˗─━⎯➖", r):
		return '-'
	case strings.ContainsRune("‘’‛′´ʻʼʽʹ", r):
		return '\''
	}
	return r
}

// radicals has the radicals of the block CJK Radicals Supplement, each before its
// equivalent ideograph of Unicode's EquivalentUnifiedIdeograph-15.0.0.txt.
const radicals = "" +
	"⺁厂⺂乛⺃乚⺄乙⺅亻⺆冂⺇𠘨⺈刀⺉刂⺊卜⺋㔾⺌小⺍小⺎兀⺏尣⺐尢" +
	"⺑𡯂⺒巳⺓幺⺔彑⺕𫜹⺖忄⺗心⺘扌⺙攵⺛旡⺜日⺝月⺞歺⺟母⺠民⺡氵" +
	"⺢氺⺣灬⺤爫⺥爫⺦丬⺧牛⺨犭⺩王⺪𤴔⺫目⺬示⺭礻⺮𥫗⺯糹⺰纟⺱罓" +
	"⺲罒⺳㓁⺴冗⺵𦉫⺶羊⺷𦍌⺸𦍋⺹耂⺺肀⺻聿⺼肉⺽𦥑⺾艹⺿艹⻀艹⻁虎" +
	"⻂衤⻃覀⻄西⻅见⻆角⻇𧢲⻈讠⻉贝⻊𧾷⻋车⻌辶⻍辶⻎辶⻏邑⻐钅⻑長" +
	"⻒镸⻓长⻔门⻕𨸏⻖阝⻗雨⻘青⻙韦⻚页⻛风⻜飞⻝食⻞𩙿⻟飠⻠饣⻡𩠐" +
	"⻢马⻣骨⻤鬼⻥鱼⻦鸟⻧卤⻨麦⻩黄⻪黾⻫斉⻬齐⻭歯⻮齿⻯竜⻰龙⻱龜" +
	"⻲亀⻳龟"

// keptForGBK lists the compatibility ideographs that have a GBK code. They are not folded,
// because a register in GBK may hold them.
const keptForGBK = "\uF92C\uF979\uF995\uF9E7\uF9F1\uFA0C\uFA0D\uFA18\uFA20"

// foldIdeograph folds a radical or a compatibility ideograph to the unified ideograph.
func foldIdeograph(r rune) rune {
	unified := norm.NFKC.PropertiesString(string(r)).Decomposition()
	switch {
	case unified == nil:
		return pairedWith(r, radicals)
	case strings.ContainsRune(keptForGBK, r):
		return r
	}
	r, _ = utf8.DecodeRune(unified)
	return r
}

// pairedWith returns the character that stands after r in pairs, or r if r is not the
// first of a pair.
func pairedWith(r rune, pairs string) rune {
	before, after, found := strings.Cut(pairs, string(r))
	if !found || utf8.RuneCountInString(before)%2 == 1 {
		return r
	}
	r, _ = utf8.DecodeRuneInString(after)
	return r
}

// kana has the letters of kana and bopomofo that look like an ideograph, each before the
// ideograph. The katakana are from Unicode's confusables.txt.
const kana = "ニ二ﾆ二カ力ｶ力ハ八ﾊ八ロ口ﾛ口エ工ｴ工タ夕ﾀ夕ト卜ﾄ卜ー一ｰ一ㄧ一ㄚ丫ㄦ儿"

// foldKana folds kana and bopomofo in a name that has an ideograph.
func foldKana(s string) string {
	if !strings.ContainsAny(s, kana) || !strings.ContainsFunc(s, isIdeograph) {
		return s
	}
	return strings.Map(func(r rune) rune { return pairedWith(r, kana) }, s)
}

// isUnseen reports whether r has Unicode's property Default_Ignorable_Code_Point. Such a
// character is invisible, even if the font does not support it.
func isUnseen(r rune) bool {
	if unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
		return true
	}
	return unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r) &&
		(r < 0xFFF9 || 0xFFFB < r) && (r < 0x13430 || 0x13440 < r)
}

// closeUp removes the spaces between two ideographs and beside a middle dot. Between
// other words it leaves one space. s may be the part of a masked name after the md5:
// then a space at the beginning of s follows the unknown first character.
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

// middleDot is the dot in a name, as notice 民委发〔2016〕33号 of twelve ministries
// demands. The Ministry of Public Security is one of them.
const middleDot = '·'

// otherDots are characters that people type instead of middleDot, and characters that
// look like it.
const otherDots = ".•‧∙⋅・･●▪◦∘﹒․\u0387⸱⦁⸳⸰᛫ᐧꞏㆍᆞ⚫⬤◾⬝𐄁°˙"

func isDot(r rune) bool { return r == middleDot || strings.ContainsRune(otherDots, r) }

// foldDots replaces each dot between two ideographs by middleDot. A full stop beside a
// letter of an alphabet stays, because names such as J. SMITH have it. Other dots between
// an ideograph and a letter of an alphabet, or after the unknown first character of a
// masked name, also become middleDot.
func foldDots(s string, before kind) string {
	isOtherDot := func(r rune) bool { return r != middleDot && kindOf(r) == dot }
	if !strings.ContainsFunc(s, isOtherDot) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		k, after := kindOf(r), kindOfFirst(s[i+utf8.RuneLen(r):])
		if k == dot {
			ideographs := before == ideograph && after == ideograph
			mixed := before == ideograph && after == letter || before == letter && after == ideograph ||
				before == unknown && (after == ideograph || after == letter)
			if ideographs || mixed && r != '.' {
				r = middleDot
			}
		}
		b.WriteRune(r)
		before = k
	}
	return b.String()
}

// foldLastX replaces a last character that looks like an X by X.
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
	return strings.ContainsRune("xXХхΧχⅩⅹ×✕✖✗✘⨯⨉╳☓❌❎⤫ˣⓍⓧⵝꓫꞳꭓ᙭乂㐅", r)
}
