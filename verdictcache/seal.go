package verdictcache

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
	"time"

	"github.com/id2meta/id2meta"
)

// minHashKey is the length of the hash's output. RFC 2104 discourages shorter keys.
const minHashKey = sha256.Size

// The labels of what is derived from a hashKey. If you change what is hashed or sealed, change
// the number in these labels, so that no old value is taken for a new one.
const (
	labelMAC         = "id2meta verdictcache v1 person"
	labelSeal        = "id2meta verdictcache v3 value"
	labelFingerprint = "id2meta verdictcache v1 fingerprint"
)

// maxRequestID is the longest request ID that is remembered, so that a value is never longer
// than a Store accepts. The service sends 36 bytes.
const maxRequestID = 128

// ParseHashKey returns the hashKey of 32 bytes that s stands for: 64 hex digits, as
// openssl rand -hex 32 prints them. White space around them is ignored. The error does not
// repeat s.
func ParseHashKey(s string) ([]byte, error) {
	s = strings.TrimSpace(s)
	if len(s) != 64 {
		return nil, fmt.Errorf("verdictcache: ParseHashKey: the text has %d bytes, and needs 64 hex digits (openssl rand -hex 32 prints them)", len(s))
	}
	key, err := hex.DecodeString(s)
	if err != nil {
		return nil, errors.New("verdictcache: ParseHashKey: a character is no hex digit")
	}
	return key, nil
}

// keyring is what is derived from one hashKey: one subkey makes the Keys of people, one seals
// the values in the Store, and the fingerprint stands for the hashKey in the Store. It is used
// behind a pointer only, so that fmt does not print it as part of a Cache.
type keyring struct {
	macs        sync.Pool // of *mac: making an HMAC costs more than the rest of a lookup
	aead        cipher.AEAD
	fingerprint []byte
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
	case isHex(hashKey):
		return nil, errors.New("it is a text of 64 hex digits; ParseHashKey makes a hashKey of such a text")
	}
	subkeys := map[string][]byte{}
	for _, label := range []string{labelMAC, labelSeal, labelFingerprint} {
		subkey, err := hkdf.Key(sha256.New, hashKey, nil, label, sha256.Size)
		if err != nil {
			return nil, err
		}
		subkeys[label] = subkey
	}
	block, err := aes.NewCipher(subkeys[labelSeal])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &keyring{
		macs:        sync.Pool{New: func() any { return &mac{Hash: hmac.New(sha256.New, subkeys[labelMAC])} }},
		aead:        aead,
		fingerprint: subkeys[labelFingerprint],
	}, nil
}

// isHex reports whether a hashKey is the text of another hashKey. If one process decoded the
// text and another did not, they would not find each other's verdicts.
func isHex(hashKey []byte) bool {
	_, err := hex.DecodeString(string(hashKey))
	return err == nil && len(hashKey) == 64
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
	owner   [16]byte       // random: of the claim of whoever is asking, or zero
}

// The second byte of the plaintext of a value.
const (
	kindVerdict = 'v'
	kindClaim   = 'c'
)

// seal returns v as the Store keeps it: a random nonce, and the ciphertext, which can be
// opened only for the same key.
//
// A nonce is 96 random bits, so one hashKey must not seal more than 2^32 values (NIST
// SP 800-38D). A new person takes two.
func (k *keyring) seal(key Key, v value) []byte {
	plain := make([]byte, 0, 64)
	if v.verdict.BizCode == "" {
		plain = append(plain, kindClaim)
		plain = append(plain, v.owner[:]...)
	} else {
		plain = append(plain, kindVerdict, v.verdict.BizCode[0])
		plain = binary.BigEndian.AppendUint64(plain, uint64(v.verdict.Time.Unix()))
		plain = binary.BigEndian.AppendUint32(plain, uint32(v.verdict.Time.Nanosecond()))
		if id := v.verdict.RequestID; len(id) <= maxRequestID {
			plain = append(plain, id...)
		}
	}
	return k.aead.Seal(nil, nil, plain, key[:])
}

// open returns the value that seal was given. It returns false for everything that seal did
// not make for this key.
func (k *keyring) open(key Key, sealed []byte) (value, bool) {
	if len(sealed) > MaxValueSize {
		return value{}, false
	}
	plain, err := k.aead.Open(nil, nil, sealed, key[:])
	if err != nil || len(plain) == 0 {
		return value{}, false
	}
	switch kind, rest := plain[0], plain[1:]; {
	case kind == kindClaim && len(rest) == 16:
		return value{owner: [16]byte(rest)}, true
	case kind == kindVerdict && len(rest) >= 1+8+4:
		seconds, nanoseconds := binary.BigEndian.Uint64(rest[1:9]), binary.BigEndian.Uint32(rest[9:13])
		r := id2meta.Result{
			BizCode:   id2meta.BizCode(rest[:1]),
			RequestID: string(rest[13:]),
			Time:      time.Unix(int64(seconds), int64(nanoseconds)).UTC(),
		}
		return value{verdict: r}, r.BizCode.Valid()
	}
	return value{}, false
}
