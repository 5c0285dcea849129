package identity

import (
	"encoding/base64"
	"strings"
)

// minCiphertext is the length of an SM2 ciphertext of one byte: 0x04, C1 with its two
// coordinates, C2, C3.
const minCiphertext = 1 + 2*32 + 1 + 32

// checkCiphertext returns the Problem of s if s does not have the form of a ciphertext
// that the service takes. It does not check whether C1 is a point of the curve, because
// that needs the package of the cipher.
func checkCiphertext(s string) Problem {
	text, err := base64.StdEncoding.Strict().DecodeString(s) // it ignores line breaks
	if err != nil || strings.ContainsAny(s, "\r\n") || len(text) < minCiphertext || text[0] != 0x04 {
		return CiphertextFormat
	}
	return ""
}
