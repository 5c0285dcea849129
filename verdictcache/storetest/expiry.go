package storetest

import (
	"testing"
	"time"

	"github.com/id2meta/id2meta/verdictcache"
)

func expires(t *testing.T, s stores) {
	keys := make([]verdictcache.Key, 6)
	old, next := newValue(), newValue()
	for i := range keys {
		keys[i] = newKey()
		on(t, s.one).swap(keys[i], nil, old, brief, true)
	}
	time.Sleep(past)
	on(t, s.one).load(keys[0], nil)
	on(t, s.other).load(keys[0], nil)
	on(t, s.one).swap(keys[1], old, next, long, false)
	on(t, s.one).load(keys[1], nil)
	on(t, s.other).swap(keys[2], old, next, long, false)
	on(t, s.other).load(keys[2], nil)
	on(t, s.one).swap(keys[3], old, nil, 0, false)
	on(t, s.one).delete(keys[3])
	on(t, s.one).swap(keys[4], nil, next, long, true)
	on(t, s.other).load(keys[4], next)
	on(t, s.other).swap(keys[5], nil, old, long, true) // even if it is the same
	on(t, s.one).load(keys[5], old)
	on(t, s.one).swap(keys[5], nil, next, long, false)
}

func expiredRace(t *testing.T, s stores) {
	keys := make([]verdictcache.Key, rounds)
	for i := range keys {
		keys[i] = newKey()
		on(t, s.one).swap(keys[i], nil, newValue(), brief, true)
	}
	time.Sleep(past)
	for _, key := range keys {
		race(t, s, key, nil, newValue)
	}
}

func ttlAnew(t *testing.T, s stores) {
	// The ttl of the last swap counts, if it is shorter, and if it is longer.
	shorter, longer, again := newKey(), newKey(), newKey()
	first, second, third := newValue(), newValue(), newValue()
	on(t, s.one).swap(shorter, nil, first, long, true)
	on(t, s.other).swap(shorter, first, second, brief, true)
	on(t, s.one).swap(again, nil, first, long, true)
	on(t, s.one).swap(again, first, nil, 0, true)
	on(t, s.one).swap(again, nil, second, brief, true)
	lengthen(t, s, longer, first, second)
	time.Sleep(past)
	on(t, s.one).load(shorter, nil)
	on(t, s.other).swap(shorter, nil, third, long, true)
	on(t, s.one).load(shorter, third)
	on(t, s.one).load(again, nil)
	on(t, s.one).load(longer, second)
	on(t, s.other).swap(longer, second, third, long, true)
}

// lengthen replaces a brief value by a long one. A slow machine may come too late to
// do so. Then lengthen begins anew.
func lengthen(t *testing.T, s stores, key verdictcache.Key, first, second []byte) {
	t.Helper()
	for range 20 {
		began := time.Now()
		on(t, s.one).swap(key, nil, first, brief, true)
		swapped, err := s.other.CompareAndSwap(t.Context(), key, first, second, long)
		if err != nil {
			t.Fatalf("CompareAndSwap: %v", err)
		}
		if swapped {
			return
		}
		if time.Since(began) < brief/2 {
			t.Fatal("CompareAndSwap: false, want true: the value has not expired")
		}
		time.Sleep(past)
	}
	t.Fatal("this machine is too slow for the test")
}

func ttls(t *testing.T, s stores) {
	const day = 24 * time.Hour
	for _, ttl := range []time.Duration{
		long, time.Hour, time.Hour + time.Nanosecond, 24 * day, 25 * day, 49 * day, 50 * day, 180 * day, 100 * 365 * day,
	} {
		key, first, second := newKey(), newValue(), newValue()
		on(t, s.one).swap(key, nil, first, ttl, true)
		on(t, s.other).load(key, first)
		on(t, s.other).swap(key, nil, second, long, false)
		on(t, s.other).swap(key, first, second, ttl, true)
		on(t, s.one).load(key, second)
	}
	for _, ttl := range []time.Duration{1, time.Microsecond, time.Millisecond - 1, time.Millisecond, time.Millisecond + 1} {
		key, first := newKey(), newValue()
		on(t, s.one).swap(key, nil, first, ttl, true)
		time.Sleep(past)
		on(t, s.other).load(key, nil)
		on(t, s.other).swap(key, nil, first, long, true)
	}
}
