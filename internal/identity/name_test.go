package identity

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamesThatPeopleHaveAreAccepted(t *testing.T) {
	for name, value := range map[string]string{
		"two ideographs":                    "张三",
		"four ideographs":                   "欧阳娜娜",
		"one ideograph":                     "张",
		"outside the BMP":                   "𠮷野",
		"〇, which is no digit":              "刘〇",
		"numerals as ideographs":            "张一二三",
		"an ideograph of extension A":       "㑇三",
		"newer than Go's tables, plane 2":   "\U0002EBF0三",
		"newer than Go's tables, plane 3":   "\U000323B0三",
		"only newer than Go's tables":       "\U0002EBF0",
		"a private-use ideograph":           "王\uE863",
		"only private-use characters":       "\uE863\uE864",
		"private use in plane 15":           "王\U000F0000",
		"private use in plane 16":           "王\U0010FFFD",
		"middle dot U+00B7":                 "阿依古丽·买买提",
		"Latin letters and a space":         "JOHN SMITH",
		"Latin with an apostrophe":          "O'NEILL-JONES",
		"Latin with an accent, composed":    "Ren\u00e9",
		"Latin with an accent, as two":      "Rene\u0301",
		"Tibetan":                           "བཀྲ་ཤིས",
		"Uyghur":                            "ئايگۈل",
		"hex letters that are no md5":       "ABCDEF",
		"as long as allowed, ideographs":    strings.Repeat("三", maxNameLen),
		"as long as allowed, four bytes":    strings.Repeat("𠮷", maxNameLen),
		"long with spaces around":           strings.Repeat(" ", 1000) + "张三" + strings.Repeat(" ", 1000),
		"32 letters that could be hex":      strings.Repeat("a", 32),
		"the letter X":                      "X",
		"an ideograph for compatibility":    "\uF9D1三",
		"a space between ideographs (kept)": "张 三",
	} {
		t.Run(name, func(t *testing.T) {
			sent, reason := Name(value, Plain)
			require.Empty(t, reason)
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
			sent, reason := Name("阿依古丽"+dot+"买买提", Plain)
			require.Empty(t, reason)
			require.Equal(t, want, sent)
			masked, reason := MaskName("阿依古丽" + dot + "买买提")
			require.Empty(t, reason)
			require.Equal(t, "17ad63cd834bf7f355122b954e87dbcc依古丽·买买提", masked)
			sent, reason = Name("17ad63cd834bf7f355122b954e87dbcc依古丽"+dot+"买买提", Masked)
			require.Empty(t, reason)
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
		"two dots in a row":                      {"阿依古丽••买买提", "阿依古丽••买买提", "which one was meant, nobody can know"},
		"two different dots in a row":            {"阿依古丽.·买买提", "阿依古丽.·买买提", "which one was meant, nobody can know"},
		"a dot at the end":                       {"阿依古丽.", "阿依古丽.", "it separates nothing"},
		"a dot at the beginning":                 {"•阿依古丽", "•阿依古丽", "it separates nothing"},
		"only spaces behind the dot":             {"阿依古丽. ", "阿依古丽.", "it is at the end"},
		"a dot between Latin letters":            {"J.R. SMITH", "J.R. SMITH", "a foreigner's card has a full stop"},
		"a dot before a Latin letter":            {"张.J", "张.J", "the notice is about ideographs"},
		"a dot behind a Latin letter":            {"J.张", "J.张", "the notice is about ideographs"},
		"a dot beside a space":                   {"阿依古丽 • 买买提", "阿依古丽 • 买买提", "how a card has it is not known"},
		"a dot in Uyghur":                        {"ئايگۈل.مەمەت", "ئايگۈل.مەمەت", "the notice is about ideographs"},
		"an ideographic full stop":               {"阿依古丽。买买提", "阿依古丽。买买提", "it ends a sentence"},
		"a hyphen":                               {"阿依古丽-买买提", "阿依古丽-买买提", "it is no dot"},
		"100 characters, longer in bytes by it":  {strings.Repeat("三.", 49) + "三三", strings.Repeat("三·", 49) + "三三", "characters count"},
		"100 characters, shorter in bytes by it": {strings.Repeat("三•", 49) + "三三", strings.Repeat("三·", 49) + "三三", "characters count"},
	} {
		t.Run(name, func(t *testing.T) {
			sent, reason := Name(test.in, Plain)
			require.Empty(t, reason)
			require.Equal(t, test.want, sent, test.why)
			again, reason := Name(sent, Plain)
			require.Empty(t, reason)
			require.Equal(t, sent, again)
			masked, reason := MaskName(test.in)
			require.Empty(t, reason)
			fromNormal, _ := MaskName(sent)
			require.Equal(t, fromNormal, masked, "the same person is masked in two ways")
		})
	}
	t.Run("101 characters with a dot are too many, as without", func(t *testing.T) {
		in := strings.Repeat("三.", 50) + "三" // one dot is one dot: to change it never shortens a name
		sent, reason := Name(in, Plain)
		requireRefused(t, reasonLong, in, sent, reason)
	})
	t.Run("of a masked name, the dot behind the hidden character stays", func(t *testing.T) {
		sent, reason := Name(testMaskedName[:32]+"•三", Masked)
		require.Empty(t, reason)
		require.Equal(t, testMaskedName[:32]+"•三", sent)
	})
	t.Run("a dot is no reason to allocate", func(t *testing.T) {
		for _, in := range []string{"阿依古丽·买买提", "J. SMITH", "阿依古丽."} {
			require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = Name(in, Plain) }), in)
		}
	})
}

func TestNamesThatNobodyHasAreRefused(t *testing.T) {
	for name, test := range map[string]struct{ value, reason string }{
		"empty":                                  {"", reasonEmpty},
		"only white space":                       {" \t\u3000", reasonEmpty},
		"GBK":                                    {"\xd5\xc5\xc8\xfd", reasonNotUTF8},
		"cut inside a character":                 {"张\xe4\xb8", reasonNotUTF8},
		"a surrogate as three bytes":             {"张\xed\xa0\x80", reasonNotUTF8},
		"GBK that somebody decoded as UTF-8":     {"\uFFFD\uFFFD\uFFFD", reasonDamaged},
		"a digit":                                {"张三3", reasonDigits},
		"a full-width digit":                     {"张三３", reasonDigits},
		"an Arabic digit":                        {"张三٣", reasonDigits},
		"a mathematical digit outside the BMP":   {"张三\U0001D7D1", reasonDigits},
		"redacted":                               {"张*", reasonStars},
		"redacted, full-width":                   {"＊三", reasonStars},
		"a zero-width space":                     {"张\u200b三", reasonHidden},
		"a byte order mark":                      {"\ufeff张三", reasonHidden},
		"a zero-width joiner":                    {"张三\u200d", reasonHidden},
		"a soft hyphen":                          {"JOHN\u00adSON", reasonHidden},
		"a left-to-right mark, as Excel copies":  {"\u202d张三", reasonHidden},
		"a variation selector":                   {"张\ufe00三", reasonHidden},
		"an ideographic variation selector":      {"葛\U000E0100三", reasonHidden},
		"a Hangul filler, which is a letter":     {"\u3164", reasonHidden},
		"a combining grapheme joiner":            {"张\u034f三", reasonHidden},
		"NUL":                                    {"张三\x00", reasonHidden},
		"an escape":                              {"\x1b[31m张三", reasonHidden},
		"DEL":                                    {"张\x7f三", reasonHidden},
		"an unassigned code point":               {"张\u0378三", reasonHidden},
		"a noncharacter of the BMP":              {"张\uffff三", reasonHidden},
		"a noncharacter of plane 2":              {"张\U0002FFFE三", reasonHidden},
		"a tab inside":                           {"张\t三", reasonSpace},
		"a line break inside":                    {"张\n三", reasonSpace},
		"a line separator inside":                {"张\u2028三", reasonSpace},
		"an ideographic space inside":            {"张\u3000三", reasonSpace},
		"a no-break space inside":                {"JOHN\u00a0SMITH", reasonSpace},
		"a noncharacter of plane 15":             {"王\U000FFFFE", reasonHidden},
		"damaged beside a private-use character": {"\uE863\uFFFD", reasonDamaged},
		"invisible beside a private-use one":     {"\uE863\u200b", reasonHidden},
		"only punctuation":                       {"···", reasonNoLetter},
		"only a combining mark":                  {"\u0301", reasonNoLetter},
		"one character too long":                 {strings.Repeat("三", maxNameLen+1), reasonLong},
		"a whole document":                       {strings.Repeat("张三", 1<<20), reasonLong},
		"a number":                               {testNumber, reasonIsNumber},
		"a number with a wrong check digit":      {"110105194912310021", reasonIsNumber},
		"a full-width number with spaces around": {" １１０１０５１９４９１２３１００２Ｘ ", reasonIsNumber},
		"a number of the first generation":       {"110105491231002", reasonIsNumber},
		"a masked number":                        {testMaskedNumber, reasonIsNumber},
		"a masked name":                          {testMaskedName, reasonMasked},
		"a masked name in capitals":              {strings.ToUpper(testMaskedName), reasonMasked},
		"a masked name of one character":         {testMaskedName[:32], reasonMasked},
		"an encrypted name":                      {testEncryptedName, reasonEncrypted},
		"an encrypted name, spaces around":       {" " + testEncryptedName + "\n", reasonEncrypted},
	} {
		t.Run(name, func(t *testing.T) {
			sent, reason := Name(test.value, Plain)
			requireRefused(t, test.reason, test.value, sent, reason)
			sent, reason = MaskName(test.value)
			requireRefused(t, test.reason, test.value, sent, reason)
		})
	}
}
