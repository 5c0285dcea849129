// Package sm2paramtest decrypts what package sm2param encrypts, for tests:
//
//	publicKey, decrypt := sm2paramtest.NewKey()
//	server := id2metatest.NewServer(id2metatest.WithSM2Decrypter(decrypt))
//	encrypter, err := sm2param.NewEncrypter(publicKey)
//
// This package and package sm2param use different implementations of the cipher, so a
// test that uses both finds defects of either.
//
// Experimental: the format follows the vendor's page "参数加密说明". It has not been
// tried against the live service.
package sm2paramtest

import (
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"

	"github.com/tjfoc/gmsm/sm2"
)

// NewKey makes a key pair. It returns the public key, a compressed point in hex, and a
// function that decrypts a parameter which was encrypted under the public key. The
// function returns false if the parameter cannot be decrypted. The function is safe for
// concurrent use.
func NewKey() (publicKey string, decrypt func(param string) (plaintext string, ok bool)) {
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil { // crypto/rand never fails
		panic("sm2paramtest: " + err.Error())
	}
	publicKey = hex.EncodeToString(elliptic.MarshalCompressed(key.Curve, key.X, key.Y))
	return publicKey, func(param string) (string, bool) { return decryptWith(key, param) }
}

func decryptWith(key *sm2.PrivateKey, param string) (string, bool) {
	ciphertext, err := base64.StdEncoding.DecodeString(param)
	if err != nil || base64.StdEncoding.EncodeToString(ciphertext) != param { // DecodeString ignores line breaks
		return "", false
	}
	if len(ciphertext) < 1+2*32+1+32 || ciphertext[0] != 0x04 {
		return "", false
	}
	plaintext, err := sm2.Decrypt(key, ciphertext, sm2.C1C2C3)
	if err != nil { // C3 is wrong, although sm2.Decrypt returns the plaintext
		return "", false
	}
	return string(plaintext), true
}
