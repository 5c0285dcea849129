package identity

import (
	"encoding/base64"
	"strings"
)

// minCiphertext is the length of what SM2 makes of one byte: 0x04, the two
// coordinates of C1, C2, C3.
const minCiphertext = 1 + 2*32 + 1 + 32

// strictBase64 wants the bits after the last byte to be zero. It skips line
// breaks all the same.
var strictBase64 = base64.StdEncoding.Strict()

// checkCiphertext returns what keeps s from being a ciphertext as the service
// takes it. Only the cipher's package could tell whether C1 is a point of the
// curve.
func checkCiphertext(s string) Problem {
	text, err := strictBase64.DecodeString(s)
	switch {
	case err == nil && len(text) >= minCiphertext && text[0] == 0x04 && !strings.ContainsAny(s, "\r\n"):
		return ""
	case isHex(s): // nearly all of it is Base64, too
		return CiphertextHex
	case err != nil || strings.ContainsAny(s, "\r\n"):
		return CiphertextBase64
	case len(text) < minCiphertext:
		return CiphertextShort
	}
	return CiphertextFirstByte
}
