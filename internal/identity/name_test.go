package identity

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNamesThatPeopleHaveAreAccepted(t *testing.T) {
	for name, value := range map[string]string{
		"two ideographs":                   "张三",
		"four ideographs":                  "欧阳娜娜",
		"one ideograph":                    "张",
		"outside the BMP":                  "𠮷野",
		"〇, which is no digit":             "刘〇",
		"numerals as ideographs":           "张一二三",
		"an ideograph of extension A":      "㑇三",
		"newer than Go's tables, plane 2":  "\U0002EBF0三",
		"newer than Go's tables, plane 3":  "\U000323B0三",
		"only newer than Go's tables":      "\U0002EBF0",
		"a private-use ideograph":          "王\uE863",
		"only private-use characters":      "\uE863\uE864",
		"private use in plane 15":          "王\U000F0000",
		"private use in plane 16":          "王\U0010FFFD",
		"middle dot U+00B7":                "阿依古丽·买买提",
		"Latin letters and a space":        "JOHN SMITH",
		"Latin with an apostrophe":         "O'NEILL-JONES",
		"Latin with an accent, composed":   "Ren\u00e9",
		"Latin with an accent, as two":     "Rene\u0301",
		"a full stop after an accent":      "Rene\u0301. X",
		"Tibetan":                          "བཀྲ་ཤིས",
		"Uyghur":                           "ئايگۈل",
		"hex letters that are no md5":      "ABCDEF",
		"as long as allowed, ideographs":   strings.Repeat("三", maxNameLen),
		"as long as allowed, four bytes":   strings.Repeat("𠮷", maxNameLen),
		"long with spaces around":          strings.Repeat(" ", 394) + "张三" + strings.Repeat(" ", 400),
		"Latin with an initial":            "J. SMITH",
		"only a Latin initial":             "J.",
		"Latin with a comma":               "SMITH, JOHN",
		"Latin with an initial and hyphen": "J.-P. SARTRE",
		"Latin with U+00B7, as in Catalan": "Marcel·la",
		"a mixed name":                     "卡尔·A·马克思",
		"a mixed name with initials":       "J·史密斯",
		"an initial with a full stop":      "J.史密斯",
		"two accented letters":             "Öz",
		"accented and plain letters":       "Éléa",
		"Vietnamese":                       "Nguyễn Thị Ánh",
		"German":                           "Müller",
		"a name of two letters":            "Id",
		"Γ for an ideograph":               "王Γ",
		"Spanish":                          "José",
		"Icelandic":                        "Þórður",
		"a name in katakana":               "ニコラ",
		"a name with the word 姓名 in it":    "张姓名",
		"an iteration mark":                "佐々木",
		"one 〇 at the end":                 "李一〇",
		"Hangul":                           "김철수",
		"Mongolian":                        "ᠪᠠᠲᠤ",
		"32 letters that could be hex":     strings.Repeat("a", 32),
		"the letter X":                     "X",
	} {
		t.Run(name, func(t *testing.T) { requireSent(t, value, strings.TrimSpace(value)) })
	}
}

func TestTheDotBetweenTwoIdeographsIsU00B7(t *testing.T) {
	for _, dot := range "·•‧∙⋅・･．.●▪◦∘﹒\u2024\u0387\u2E31\u2981" {
		t.Run(fmt.Sprintf("%U", dot), func(t *testing.T) {
			requireSent(t, "阿依古丽"+string(dot)+"买买提", "阿依古丽·买买提")
			sent, problem := Name(testMaskedName+string(dot)+"买买提", Masked)
			require.Empty(t, problem)
			require.Equal(t, testMaskedName+"·买买提", sent, "whoever masked it did not know of the notice")
		})
	}
}

func TestWhichDotsAreChanged(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"two dots, each between ideographs":      {"阿.依•古", "阿·依·古"},
		"between ideographs outside the BMP":     {"𠮷.𠮷", "𠮷·𠮷"},
		"between ideographs newer than Go":       {"\U0002EBF0.\U000323B0", "\U0002EBF0·\U000323B0"},
		"between private-use characters":         {"\uE863.\uE864", "\uE863·\uE864"},
		"beside 〇":                               {"刘〇.〇刘", "刘〇·〇刘"},
		"behind the first character":             {"阿•依", "阿·依"},
		"between a radical and a radical":        {"⾼.⽅", "高·方"},
		"between compatibility ideographs":       {"\uF90A.\uF9E1", "金·李"},
		"a full stop between Latin letters":      {"J.R. SMITH", "J.R. SMITH"}, // as on a foreigner's card
		"a full-width full stop behind Latin":    {"J．SMITH", "J.SMITH"},
		"a full stop before a Latin letter":      {"张.J", "张.J"}, // the notice is about ideographs
		"a full stop behind a Latin letter":      {"J.张", "J.张"},
		"a full stop in Uyghur":                  {"ئايگۈل.مەمەت", "ئايگۈل.مەمەت"},
		"bullets in a mixed name":                {"卡尔•A●马克思", "卡尔·A·马克思"}, // no alphabet has a bullet
		"a bullet beside spaces":                 {"阿依古丽 • 买买提", "阿依古丽·买买提"},
		"a full stop beside spaces":              {"阿依古丽 . 买买提", "阿依古丽·买买提"},
		"a middle dot beside an unusual space":   {"阿依古丽\u3000·\u00a0买买提", "阿依古丽·买买提"},
		"a middle dot beside what is not seen":   {"阿依古丽\u200b•\ufeff买买提", "阿依古丽·买买提"},
		"100 characters, longer in bytes by it":  {strings.Repeat("三.", 49) + "三三", strings.Repeat("三·", 49) + "三三"},
		"100 characters, shorter in bytes by it": {strings.Repeat("三•", 49) + "三三", strings.Repeat("三·", 49) + "三三"},
	} {
		t.Run(name, func(t *testing.T) { requireSent(t, test.in, test.want) })
	}
	t.Run("a dot is no problem to allocate", func(t *testing.T) {
		require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = Name("阿依古丽·买买提", Plain) }))
	})
}

// The table of reasons: what a refused name probably is.
func TestARefusedNameIsExplained(t *testing.T) {
	for problem, values := range map[Problem][]string{
		Empty: {"", " \t\u3000", "\ufeff\u200b\u3164", strings.Repeat("\u00ad", maxRaw/2)},
		// GBK, a character that is cut, a surrogate as three bytes, bytes beside another flaw.
		NotUTF8: {"\xd5\xc5\xc8\xfd", "张\xe4\xb8", "张\xed\xa0\x80", "\xff张三", "张3\xff", strings.Repeat("\xff", maxRaw)},
		// Controls, an annotation, an unassigned code point, noncharacters.
		ControlCharacter: {"张三\x00", "\x1b[31m张三", "张\x7f三", "张\u0080三", "张\uFFF9三", "张\u0378三", "张\uffff三", "张\U0002FFFE三", "王\U000FFFFE"},
		NoLetter:         {"···", "-", "/"},
		// A mark without its letter, a radical without an ideograph, a stroke, letters in a special style.
		Symbol: {"\u0301", "张\u0336三", "\u2e80三", "丁㇐", "⿰木木三", "𝐉OHN", "ℌANS", "GRIFﬁTHS", "Ⓙohn", "张三@"},
		Dot: {"阿依古丽••买买提", "阿依古丽··买买提", "阿依古丽.·买买提", "J.. SMITH", "阿依古丽.", "阿依古丽·", "•阿依古丽", "·阿依古丽", ".JOHN", "JOHN•SMITH",
			"阿依古丽。买买提", "张三。", "阿依古丽-买买提", "阿依古丽—买买提", "JOHN-", "JOHN--SMITH"},
		LostCharacter: {"张?", "张？", "??", "\uFFFD\uFFFD\uFFFD", "张\uFFFD", "张〓", "张\uFFFC", "锟斤拷", "张锟斤拷",
			"ÕÅÈý", "Àî ËÄ", "å¼\u00a0ä¸‰", "\uE863\uFFFD", "ºÎÓÂ", "ºúÌÎ", "µËÌÎ", "å¼ ä¸‰", "ÖìéF»ù", "çŽ‹å°\u008fæ˜Ž", "éƒ\u00ad", "ŒO–V¢"},
		HiddenForDisplay: {"张*", "＊三", "张○○", "张〇〇", "张××", "张□", "张■", "张__", "张…", "张##", "张XX", "张X", "李xx", "张ＸＸ",
			"X三", "张OO", "王O明", "张о三", "张Ο", "王XO", "张✕", "张❌", "张☆", "张⚪", "张﹡", "张●●"},
		Note: {"张[沛]", "张（已离职）", "张(2)", "张三【本人】", "张三〔甲〕", "张<三>", "JOHN (JACK) SMITH", "张｛三｝"},
		Quotes: {"'张三", "‘张三’", "“张三”", `"张三"`, "＂张三＂", "「张三」", "『张三』", "«张三»", "`张三`", "'JOHN SMITH", "JOHN'", "张'三",
			"张＇三"},
		MixedLetters:     {"李子WEI", "王zhuo", "张三A", "赵C", "A三", "张XA", "XING李", "张é", "e\u0301张", "张の", "张リ", "金철수"},
		Label:            {"真实姓名张三", "户名", "Name", "NAME", "User Name", "姓名：张三", "姓名:张三", "姓名 张三", "姓名", "客户姓名", "真 实 姓 名", "Name: JOHN", "张三∶男", "=张三"},
		TwoPeople:        {"张三、李四", "张三,李四", "张三，李四", "张三;李四", "张三；李四", "张三/李四", "张三｜李四", "张三&李四", "张三+李四", "JOHN/SMITH", "张三 JOHN", "JOHN 张三", "张三,JOHN", "JOHN,"},
		Digits:           {"张三3", "张三３", "张三٣", "张三\U0001D7D1", "1张三", "张三①", "张Ⅲ", "张〡", "张²", "4.40524E+17", "张㈠"},
		Emoji:            {"张三😀", "张三❤️", "👨‍👩‍👧", "张三☺", "🇨🇳张三", "张三⭐"},
		Escaped:          {"%E5%BC%A0%E4%B8%89", `\u5f20\u4e09`, "&#24352;&#19977;", "阿依古丽&middot;买买提", "JOHN%20SMITH"},
		Placeholder:      {"null", "NULL", "nil", "none", "Undefined", "没有", "undefined", "NaN", "None", "N/A", "(null)", "<nil>", " null ", "无", "暂 无", "未知", "不详", "未填写"},
		SpreadsheetError: {"#N/A", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "＃N/A", "########"},
		Swapped:          {testNumber, "110105194912310021", " １１０１０５１９４９１２３１００２Ｘ ", "110105491231002", testMaskedNumber},
		AlreadyMasked:    {testMaskedName, strings.ToUpper(testMaskedName), testMaskedName[:32]},
		AlreadyEncrypted: {testEncryptedName, " " + testEncryptedName + "\n"},
		TooLong:          {strings.Repeat("三", maxNameLen+1), strings.Repeat("⾼", maxNameLen+1), strings.Repeat("三 ", maxNameLen+1), strings.Repeat("三.", 50) + "三"},
	} {
		for _, value := range values {
			t.Run(string(problem)+": "+value, func(t *testing.T) { requireNoName(t, refusal{value, problem}) })
		}
	}
}

// What looks the same is the same person.
func TestNamesThatLookTheSameAreSentTheSame(t *testing.T) {
	for name, test := range map[string]struct{ typed, want string }{
		"Kangxi radicals":                        {"⾼⽅", "高方"},
		"a radical of the supplement":            {"⻢云", "马云"},
		"a radical that is not in the BMP":       {"\u2e91三", "\U00021BC2三"},
		"a compatibility ideograph":              {"\uF9E1四", "李四"},
		"a compatibility ideograph alone":        {"\uF90A", "金"},
		"one of the supplement":                  {"\U0002F800三", "丽三"},
		"several spaces":                         {"欧 阳 \u3000娜\t 娜", "欧阳娜娜"},
		"a space beside a private-use character": {"王 \uE863", "王\uE863"},
		"a space beside a radical":               {"⾼ ⽅", "高方"},
		"spaces between Latin words":             {"JOHN\u00a0 \tSMITH", "JOHN SMITH"},
		"full-width Latin":                       {"ＪＯＨＮ　ＳＭＩＴＨ", "JOHN SMITH"},
		"a byte order mark before a space":       {"\ufeff 张三", "张三"},
		"a soft hyphen":                          {"JOHN\u00adSON", "JOHNSON"},
		"what cannot be seen beside private use": {"\uE863\u200b", "\uE863"},
		"an apostrophe as telephones type it":    {"O’NEILL", "O'NEILL"},
		"an apostrophe that is a letter":         {"O\u02bcNEILL", "O'NEILL"},
		"a hyphen that does not break":           {"ANNE\u2011MARIE", "ANNE-MARIE"},
		"a full-width comma between Latin words": {"SMITH，JOHN", "SMITH,JOHN"},
		"100 characters with spaces between":     {strings.Repeat("三 ", 100), strings.Repeat("三", 100)},
		"100 radicals":                           {strings.Repeat("⾼", 100), strings.Repeat("高", 100)},
		"100 characters and 166 that are not":    {strings.Repeat("三", 100) + strings.Repeat("\u200b", 166), strings.Repeat("三", 100)},
		"katakana for an ideograph":              {"张ニカハロエタトー", "张二力八口工夕卜一"},
		"half-width katakana for an ideograph":   {"张ﾆｶﾊﾛｴﾀﾄｰ", "张二力八口工夕卜一"},
		"bopomofo for an ideograph":              {"张ㄧㄚㄦ", "张一丫儿"},
		"katakana and a space":                   {"ニ 张", "二张"},
	} {
		t.Run(name, func(t *testing.T) { requireSent(t, test.typed, test.want) })
	}
	// White space, a blank of Braille, what cannot be seen.
	for _, unseen := range []string{" ", "\t", "\r\n", "\u3000", "\u00a0", "\u2028", "\u2800", "\u200b", "\ufeff", "\u200d", "\u200e", "\u202d", "\u202c", "\ufe00",
		"\U000E0100", "\u3164", "\u034f", "\u2060", "\U000E0001\U000E0065"} {
		t.Run(fmt.Sprintf("%+q around two ideographs", unseen), func(t *testing.T) { requireSent(t, unseen+"张"+unseen+"三"+unseen, "张三") })
	}
}

func TestALongValueIsRefusedBeforeAnythingIsDoneWithIt(t *testing.T) {
	for _, form := range []Form{Plain, Masked, Encrypted} {
		for _, value := range []string{"张" + strings.Repeat(" ", 300_000) + "三", strings.Repeat("三•", 1<<18), strings.Repeat("1", maxRaw+1),
			strings.Repeat("\xff", maxRaw+1), testEncryptedName + strings.Repeat(" ", maxRaw)} {
			sent, problem := Name(value, form)
			requireRefused(t, TooLong, UserName, value, sent, problem)
			sent, problem = Number(value, form, time.Now)
			requireRefused(t, TooLong, IdentifyNum, value, sent, problem)
		}
	}
	require.Equal(t, "***", DisplayName(strings.Repeat(" ", maxRaw)+"张三"))
	require.Equal(t, "***", DisplayNumber(strings.Repeat(" ", maxRaw)+testNumber))
}

// FuzzNamesThatNeedNoFolding checks that names which need no folding are never changed.
func FuzzNamesThatNeedNoFolding(f *testing.F) {
	f.Add([]byte("a seed that is long enough"))
	f.Fuzz(func(t *testing.T, seed []byte) {
		for alphabet, makeRune := range map[string]func(a, b byte) rune{
			"ideographs":  func(a, b byte) rune { return 0x4E00 + (rune(a)<<8|rune(b))%(0x9FFF-0x4E00+1) },
			"extension B": func(a, b byte) rune { return 0x20000 + (rune(a)<<8|rune(b))%0xA6DF },
			"Latin":       func(a, _ byte) rune { return rune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[a%52]) },
			"private use": func(a, b byte) rune { return 0xE000 + (rune(a)<<8|rune(b))%(0xF8FF-0xE000+1) },
		} {
			var name []rune
			for i := 0; i+1 < min(len(seed), 2*maxNameLen); i += 2 {
				name = append(name, makeRune(seed[i], seed[i+1]))
			}
			sent, problem := Name(string(name), Plain)
			if problem == "" {
				require.Equal(t, string(name), sent, alphabet)
				continue
			}
			require.Contains(t, []Problem{Empty, Label, LostCharacter, Placeholder, AlreadyMasked, AlreadyEncrypted}, problem, alphabet)
		}
	})
}
