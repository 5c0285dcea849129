// Package sm2param encrypts a person for Alibaba Cloud's Id2MetaVerify, so that
// nobody on the way can read name and number, not even a proxy that ends TLS.
//
// The package is experimental: the format has not been tried against the live
// service. Try one call with your account before you rely on it.
//
// Most programs need [New]:
//
//	param, err := sm2param.New(name, number)
//	…
//	result, err := client.Verify(ctx, param)
//
// An [id2meta.Client] takes the Param like any other. [Verifier] encrypts and
// verifies, for services that keep the person in plaintext until then.
// [NewEncrypter] is for tests, and for the day on which the vendor changes the key.
//
// # The format
//
// The vendor's page "参数加密说明" gives the public key and a sample in Java.
// They say: the cipher is SM2 (GB/T 32918.4) on the curve sm2p256v1. A
// ciphertext is 0x04, C1 (64 bytes), C2 (as long as the plaintext), C3 (32
// bytes), in this order and not in the newer order C1, C3, C2. It is sent in
// standard Base64 with padding. Name and number, in UTF-8, are two ciphertexts.
// This package encrypts each field as a whole, which is how it reads the page.
//
// # What it hides and what not
//
// Only the owner of the private key can read a ciphertext. The same person never
// looks the same twice, so nobody can find the person by trying all persons, as
// with md5 ([id2meta.MD5Param]). For the same reason a Param of this package
// cannot be a key in a cache or of a counter. Use the plaintext Param for that.
//
// A proxy that ends TLS still sees who asks, the verdict, and the length of name
// and number in bytes. Anybody can encrypt under a public key: only TLS and the
// signature of the request show that a ciphertext was not replaced on its way.
// An [id2meta.Client] does not know whom it asks about. If the service repeated
// the name in an error, the Client could not redact it.
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

// vendor parses PublicKey when it is needed first.
var vendor = sync.OnceValues(func() (*Encrypter, error) { return NewEncrypter(PublicKey) })

// New returns the Param of [id2meta.ParamTypeSM2] for a person in plaintext,
// encrypted under [PublicKey]. New normalizes and validates both fields as
// [id2meta.Param.Normalize] does, and returns the same *[id2meta.ParamError]. Two
// calls never return the same Param. New is safe for concurrent use.
func New(userName, identifyNum string) (id2meta.Param, error) {
	encrypter, err := vendor()
	if err != nil {
		return id2meta.Param{}, err
	}
	return encrypter.Param(userName, identifyNum)
}

// Encrypter encrypts under one public key. [NewEncrypter] makes it. An Encrypter
// is safe for concurrent use.
type Encrypter struct{ key *ecdsa.PublicKey }

// NewEncrypter returns an Encrypter for a public key in hex: a point of the
// curve sm2p256v1, compressed (66 digits, the first two 02 or 03) or not (130
// digits, the first two 04). Anything else is an error that does not repeat the
// key. The simulator of package id2metatest has a key of its own:
//
//	encrypter, err := sm2param.NewEncrypter(server.SM2PublicKey())
func NewEncrypter(publicKey string) (*Encrypter, error) {
	point, err := hex.DecodeString(publicKey)
	if err != nil {
		return nil, errors.New("sm2param: the public key is not in hex")
	}
	const compressed, uncompressed = 1 + 32, 1 + 2*32
	offCurve := errors.New("sm2param: the public key is not a point of the curve sm2p256v1")
	switch {
	case len(point) == compressed && (point[0] == 0x02 || point[0] == 0x03):
		x, y := elliptic.UnmarshalCompressed(sm2.P256(), point)
		if x == nil {
			return nil, offCurve
		}
		point = slices.Concat([]byte{0x04}, x.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32)))
	case len(point) == uncompressed && point[0] == 0x04:
	default:
		return nil, errors.New("sm2param: the public key must be 33 bytes that begin with 02 or 03, " +
			"or 65 that begin with 04, all in hex")
	}
	key, err := sm2.NewPublicKey(point)
	if err != nil { // gmsm's error may repeat the key
		return nil, offCurve
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
			// The standard says to draw again when the key stream is all zero,
			// which happens to one in 256 names of one letter. gmsm before
			// v0.45.3 draws again, but it has overwritten the public key by
			// then: nobody could read the result.
			continue
		}
		if err != nil {
			return "", fmt.Errorf("sm2param: %w", err)
		}
		return base64.StdEncoding.EncodeToString(ciphertext), nil
	}
}

// countingReader is crypto/rand.Reader. It counts how often it was asked.
type countingReader struct{ reads int }

func (r *countingReader) Read(p []byte) (int, error) {
	r.reads++
	return rand.Read(p)
}
