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
		"middle dot U+00B7":                 "阿依古丽·买买提",
		"bullet U+2022":                     "阿依古丽•买买提",
		"hyphenation point U+2027":          "阿依古丽‧买买提",
		"katakana middle dot U+30FB":        "阿依古丽・买买提",
		"half-width middle dot U+FF65":      "阿依古丽･买买提",
		"full stop U+FF0E":                  "阿依古丽．买买提",
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
		"a private-use ideograph":                {"王\uE863", reasonPrivate},
		"a private-use character of plane 15":    {"王\U000F0000", reasonPrivate},
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
