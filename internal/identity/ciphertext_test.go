package identity

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// cipherText is the Base64 of n bytes, of which only the first means anything.
func cipherText(first byte, n int) string {
	return base64.StdEncoding.EncodeToString(append([]byte{first}, bytes.Repeat([]byte{0xfb, 0xef}, n/2+1)[:n-1]...))
}

func TestEncryptedFieldsMustHaveTheirShape(t *testing.T) {
	for name, value := range map[string]string{
		"98 bytes, of a name of one letter":       cipherText(0x04, 98),
		"99 bytes, which need no padding":         cipherText(0x04, 99),
		"100 bytes, which need two padding signs": cipherText(0x04, 100),
		"the longest name":                        cipherText(0x04, 97+maxNameLen*4),
	} {
		t.Run(name+" is accepted in both fields", func(t *testing.T) {
			_, problem := Name(value, Encrypted)
			require.Empty(t, problem)
			_, problem = Number(value, Encrypted, time.Now)
			require.Empty(t, problem)
		})
	}

	good := cipherText(0x04, 98)
	require.Contains(t, good, "+", "the table below needs one")
	require.Contains(t, good, "=", "the table below needs one")
	malformed := map[string]string{
		"of 97 bytes, so nothing is encrypted": cipherText(0x04, 97),
		"without the first byte 0x04":          cipherText(0xfb, 98),
		"with a compressed C1":                 cipherText(0x02, 98),
		"in ASN.1":                             cipherText(0x30, 98),
		"without padding":                      strings.TrimRight(good, "="),
		"with too much padding":                good + "=",
		"with the padding of two":              good[:len(good)-2] + "==",
		"for URLs":                             strings.NewReplacer("+", "-", "/", "_").Replace(good),
		"after a form made + a space":          strings.ReplaceAll(good, "+", " "),
		"escaped for a URL":                    strings.ReplaceAll(good, "+", "%2B"),
		"in lines":                             good[:64] + "\n" + good[64:],
		"with a tab":                           good[:64] + "\t" + good[64:],
		"with a byte order mark":               "\ufeff" + good,
		"with bits after the last byte":        good[:len(good)-2] + "9=",
		"in hex":                               "04" + strings.Repeat("fb", 97),
		"two in one":                           good + good,
		"not UTF-8":                            "\xd5\xc5\xc8\xfd",
	}
	for field, test := range map[string]struct {
		check    func(s string, form Form) (string, Problem)
		problems map[Problem][]string
	}{
		UserName: {Name, map[Problem][]string{
			NotEncrypted: {testName, "JOHN", " " + testName, testMaskedName, testMaskedName[:32]},
			Swapped:      {testNumber, "１１０１０５１９４９１２３１００２Ｘ", testMaskedNumber},
		}},
		IdentifyNum: {numberNow, map[Problem][]string{
			NotEncrypted: {testNumber, " １1010519491231002x ", "110105491231002", testMaskedNumber, testMaskedNumber[:41] + "x"},
			Swapped:      {testName, "JOHN"},
		}},
	} {
		requireProblem := func(t *testing.T, problem Problem, value string) {
			sent, got := test.check(value, Encrypted)
			requireRefused(t, problem, field, value, sent, got)
		}
		for name, value := range malformed {
			t.Run(field+": a ciphertext, "+name, func(t *testing.T) { requireProblem(t, CiphertextFormat, value) })
		}
		test.problems[Empty] = []string{"", " \t\u3000"}
		for problem, values := range test.problems {
			for _, value := range values {
				t.Run(fmt.Sprintf("%s: %s: %q", field, problem, value), func(t *testing.T) { requireProblem(t, problem, value) })
			}
		}
	}
}

// FuzzCiphertext compares the shape check with one that is made the other way
// round: what is accepted must be just what encoding writes.
func FuzzCiphertext(f *testing.F) {
	f.Add(testEncryptedName)
	f.Fuzz(func(t *testing.T, field string) {
		trimmed := strings.TrimSpace(field)
		ciphertext, _ := base64.StdEncoding.DecodeString(trimmed)
		want := len(ciphertext) >= 98 && ciphertext[0] == 0x04 &&
			base64.StdEncoding.EncodeToString(ciphertext) == trimmed

		sentName, nameProblem := Name(field, Encrypted)
		sentNumber, numberProblem := Number(field, Encrypted, time.Now)
		require.Equal(t, want, nameProblem == "", string(nameProblem))
		require.Equal(t, want, numberProblem == "", string(numberProblem))
		if !want {
			requireTold(t, UserName, nameProblem)
			requireTold(t, IdentifyNum, numberProblem)
			require.Empty(t, sentName+sentNumber)
			return
		}
		require.Equal(t, trimmed, sentName)
		require.Equal(t, trimmed, sentNumber)
		// Then it is nothing else.
		_, problem := Name(field, Plain)
		require.NotEmpty(t, problem)
		_, problem = Number(field, Plain, time.Now)
		require.NotEmpty(t, problem)
	})
}
