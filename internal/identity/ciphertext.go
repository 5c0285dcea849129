package identity

import (
	"encoding/base64"
	"strings"
)

// minCiphertext is the length of an SM2 ciphertext of one byte: 0x04, C1 with its two
// coordinates, C2, C3.
const minCiphertext = 1 + 2*32 + 1 + 32

// strictBase64 refuses text whose unused bits at the end are not zero. It ignores line
// breaks, so checkCiphertext checks for them.
var strictBase64 = base64.StdEncoding.Strict()

// checkCiphertext returns the Problem of s if s does not have the form of a ciphertext
// that the service takes. It does not check whether C1 is a point of the curve, because
// that needs the package of the cipher.
func checkCiphertext(s string) Problem {
	text, err := strictBase64.DecodeString(s)
	switch {
	case err == nil && len(text) >= minCiphertext && text[0] == 0x04 && !strings.ContainsAny(s, "\r\n"):
		return ""
	case isHex(s): // before Base64, because most hex is valid Base64, too
		return CiphertextHex
	case err != nil || strings.ContainsAny(s, "\r\n"):
		return CiphertextBase64
	case len(text) < minCiphertext:
		return CiphertextShort
	}
	return CiphertextFirstByte
}
