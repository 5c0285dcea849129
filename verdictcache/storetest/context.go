package storetest

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/id2meta/id2meta/verdictcache"
)

// soon is how soon after its ctx a call must have ended, even on a slow machine.
const soon = 2 * time.Second

func endedContext(t *testing.T, s stores) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	passed, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	for _, ctx := range []context.Context{cancelled, passed} {
		key, free, value := newKey(), newKey(), newValue()
		on(t, s.one).write(key, value)
		began := time.Now()
		_, load := s.one.Load(ctx, key)
		_, write := s.one.CompareAndSwap(ctx, free, nil, newValue(), long)
		_, replace := s.one.CompareAndSwap(ctx, key, value, newValue(), long)
		_, remove := s.one.CompareAndSwap(ctx, key, value, nil, 0)
		if took := time.Since(began); took > soon {
			t.Fatalf("calls with a context that has ended took %v", took)
		}
		for step, err := range map[string]error{
			"Load": load, "write": write, "replace": replace, "remove": remove, "Delete": s.one.Delete(ctx, key),
		} {
			if err == nil {
				t.Fatalf("%s with a context that has ended: no error", step)
			}
		}
		on(t, s.other).load(key, value) // no step was taken
		on(t, s.other).load(free, nil)
	}
}

func endingContext(t *testing.T, s stores) {
	first, second := newValue(), newValue()
	for range rounds {
		key := newKey()
		ctx, cancel := context.WithTimeout(t.Context(), rand.N(2*time.Millisecond))
		for i := 0; i < 50 && ctx.Err() == nil; i++ {
			all(ctx, s.one, key, first, second)
		}
		deadline, _ := ctx.Deadline()
		cancel()
		if late := time.Since(deadline); late > soon {
			t.Fatalf("a call ended %v after its context", late)
		}
		// What was done, or is still being done at the server, is done whole.
		value, err := s.other.Load(t.Context(), key)
		if err != nil {
			t.Fatalf("Load: %v", err)
		}
		if value != nil && !same(value, first) && !same(value, second) {
			t.Fatalf("Load: %s, which nobody wrote", show(value))
		}
	}
	key := newKey() // the Stores work as before
	on(t, s.one).write(key, first)
	on(t, s.other).load(key, first)
}

// all takes every step. Whether a step succeeds is not certain.
func all(ctx context.Context, store verdictcache.Store, key verdictcache.Key, first, second []byte) {
	store.Delete(ctx, key)
	store.CompareAndSwap(ctx, key, nil, second, long)
	store.CompareAndSwap(ctx, key, second, nil, 0)
	store.CompareAndSwap(ctx, key, nil, first, long)
	store.Load(ctx, key)
	store.CompareAndSwap(ctx, key, first, second, long)
}
