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
		t.Run(name, func(t *testing.T) {
			sent, problem := Name(value, Plain)
			require.Empty(t, problem)
			require.Equal(t, strings.TrimSpace(value), sent)
		})
	}
}

func TestTheDotBetweenTwoIdeographsIsU00B7(t *testing.T) {
	const want = "阿依古丽·买买提"
	for name, dot := range map[string]string{
		"middle dot U+00B7": "·", "bullet U+2022": "•", "hyphenation point U+2027": "‧", "bullet operator U+2219": "∙",
		"dot operator U+22C5": "⋅", "katakana middle dot U+30FB": "・", "half-width katakana middle dot U+FF65": "･",
		"full-width full stop U+FF0E": "．", "full stop U+002E": ".",
	} {
		t.Run(name, func(t *testing.T) {
			sent, problem := Name("阿依古丽"+dot+"买买提", Plain)
			require.Empty(t, problem)
			require.Equal(t, want, sent)
			masked, problem := MaskName("阿依古丽" + dot + "买买提")
			require.Empty(t, problem)
			require.Equal(t, "17ad63cd834bf7f355122b954e87dbcc依古丽·买买提", masked)
			sent, problem = Name("17ad63cd834bf7f355122b954e87dbcc依古丽"+dot+"买买提", Masked)
			require.Empty(t, problem)
			require.Equal(t, masked, sent, "whoever masked it did not know of the notice")
		})
	}
}

func TestWhichDotsAreChanged(t *testing.T) {
	for name, test := range map[string]struct{ in, want, why string }{
		"two dots, each between ideographs":      {"阿.依•古", "阿·依·古", "each is the notice's"},
		"between ideographs outside the BMP":     {"𠮷.𠮷", "𠮷·𠮷", "they are ideographs"},
		"between ideographs newer than Go":       {"\U0002EBF0.\U000323B0", "\U0002EBF0·\U000323B0", "they are ideographs"},
		"between private-use characters":         {"\uE863.\uE864", "\uE863·\uE864", "they stand for ideographs"},
		"beside 〇":                               {"刘〇.〇刘", "刘〇·〇刘", "it is an ideograph in names"},
		"behind the first character":             {"阿•依", "阿·依", "masking must see it, too"},
		"between a radical and a radical":        {"⾼.⽅", "高·方", "they are ideographs when they are folded"},
		"between compatibility ideographs":       {"\uF90A.\uF9E1", "金·李", "they are ideographs when they are folded"},
		"a dot between Latin letters":            {"J.R. SMITH", "J.R. SMITH", "a foreigner's card has a full stop"},
		"a full-width full stop behind Latin":    {"J．SMITH", "J.SMITH", "it is the full stop in another width"},
		"a full stop before a Latin letter":      {"张.J", "张.J", "the notice is about ideographs"},
		"a full stop behind a Latin letter":      {"J.张", "J.张", "the notice is about ideographs"},
		"bullets in a mixed name":                {"卡尔•A●马克思", "卡尔·A·马克思", "no alphabet has a bullet"},
		"a dot in Uyghur":                        {"ئايگۈل.مەمەت", "ئايگۈل.مەمەت", "the notice is about ideographs"},
		"a bullet beside spaces":                 {"阿依古丽 • 买买提", "阿依古丽·买买提", "white space beside the dot is not seen on a card"},
		"a full stop beside spaces":              {"阿依古丽 . 买买提", "阿依古丽·买买提", "white space beside the dot is not seen on a card"},
		"a middle dot beside an unusual space":   {"阿依古丽\u3000·\u00a0买买提", "阿依古丽·买买提", "white space beside the dot is not seen on a card"},
		"a middle dot beside what is not seen":   {"阿依古丽\u200b•\ufeff买买提", "阿依古丽·买买提", "what is not seen is not there"},
		"100 characters, longer in bytes by it":  {strings.Repeat("三.", 49) + "三三", strings.Repeat("三·", 49) + "三三", "characters count"},
		"100 characters, shorter in bytes by it": {strings.Repeat("三•", 49) + "三三", strings.Repeat("三·", 49) + "三三", "characters count"},
	} {
		t.Run(name, func(t *testing.T) {
			sent, problem := Name(test.in, Plain)
			require.Empty(t, problem)
			require.Equal(t, test.want, sent, test.why)
			again, problem := Name(sent, Plain)
			require.Empty(t, problem)
			require.Equal(t, sent, again)
			masked, problem := MaskName(test.in)
			require.Empty(t, problem)
			fromNormal, _ := MaskName(sent)
			require.Equal(t, fromNormal, masked, "the same person is masked in two ways")
		})
	}
	t.Run("101 characters with a dot are too many, as without", func(t *testing.T) {
		in := strings.Repeat("三.", 50) + "三" // one dot is one dot: to change it never shortens a name
		sent, problem := Name(in, Plain)
		requireRefused(t, TooLong, UserName, in, sent, problem)
	})
	t.Run("of a masked name, the full stop behind the hidden character stays", func(t *testing.T) {
		sent, problem := Name(testMaskedName[:32]+".三", Masked)
		require.Empty(t, problem)
		require.Equal(t, testMaskedName[:32]+".三", sent)
	})
	t.Run("a dot is no problem to allocate", func(t *testing.T) {
		require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = Name("阿依古丽·买买提", Plain) }))
	})
}

func TestNamesThatNobodyHasAreRefused(t *testing.T) {
	for name, test := range map[string]refusal{
		"empty":                              {"", Empty},
		"only white space":                   {" \t\u3000", Empty},
		"only what cannot be seen":           {"\ufeff\u200b\u3164", Empty},
		"GBK":                                {"\xd5\xc5\xc8\xfd", NotUTF8},
		"cut inside a character":             {"张\xe4\xb8", NotUTF8},
		"a surrogate as three bytes":         {"张\xed\xa0\x80", NotUTF8},
		"not UTF-8 at the beginning":         {"\xff张三", NotUTF8},
		"not UTF-8 behind another flaw":      {"张3\xff", NotUTF8},
		"not UTF-8 in a document":            {strings.Repeat("\xff", maxRaw), NotUTF8},
		"NUL":                                {"张三\x00", ControlCharacter},
		"an escape":                          {"\x1b[31m张三", ControlCharacter},
		"DEL":                                {"张\x7f三", ControlCharacter},
		"a C1 control":                       {"张\u0080三", ControlCharacter},
		"an annotation":                      {"张\uFFF9三", ControlCharacter},
		"an unassigned code point":           {"张\u0378三", ControlCharacter},
		"a noncharacter of the BMP":          {"张\uffff三", ControlCharacter},
		"a noncharacter of plane 2":          {"张\U0002FFFE三", ControlCharacter},
		"a noncharacter of plane 15":         {"王\U000FFFFE", ControlCharacter},
		"only punctuation":                   {"···", NoLetter},
		"only a hyphen":                      {"-", NoLetter},
		"only a slash":                       {"/", NoLetter},
		"only a combining mark":              {"\u0301", Symbol},
		"a combining mark on an ideograph":   {"张\u0336三", Symbol},
		"a radical without an ideograph":     {"\u2e80三", Symbol},
		"a stroke":                           {"丁㇐", Symbol},
		"an ideographic description":         {"⿰木木三", Symbol},
		"a mathematical letter":              {"𝐉OHN", Symbol},
		"a ligature, as PDFs have them":      {"GRIFﬁTHS", Symbol},
		"a letter in a circle":               {"Ⓙohn", Symbol},
		"a mark for at":                      {"张三@", Symbol},
		"two dots in a row":                  {"阿依古丽••买买提", Dot},
		"two middle dots in a row":           {"阿依古丽··买买提", Dot},
		"two different dots in a row":        {"阿依古丽.·买买提", Dot},
		"two full stops behind Latin":        {"J.. SMITH", Dot},
		"a dot at the end":                   {"阿依古丽.", Dot},
		"a middle dot at the end":            {"阿依古丽·", Dot},
		"a dot at the beginning":             {"•阿依古丽", Dot},
		"a middle dot at the beginning":      {"·阿依古丽", Dot},
		"a full stop before Latin":           {".JOHN", Dot},
		"a bullet between Latin letters":     {"JOHN•SMITH", Dot},
		"an ideographic full stop":           {"阿依古丽。买买提", Dot},
		"an ideographic full stop at an end": {"张三。", Dot},
		"a hyphen between ideographs":        {"阿依古丽-买买提", Dot},
		"a dash between ideographs":          {"阿依古丽—买买提", Dot},
		"a hyphen at the end":                {"JOHN-", Dot},
		"displayed with a bullet":            {"张●●", HiddenForDisplay},
	} {
		t.Run(name, func(t *testing.T) { requireNoName(t, test) })
	}
}

func requireNoName(t *testing.T, test refusal) {
	t.Helper()
	sent, problem := Name(test.value, Plain)
	requireRefused(t, test.problem, UserName, test.value, sent, problem)
	sent, problem = MaskName(test.value)
	requireRefused(t, test.problem, UserName, test.value, sent, problem)
}

// The table of reasons: what a refused name probably is.
func TestARefusedNameIsExplained(t *testing.T) {
	for problem, values := range map[Problem][]string{
		LostCharacter: {"张?", "张？", "??", "\uFFFD\uFFFD\uFFFD", "张\uFFFD", "张〓", "张\uFFFC", "锟斤拷", "张锟斤拷",
			"ÕÅÈý", "Àî ËÄ", "å¼\u00a0ä¸‰", "\uE863\uFFFD", "ºÎÓÂ", "ºúÌÎ", "µËÌÎ", "å¼ ä¸‰", "ÖìéF»ù", "çŽ‹å°\u008fæ˜Ž", "éƒ\u00ad", "ŒO–V¢"},
		HiddenForDisplay: {"张*", "＊三", "张○○", "张〇〇", "张××", "张□", "张■", "张__", "张…", "张##", "张XX", "张X", "李xx", "张ＸＸ",
			"X三", "张OO", "王O明", "张о三", "张Ο", "王XO", "张✕", "张❌", "张☆", "张⚪", "张﹡"},
		Note: {"张[沛]", "张（已离职）", "张(2)", "张三【本人】", "张三〔甲〕", "张<三>", "JOHN (JACK) SMITH", "张｛三｝"},
		Quotes: {"'张三", "‘张三’", "“张三”", `"张三"`, "＂张三＂", "「张三」", "『张三』", "«张三»", "`张三`", "'JOHN SMITH", "JOHN'", "张'三",
			"张＇三"},
		MixedLetters:     {"李子WEI", "王zhuo", "张三A", "赵C", "A三", "张XA", "XING李", "张é", "e\u0301张", "张の", "张リ", "金철수"},
		Label:            {"真实姓名张三", "户名", "Name", "NAME", "User Name", "姓名：张三", "姓名:张三", "姓名 张三", "姓名", "客户姓名", "真 实 姓 名", "Name: JOHN", "张三∶男", "=张三"},
		TwoPeople:        {"张三、李四", "张三,李四", "张三，李四", "张三;李四", "张三；李四", "张三/李四", "张三｜李四", "张三&李四", "张三+李四", "JOHN/SMITH", "张三 JOHN", "JOHN 张三", "张三,JOHN", "JOHN,"},
		Digits:           {"张三3", "张三３", "张三٣", "张三\U0001D7D1", "1张三", "张三①", "张Ⅲ", "张〡", "张²", "4.40524E+17", "张㈠"},
		Emoji:            {"张三😀", "张三❤️", "👨‍👩‍👧", "张三☺", "🇨🇳张三", "张三⭐"},
		Escaped:          {"%E5%BC%A0%E4%B8%89", `\u5f20\u4e09`, "&#24352;&#19977;", "阿依古丽&middot;买买提", "JOHN%20SMITH"},
		Placeholder:      {"null", "NULL", "none", "Undefined", "没有", "undefined", "NaN", "None", "N/A", "(null)", "<nil>", " null ", "无", "暂 无", "未知", "不详", "未填写"},
		SpreadsheetError: {"#N/A", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "＃N/A", "########"},
	} {
		for _, value := range values {
			t.Run(string(problem)+": "+value, func(t *testing.T) { requireNoName(t, refusal{value, problem}) })
		}
	}
}

func TestALongNameOrAnotherValueInTheNamesPlaceIsRefused(t *testing.T) {
	for name, test := range map[string]refusal{
		"one character too long":                 {strings.Repeat("三", maxNameLen+1), TooLong},
		"a whole document":                       {strings.Repeat("张三", 1<<20), TooLong},
		"a number":                               {testNumber, Swapped},
		"a number with a wrong check digit":      {"110105194912310021", Swapped},
		"a full-width number with spaces around": {" １１０１０５１９４９１２３１００２Ｘ ", Swapped},
		"a number of the first generation":       {"110105491231002", Swapped},
		"a masked number":                        {testMaskedNumber, Swapped},
		"a masked name":                          {testMaskedName, AlreadyMasked},
		"a masked name in capitals":              {strings.ToUpper(testMaskedName), AlreadyMasked},
		"a masked name of one character":         {testMaskedName[:32], AlreadyMasked},
		"an encrypted name":                      {testEncryptedName, AlreadyEncrypted},
		"an encrypted name, spaces around":       {" " + testEncryptedName + "\n", AlreadyEncrypted},
	} {
		t.Run(name, func(t *testing.T) { requireNoName(t, test) })
	}
}

// What looks the same is the same person.
func TestNamesThatLookTheSameAreSentTheSame(t *testing.T) {
	for name, test := range map[string]struct{ typed, want string }{
		"Kangxi radicals":                        {"⾼⽅", "高方"},
		"a radical of the supplement":            {"⻢云", "马云"},
		"a radical that is not in the BMP":       {"\u2e91三", "\U00021BC2三"},
		"a compatibility ideograph":              {"\uF9E1四", "李四"},
		"another":                                {"\uF90A", "金"},
		"one of the supplement":                  {"\U0002F800三", "丽三"},
		"a space between ideographs":             {"张 三", "张三"},
		"a tab between ideographs":               {"张\t三", "张三"},
		"a line break between ideographs":        {"张\r\n三", "张三"},
		"an ideographic space":                   {"张\u3000三", "张三"},
		"a no-break space":                       {"张\u00a0三", "张三"},
		"a line separator":                       {"张\u2028三", "张三"},
		"several spaces":                         {"欧 阳 \u3000娜\t 娜", "欧阳娜娜"},
		"a space beside a private-use character": {"王 \uE863", "王\uE863"},
		"a space beside a radical":               {"⾼ ⽅", "高方"},
		"spaces between Latin words":             {"JOHN\u00a0 \tSMITH", "JOHN SMITH"},
		"a Braille blank":                        {"张\u2800三", "张三"},
		"full-width Latin":                       {"ＪＯＨＮ　ＳＭＩＴＨ", "JOHN SMITH"},
		"a zero-width space":                     {"张\u200b三", "张三"},
		"a byte order mark":                      {"\ufeff张三", "张三"},
		"a byte order mark before a space":       {"\ufeff 张三", "张三"},
		"a zero-width joiner":                    {"张三\u200d", "张三"},
		"a soft hyphen":                          {"JOHN\u00adSON", "JOHNSON"},
		"a left-to-right mark":                   {"张三\u200e", "张三"},
		"an override, as Excel copies it":        {"\u202d张三\u202c", "张三"},
		"a variation selector":                   {"张\ufe00三", "张三"},
		"an ideographic variation selector":      {"葛\U000E0100三", "葛三"},
		"a Hangul filler":                        {"\u3164张三", "张三"},
		"a combining grapheme joiner":            {"张\u034f三", "张三"},
		"a word joiner":                          {"张\u2060三", "张三"},
		"a language tag":                         {"张\U000E0001\U000E0065三", "张三"},
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
		t.Run(name, func(t *testing.T) {
			sent, problem := Name(test.typed, Plain)
			require.Empty(t, problem)
			require.Equal(t, test.want, sent)
			requireNothingToFold(t, sent)
			again, problem := Name(sent, Plain)
			require.Empty(t, problem)
			require.Equal(t, sent, again)
			masked, problem := MaskName(test.typed)
			require.Empty(t, problem)
			want, problem := MaskName(sent)
			require.Empty(t, problem)
			require.Equal(t, want, masked, "the same person is masked in two ways")
		})
	}
	for _, dot := range "●▪◦∘﹒\u2024\u0387\u2E31\u2981•‧∙⋅・･．." {
		t.Run(fmt.Sprintf("the dot %U", dot), func(t *testing.T) {
			sent, problem := Name("阿依古丽"+string(dot)+"买买提", Plain)
			require.Empty(t, problem)
			require.Equal(t, "阿依古丽·买买提", sent)
		})
	}
}

func TestALongFoldedNameIsRefused(t *testing.T) {
	for name, value := range map[string]string{
		"101 radicals":                strings.Repeat("⾼", 101),
		"101 characters with spaces":  strings.Repeat("三 ", 101),
		"a document of dots":          strings.Repeat("三•", 1<<18),
		"a document of spaces, Latin": strings.Repeat("A ", 1<<19),
	} {
		t.Run(name, func(t *testing.T) {
			sent, problem := Name(value, Plain)
			require.Equal(t, TooLong, problem)
			require.Empty(t, sent)
		})
	}
	t.Run("what cannot be seen is empty up to the longest value", func(t *testing.T) {
		_, problem := Name(strings.Repeat("\u00ad", maxRaw/2), Plain)
		require.Equal(t, Empty, problem)
	})
	t.Run("whatever it is, a long value is refused before anything is done with it", func(t *testing.T) {
		for _, form := range []Form{Plain, Masked, Encrypted} {
			for _, value := range []string{"张" + strings.Repeat(" ", 300_000) + "三", strings.Repeat("1", maxRaw+1), strings.Repeat("\xff", maxRaw+1), testEncryptedName + strings.Repeat(" ", maxRaw)} {
				sent, problem := Name(value, form)
				requireRefused(t, TooLong, UserName, value, sent, problem)
				sent, problem = Number(value, form, time.Now)
				requireRefused(t, TooLong, IdentifyNum, value, sent, problem)
			}
		}
		require.Equal(t, "***", DisplayName(strings.Repeat(" ", maxRaw)+"张三"))
		require.Equal(t, "***", DisplayNumber(strings.Repeat(" ", maxRaw)+testNumber))
	})
	t.Run("the ciphertext of the longest name is not too long", func(t *testing.T) {
		_, problem := Name(cipherText(0x04, 97+4*maxNameLen), Encrypted)
		require.Empty(t, problem)
	})
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
