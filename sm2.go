package id2meta

import (
	"encoding/base64"
	"strings"
)

// Why a Param of ParamTypeSM2 is refused; see those in param.go.
const (
	reasonPlain     = "it is not encrypted; package sm2param encrypts it"
	reasonNotSM2    = "it is masked by md5, not encrypted; package sm2param encrypts plaintext"
	reasonBase64    = "it must be a ciphertext in standard Base64, with padding and without line breaks"
	reasonHex       = "it is in hex; a ciphertext must be in standard Base64, with padding"
	reasonShort     = "its ciphertext is shorter than 98 bytes (0x04, C1 of 64, C2 of at least 1, C3 of 32)"
	reasonFirstByte = "its ciphertext does not begin with 0x04 (an uncompressed C1, then C2 and C3, not in ASN.1)"
)

// minCiphertext is the length of what SM2 makes of one byte: 0x04, the two
// coordinates of C1, C2, C3.
const minCiphertext = 1 + 2*32 + 1 + 32

// strictBase64 wants the bits after the last byte to be zero. It skips line
// breaks all the same.
var strictBase64 = base64.StdEncoding.Strict()

// whyNotEncrypted says why s is not a ciphertext as the service takes it, or "".
// Whether C1 is a point of the curve only the cipher's package could tell.
func whyNotEncrypted(s string) string {
	if s == "" {
		return reasonEmpty
	}
	ciphertext, err := strictBase64.DecodeString(s)
	switch {
	case err == nil && len(ciphertext) >= minCiphertext && ciphertext[0] == 0x04 && !strings.ContainsAny(s, "\r\n"):
		return ""
	case isHex(s): // nearly all of it is Base64, too
		return reasonHex
	case err != nil || strings.ContainsAny(s, "\r\n"):
		return reasonBase64
	case len(ciphertext) < minCiphertext:
		return reasonShort
	}
	return reasonFirstByte
}

// encryptedName returns an encrypted name as it is sent.
func encryptedName(s string) (string, error) {
	s = strings.TrimSpace(s)
	reason := whyNotEncrypted(s)
	if reason == "" {
		return s, nil
	}
	if isNumber(s) {
		return "", badName(reasonIsNumber)
	}
	if _, err := maskedName(s); err == nil {
		return "", badName(reasonNotSM2)
	}
	if _, err := normalName(s); err == nil {
		return "", badName(reasonPlain)
	}
	return "", badName(reason)
}

// encryptedNumber returns an encrypted number as it is sent.
func encryptedNumber(s string) (string, error) {
	s = strings.TrimSpace(s)
	reason := whyNotEncrypted(s)
	if reason == "" {
		return s, nil
	}
	if _, err := maskedNumber(s); err == nil {
		return "", badNumber(reasonNotSM2)
	}
	if isNumber(s) {
		return "", badNumber(reasonPlain)
	}
	if _, err := normalName(s); err == nil {
		return "", badNumber(reasonIsName)
	}
	return "", badNumber(reason)
}
