package storetest

import (
	"testing"
	"time"

	"github.com/id2meta/id2meta/verdictcache"
)

func expires(_ *testing.T, one, other store) {
	old, next := newValue(), newValue()
	var keys [6]verdictcache.Key
	for i := range keys {
		keys[i] = newKey()
		one.swap(keys[i], nil, old, brief, true)
	}
	time.Sleep(past)
	one.load(keys[0], nil)
	other.load(keys[0], nil)
	one.swap(keys[1], old, next, long, false)
	one.load(keys[1], nil)
	other.swap(keys[2], old, next, long, false)
	other.load(keys[2], nil)
	one.swap(keys[3], old, nil, 0, false)
	one.delete(keys[3])
	one.swap(keys[4], nil, next, long, true)
	other.load(keys[4], next)
	other.swap(keys[5], nil, old, long, true) // even if it is the same
	one.load(keys[5], old)
	one.swap(keys[5], nil, next, long, false)
}

// ttlAnew: the ttl of the last swap counts, if it is shorter, and if it is longer.
func ttlAnew(t *testing.T, one, other store) {
	shorter, longer, again := newKey(), newKey(), newKey()
	first, second, third := newValue(), newValue(), newValue()
	one.swap(shorter, nil, first, long, true)
	other.swap(shorter, first, second, brief, true)
	one.swap(again, nil, first, long, true)
	one.swap(again, first, nil, 0, true)
	one.swap(again, nil, second, brief, true)
	for range 20 { // a slow machine may come too late for a brief value
		one.swap(longer, nil, first, brief, true)
		if swapped, err := other.CompareAndSwap(t.Context(), longer, first, second, long); swapped || err != nil {
			break
		}
		time.Sleep(past)
	}
	time.Sleep(past)
	one.load(shorter, nil)
	other.swap(shorter, nil, third, long, true)
	one.load(shorter, third)
	one.load(again, nil)
	one.load(longer, second)
	other.swap(longer, second, third, long, true)
}

func ttls(_ *testing.T, one, other store) {
	const day = 24 * time.Hour
	for _, ttl := range []time.Duration{
		long, time.Hour, time.Hour + time.Nanosecond, 24 * day, 25 * day, 49 * day, 50 * day, 180 * day, 100 * 365 * day,
	} {
		key, first, second := newKey(), newValue(), newValue()
		one.swap(key, nil, first, ttl, true)
		other.load(key, first)
		other.swap(key, nil, second, long, false)
		other.swap(key, first, second, ttl, true)
		one.load(key, second)
	}
	var short []verdictcache.Key
	for _, ttl := range []time.Duration{time.Millisecond, time.Millisecond + 1, 2*time.Millisecond - 1} {
		key := newKey()
		one.swap(key, nil, newValue(), ttl, true)
		short = append(short, key)
	}
	time.Sleep(past)
	for _, key := range short {
		other.load(key, nil)
		other.swap(key, nil, newValue(), long, true)
	}
}
