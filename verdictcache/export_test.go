package verdictcache

import (
	"time"

	"github.com/id2meta/id2meta"
)

// Opened is what a sealed value says, for tests.
type Opened struct {
	Verdict id2meta.Result
	Owner   [16]byte
}

// KeyOf is the Key of a person under hashKey.
func KeyOf(hashKey []byte, p id2meta.Param) Key {
	return mustKeyring(hashKey).key(p)
}

// Open opens a value as a Cache with hashKey does.
func Open(hashKey []byte, key Key, sealed []byte) (Opened, bool) {
	v, ok := mustKeyring(hashKey).open(key, sealed)
	return Opened{v.verdict, v.owner}, ok
}

// SealVerdict seals a verdict that the service gave then as a Cache with hashKey does.
func SealVerdict(hashKey []byte, key Key, r id2meta.Result, then time.Time) []byte {
	r.Time = then.UTC().Round(0)
	return mustKeyring(hashKey).seal(key, value{verdict: r})
}

// SealClaim seals a claim as a Cache with hashKey does.
func SealClaim(hashKey []byte, key Key, owner [16]byte) []byte {
	return mustKeyring(hashKey).seal(key, value{owner: owner})
}

// SealRaw seals any plaintext.
func SealRaw(hashKey []byte, key Key, plain []byte) []byte {
	return mustKeyring(hashKey).aead.Seal(nil, nil, plain, key[:])
}

// SetClock replaces the machine's clock.
func (c *Cache) SetClock(now func() time.Time) { c.now = now }

func mustKeyring(hashKey []byte) *keyring {
	ring, err := newKeyring(hashKey)
	if err != nil {
		panic(err)
	}
	return ring
}
