package sm2paramtest

import (
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"github.com/tjfoc/gmsm/sm2"
)

// The example of the standard GB/T 32918.5: key, ciphertext and plaintext.
const (
	standardKey = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
	standardC1  = "04" +
		"04ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73" +
		"e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0"
	standardC2   = "21886ca989ca9c7d58087307ca93092d651efa"
	standardC3   = "59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766"
	standardText = "encryption standard"
)

func TestDecrypt(t *testing.T) {
	d, _ := new(big.Int).SetString(standardKey, 16)
	key := &sm2.PrivateKey{D: d}
	key.Curve = sm2.P256Sm2()
	good := base64OfHex(t, standardC1+standardC2+standardC3)

	if got, ok := decryptWith(key, good); !ok || got != standardText {
		t.Errorf("the standard's ciphertext gives %q, %t", got, ok)
	}
	for name, param := range map[string]string{
		"the newer order C1, C3, C2":  base64OfHex(t, standardC1+standardC3+standardC2),
		"C3 that is cut":              base64OfHex(t, standardC1+standardC2+standardC3[:62]),
		"C2 that is cut":              base64OfHex(t, standardC1+standardC2[2:]+standardC3),
		"no C2":                       base64OfHex(t, standardC1+standardC3),
		"no C2 and no C3":             base64OfHex(t, standardC1),
		"a bit of C2 that flipped":    base64OfHex(t, standardC1+"20"+standardC2[2:]+standardC3),
		"a bit of C3 that flipped":    base64OfHex(t, standardC1+standardC2+"58"+standardC3[2:]),
		"C1 at (0, 0)":                base64OfHex(t, "04"+strings.Repeat("00", 64)+standardC2+standardC3),
		"C1 beyond the field":         base64OfHex(t, "04"+strings.Repeat("ff", 64)+standardC2+standardC3),
		"a bit of C1 that flipped":    base64OfHex(t, "0405"+standardC1[4:]+standardC2+standardC3),
		"another first byte":          base64OfHex(t, "05"+standardC1[2:]+standardC2+standardC3),
		"line breaks":                 good[:76] + "\r\n" + good[76:],
		"a space":                     good[:76] + " " + good[76:],
		"no padding":                  strings.TrimRight(good, "="),
		"hex":                         standardC1 + standardC2 + standardC3,
		"a name that is no Base64":    "张三",
		"a number that is no Base64":  "11010519491231002X",
		"nothing":                     "",
		"a name that is short Base64": "JOHN",
	} {
		if got, ok := decryptWith(key, param); ok {
			t.Errorf("a parameter with %s gives %q", name, got)
		}
	}
}

func base64OfHex(t *testing.T, ciphertext string) string {
	t.Helper()
	raw, err := hex.DecodeString(ciphertext)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}
