package identity

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNumbersOfPeopleAreAccepted(t *testing.T) {
	for name, value := range map[string]string{
		"the standard's first sample":         testNumber,
		"the standard's second, born in 1880": "440524188001010014",
		"born on a leap day":                  "110105200002290021",
		"born on a leap day that is no 400":   "11010520240229002X",
		"born in 1800":                        "110105180001010029",
		"of a resident from Hong Kong":        "810105194912310025",
		"of a foreigner":                      "910105194912310029",
		"born on the last day of a month":     "110105202512310028",
	} {
		t.Run(name, func(t *testing.T) { requireNumberSent(t, value, value) })
	}
}

// What looks the same is the same person.
func TestNumbersThatLookTheSameAreSentTheSame(t *testing.T) {
	typed := map[string]string{
		"grouped by spaces":                  "110105 19491231 002X",
		"grouped by hyphens":                 "110105-19491231-002X",
		"grouped by hyphens and spaces":      "110105 - 19491231 - 002X",
		"grouped by fours":                   "1101 0519 4912 3100 2X",
		"a space before X":                   "11010519491231002 X",
		"one by one":                         "1 1 0 1 0 5 1 9 4 9 1 2 3 1 0 0 2 X",
		"ideographic and no-break spaces":    "110105\u300019491231\u00a0002X",
		"a line break, as a PDF has it":      "110105\r\n19491231002X",
		"a long sound mark for a dash":       "110105ー19491231ー002X",
		"the ideograph for one, for a dash":  "110105一19491231一002X",
		"a byte order mark":                  "\ufeff11010519491231002X",
		"a zero-width space":                 "110105\u200b19491231002X",
		"an override, as Excel copies it":    "\u202d11010519491231002X\u202c",
		"full-width, grouped, and a small ｘ": "１１０１０５－１９４９１２３１－００２ｘ",
	}
	for _, dash := range "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d─" {
		typed[fmt.Sprintf("the dash %U", dash)] = "110105" + string(dash) + "19491231" + string(dash) + "002X"
	}
	for _, x := range "xＸｘХхΧχⅩⅹ×✕✖╳⤫❎ˣ乂㐅\U0001D417\U0001D431" {
		typed[fmt.Sprintf("the X %U", x)] = "11010519491231002" + string(x)
	}
	for name, value := range typed {
		t.Run(name, func(t *testing.T) {
			requireNumberSent(t, value, testNumber)
			require.Equal(t, "110105********002X", DisplayNumber(value))
			_, problem := Name(value, Plain)
			require.Equal(t, Swapped, problem, "in the place of a name")
		})
	}
	t.Run("a number that ends in a digit may be grouped, too", func(t *testing.T) {
		requireNumberSent(t, "440524 18800101 0014", "440524188001010014")
	})
}

// The table of reasons: what a refused number probably is.
func TestARefusedNumberIsExplained(t *testing.T) {
	for problem, values := range map[Problem][]string{
		Empty:            {"", "\u3000 \n", "\ufeff", "\u200b \u3164"},
		NotUTF8:          {"11010519491231002\xd5"},
		ControlCharacter: {"11010519491231002\x00", "110105\x7f19491231002X"},
		LostCharacter:    {"110105?9491231002X", "110105\uFFFD9491231002X", "1101051949123100？X"},
		HiddenForDisplay: {"110105********002X", "110105＊＊＊＊＊＊＊＊002X", "110105XXXXXXXX002X", "110105xxxxxxxx002x", "110105××××××××002X",
			"110105○○○○○○○○002X", "110105…002X", "110105________002X", "110105●●●●●●●●002X", "110105........002X", "XX", "xx", "XXXXXXXXXXXXXXXXXX", "110105••••••••002X", "110105······002X", "1101**", "***"},
		SpreadsheetNumber: {"1.10105E+17", "1.10105e+17", "1.10105194912310E+17", "1.1E+17", "1.10105E17", "1.10105E 17", "1.10105E+017", "１.１０１０５Ｅ＋１７",
			"110105194912310000", "440524188001010000", "110105194912310000.0", "110105194912310000.00", "110,105,194,912,310,000", "1E+17", "1.10105×10^17", "1.10105x10^17", "1.10105*10^17", "1,10105E+17",
			" 4.40524E+17 "},
		SpreadsheetError: {"#N/A", "#VALUE!", "##########"},
		Placeholder:      {"null", "undefined", "NaN", "none", "N/A", "无", "没有", "未知"},
		Quotes:           {"'11010519491231002X", "‘11010519491231002X", "\"11010519491231002X\"", "“11010519491231002X”", "=\"11010519491231002X\"", "`11010519491231002X"},
		Escaped:          {"110105%2019491231%20002X", "%31%31%30%31%30%35", `11010519491231002\u0058`, "11010519491231002&#88;", "&#49;10105&nbsp;19491231002X", "&;"},
		Note:             {"11010519491231002X（本人）", "11010519491231002X(2)", "[11010519491231002X]"},
		Label:            {"身份证号：11010519491231002X", "身份证:11010519491231002X", "身份证号", "证件号码", "号码", "No.11010519491231002X", "张三11010519491231002X", "11010519491231002X 张三", "ID: 440524188001010014", "ID", "IDCard"},
		TwoPeople:        {"11010519491231002X、440524188001010014", "11010519491231002X 440524188001010014", "440524188001010014/11010519491231002X", "440524188001010014440524188001010014"},
		Digits:           {"١١٠١٠٥١٩٤٩١٢٣١٠٠٢X", "①①⓪①⓪⑤①⑨④⑨①②③①⓪⓪②X", "一一〇一〇五一九四九一二三一〇〇二X", "\U0001D7CF10105194912310020"},
		LetterForDigit:   {"1101O519491231002X", "11o1o519491231oo2X", "I1010519491231002X", "l1010519491231002X", "11010519491231OO2X"},
		FirstGeneration:  {"110105491231002", "１１０１０５４９１２３１００２", "110105 491231 002", "110105-491231-002"},
		Swapped:          {testName, " 张 三 ", "⾼飞", "JOHN SMITH", "MAXIMILIAN ALDERMAN", "阿依古丽•买买提"},
		AlreadyMasked:    {testMaskedNumber, strings.ToUpper(testMaskedNumber), strings.Repeat("1 ", maxRaw/2)},
		AlreadyEncrypted: {testEncryptedNumber},
		// The months 13 and 0, the days 0, 32, April 31 and February 29, the year 1799.
		BirthDate: {"110105194913010029", "11010519490001002X", "110105194912000021", "110105194912320025", "11010519490431002X", "110105200102290029",
			"110105190002290025", "110105179912310024"},
		FutureBirthDate: {"110105209912310029"},
		// Also a digit for X, X for a digit, and two digits that were exchanged.
		CheckDigit: {"110105194912310021", "110105194912310020", "44052418800101001X", "12010519491231002X", "10110519491231002X", " １2010519491231002x "},
		// A digit too few or too many, an X before the end, the characters before 0 and after 9, ı, whose last byte is a 1.
		NumberFormat: {"110105194912310002X", "1101051949123100X2", "11010519491231002Y", "1101051949123100/X", "1101051949123100:X", "ı1010519491231002X", "···",
			"-11010519491231002X", "11010519491231002X-", "110105.19491231.002X", "110105/19491231/002X", "E11010519", "1101051949123100X", "-", "1101051949123X002X",
			"110105 19491231 02X", "110105-19491231-002", "０"},
	} {
		for _, value := range values {
			t.Run(string(problem)+": "+value, func(t *testing.T) { requireNoNumber(t, refusal{value, problem}) })
		}
	}
}

func TestABirthDateIsADayOfTheCalendar(t *testing.T) {
	for _, year := range []int{1800, 1900, 1949, 2000, 2024, 2025} {
		for date := year * 10000; date < (year+1)*10000; date++ {
			digits := strconv.Itoa(date)
			want := BirthDate
			if _, err := time.Parse("20060102", digits); err == nil {
				want = ""
			}
			require.Equal(t, want, checkBirthDate(digits, time.Now), digits)
		}
	}
}

func TestExactlyOneCheckDigitIsRight(t *testing.T) {
	for _, number := range []string{testNumber, "440524188001010014", "11010520240229002X"} {
		for _, last := range "0123456789X" {
			changed := number[:17] + string(last)
			sent, problem := Number(changed, Plain, time.Now)
			if changed == number {
				require.Empty(t, problem)
				continue
			}
			requireRefused(t, CheckDigit, IdentifyNum, changed, sent, problem)
		}
	}
}

func TestTheDayOfBirthEndsInShanghai(t *testing.T) {
	const bornOnMarch1, bornOnMarch2 = "110105202603010020", "110105202603020026"
	zone := func(name string, hours int) *time.Location { return time.FixedZone(name, hours*60*60) }
	for name, test := range map[string]struct {
		number  string
		now     time.Time
		problem Problem
	}{
		"today is allowed":                                 {bornOnMarch1, time.Date(2026, 3, 1, 12, 0, 0, 0, zone("Shanghai", 8)), ""},
		"tomorrow is not":                                  {bornOnMarch2, time.Date(2026, 3, 1, 12, 0, 0, 0, zone("Shanghai", 8)), FutureBirthDate},
		"the last second of yesterday in Shanghai":         {bornOnMarch1, time.Date(2026, 2, 28, 15, 59, 59, 999999999, time.UTC), FutureBirthDate},
		"the first second of today in Shanghai":            {bornOnMarch1, time.Date(2026, 2, 28, 16, 0, 0, 0, time.UTC), ""},
		"still the day before in New York":                 {bornOnMarch1, time.Date(2026, 2, 28, 12, 0, 0, 0, zone("New York", -5)), ""},
		"already the day in Auckland, not yet in China":    {bornOnMarch1, time.Date(2026, 3, 1, 1, 0, 0, 0, zone("Auckland", 13)), FutureBirthDate},
		"yesterday is allowed":                             {bornOnMarch1, time.Date(2026, 3, 2, 0, 0, 0, 0, zone("Shanghai", 8)), ""},
		"a clock that was never set refuses nobody of old": {"110105202512310028", time.Unix(0, 0), ""},
	} {
		t.Run(name, func(t *testing.T) {
			sent, problem := Number(test.number, Plain, func() time.Time { return test.now })
			if test.problem == "" {
				require.Empty(t, problem)
				return
			}
			requireRefused(t, test.problem, IdentifyNum, test.number, sent, problem)
		})
	}
}
