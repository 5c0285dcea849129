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

func endedContext(t *testing.T, one, other store) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	passed, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	for _, ctx := range []context.Context{cancelled, passed} {
		key, free, value := newKey(), newKey(), newValue()
		one.swap(key, nil, value, long, true)
		began := time.Now()
		_, load := one.Load(ctx, key)
		_, write := one.CompareAndSwap(ctx, free, nil, newValue(), long)
		_, replace := one.CompareAndSwap(ctx, key, value, newValue(), long)
		_, remove := one.CompareAndSwap(ctx, key, value, nil, 0)
		if took := time.Since(began); took > soon {
			t.Fatalf("calls with a context that has ended took %v", took)
		}
		for step, err := range map[string]error{
			"Load": load, "write": write, "replace": replace, "remove": remove, "Delete": one.Delete(ctx, key),
		} {
			if err == nil {
				t.Fatalf("%s with a context that has ended: no error", step)
			}
		}
		other.load(key, value) // no step was taken
		other.load(free, nil)
	}
}

func endingContext(t *testing.T, one, other store) {
	first, second := newValue(), newValue()
	for range rounds {
		key := newKey()
		ctx, cancel := context.WithTimeout(t.Context(), rand.N(2*time.Millisecond))
		for i := 0; i < 50 && ctx.Err() == nil; i++ {
			takeAll(ctx, one, key, first, second)
		}
		deadline, _ := ctx.Deadline()
		cancel()
		if late := time.Since(deadline); late > soon {
			t.Fatalf("a call ended %v after its context", late)
		}
		// What was done, or is still being done at the server, is done whole.
		value, err := other.Load(t.Context(), key)
		if err != nil || value != nil && !same(value, first) && !same(value, second) {
			t.Fatalf("Load: %s, %v; want %s or %s or none", show(value), err, show(first), show(second))
		}
	}
	key := newKey() // the Stores work as before
	one.swap(key, nil, first, long, true)
	other.load(key, first)
}

// takeAll takes every step. Whether a step succeeds is not certain.
func takeAll(ctx context.Context, s verdictcache.Store, key verdictcache.Key, first, second []byte) {
	s.Delete(ctx, key)
	s.CompareAndSwap(ctx, key, nil, second, long)
	s.CompareAndSwap(ctx, key, second, nil, 0)
	s.CompareAndSwap(ctx, key, nil, first, long)
	s.Load(ctx, key)
	s.CompareAndSwap(ctx, key, first, second, long)
}
