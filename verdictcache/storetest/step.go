package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/id2meta/id2meta/verdictcache"
)

// stores are two Stores with the same data.
type stores struct{ one, other verdictcache.Store }

// either returns one and the other by turns.
func (s stores) either(i int) verdictcache.Store {
	if i%2 == 0 {
		return s.one
	}
	return s.other
}

// What must have passed is slept for, and passes even more surely on a slow machine.
// What must not have passed is far longer than any test takes.
const (
	brief = 100 * time.Millisecond
	past  = brief + 50*time.Millisecond // after that, brief has passed on every clock
	long  = 10 * time.Minute
)

// crowd is how many come at once: enough to find a step that is really two, and few
// enough for a short test. rounds is how often they come.
const (
	crowd  = 8
	rounds = 12
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

// steps takes steps of one Store, and compares each with what it should do.
type steps struct {
	t     *testing.T
	store verdictcache.Store
}

func on(t *testing.T, store verdictcache.Store) steps { return steps{t, store} }

// load wants a value, or none if want is nil.
func (s steps) load(key verdictcache.Key, want []byte) {
	s.t.Helper()
	value, err := s.store.Load(s.t.Context(), key)
	if err != nil || !same(value, want) {
		s.t.Fatalf("Load: %s, %v; want %s", show(value), err, show(want))
	}
}

func (s steps) swap(key verdictcache.Key, old, new []byte, ttl time.Duration, want bool) {
	s.t.Helper()
	swapped, err := s.store.CompareAndSwap(s.t.Context(), key, old, new, ttl)
	if err != nil || swapped != want {
		s.t.Fatalf("CompareAndSwap of %s for %s: %v, %v; want %v", show(old), show(new), swapped, err, want)
	}
}

// write writes a value where there is none.
func (s steps) write(key verdictcache.Key, value []byte) {
	s.t.Helper()
	s.swap(key, nil, value, long, true)
}

func (s steps) delete(key verdictcache.Key) {
	s.t.Helper()
	if err := s.store.Delete(s.t.Context(), key); err != nil {
		s.t.Fatalf("Delete: %v", err)
	}
}

// same takes an empty value for another than none.
func same(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

// atOnce calls f n times at the same time, and waits for all. A goroutine may not
// call t.Fatal, so f returns its error.
func atOnce(t *testing.T, n int, f func(ctx context.Context, i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	start, errs := make(chan struct{}), make(chan error, n)
	for i := range n {
		wg.Go(func() {
			<-start
			errs <- f(t.Context(), i)
		})
	}
	close(start)
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
