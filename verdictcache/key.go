package verdictcache

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"
	"sync"

	"github.com/id2meta/id2meta"
)

// keyVersion is the first byte of what is hashed. Whoever changes the rest raises
// it, so that no old verdict is taken for a new one.
const keyVersion = 1

// minHashKey is as long as the output of the hash: RFC 2104 discourages less.
const minHashKey = sha256.Size

// newKeyer returns the function from a normalized Param to its Key. The hashKey
// lives in that function only, where no way of printing finds it.
func newKeyer(hashKey []byte) func(id2meta.Param) Key {
	hashKey = slices.Clone(hashKey)
	type scratch struct {
		mac hash.Hash
		buf []byte // holds a person until it is used again, or collected
	}
	// A MAC that is made anew costs more than all the rest of a remembered verdict.
	pool := sync.Pool{New: func() any { return &scratch{mac: hmac.New(sha256.New, hashKey)} }}
	return func(p id2meta.Param) Key {
		s := pool.Get().(*scratch)
		defer pool.Put(s)
		s.buf = appendPerson(s.buf[:0], p)
		s.mac.Reset()
		s.mac.Write(s.buf)
		clear(s.buf)
		s.buf = s.mac.Sum(s.buf[:0])
		return Key(s.buf)
	}
}

// appendPerson writes the fields with their lengths, so that none can be read as a
// part of the other. The ParamType needs no place: a masked or plain person is
// never both.
func appendPerson(b []byte, p id2meta.Param) []byte {
	b = append(b, keyVersion)
	for _, field := range []string{p.UserName, p.IdentifyNum} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(field)))
		b = append(b, field...)
	}
	return b
}
