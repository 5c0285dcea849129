package storetest

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/id2meta/id2meta/verdictcache"
)

// soon is how soon after its ctx a call must have ended, on a slow machine too.
const soon = 2 * time.Second

func endedContext(t *testing.T, s stores) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	passed, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	for _, ctx := range []context.Context{ended, passed} {
		key := newKey()
		began := time.Now()
		all(ctx, s.one, key, newClaimer())
		if took := time.Since(began); took > soon {
			t.Fatalf("calls with a context that has ended took %v", took)
		}
		alive(t, s)
	}
}

func endingContext(t *testing.T, s stores) {
	for range rounds {
		key := newKey()
		ctx, cancel := context.WithTimeout(t.Context(), rand.N(2*time.Millisecond))
		for i := 0; i < 50 && ctx.Err() == nil; i++ {
			all(ctx, s.one, key, newClaimer())
		}
		deadline, _ := ctx.Deadline()
		cancel()
		if late := time.Since(deadline); late > soon {
			t.Fatalf("a call ended %v after its context", late)
		}
		// Whatever was done, or will be when the call has long ended, is done whole.
		entry, err := s.other.Load(t.Context(), key)
		if err != nil {
			t.Fatalf("Load: %v", err)
		}
		if entry != nothing && entry != claimed && entry != remembered(match) {
			t.Fatalf("Load: %+v, which nobody saved", entry)
		}
	}
	alive(t, s)
}

// all takes every step. Whether it succeeds is not certain.
func all(ctx context.Context, store verdictcache.Store, key verdictcache.Key, me verdictcache.Claimer) {
	store.Claim(ctx, key, me, long)
	store.Load(ctx, key)
	store.Renew(ctx, key, me, long)
	store.Save(ctx, key, me, match, long)
	store.Delete(ctx, key)
	store.Claim(ctx, key, me, long)
	store.Release(ctx, key, me)
}

// alive: the Stores work as before.
func alive(t *testing.T, s stores) {
	t.Helper()
	key := newKey()
	on(t, s.one).remember(key, match, long)
	on(t, s.other).load(key, remembered(match))
}
