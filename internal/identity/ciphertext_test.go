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
			_, reason := Name(value, Encrypted)
			require.Empty(t, reason)
			_, reason = Number(value, Encrypted, time.Now)
			require.Empty(t, reason)
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
		"punctuation, which names nobody":   {"···", reasonBase64},
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
				sent, reason := Name(test.value, Encrypted)
				requireRefused(t, test.reason, test.value, sent, reason)
			})
		}
	}
	for _, table := range []map[string]test{both, numbers} {
		for name, test := range table {
			t.Run("IdentifyNum: "+name, func(t *testing.T) {
				sent, reason := Number(test.value, Encrypted, time.Now)
				requireRefused(t, test.reason, test.value, sent, reason)
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

		sentName, nameReason := Name(field, Encrypted)
		sentNumber, numberReason := Number(field, Encrypted, time.Now)
		require.Equal(t, want, nameReason == "", nameReason)
		require.Equal(t, want, numberReason == "", numberReason)
		if !want {
			require.Contains(t, allReasons, nameReason)
			require.Contains(t, allReasons, numberReason)
			require.Empty(t, sentName+sentNumber)
			return
		}
		require.Equal(t, trimmed, sentName)
		require.Equal(t, trimmed, sentNumber)
		// Then it is nothing else.
		_, reason := Name(field, Plain)
		require.NotEmpty(t, reason)
		_, reason = Number(field, Plain, time.Now)
		require.NotEmpty(t, reason)
	})
}
