package identity

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNumbersOfPeopleAreAccepted(t *testing.T) {
	for name, value := range map[string]string{
		"the standard's first sample":         testNumber,
		"the standard's second, born in 1880": "440524188001010014",
		"born on a leap day":                  "110105200002290029"[:17] + "1",
		"born on a leap day that is no 400":   "11010520240229002X",
		"born in 1800":                        "110105180001010029",
		"of a resident from Hong Kong":        "810105194912310025",
		"of a foreigner":                      "910105194912310029",
		"born on the last day of a month":     "11010520251231002" + "8",
	} {
		t.Run(name, func(t *testing.T) {
			sent, reason := Number(value, Plain, time.Now)
			require.Empty(t, reason)
			require.Equal(t, value, sent)
		})
	}
}

func TestNumbersOfNobodyAreRefused(t *testing.T) {
	for name, test := range map[string]struct{ value, reason string }{
		"empty":                            {"", reasonEmpty},
		"only white space":                 {"\u3000 \n", reasonEmpty},
		"one digit short":                  {"1101051949123100X", reasonNumber},
		"one digit long":                   {"110105194912310002X", reasonNumber},
		"first generation":                 {"110105491231002", reasonFirstGen},
		"first generation, full-width":     {"１１０１０５４９１２３１００２", reasonFirstGen},
		"an X before the end":              {"1101051949123100X2", reasonNumber},
		"another letter at the end":        {"11010519491231002Y", reasonNumber},
		"a slash, which is before 0":       {"1101051949123100/X", reasonNumber},
		"a colon, which is after 9":        {"1101051949123100:X", reasonNumber},
		"a passport's number":              {"E11010519", reasonNumber},
		"spaces inside":                    {"110105 19491231 002X", reasonNumber},
		"hyphens inside":                   {"110105-19491231-002X", reasonNumber},
		"Arabic digits":                    {"١١٠١٠٥١٩٤٩١٢٣١٠٠٢X", reasonNumber},
		"ı, whose last byte is a 1":        {"ı1010519491231002X", reasonNumber},
		"redacted":                         {"110105********002X", reasonStars},
		"redacted, full-width":             {"110105＊＊＊＊＊＊＊＊002X", reasonStars},
		"not UTF-8":                        {"11010519491231002\xd5", reasonNotUTF8},
		"a zero-width space":               {"110105\u200b19491231002X", reasonHidden},
		"a byte order mark":                {"\ufeff11010519491231002X", reasonHidden},
		"a left-to-right mark":             {"\u202d11010519491231002X", reasonHidden},
		"NUL":                              {"11010519491231002\x00", reasonHidden},
		"a name":                           {testName, reasonIsName},
		"a name of punctuation alone":      {"···", reasonIsName},
		"a name of 18 letters":             {"MAXIMILIAN ALDERMAN", reasonIsName},
		"a masked number":                  {testMaskedNumber, reasonMasked},
		"a masked number in capitals":      {strings.ToUpper(testMaskedNumber), reasonMasked},
		"an encrypted number":              {testEncryptedNumber, reasonEncrypted},
		"a document":                       {strings.Repeat("1", 1<<20), reasonMasked},
		"a long text":                      {strings.Repeat("1 ", 1<<20), reasonNumber},
		"the thirteenth month":             {"110105194913010029", reasonDate},
		"the month 0":                      {"11010519490001002X", reasonDate},
		"the day 0":                        {"110105194912000021", reasonDate},
		"the 32nd":                         {"110105194912320025", reasonDate},
		"the 31st of April":                {"11010519490431002X", reasonDate},
		"the 29th of February, no leap":    {"110105200102290029", reasonDate},
		"the 29th of February 1900":        {"110105190002290025", reasonDate},
		"born before 1800":                 {"110105179912310024", reasonDate},
		"born in 2099":                     {"110105209912310029", reasonFuture},
		"a wrong check digit":              {"110105194912310021", reasonCheckDigit},
		"X for a digit":                    {"44052418800101001X", reasonCheckDigit},
		"0 for X":                          {"110105194912310020", reasonCheckDigit},
		"one digit mistyped":               {"12010519491231002X", reasonCheckDigit},
		"two digits exchanged":             {"10110519491231002X", reasonCheckDigit},
		"wrong, small x, spaces, and wide": {" １2010519491231002x ", reasonCheckDigit},
	} {
		t.Run(name, func(t *testing.T) {
			sent, reason := Number(test.value, Plain, time.Now)
			requireRefused(t, test.reason, test.value, sent, reason)
			sent, reason = MaskNumber(test.value, time.Now)
			requireRefused(t, test.reason, test.value, sent, reason)
		})
	}
}

func TestExactlyOneCheckDigitIsRight(t *testing.T) {
	for _, number := range []string{testNumber, "440524188001010014", "11010520240229002X"} {
		for _, last := range "0123456789X" {
			changed := number[:17] + string(last)
			sent, reason := Number(changed, Plain, time.Now)
			if changed == number {
				require.Empty(t, reason)
				continue
			}
			requireRefused(t, reasonCheckDigit, changed, sent, reason)
		}
	}
}

func TestEveryMistypedDigitIsFound(t *testing.T) {
	for i := range 17 {
		for digit := byte('0'); digit <= '9'; digit++ {
			changed := []byte(testNumber)
			if changed[i] == digit {
				continue
			}
			changed[i] = digit
			_, reason := Number(string(changed), Plain, time.Now)
			require.NotEmpty(t, reason, "digit %d as %c", i+1, digit)
		}
	}
}

func TestTheDayOfBirthEndsInShanghai(t *testing.T) {
	const bornOnMarch1, bornOnMarch2 = "110105202603010020", "110105202603020026"
	zone := func(name string, hours int) *time.Location { return time.FixedZone(name, hours*60*60) }
	for name, test := range map[string]struct {
		number string
		now    time.Time
		reason string
	}{
		"today is allowed":                                 {bornOnMarch1, time.Date(2026, 3, 1, 12, 0, 0, 0, zone("Shanghai", 8)), ""},
		"tomorrow is not":                                  {bornOnMarch2, time.Date(2026, 3, 1, 12, 0, 0, 0, zone("Shanghai", 8)), reasonFuture},
		"the last second of yesterday in Shanghai":         {bornOnMarch1, time.Date(2026, 2, 28, 15, 59, 59, 999999999, time.UTC), reasonFuture},
		"the first second of today in Shanghai":            {bornOnMarch1, time.Date(2026, 2, 28, 16, 0, 0, 0, time.UTC), ""},
		"still the day before in New York":                 {bornOnMarch1, time.Date(2026, 2, 28, 12, 0, 0, 0, zone("New York", -5)), ""},
		"already the day in Auckland, not yet in China":    {bornOnMarch1, time.Date(2026, 3, 1, 1, 0, 0, 0, zone("Auckland", 13)), reasonFuture},
		"yesterday is allowed":                             {bornOnMarch1, time.Date(2026, 3, 2, 0, 0, 0, 0, zone("Shanghai", 8)), ""},
		"a clock that was never set refuses nobody of old": {"110105202512310028", time.Unix(0, 0), ""},
	} {
		t.Run(name, func(t *testing.T) {
			sent, reason := Number(test.number, Plain, func() time.Time { return test.now })
			if test.reason == "" {
				require.Empty(t, reason)
				return
			}
			requireRefused(t, test.reason, test.number, sent, reason)
		})
	}
}
