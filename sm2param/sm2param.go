// Package sm2param encrypts a person for Alibaba Cloud's Id2MetaVerify, so that
// nobody between the program and the service can read name and number, not even a
// proxy that ends TLS.
//
// Experimental: the format has not been tried against the live service. Make one test
// call with your account before you rely on this package.
//
// Most programs need only [New]:
//
//	param, err := sm2param.New(name, number)
//	…
//	result, err := client.Verify(ctx, param)
//
// An [id2meta.Client] takes the Param like any other Param. [Verifier] returns an
// [id2meta.Verifier] that takes plaintext and encrypts each Param. [NewEncrypter] is for
// tests, and for another public key of the vendor.
//
// # The format
//
// The vendor's page "参数加密说明" has the public key and a sample in Java:
//
//   - The cipher is SM2 (GB/T 32918.4) on the curve sm2p256v1.
//   - A ciphertext is 0x04, C1 (64 bytes), C2 (as long as the plaintext), C3 (32
//     bytes). The newer order C1, C3, C2 is not used.
//   - A ciphertext is sent in standard Base64 with padding.
//   - Name and number, in UTF-8, are two ciphertexts. This package encrypts each field
//     as a whole. This is our reading of the page.
//
// # What encryption hides
//
// Only the owner of the private key can read a ciphertext. Two ciphertexts of the same
// person are different, so nobody can find the person by trying all persons, as with
// md5 ([id2meta.MD5Param]). For the same reason a Param of this package cannot be the
// key of a cache or of a counter. Use the plaintext Param as the key.
//
// A proxy that ends TLS still sees the access key ID, the verdict, and the length of
// name and number in bytes. Anybody can encrypt under a public key. Only TLS and the
// signature of the request show that nobody replaced a ciphertext.
//
// An [id2meta.Client] does not know the plaintext. If the service repeated the name in
// an error, the Client could not redact the name.
package sm2param

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/emmansun/gmsm/sm2"

	"github.com/id2meta/id2meta"
)

// PublicKey is the vendor's public key, a compressed point in hex, from the page
// "参数加密说明".
const PublicKey = "02cd77e007bdc86eeaf9a479ba7a2c22bc0a517ccb3a6975c3f94b4ac93347dea6"

// vendor returns the Encrypter for PublicKey. The first call parses the key.
var vendor = sync.OnceValues(func() (*Encrypter, error) { return NewEncrypter(PublicKey) })

// New returns the Param of [id2meta.ParamTypeSM2] for a person in plaintext,
// encrypted under [PublicKey]. New normalizes and validates both fields as
// [id2meta.Param.Normalize] does, and returns the same *[id2meta.ParamError]. Each call
// returns different ciphertexts. New is safe for concurrent use.
func New(userName, identifyNum string) (id2meta.Param, error) {
	encrypter, err := vendor()
	if err != nil {
		return id2meta.Param{}, err
	}
	return encrypter.Param(userName, identifyNum)
}

// Encrypter encrypts under one public key. Make an Encrypter with [NewEncrypter]. An
// Encrypter is safe for concurrent use.
type Encrypter struct{ key *ecdsa.PublicKey }

// NewEncrypter returns an Encrypter for a public key. The key is a point of the curve
// sm2p256v1 in hex, either compressed (66 digits that begin with 02 or 03) or
// uncompressed (130 digits that begin with 04). For any other text, NewEncrypter returns
// an error that does not repeat the text. For tests, package
// sm2paramtest makes a key for the simulator of package id2metatest.
func NewEncrypter(publicKey string) (*Encrypter, error) {
	point, err := hex.DecodeString(publicKey)
	if err != nil {
		return nil, errors.New("sm2param: the public key is not in hex")
	}
	if x, y := elliptic.UnmarshalCompressed(sm2.P256(), point); x != nil {
		point = slices.Concat([]byte{0x04}, x.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32)))
	}
	key, err := sm2.NewPublicKey(point)
	if err != nil { // gmsm's error may repeat the key
		return nil, errors.New("sm2param: the public key is not a point of the curve sm2p256v1: 33 bytes that begin with " +
			"02 or 03, or 65 bytes that begin with 04")
	}
	return &Encrypter{key}, nil
}

// Param returns the Param of [id2meta.ParamTypeSM2] for a person in plaintext;
// see [New].
func (e *Encrypter) Param(userName, identifyNum string) (id2meta.Param, error) {
	if e == nil || e.key == nil {
		return id2meta.Param{}, errors.New("sm2param: the Encrypter was not made by NewEncrypter")
	}
	plain, err := id2meta.Param{UserName: userName, IdentifyNum: identifyNum}.Normalize()
	if err != nil {
		return id2meta.Param{}, err
	}
	name, err := e.encrypt(plain.UserName)
	if err != nil {
		return id2meta.Param{}, err
	}
	number, err := e.encrypt(plain.IdentifyNum)
	if err != nil {
		return id2meta.Param{}, err
	}
	return id2meta.Param{ParamType: id2meta.ParamTypeSM2, UserName: name, IdentifyNum: number}, nil
}

// encrypt returns the Base64 of 0x04, C1, C2, C3.
func (e *Encrypter) encrypt(plaintext string) (string, error) {
	options := sm2.NewPlainEncrypterOpts(sm2.MarshalUncompressed, sm2.C1C2C3)
	for {
		var random countingReader
		ciphertext, err := sm2.Encrypt(&random, e.key, []byte(plaintext), options)
		if random.reads > 1 {
			// If the key stream is all zero, the standard demands another random
			// number. That happens to one in 256 plaintexts of one byte. gmsm
			// before v0.45.3 draws another number, but has overwritten the public
			// key by then, so nobody could read the ciphertext.
			continue
		}
		if err != nil {
			return "", fmt.Errorf("sm2param: %w", err)
		}
		return base64.StdEncoding.EncodeToString(ciphertext), nil
	}
}

// countingReader reads from crypto/rand, and counts the calls of Read.
type countingReader struct{ reads int }

func (r *countingReader) Read(p []byte) (int, error) {
	r.reads++
	return rand.Read(p)
}
