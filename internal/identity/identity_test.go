package identity

import (
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

// What testName and testNumber may look like encrypted. Nobody has the key: this
// package looks at the shape alone.
var (
	testEncryptedName   = cipherText(0x04, 97+len(testName))
	testEncryptedNumber = cipherText(0x04, 97+len(testNumber))
)

// allReasons is what may be said. Fuzzing compares with it: whoever is in the
// list cannot repeat a part of a value.
var allReasons = []string{
	reasonEmpty, reasonNotUTF8, reasonDamaged, reasonStars, reasonSpace, reasonHidden,
	reasonMasked, reasonLong, reasonDigits, reasonNoLetter, reasonIsNumber, reasonIsName,
	reasonFirstGen, reasonNumber, reasonDate, reasonFuture, reasonCheckDigit,
	reasonNotMaskedName, reasonNotMaskedNumber,
	reasonEncrypted, reasonPlain, reasonNotSM2, reasonBase64, reasonHex, reasonShort, reasonFirstByte,
}

// requireRefused checks the reason, that nothing of value is in it, and that
// nothing is sent.
func requireRefused(t *testing.T, want, value, sent, reason string) {
	t.Helper()
	require.Equal(t, want, reason)
	require.Empty(t, sent)
	runes := []rune(strings.ToValidUTF8(value, ""))
	for i := 0; i+3 <= min(len(runes), 1000); i++ {
		assert.NotContains(t, reason, string(runes[i:i+3]), "a part of the value is in the reason")
	}
}

func TestSwappedFieldsSaySo(t *testing.T) {
	for form, person := range [][2]string{
		Plain:     {testName, testNumber},
		Masked:    {testMaskedName, testMaskedNumber},
		Encrypted: {testName, testNumber}, // two ciphertexts cannot be told apart
	} {
		sent, reason := Name(person[1], Form(form))
		requireRefused(t, reasonIsNumber, person[1], sent, reason)
		sent, reason = Number(person[0], Form(form), time.Now)
		requireRefused(t, reasonIsName, person[0], sent, reason)
	}
}

// fuzzForms checks what holds of every value in each Form.
func fuzzForms(f *testing.F, check func(s string, form Form) (sent, reason string)) {
	f.Fuzz(func(t *testing.T, s string) {
		for _, form := range []Form{Plain, Masked, Encrypted} {
			sent, reason := check(s, form)
			if reason != "" {
				require.Contains(t, allReasons, reason)
				require.Empty(t, sent)
				continue
			}
			require.NotEmpty(t, sent)
			again, reason := check(sent, form)
			require.Empty(t, reason)
			require.Equal(t, sent, again, "to normalize twice changed something")
		}
	})
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
	fuzzForms(f, Name)
}

func FuzzNumber(f *testing.F) {
	addLooks(f)
	fuzzForms(f, func(s string, form Form) (string, string) { return Number(s, form, time.Now) })
}
