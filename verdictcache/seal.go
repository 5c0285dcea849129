package verdictcache

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"sync"
	"time"

	"github.com/id2meta/id2meta"
)

// minHashKey is the length of the hash's output. RFC 2104 discourages shorter keys.
const minHashKey = sha256.Size

// The labels of the two subkeys of a hashKey. If you change what is hashed or sealed, change
// the number in these labels, so that no old value is taken for a new one.
const (
	labelMAC  = "id2meta verdictcache v1 person"
	labelSeal = "id2meta verdictcache v1 value"
)

// valueVersion is the first byte of every value.
const valueVersion = 1

// maxRequestID is the longest request ID that is remembered, so that a value is never longer
// than a Store accepts. The service sends 36 bytes.
const maxRequestID = 128

// keyring is what is derived from one hashKey: one subkey makes the Keys of people,
// and one seals the values in the Store. It is used behind a pointer only, so that
// fmt does not print it as part of a Cache.
type keyring struct {
	macs sync.Pool // of *mac: making an HMAC costs more than the rest of a lookup
	aead cipher.AEAD
}

type mac struct {
	hash.Hash
	buf []byte
}

func newKeyring(hashKey []byte) (*keyring, error) {
	switch {
	case len(hashKey) < minHashKey:
		return nil, fmt.Errorf("it has %d bytes, and needs %d or more", len(hashKey), minHashKey)
	case len(bytes.Trim(hashKey, string(hashKey[:1]))) == 0:
		return nil, errors.New("it is one repeated byte, so anybody can guess it")
	}
	macKey, err := hkdf.Key(sha256.New, hashKey, nil, labelMAC, sha256.Size)
	if err != nil {
		return nil, err
	}
	sealKey, err := hkdf.Key(sha256.New, hashKey, nil, labelSeal, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(sealKey)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &keyring{
		macs: sync.Pool{New: func() any { return &mac{Hash: hmac.New(sha256.New, macKey)} }},
		aead: aead,
	}, nil
}

// key returns the Key of a normalized Param. The length of each field is written before the
// field, so that no two people have the same bytes. The ParamType is left out: no plaintext
// person looks like a masked person.
func (k *keyring) key(p id2meta.Param) Key {
	m := k.macs.Get().(*mac)
	defer k.macs.Put(m)
	m.buf = m.buf[:0]
	for _, field := range [...]string{p.UserName, p.IdentifyNum} {
		m.buf = binary.BigEndian.AppendUint64(m.buf, uint64(len(field)))
		m.buf = append(m.buf, field...)
	}
	m.Reset()
	m.Write(m.buf)
	clear(m.buf) // the person does not stay in the pool
	m.buf = m.Sum(m.buf[:0])
	return Key(m.buf)
}

// value is what a sealed value says. The zero value says nothing.
type value struct {
	verdict id2meta.Result // valid, or zero
	asked   time.Time      // when the service was asked for the verdict

	claim claim // of whoever is asking, or zero
}

// claim says that its owner is asking. Each renewal raises count, so a claim that does not
// change belongs to a dead owner.
type claim struct {
	owner [16]byte
	count uint64
}

// The second byte of the plaintext of a value.
const (
	kindVerdict = 'v'
	kindClaim   = 'c'
)

// seal returns v as the Store keeps it: the version, a random nonce, and the
// ciphertext, which can be opened only for the same key.
//
// A nonce is 96 random bits, so one hashKey must not seal more than 2^32 values (NIST
// SP 800-38D). A new person takes two.
func (k *keyring) seal(key Key, v value) []byte {
	plain := make([]byte, 0, 64)
	if v.verdict.BizCode == "" {
		plain = append(plain, kindClaim)
		plain = append(plain, v.claim.owner[:]...)
		plain = binary.BigEndian.AppendUint64(plain, v.claim.count)
	} else {
		plain = append(plain, kindVerdict, v.verdict.BizCode[0])
		plain = binary.BigEndian.AppendUint64(plain, uint64(v.asked.UnixMilli()))
		if id := v.verdict.RequestID; len(id) <= maxRequestID {
			plain = append(plain, id...)
		}
	}
	sealed := make([]byte, 1, 1+len(plain)+k.aead.Overhead())
	sealed[0] = valueVersion
	return k.aead.Seal(sealed, nil, plain, key[:])
}

// open returns the value that seal was given. It returns false for everything that seal did
// not make for this key.
func (k *keyring) open(key Key, sealed []byte) (value, bool) {
	if len(sealed) == 0 || sealed[0] != valueVersion {
		return value{}, false
	}
	plain, err := k.aead.Open(nil, nil, sealed[1:], key[:])
	if err != nil || len(plain) == 0 {
		return value{}, false
	}
	switch kind, rest := plain[0], plain[1:]; {
	case kind == kindClaim && len(rest) == 16+8:
		return value{claim: claim{[16]byte(rest[:16]), binary.BigEndian.Uint64(rest[16:])}}, true
	case kind == kindVerdict && len(rest) >= 1+8:
		v := value{
			verdict: id2meta.Result{BizCode: id2meta.BizCode(rest[:1]), RequestID: string(rest[9:])},
			asked:   time.UnixMilli(int64(binary.BigEndian.Uint64(rest[1:9]))),
		}
		return v, v.verdict.BizCode.Valid()
	}
	return value{}, false
}
