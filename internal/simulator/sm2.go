package simulator

import (
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"math/big"

	"github.com/tjfoc/gmsm/sm2"
)

// SM2PublicKey returns the Simulator's public key, a compressed point in hex. Package
// sm2param encrypts under it. Every Simulator has its own key pair.
//
// Experimental: the format follows the vendor's page "参数加密说明". It has not been
// tried against the live service.
func (s *Simulator) SM2PublicKey() string {
	key := s.sm2Key()
	return hex.EncodeToString(elliptic.MarshalCompressed(key.Curve, key.X, key.Y))
}

// newSM2Key makes a key pair. A Simulator calls it when the key is first needed.
func newSM2Key() *sm2.PrivateKey {
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil { // crypto/rand never fails
		panic("simulator: " + err.Error())
	}
	return key
}

// decrypt returns the plaintext of a parameter, or false if the parameter cannot be
// decrypted. Package sm2param uses another implementation of the cipher, so decrypt can
// find defects of that implementation.
func decrypt(key *sm2.PrivateKey, param string) (string, bool) {
	ciphertext, err := base64.StdEncoding.DecodeString(param)
	if err != nil || base64.StdEncoding.EncodeToString(ciphertext) != param { // DecodeString ignores line breaks
		return "", false
	}
	if len(ciphertext) < 1+2*32+1+32 || ciphertext[0] != 0x04 {
		return "", false
	}
	// sm2.Decrypt does not check that the point is on the curve.
	x, y := new(big.Int).SetBytes(ciphertext[1:33]), new(big.Int).SetBytes(ciphertext[33:65])
	if !key.IsOnCurve(x, y) {
		return "", false
	}
	plaintext, err := sm2.Decrypt(key, ciphertext, sm2.C1C2C3)
	if err != nil { // C3 is wrong, although sm2.Decrypt returns the plaintext
		return "", false
	}
	return string(plaintext), true
}
