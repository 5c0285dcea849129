// Package sm2param encrypts a person for Alibaba Cloud's Id2MetaVerify, so that
// name and number cannot be read on their way, not even by a proxy that ends
// TLS. Most programs need [New]:
//
//	param, err := sm2param.New(name, number)
//	…
//	result, err := client.Verify(ctx, param)
//
// An [id2meta.Client] takes the Param like any other. [Verifier] does both, for
// services that keep the person in plaintext until then. [NewEncrypter] is for tests,
// and for the day on which the vendor changes the key.
//
// # The format
//
// The vendor's page "参数加密说明" gives the public key and a sample in Java.
// From these: the cipher is SM2 (GB/T 32918.4) on the curve sm2p256v1; a
// ciphertext is 0x04, C1 (64 bytes), C2 (as long as the plaintext), C3 (32
// bytes), in this order and not in the newer one of C1, C3, C2; it is sent in
// standard Base64 with padding. Name and number, in UTF-8, are two ciphertexts.
// Each field is encrypted whole; this is how the vendor's page is read, and it
// has not been tried against the live service.
//
// # What it hides and what not
//
// Only the owner of the private key can read a ciphertext; unlike masking by md5
// ([id2meta.MD5Param]) it does not yield to trying all persons, because the same
// person never looks the same twice. For that reason a Param of this package
// cannot be a key, in a cache or to count attempts; use that of the plaintext.
//
// A proxy that ends TLS still sees who asks, the verdict, and the length of name
// and number in bytes. Anybody can encrypt under a public key: that a ciphertext
// was not replaced on its way, TLS and the signature of the request tell. And
// since an [id2meta.Client] does not know whom it asks about, it could not redact the name
// if the service repeated it in an error.
package sm2param

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"sync"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm2/sm2ec"

	"github.com/id2meta/id2meta"
)

// PublicKey is the vendor's, a compressed point in hex, as the page
// "参数加密说明" gives it.
const PublicKey = "02cd77e007bdc86eeaf9a479ba7a2c22bc0a517ccb3a6975c3f94b4ac93347dea6"

// vendor parses PublicKey when it is needed first.
var vendor = sync.OnceValues(func() (*Encrypter, error) { return NewEncrypter(PublicKey) })

// New returns the Param of [id2meta.ParamTypeSM2] for a person in plaintext,
// encrypted under [PublicKey]. It normalizes and validates both fields as
// [id2meta.MD5Param] does, and like that returns an *[id2meta.ParamError]. Two
// calls never return the same Param. It is safe for concurrent use.
func New(userName, identifyNum string) (id2meta.Param, error) {
	encrypter, err := vendor()
	if err != nil {
		return id2meta.Param{}, err
	}
	return encrypter.Param(userName, identifyNum)
}

// Encrypter encrypts under one public key. It is made by [NewEncrypter] and safe
// for concurrent use.
type Encrypter struct{ key *ecdsa.PublicKey }

// NewEncrypter returns an Encrypter for a public key in hex: a point of the
// curve sm2p256v1, compressed (66 digits, the first two 02 or 03) or not (130
// digits, the first two 04). Anything else is an error, which does not repeat
// it. The simulator of package id2metatest has a key of its own:
//
//	encrypter, err := sm2param.NewEncrypter(server.SM2PublicKey())
func NewEncrypter(publicKey string) (*Encrypter, error) {
	point, err := hex.DecodeString(publicKey)
	if err != nil {
		return nil, errors.New("sm2param: the public key is not in hex")
	}
	const compressed, uncompressed = 1 + 32, 1 + 2*32
	curve := sm2ec.P256()
	var x, y *big.Int
	switch {
	case len(point) == compressed && (point[0] == 0x02 || point[0] == 0x03):
		x, y = elliptic.UnmarshalCompressed(curve, point)
	case len(point) == uncompressed && point[0] == 0x04:
		//lint:ignore SA1019 crypto/ecdh does not know this curve
		x, y = elliptic.Unmarshal(curve, point)
	default:
		return nil, errors.New("sm2param: the public key must be 33 bytes that begin with 02 or 03, " +
			"or 65 that begin with 04, all in hex")
	}
	if x == nil { // the point at infinity has neither form
		return nil, errors.New("sm2param: the public key is not a point of the curve sm2p256v1")
	}
	//lint:ignore SA1019 gmsm has no other form of a key, and the point was checked
	return &Encrypter{&ecdsa.PublicKey{Curve: curve, X: x, Y: y}}, nil
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
			// which befalls one in 256 names of one letter. gmsm v0.15.5 does,
			// but goes on with a public key that it has overwritten meanwhile:
			// nobody could read the result.
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
