package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"

	"github.com/id2meta/id2meta"
)

const (
	hashKeyVariable = "WITHDRAW_HASH_KEY"
	minHashKey      = 32 // bytes, the strength of SHA-256
)

// parseHashKey reads the key from its hex digits. The simulator may do without:
// it knows nobody who needs protection, and a fixed key lets a database that was
// kept be opened again. No error repeats the key.
func parseHashKey(text string, live bool) ([]byte, error) {
	if text == "" && !live {
		return []byte("the public key of the simulation"), nil
	}
	if text == "" {
		return nil, errors.New(hashKeyVariable + " is not set; make a key with: openssl rand -hex 32")
	}
	key, err := hex.DecodeString(text)
	if err != nil {
		return nil, errors.New(hashKeyVariable + " is not an even number of hex digits")
	}
	if len(key) < minHashKey {
		return nil, errors.New(hashKeyVariable + " is too short: it must have 64 hex digits or more")
	}
	return key, nil
}

// hasher turns what must not be stored into something that can be compared and
// not undone. A plain hash could be: there are few enough ID numbers to try them
// all. Without the key nobody can.
type hasher struct{ key []byte }

// newHasher derives the key from the operator's and from who answers, so that
// what a simulator has answered is never taken for the service's word.
func newHasher(key []byte, source string) hasher {
	return hasher{hasher{key}.sum("source", source)}
}

// person is the same for the same person, however they typed themselves, if p
// is normalized.
func (h hasher) person(p id2meta.Param) []byte {
	return h.sum("person", string(p.ParamType), p.UserName, p.IdentifyNum)
}

// idempotencyKey hashes a client's key, because a client may put anything into
// it.
func (h hasher) idempotencyKey(key string) []byte { return h.sum("idempotency key", key) }

// verdicts is the key of the hashes by which the cache knows people.
func (h hasher) verdicts() []byte { return h.sum("verdicts") }

// check tells a database that was written with another key.
func (h hasher) check() []byte { return h.sum("check") }

// sum puts the length before each field: otherwise ("ab", "c") and ("a", "bc")
// would be the same person.
func (h hasher) sum(purpose string, fields ...string) []byte {
	mac := hmac.New(sha256.New, h.key)
	for _, field := range append([]string{purpose}, fields...) {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(field))))
		mac.Write([]byte(field))
	}
	return mac.Sum(nil)
}
