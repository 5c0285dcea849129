package id2meta

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	testName   = "张三"
	testNumber = "11010519491231002X"

	testMaskedName   = "6499fc7409049355527ef6a2ba5706b8三"
	testMaskedNumber = "110105f8817a477938df5a3e7763cadc5a9abb002X"
)

// What testName and testNumber may look like encrypted. Nobody has the key: the
// root package looks at the shape alone.
var (
	testEncryptedName   = cipherText(0x04, 97+len(testName))
	testEncryptedNumber = cipherText(0x04, 97+len(testNumber))
)

// cipherText is the Base64 of n bytes, of which only the first means anything.
func cipherText(first byte, n int) string {
	return base64.StdEncoding.EncodeToString(append([]byte{first}, bytes.Repeat([]byte{0xfb, 0xef}, n/2+1)[:n-1]...))
}

// allReasons is what a ParamError may say. Fuzzing compares with it: whoever is
// in the list cannot repeat a part of a value.
var allReasons = []string{
	reasonType, reasonEmpty, reasonNotUTF8, reasonDamaged, reasonStars, reasonSpace, reasonHidden,
	reasonMasked, reasonLong, reasonDigits, reasonPrivate, reasonNoLetter, reasonIsNumber, reasonIsName,
	reasonFirstGen, reasonNumber, reasonDate, reasonFuture, reasonCheckDigit,
	reasonNotMaskedName, reasonNotMaskedNumber,
	reasonEncrypted, reasonPlain, reasonNotSM2, reasonBase64, reasonHex, reasonShort, reasonFirstByte,
}

// requireParamError checks the error and that nothing of value is in it.
func requireParamError(t *testing.T, err error, field, reason, value string) {
	t.Helper()
	require.Error(t, err)
	var paramErr *ParamError
	require.ErrorAs(t, err, &paramErr)
	require.ErrorIs(t, err, ErrInvalidParam)
	assert.Equal(t, ParamError{Field: field, Reason: reason}, *paramErr)
	assert.Equal(t, "id2meta: invalid "+field+": "+reason, err.Error())
	runes := []rune(strings.ToValidUTF8(value, ""))
	for i := 0; i+3 <= min(len(runes), 1000); i++ {
		assert.NotContains(t, err.Error(), string(runes[i:i+3]), "a part of the value is in the error")
	}
}

func TestNormalizeReturnsWhatIsSent(t *testing.T) {
	person := Param{ParamTypeNormal, testName, testNumber}
	masked := Param{ParamTypeMD5, testMaskedName, testMaskedNumber}
	encrypted := Param{ParamTypeSM2, testEncryptedName, testEncryptedNumber}
	for name, test := range map[string]struct{ in, want Param }{
		"a normal Param stays as it is":           {person, person},
		"the zero ParamType becomes normal":       {Param{"", testName, testNumber}, person},
		"a small x becomes X":                     {Param{"", testName, "11010519491231002x"}, person},
		"a full-width number becomes half-width":  {Param{"", testName, "１１０１０５１９４９１２３１００２Ｘ"}, person},
		"a small full-width x becomes X":          {Param{"", testName, "11010519491231002ｘ"}, person},
		"a number may be mixed in width":          {Param{"", testName, "1101051949１２３１002X"}, person},
		"spaces and tabs around are removed":      {Param{"", " \t张三\r\n", "\n 11010519491231002X \t"}, person},
		"ideographic spaces around are removed":   {Param{"", "\u3000张三\u3000", "\u300011010519491231002X\u3000"}, person},
		"no-break spaces around are removed":      {Param{"", "\u00a0张三\u00a0", "\u00a011010519491231002X\u00a0"}, person},
		"a number may end in a digit":             {Param{"", testName, "440524188001010014"}, Param{ParamTypeNormal, testName, "440524188001010014"}},
		"a masked Param stays as it is":           {masked, masked},
		"a masked number's x becomes X":           {Param{ParamTypeMD5, testMaskedName, testMaskedNumber[:41] + "x"}, masked},
		"a masked number may be full-width":       {Param{ParamTypeMD5, testMaskedName, testMaskedNumber[:41] + "Ｘ"}, masked},
		"spaces around masked fields are removed": {Param{ParamTypeMD5, " " + testMaskedName + "\u3000", "\t" + testMaskedNumber + "\n"}, masked},
		"an encrypted Param stays as it is":       {encrypted, encrypted},
		"spaces around ciphertexts are removed":   {Param{ParamTypeSM2, " " + testEncryptedName + "\u3000", "\t" + testEncryptedNumber + "\r\n"}, encrypted},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.in.Normalize()
			require.NoError(t, err)
			if got != test.want { // Equal would print the redacted form
				t.Fatalf("got %q %q %q", got.ParamType, got.UserName, got.IdentifyNum)
			}
			again, err := got.Normalize()
			require.NoError(t, err)
			require.True(t, again == got, "to normalize twice changed something")
			require.NoError(t, test.in.Validate())
		})
	}
}

func TestNormalizeAllocatesNothingForNormalInput(t *testing.T) {
	for _, param := range []Param{
		{ParamTypeNormal, testName, testNumber},
		{ParamTypeMD5, testMaskedName, testMaskedNumber},
	} {
		assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = param.Normalize() }), param.ParamType)
	}
}

func TestNormalizeGivesTheZeroParamBesideAnError(t *testing.T) {
	for _, param := range []Param{
		{"sm9", testName, testNumber},
		{ParamTypeNormal, "", testNumber},
		{ParamTypeNormal, testName, ""},
		{ParamTypeMD5, testName, testMaskedNumber},
		{ParamTypeMD5, testMaskedName, testNumber},
		{ParamTypeSM2, testName, testEncryptedNumber},
		{ParamTypeSM2, testEncryptedName, testNumber},
	} {
		got, err := param.Normalize()
		require.Error(t, err)
		require.True(t, got == Param{})
	}
}

func TestAnUnknownParamTypeIsRefused(t *testing.T) {
	for _, paramType := range []ParamType{"MD5", "SM2", "sm9", "plain", testName, testNumber} {
		err := Param{paramType, testName, testNumber}.Validate()
		requireParamError(t, err, "ParamType", reasonType, string(paramType)+testName+testNumber)
	}
}

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
			got, err := Param{"", value, testNumber}.Normalize()
			require.NoError(t, err)
			require.Equal(t, strings.TrimSpace(value), got.UserName)
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
			err := Param{"", test.value, testNumber}.Validate()
			requireParamError(t, err, "UserName", test.reason, test.value)
			_, err = MaskUserName(test.value)
			requireParamError(t, err, "UserName", test.reason, test.value)
			_, err = MD5Param(test.value, testNumber)
			requireParamError(t, err, "UserName", test.reason, test.value)
		})
	}
}

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
			require.NoError(t, Param{"", testName, value}.Validate())
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
			err := Param{"", testName, test.value}.Validate()
			requireParamError(t, err, "IdentifyNum", test.reason, test.value)
			_, err = MaskIdentifyNum(test.value)
			requireParamError(t, err, "IdentifyNum", test.reason, test.value)
			_, err = MD5Param(testName, test.value)
			requireParamError(t, err, "IdentifyNum", test.reason, test.value)
		})
	}
}

func TestExactlyOneCheckDigitIsRight(t *testing.T) {
	for _, number := range []string{testNumber, "440524188001010014", "11010520240229002X"} {
		for _, last := range "0123456789X" {
			changed := number[:17] + string(last)
			err := Param{"", testName, changed}.Validate()
			if changed == number {
				require.NoError(t, err)
				continue
			}
			requireParamError(t, err, "IdentifyNum", reasonCheckDigit, changed)
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
			require.Error(t, Param{"", testName, string(changed)}.Validate(), "digit %d as %c", i+1, digit)
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
			_, err := Param{"", testName, test.number}.normalize(func() time.Time { return test.now })
			if test.reason == "" {
				require.NoError(t, err)
				return
			}
			requireParamError(t, err, "IdentifyNum", test.reason, test.number)
		})
	}
}

func TestMaskedFieldsMustHaveTheirShape(t *testing.T) {
	t.Run("the vendor's published shapes are accepted", func(t *testing.T) {
		require.NoError(t, Param{ParamTypeMD5, testMaskedName, "42900132fa7bcd874161bea8ec8fd98f390ec98211"}.Validate())
	})
	t.Run("a name of one character has no rest", func(t *testing.T) {
		require.NoError(t, Param{ParamTypeMD5, testMaskedName[:32], testMaskedNumber}.Validate())
	})
	t.Run("the rest of a name may be as long as a name allows", func(t *testing.T) {
		masked, err := MD5Param(strings.Repeat("三", maxNameLen), testNumber)
		require.NoError(t, err)
		require.NoError(t, masked.Validate())
	})

	digest := testMaskedName[:32]
	for name, test := range map[string]struct{ value, reason string }{
		"empty":                     {"", reasonEmpty},
		"a plaintext name":          {testName, reasonNotMaskedName},
		"a plaintext number":        {testNumber, reasonNotMaskedName},
		"a digest in capitals":      {strings.ToUpper(digest) + "三", reasonNotMaskedName},
		"a digest with one capital": {"A" + digest[1:] + "三", reasonNotMaskedName},
		"a digest one digit short":  {digest[1:] + "三", reasonNotMaskedName},
		"a digest with a g":         {"g" + digest[1:] + "三", reasonNotMaskedName},
		"digits in the rest":        {digest + "三3", reasonDigits},
		"two digests":               {digest + digest, reasonDigits},
		"a zero-width space":        {digest + "\u200b三", reasonHidden},
		"a byte order mark":         {"\ufeff" + digest + "三", reasonNotMaskedName},
		"GBK in the rest":           {digest + "\xc8\xfd", reasonNotUTF8},
		"redacted in the rest":      {digest + "*", reasonStars},
		"a tab in the rest":         {digest + "三\t三", reasonSpace},
		"private use in the rest":   {digest + "\uE863", reasonPrivate},
		"a document in the rest":    {digest + strings.Repeat("三", maxNameLen+1), reasonLong},
		"a masked number":           {testMaskedNumber, reasonIsNumber},
	} {
		t.Run("UserName: "+name, func(t *testing.T) {
			err := Param{ParamTypeMD5, test.value, testMaskedNumber}.Validate()
			requireParamError(t, err, "UserName", test.reason, test.value)
		})
	}

	area, birth := testMaskedNumber[:6], testMaskedNumber[6:38]
	for name, test := range map[string]struct{ value, reason string }{
		"empty":                         {"", reasonEmpty},
		"a plaintext number":            {testNumber, reasonNotMaskedNumber},
		"a plaintext name":              {testName, reasonNotMaskedNumber},
		"the md5 of the whole number":   {birth, reasonNotMaskedNumber},
		"a digest in capitals":          {area + strings.ToUpper(birth) + "002X", reasonNotMaskedNumber},
		"a letter in the area":          {"a" + area[1:] + birth + "002X", reasonNotMaskedNumber},
		"a digest one digit short":      {area + birth[1:] + "002X", reasonNotMaskedNumber},
		"a digest with a g":             {area + "g" + birth[1:] + "002X", reasonNotMaskedNumber},
		"a letter in the tail":          {area + birth + "0a2X", reasonNotMaskedNumber},
		"another letter at the end":     {area + birth + "002Y", reasonNotMaskedNumber},
		"a letter of ｘ's bytes, cut":    {area + birth + "002\xef", reasonNotMaskedNumber},
		"one digit more":                {area + birth + "0023X", reasonNotMaskedNumber},
		"a space inside":                {area + " " + birth + "002X", reasonNotMaskedNumber},
		"a masked name":                 {testMaskedName, reasonIsName},
		"redacted":                      {"***", reasonNotMaskedNumber},
		"a document that begins as one": {testMaskedNumber + strings.Repeat("1", 1<<20), reasonNotMaskedNumber},
	} {
		t.Run("IdentifyNum: "+name, func(t *testing.T) {
			err := Param{ParamTypeMD5, testMaskedName, test.value}.Validate()
			requireParamError(t, err, "IdentifyNum", test.reason, test.value)
		})
	}
}

func TestEncryptedFieldsMustHaveTheirShape(t *testing.T) {
	for name, value := range map[string]string{
		"98 bytes, of a name of one letter":       cipherText(0x04, 98),
		"99 bytes, which need no padding":         cipherText(0x04, 99),
		"100 bytes, which need two padding signs": cipherText(0x04, 100),
		"the longest name":                        cipherText(0x04, 97+maxNameLen*4),
	} {
		t.Run(name+" is accepted in both fields", func(t *testing.T) {
			require.NoError(t, Param{ParamTypeSM2, value, value}.Validate())
		})
	}

	good := cipherText(0x04, 98)
	require.Contains(t, good, "+", "the table below needs one")
	require.Contains(t, good, "=", "the table below needs one")
	type test struct{ value, reason string }
	both := map[string]test{
		"empty":                             {"", reasonEmpty},
		"only white space":                  {" \t\u3000", reasonEmpty},
		"97 bytes, so nothing is encrypted": {cipherText(0x04, 97), reasonShort},
		"two bytes":                         {"BA8=", reasonShort},
		"without the first byte 0x04":       {cipherText(0xfb, 98), reasonFirstByte},
		"with a compressed C1":              {cipherText(0x02, 98), reasonFirstByte},
		"with a compressed C1 of odd y":     {cipherText(0x03, 98), reasonFirstByte},
		"in ASN.1":                          {cipherText(0x30, 98), reasonFirstByte},
		"hybrid":                            {cipherText(0x06, 98), reasonFirstByte},
		"without padding":                   {strings.TrimRight(good, "="), reasonBase64},
		"with too much padding":             {good + "=", reasonBase64},
		"with the padding of two":           {good[:len(good)-2] + "==", reasonBase64},
		"for URLs":                          {strings.NewReplacer("+", "-", "/", "_").Replace(good), reasonBase64},
		"after a form made + a space":       {strings.ReplaceAll(good, "+", " "), reasonBase64},
		"escaped for a URL":                 {strings.ReplaceAll(good, "+", "%2B"), reasonBase64},
		"in lines as MIME has it":           {good[:76] + "\r\n" + good[76:], reasonBase64},
		"in lines":                          {good[:64] + "\n" + good[64:], reasonBase64},
		"with a tab":                        {good[:64] + "\t" + good[64:], reasonBase64},
		"with bits after the last byte":     {good[:len(good)-2] + "9=", reasonBase64},
		"in hex":                            {"04" + strings.Repeat("fb", 97), reasonHex},
		"quoted":                            {`"` + good + `"`, reasonBase64},
		"with a byte order mark":            {"\ufeff" + good, reasonBase64},
		"two":                               {good + good, reasonBase64},
		"not UTF-8":                         {"\xd5\xc5\xc8\xfd", reasonBase64},
		"redacted":                          {"***", reasonBase64},
		"a document":                        {strings.Repeat("三", 1<<20), reasonBase64},
	}
	names := map[string]test{
		"a name":                         {testName, reasonPlain},
		"a name of Latin letters":        {"JOHN", reasonPlain},
		"a name with spaces around":      {" " + testName, reasonPlain},
		"a masked name":                  {testMaskedName, reasonNotSM2},
		"a masked name of one character": {testMaskedName[:32], reasonNotSM2},
		"a number":                       {testNumber, reasonIsNumber},
		"a full-width number":            {"１１０１０５１９４９１２３１００２Ｘ", reasonIsNumber},
		"a masked number":                {testMaskedNumber, reasonIsNumber},
	}
	numbers := map[string]test{
		"a number":                       {testNumber, reasonPlain},
		"a number with spaces, and wide": {" １1010519491231002x ", reasonPlain},
		"one of the first generation":    {"110105491231002", reasonPlain},
		"a masked number":                {testMaskedNumber, reasonNotSM2},
		"a masked number of a small x":   {testMaskedNumber[:41] + "x", reasonNotSM2},
		"a name":                         {testName, reasonIsName},
		"a name of Latin letters":        {"JOHN", reasonIsName},
	}
	for _, table := range []map[string]test{both, names} {
		for name, test := range table {
			t.Run("UserName: "+name, func(t *testing.T) {
				err := Param{ParamTypeSM2, test.value, testEncryptedNumber}.Validate()
				requireParamError(t, err, "UserName", test.reason, test.value)
			})
		}
	}
	for _, table := range []map[string]test{both, numbers} {
		for name, test := range table {
			t.Run("IdentifyNum: "+name, func(t *testing.T) {
				err := Param{ParamTypeSM2, testEncryptedName, test.value}.Validate()
				requireParamError(t, err, "IdentifyNum", test.reason, test.value)
			})
		}
	}
}

func TestSwappedFieldsSaySo(t *testing.T) {
	for _, param := range []Param{
		{ParamTypeNormal, testNumber, testName},
		{ParamTypeMD5, testMaskedNumber, testMaskedName},
		{ParamTypeSM2, testNumber, testName},
	} {
		requireParamError(t, param.Validate(), "UserName", reasonIsNumber, param.UserName+param.IdentifyNum)
	}
}

// requireNoPerson fails if text shows any part of the test person, in plain, in
// hex, as bytes or escaped.
func requireNoPerson(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{testName, testNumber, testMaskedName, testMaskedNumber, testEncryptedName, testEncryptedNumber} {
		for _, form := range []string{"%s", "%x", "%X", "% x", "%d", "%+q"} {
			shown := strings.Trim(fmt.Sprintf(form, []byte(secret)), `[]"`)
			if form == "%+q" {
				shown = strings.Trim(fmt.Sprintf(form, secret), `"`)
			}
			// The first half is enough to be a leak.
			require.NotContains(t, text, shown[:len(shown)/2])
		}
	}
	require.NotContains(t, text, "三")
}

func TestNoVerbShowsThePerson(t *testing.T) {
	type exported struct {
		Inner   Param
		Pointer *Param
	}
	for _, param := range []Param{
		{ParamTypeNormal, testName, testNumber},
		{ParamTypeMD5, testMaskedName, testMaskedNumber},
		{ParamTypeSM2, testEncryptedName, testEncryptedNumber},
		{testName, testNumber, "normal"}, // three strings in the wrong order
		{ParamType(testNumber), testName, testNumber},
	} {
		for _, verb := range []string{
			"%v", "%+v", "%#v", "%s", "%+s", "%#s", "%q", "%+q", "%#q", "%x", "% x", "%#x", "%X", "%d", "%o", "%b",
			"%c", "%U", "%e", "%g", "%t", "%5v", "%-40v", "%.1v", "%010d", "%z",
			"a format without a verb, after which fmt prints the argument all the same",
		} {
			for name, value := range map[string]any{
				"value":   param,
				"pointer": &param,
				"slice":   []Param{param},
				"array":   [1]Param{param},
				"map":     map[string]Param{"a": param},
				"map key": map[Param]bool{param: true},
				"struct":  exported{param, &param},
				"any":     []any{param, &param},
			} {
				t.Run(verb+" of a "+name, func(t *testing.T) { requireNoPerson(t, fmt.Sprintf(verb, value)) })
			}
		}
		requireNoPerson(t, fmt.Sprint(param, &param)+fmt.Sprintln(param)+fmt.Errorf("verify: %v", param).Error())
	}
}

func TestWhatIsShownHelpsToFindAMistake(t *testing.T) {
	full := Param{ParamTypeMD5, testMaskedName, testMaskedNumber}
	noNumber := Param{UserName: testName}
	for _, test := range []struct{ want, got string }{
		{"{ParamType:md5 UserName:*** IdentifyNum:***}", fmt.Sprint(full)},
		{"{ParamType:md5 UserName:*** IdentifyNum:***}", fmt.Sprintf("%+v", &full)},
		{"{ParamType:md5 UserName:*** IdentifyNum:***}", full.String()},
		{"{ParamType: UserName:*** IdentifyNum:}", fmt.Sprintf("%d", noNumber)},
		{"{ParamType:sm2 UserName:*** IdentifyNum:}", fmt.Sprint(Param{ParamTypeSM2, testEncryptedName, ""})},
		{"{ParamType:*** UserName: IdentifyNum:}", fmt.Sprint(Param{ParamType: "MD5"})},
		{`id2meta.Param{ParamType:"md5", UserName:"***", IdentifyNum:"***"}`, fmt.Sprintf("%#v", full)},
		{`id2meta.Param{ParamType:"", UserName:"***", IdentifyNum:""}`, fmt.Sprintf("%#v", noNumber)},
		{"<nil>", fmt.Sprint((*Param)(nil))},
	} {
		assert.Equal(t, test.want, test.got)
	}
}

func TestLogHandlersDoNotShowThePerson(t *testing.T) {
	param := Param{ParamTypeMD5, testMaskedName, testMaskedNumber}
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			slog.New(handler(&out)).With("with", param).Info("m", "value", param, "pointer", &param,
				"slice", []Param{param}, "struct", struct{ Inner *Param }{&param})
			requireNoPerson(t, out.String())
			require.Contains(t, out.String(), "***")
		})
	}
	t.Run("a group names the fields", func(t *testing.T) {
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "param", Param{UserName: testName})
		require.Contains(t, out.String(), `param.ParamType="" param.UserName=*** param.IdentifyNum=""`)
	})
}

func TestEncodersDoNotShowThePerson(t *testing.T) {
	param := Param{ParamTypeMD5, testMaskedName, testMaskedNumber}
	t.Run("JSON", func(t *testing.T) {
		out, err := json.Marshal(map[string]any{"a": param, "b": &param, "c": []Param{param}})
		require.NoError(t, err)
		requireNoPerson(t, string(out))
		out, err = json.Marshal(param)
		require.NoError(t, err)
		require.JSONEq(t, `{"ParamType":"md5","UserName":"***","IdentifyNum":"***"}`, string(out))
		out, err = json.Marshal(Param{})
		require.NoError(t, err)
		require.JSONEq(t, `{"ParamType":"","UserName":"","IdentifyNum":""}`, string(out))
	})
	t.Run("what JSON showed is refused as a person", func(t *testing.T) {
		out, err := json.Marshal(Param{ParamTypeNormal, testName, testNumber})
		require.NoError(t, err)
		var back Param
		require.NoError(t, json.Unmarshal(out, &back))
		require.ErrorIs(t, back.Validate(), ErrInvalidParam)
	})
	t.Run("JSON with a Param as a key", func(t *testing.T) {
		out, err := json.Marshal(map[Param]int{param: 1})
		require.NoError(t, err)
		requireNoPerson(t, string(out))
	})
	t.Run("XML", func(t *testing.T) {
		type named struct{ Inner Param }
		out, err := xml.Marshal(named{param})
		require.NoError(t, err)
		requireNoPerson(t, string(out))
		require.Contains(t, string(out), "***")
	})
	t.Run("text", func(t *testing.T) {
		out, err := encoding.TextMarshaler(param).MarshalText()
		require.NoError(t, err)
		require.Equal(t, param.String(), string(out))
	})
}

func FuzzValidate(f *testing.F) {
	f.Add("", testName, testNumber)
	f.Fuzz(func(t *testing.T, paramType, userName, identifyNum string) {
		param := Param{ParamType(paramType), userName, identifyNum}
		normal, err := param.Normalize()
		if err != nil {
			var paramErr *ParamError
			require.ErrorAs(t, err, &paramErr)
			require.ErrorIs(t, err, ErrInvalidParam)
			require.Contains(t, []string{"ParamType", "UserName", "IdentifyNum"}, paramErr.Field)
			require.Contains(t, allReasons, paramErr.Reason)
			require.True(t, normal == Param{})
			require.Equal(t, err, param.Validate())
			return
		}
		again, err := normal.Normalize()
		require.NoError(t, err)
		require.True(t, again == normal, "to normalize twice changed something")
		require.NoError(t, param.Validate())
		require.NotContains(t, fmt.Sprintf("%v %#v %d", param, param, param), normal.IdentifyNum)
		if normal.ParamType == ParamTypeNormal {
			require.Len(t, normal.IdentifyNum, 18)
			masked, err := MD5Param(userName, identifyNum)
			require.NoError(t, err)
			require.NoError(t, masked.Validate())
			same, err := MD5Param(normal.UserName, normal.IdentifyNum)
			require.NoError(t, err)
			require.True(t, same == masked, "the same person is masked in two ways")
		}
	})
}

// FuzzValidateSM2 compares the shape check with one that is made the other way
// round: what is accepted must be just what encoding writes.
func FuzzValidateSM2(f *testing.F) {
	f.Add(testEncryptedName)
	f.Fuzz(func(t *testing.T, field string) {
		trimmed := strings.TrimSpace(field)
		ciphertext, _ := base64.StdEncoding.DecodeString(trimmed)
		want := len(ciphertext) >= 98 && ciphertext[0] == 0x04 &&
			base64.StdEncoding.EncodeToString(ciphertext) == trimmed

		for name, param := range map[string]Param{
			"UserName":    {ParamTypeSM2, field, testEncryptedNumber},
			"IdentifyNum": {ParamTypeSM2, testEncryptedName, field},
		} {
			sent, err := param.Normalize()
			require.Equal(t, want, err == nil, "%s: %v", name, err)
			if err != nil {
				var paramErr *ParamError
				require.ErrorAs(t, err, &paramErr)
				require.Equal(t, name, paramErr.Field)
				require.Contains(t, allReasons, paramErr.Reason)
				require.True(t, sent == Param{})
				continue
			}
			require.Contains(t, []string{sent.UserName, sent.IdentifyNum}, trimmed)
			again, err := sent.Normalize()
			require.NoError(t, err)
			require.True(t, again == sent, "to normalize twice changed something")
		}
		if want { // then it is nothing else
			require.Error(t, Param{ParamTypeNormal, field, testNumber}.Validate())
			require.Error(t, Param{ParamTypeNormal, testName, field}.Validate())
		}
	})
}

func BenchmarkNormalize(b *testing.B) {
	for _, param := range []Param{
		{ParamTypeNormal, testName, testNumber},
		{ParamTypeMD5, testMaskedName, testMaskedNumber},
		{ParamTypeSM2, testEncryptedName, testEncryptedNumber},
	} {
		b.Run(string(param.ParamType), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = param.Normalize()
			}
		})
	}
}
