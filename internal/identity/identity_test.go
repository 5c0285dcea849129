package identity

import (
	"crypto/md5"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

const (
	testName   = "张三"
	testNumber = "11010519491231002X"

	testMaskedName   = "6499fc7409049355527ef6a2ba5706b8三"
	testMaskedNumber = "110105f8817a477938df5a3e7763cadc5a9abb002X"
)

// What testName and testNumber may look like encrypted. Nobody has the key: this
// package looks at the shape alone.
var (
	testEncryptedName   = cipherText(0x04, 97+len(testName))
	testEncryptedNumber = cipherText(0x04, 97+len(testNumber))
)

// refusal is a value and the Problem that keeps it from being sent.
type refusal struct {
	value   string
	problem Problem
}

// requireSent checks that a plaintext name is sent as want, and that a caller who masks
// the name masks what is sent.
func requireSent(t *testing.T, typed, want string) {
	t.Helper()
	sent, problem := Name(typed, Plain)
	require.Empty(t, problem)
	require.Equal(t, want, sent)
	masked, problem := MaskName(typed)
	require.Empty(t, problem)
	_, size := utf8.DecodeRuneInString(want)
	require.Equal(t, fmt.Sprintf("%x", md5.Sum([]byte(want[:size])))+want[size:], masked)
	again, problem := Name(masked, Masked)
	require.Empty(t, problem)
	require.Equal(t, masked, again, "the masked name was changed")
	requireProperties(t, UserName, Name, typed)
}

// requireNumberSent does the same for a number.
func requireNumberSent(t *testing.T, typed, want string) {
	t.Helper()
	sent, problem := Number(typed, Plain, time.Now)
	require.Empty(t, problem)
	require.Equal(t, want, sent)
	masked, problem := MaskNumber(typed, time.Now)
	require.Empty(t, problem)
	require.Equal(t, fmt.Sprintf("%s%x%s", want[:6], md5.Sum([]byte(want[6:14])), want[14:]), masked)
	again, problem := Number(masked, Masked, time.Now)
	require.Empty(t, problem)
	require.Equal(t, masked, again, "the masked number was changed")
	requireProperties(t, IdentifyNum, numberNow, typed)
}

// requireNoName and requireNoNumber check that a plaintext value is refused, whether it
// is to be sent or to be masked.
func requireNoName(t *testing.T, test refusal) {
	t.Helper()
	sent, problem := Name(test.value, Plain)
	requireRefused(t, test.problem, UserName, test.value, sent, problem)
	sent, problem = MaskName(test.value)
	requireRefused(t, test.problem, UserName, test.value, sent, problem)
}

func requireNoNumber(t *testing.T, test refusal) {
	t.Helper()
	sent, problem := Number(test.value, Plain, time.Now)
	requireRefused(t, test.problem, IdentifyNum, test.value, sent, problem)
	sent, problem = MaskNumber(test.value, time.Now)
	requireRefused(t, test.problem, IdentifyNum, test.value, sent, problem)
}

// requireRefused checks the Problem, that nothing of value is in what people are
// told, and that nothing is sent.
func requireRefused(t *testing.T, want Problem, field, value, sent string, problem Problem) {
	t.Helper()
	require.Equal(t, want, problem)
	require.Empty(t, sent)
	requireTold(t, field, problem)
	runes := []rune(strings.ToValidUTF8(value, ""))
	for i := 0; i+3 <= min(len(runes), 1000); i++ {
		part := string(runes[i : i+3])
		assert.NotContains(t, Reason(field, problem), part, "a part of the value is in the reason")
		if part != "身份证" && part != "份证号" { // the label 身份证号 is nothing personal
			assert.NotContains(t, Chinese(field, problem), part, "a part of the value is in the Chinese sentence")
		}
	}
}

// requireTold checks that people are told a fixed text, so that no part of a
// value can be in it.
func requireTold(t *testing.T, field string, problem Problem) {
	t.Helper()
	text := textOf(field, problem)
	require.NotEmpty(t, text.Reason, "no text for %s of %s", problem, field)
	require.NotEmpty(t, text.Chinese, "no text for %s of %s", problem, field)
}

func numberNow(s string, form Form) (string, Problem) { return Number(s, form, time.Now) }

// requireProperties checks what holds of every value in each Form.
func requireProperties(t *testing.T, field string, check func(s string, form Form) (string, Problem), s string) {
	t.Helper()
	for _, form := range []Form{Plain, Masked, Encrypted} {
		sent, problem := check(s, form)
		if problem != "" {
			requireTold(t, field, problem)
			require.Empty(t, sent)
			continue
		}
		require.NotEmpty(t, sent)
		again, problem := check(sent, form)
		require.Empty(t, problem, "%+q", s)
		require.Equal(t, sent, again, "to normalize %+q twice changed something", s)
		if form != Encrypted {
			requireNothingToFold(t, sent)
		}
	}
}

// requireNothingToFold looks at what is sent by other means than folding does.
func requireNothingToFold(t *testing.T, sent string) {
	t.Helper()
	require.True(t, utf8.ValidString(sent))
	var before rune
	for i, r := range sent {
		after, _ := utf8.DecodeRuneInString(sent[i+utf8.RuneLen(r):])
		isHan := func(r rune) bool {
			return unicode.Is(unicode.Han, r) || unicode.Is(unicode.Co, r) || 0x20000 <= r && r < 0x40000
		}
		switch {
		case 0x2E80 <= r && r <= 0x2FD5:
			require.Fail(t, "a radical is sent", "%U", r)
		case unicode.IsSpace(r):
			require.Equal(t, ' ', r, "other white space is sent")
			require.False(t, isHan(before) || isHan(after) || before == ' ', "white space beside an ideograph is sent")
		case unicode.Is(unicode.Co, r), 0x20000 <= r && r < 0x40000 && !unicode.IsGraphic(r): // newer than Go's tables
		default:
			require.True(t, unicode.IsGraphic(r), "%U, which cannot be seen, is sent", r)
			require.False(t, unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector), "%U is sent", r)
		}
		require.False(t, '！' <= r && r <= '～', "full-width %c is sent", r)
		if !strings.ContainsRune(keptForGBK, r) {
			require.True(t, norm.NFC.IsNormalString(string(r)) || !unicode.Is(unicode.Han, r), "%U is sent in another spelling", r)
		}
		if isHan(before) && isHan(after) && !unicode.IsLetter(r) && r != '〇' && !isHan(r) {
			require.Equal(t, '·', r, "another sign than the middle dot stands between two ideographs")
		}
		before = r
	}
}

// addLooks adds a value of each look.
func addLooks(f *testing.F) {
	for _, s := range []string{
		"", testName, "···", testNumber, "１１０１０５１９４９１２３１００２ｘ", "110105491231002", "张*", "110105********002X",
		testMaskedName, testMaskedName[:32], testMaskedNumber, testMaskedNumber[:41] + "ｘ",
		strings.ToUpper(testMaskedName), strings.ToUpper(testMaskedNumber), testEncryptedName, testEncryptedNumber,
	} {
		f.Add(s)
	}
}

func FuzzName(f *testing.F) {
	addLooks(f)
	for _, s := range []string{
		"⾼飞", "\uF9E1四", "张 三", "阿依古丽 ● 买买提", "卡尔•A•马克思", "ＪＯＨＮ　ＳＭＩＴＨ", "张\u200e三", "O’NEILL", "张（已离职）", "张XX",
		testMaskedName[:32] + " 三", testMaskedName[:32] + "⾼", testMaskedName[:32] + ".三",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		requireProperties(t, UserName, Name, s)
		if sent, problem := Name(s, Plain); problem == "" {
			requireSent(t, s, sent)
		}
	})
}

func FuzzNumber(f *testing.F) {
	addLooks(f)
	for _, s := range []string{"110105 19491231 002X", "110105-19491231-002Х", "1.10105E+17", "'11010519491231002X", "1101O519491231002X"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		requireProperties(t, IdentifyNum, numberNow, s)
		if sent, problem := Number(s, Plain, time.Now); problem == "" {
			require.Len(t, sent, 18)
			requireNumberSent(t, s, sent)
		}
	})
}

// Fuzzing bytes seldom meets the characters that matter. This test draws from
// them.
func TestPropertiesOfRandomNamesAndNumbers(t *testing.T) {
	alphabet := []rune("张三⾼⻢\uF9E1\uF92C〇𠮷\U0002EBF0\uE863々AJXxéＪ\u0301ا་김 \u00a0\u3000\t\u200b\ufeff\ufe00\u00ad\u2800..·•●．゠—--‑,，''’“(（：、;?*○×□#1１①😀\u0000\u0378。姓名锟斤拷")
	digits := []rune("0123456789０１X xХ×ー-—  \u200bE+.,'*")
	random := rand.New(rand.NewPCG(1, 2))
	draw := func(alphabet []rune, n int) string {
		runes := make([]rune, n)
		for i := range runes {
			runes[i] = alphabet[random.IntN(len(alphabet))]
		}
		return string(runes)
	}
	accepted := 0
	for range 10_000 {
		name := draw(alphabet, random.IntN(7))
		requireProperties(t, UserName, Name, name)
		requireProperties(t, UserName, Name, testMaskedName[:32]+name)
		requireProperties(t, IdentifyNum, numberNow, name)
		requireProperties(t, IdentifyNum, numberNow, draw(digits, random.IntN(20)))
		if sent, problem := Name(name, Plain); problem == "" {
			accepted++
			requireSent(t, name, sent)
		}

		// A number with something in it that may have to be dropped.
		at := random.IntN(len(testNumber) + 1)
		number := testNumber[:at] + draw(digits, random.IntN(3)) + testNumber[at:]
		requireProperties(t, IdentifyNum, numberNow, number)
		if _, problem := Number(number, Plain, time.Now); problem == "" {
			requireNumberSent(t, number, testNumber)
		}
	}
	require.Greater(t, accepted, 500, "the names are too odd to say anything")
}
