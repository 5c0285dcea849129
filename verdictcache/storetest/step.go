package storetest

import (
	"context"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

// stores are two Stores with the same data.
type stores struct{ one, other verdictcache.Store }

// either returns the one and the other by turns.
func (s stores) either(i int) verdictcache.Store {
	if i%2 == 0 {
		return s.one
	}
	return s.other
}

// Times. What must have passed is slept for, and on a slow machine only passes more
// surely. What must not have passed is far longer than any test takes.
const (
	brief = 100 * time.Millisecond
	past  = brief + 50*time.Millisecond // and then a brief time is over, on every clock
	long  = 10 * time.Minute
)

func newKey() (key verdictcache.Key) {
	rand.Read(key[:])
	return key
}

func newClaimer() (claimer verdictcache.Claimer) {
	rand.Read(claimer[:])
	return claimer
}

var match = id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: "D6163397-15C5-419C-9ACC-B7C83E0B4C10"}

var (
	nothing = verdictcache.Entry{}
	claimed = verdictcache.Entry{Claimed: true}
)

func remembered(r id2meta.Result) verdictcache.Entry { return verdictcache.Entry{Verdict: r} }

// steps takes steps of one Store, and compares each with what it should do.
type steps struct {
	t     *testing.T
	store verdictcache.Store
}

func on(t *testing.T, store verdictcache.Store) steps { return steps{t, store} }

func (s steps) load(key verdictcache.Key, want verdictcache.Entry) {
	s.t.Helper()
	entry, err := s.store.Load(s.t.Context(), key)
	if err != nil || entry != want {
		s.t.Fatalf("Load: %+v, %v; want %+v", entry, err, want)
	}
}

func (s steps) claim(key verdictcache.Key, claimer verdictcache.Claimer, lease time.Duration, want bool) {
	s.t.Helper()
	granted, err := s.store.Claim(s.t.Context(), key, claimer, lease)
	s.compare("Claim", granted, want, err)
}

func (s steps) renew(key verdictcache.Key, claimer verdictcache.Claimer, lease time.Duration, want bool) {
	s.t.Helper()
	renewed, err := s.store.Renew(s.t.Context(), key, claimer, lease)
	s.compare("Renew", renewed, want, err)
}

func (s steps) save(key verdictcache.Key, claimer verdictcache.Claimer, r id2meta.Result, lifetime time.Duration, want bool) {
	s.t.Helper()
	saved, err := s.store.Save(s.t.Context(), key, claimer, r, lifetime)
	s.compare("Save", saved, want, err)
}

// remember is a claim and its Save.
func (s steps) remember(key verdictcache.Key, r id2meta.Result, lifetime time.Duration) {
	s.t.Helper()
	claimer := newClaimer()
	s.claim(key, claimer, long, true)
	s.save(key, claimer, r, lifetime, true)
}

func (s steps) release(key verdictcache.Key, claimer verdictcache.Claimer) {
	s.t.Helper()
	if err := s.store.Release(s.t.Context(), key, claimer); err != nil {
		s.t.Fatalf("Release: %v", err)
	}
}

func (s steps) delete(key verdictcache.Key) {
	s.t.Helper()
	if err := s.store.Delete(s.t.Context(), key); err != nil {
		s.t.Fatalf("Delete: %v", err)
	}
}

func (s steps) compare(step string, got, want bool, err error) {
	s.t.Helper()
	if err != nil || got != want {
		s.t.Fatalf("%s: %v, %v; want %v", step, got, err, want)
	}
}

// atOnce calls f n times at the same time, and waits for all. Not all may call
// t.Fatal there, so f returns its error.
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
