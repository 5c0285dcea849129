package identity

import (
	"bytes"
	"encoding/base64"
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
	both := map[string]refusal{
		"empty":                             {"", Empty},
		"only white space":                  {" \t\u3000", Empty},
		"97 bytes, so nothing is encrypted": {cipherText(0x04, 97), CiphertextShort},
		"without the first byte 0x04":       {cipherText(0xfb, 98), CiphertextFirstByte},
		"with a compressed C1":              {cipherText(0x02, 98), CiphertextFirstByte},
		"in ASN.1":                          {cipherText(0x30, 98), CiphertextFirstByte},
		"without padding":                   {strings.TrimRight(good, "="), CiphertextBase64},
		"with too much padding":             {good + "=", CiphertextBase64},
		"with the padding of two":           {good[:len(good)-2] + "==", CiphertextBase64},
		"for URLs":                          {strings.NewReplacer("+", "-", "/", "_").Replace(good), CiphertextBase64},
		"after a form made + a space":       {strings.ReplaceAll(good, "+", " "), CiphertextBase64},
		"escaped for a URL":                 {strings.ReplaceAll(good, "+", "%2B"), CiphertextBase64},
		"in lines":                          {good[:64] + "\n" + good[64:], CiphertextBase64},
		"with a tab":                        {good[:64] + "\t" + good[64:], CiphertextBase64},
		"with bits after the last byte":     {good[:len(good)-2] + "9=", CiphertextBase64},
		"in hex":                            {"04" + strings.Repeat("fb", 97), CiphertextHex},
		"with a byte order mark":            {"\ufeff" + good, CiphertextBase64},
		"two":                               {good + good, CiphertextBase64},
		"not UTF-8":                         {"\xd5\xc5\xc8\xfd", CiphertextBase64},
	}
	names := map[string]refusal{
		"a name":                         {testName, NotEncrypted},
		"a name of Latin letters":        {"JOHN", NotEncrypted},
		"a name with spaces around":      {" " + testName, NotEncrypted},
		"a masked name":                  {testMaskedName, MaskedNotEncrypted},
		"a masked name of one character": {testMaskedName[:32], MaskedNotEncrypted},
		"a number":                       {testNumber, Swapped},
		"a full-width number":            {"１１０１０５１９４９１２３１００２Ｘ", Swapped},
		"a masked number":                {testMaskedNumber, Swapped},
	}
	numbers := map[string]refusal{
		"a number":                       {testNumber, NotEncrypted},
		"a number with spaces, and wide": {" １1010519491231002x ", NotEncrypted},
		"one of the first generation":    {"110105491231002", NotEncrypted},
		"a masked number":                {testMaskedNumber, MaskedNotEncrypted},
		"a masked number of a small x":   {testMaskedNumber[:41] + "x", MaskedNotEncrypted},
		"a name":                         {testName, Swapped},
		"a name of Latin letters":        {"JOHN", Swapped},
	}
	for _, table := range []map[string]refusal{both, names} {
		for name, test := range table {
			t.Run("UserName: "+name, func(t *testing.T) {
				sent, problem := Name(test.value, Encrypted)
				requireRefused(t, test.problem, UserName, test.value, sent, problem)
			})
		}
	}
	for _, table := range []map[string]refusal{both, numbers} {
		for name, test := range table {
			t.Run("IdentifyNum: "+name, func(t *testing.T) {
				sent, problem := Number(test.value, Encrypted, time.Now)
				requireRefused(t, test.problem, IdentifyNum, test.value, sent, problem)
			})
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
