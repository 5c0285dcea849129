package storetest

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/id2meta/id2meta/verdictcache"
)

// What must have passed is slept for, and passes even more surely on a slow machine.
// What must not have passed is far longer than any test takes.
const (
	brief = 100 * time.Millisecond
	past  = brief + 50*time.Millisecond // after that, brief has passed on every clock
	long  = 10 * time.Minute
)

func newKey() (key verdictcache.Key) {
	rand.Read(key[:])
	return key
}

// newValue is as long as a claim.
func newValue() []byte {
	value := make([]byte, 25)
	rand.Read(value)
	return value
}

// store takes steps of a Store, and compares each with what it should do.
type store struct {
	verdictcache.Store
	t *testing.T
}

// load wants a value, or none if want is nil.
func (s store) load(key verdictcache.Key, want []byte) {
	s.t.Helper()
	value, err := s.Load(s.t.Context(), key)
	if err != nil || !same(value, want) {
		s.t.Fatalf("Load: %s, %v; want %s", show(value), err, show(want))
	}
}

func (s store) swap(key verdictcache.Key, old, new []byte, ttl time.Duration, want bool) {
	s.t.Helper()
	swapped, err := s.CompareAndSwap(s.t.Context(), key, old, new, ttl)
	if err != nil || swapped != want {
		s.t.Fatalf("CompareAndSwap of %s for %s: %v, %v; want %v", show(old), show(new), swapped, err, want)
	}
}

func (s store) delete(key verdictcache.Key) {
	s.t.Helper()
	if err := s.Delete(s.t.Context(), key); err != nil {
		s.t.Fatalf("Delete: %v", err)
	}
}

// same takes an empty value for another than none.
func same(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

// show is short, since a value may be long.
func show(value []byte) string {
	switch {
	case value == nil:
		return "none"
	case len(value) > 40:
		return fmt.Sprintf("%q and so on, %d bytes", value[:40], len(value))
	}
	return fmt.Sprintf("%q", value)
}
