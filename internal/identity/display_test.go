package identity

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestDisplayName(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"two characters":                {"张三", "张*"},
		"four characters":               {"欧阳娜娜", "欧***"},
		"outside the BMP":               {"𠮷野", "𠮷*"},
		"newer than Go's tables":        {"\U0002EBF0三", "\U0002EBF0*"},
		"a private-use character":       {"\uE863三", "\uE863*"},
		"〇":                             {"〇刘", "〇*"},
		"with a dot":                    {"阿依古丽•买买提", "阿*******"},
		"Latin letters":                 {"JOHN SMITH", "J*********"},
		"a radical":                     {"⾼飞", "高*"},
		"a space inside":                {"张 三", "张*"},
		"an accent as two characters":   {"e\u0301a", "e**"},
		"white space around":            {" \u3000李四\n", "李*"},
		"displayed already":             {"张*", "张*"},
		"with a digit":                  {"张3", "张*"},
		"as long as a name may be":      {strings.Repeat("三", 100), "三" + strings.Repeat("*", 99)},
		"one character":                 {"张", "*"},
		"one character outside the BMP": {"𠮷", "*"},
		"empty":                         {"", "*"},
		"only white space":              {" \t\u3000", "*"},
		"longer than any name":          {strings.Repeat("三", 101), "***"},
		"a document":                    {strings.Repeat("张三", 1<<20), "***"},
		"a number in its place":         {testNumber, "***"},
		"a masked name":                 {testMaskedName, "***"},
		"a masked name, a letter first": {"a" + testMaskedName[1:], "***"},
		"an encrypted name":             {testEncryptedName, "***"},
		"a digit first":                 {"1张", "***"},
		"a formula":                     {"=张三", "***"},
		"a dot first":                   {"·张", "***"},
		"GBK":                           {"\xd5\xc5\xc8\xfd", "***"},
		"U+FFFD first":                  {"\uFFFD三", "***"},
		"an invisible character first":  {"\u200b张三", "张*"},
		"a blank letter first":          {"\u3164张三", "张*"},
		"an invisible character later":  {"张\u202e三", "张*"},
		"an escape sequence":            {"\x1b[31m张", "***"},
		"a line break":                  {"张\n三", "张*"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, DisplayName(test.in)) })
	}
}

func TestDisplayNumber(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"ends in X":                      {testNumber, "110105********002X"},
		"ends in a digit":                {"440524188001010014", "440524********0014"},
		"a small x":                      {"11010519491231002x", "110105********002X"},
		"full-width, white space around": {"\u3000１１０１０５１９４９１２３１００２ｘ\n", "110105********002X"},
		"grouped":                        {"110105 19491231 002X", "110105********002X"},
		"with hyphens and a Cyrillic Х":  {"110105-19491231-002Х", "110105********002X"},
		"what cannot be seen":            {"\ufeff11010519491231002X\u200e", "110105********002X"},
		"a wrong check digit":            {"110105194912310021", "110105********0021"},
		"displayed already":              {"110105********002X", "110105********002X"},
		"empty":                          {"", "***"},
		"only white space":               {" \u3000", "***"},
		"a name":                         {testName, "***"},
		"a name of 18 letters":           {"MAXIMILIAN ALDERMA", "***"},
		"first generation":               {"110105491231002", "***"},
		"one digit short":                {"1101051949123100X", "***"},
		"one digit long":                 {"110105194912310002X", "***"},
		"a letter in the area":           {"1101A519491231002X", "***"},
		"a letter in the tail":           {"1101051949123100AX", "***"},
		"another letter at the end":      {"11010519491231002A", "***"},
		"a hyphen in the tail":           {"1101051949123100-X", "***"},
		"NUL at the end":                 {"11010519491231002\x00", "***"},
		"not UTF-8":                      {"11010519491231002\xd5", "***"},
		"a masked number":                {testMaskedNumber, "***"},
		"an encrypted number":            {testEncryptedNumber, "***"},
		"a document":                     {strings.Repeat("1", 1<<20), "***"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, DisplayNumber(test.in)) })
	}
}

// What is displayed can be shown anywhere and is never taken for a person.
func FuzzDisplay(f *testing.F) {
	addLooks(f)
	f.Fuzz(func(t *testing.T, s string) {
		for name, shown := range map[string]string{"DisplayName": DisplayName(s), "DisplayNumber": DisplayNumber(s)} {
			require.Contains(t, shown, "*", name)
			require.True(t, utf8.ValidString(shown), name)
			require.LessOrEqual(t, utf8.RuneCountInString(shown), maxNameLen, name)
			for _, r := range shown {
				require.True(t, !isUnseen(r) && (unicode.IsGraphic(r) || isIdeograph(r)), "%s shows %U", name, r)
			}
			for _, form := range []Form{Plain, Masked, Encrypted} {
				_, problem := Name(shown, form)
				require.NotEmpty(t, problem, name)
				_, problem = Number(shown, form, time.Now)
				require.NotEmpty(t, problem, name)
			}
		}
		if rest := strings.TrimRight(DisplayName(s), "*"); rest != "" {
			require.Equal(t, 1, utf8.RuneCountInString(rest), "more than one character is shown")
		}
		num := DisplayNumber(s)
		require.Equal(t, num, DisplayNumber(num))
		require.Equal(t, DisplayName(s), DisplayName(DisplayName(s)))
	})
}
