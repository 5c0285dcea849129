package storetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/id2meta/id2meta/verdictcache"
)

func writes(t *testing.T, s stores) {
	key, first, second := newKey(), newValue(), newValue()
	on(t, s.one).swap(key, nil, first, long, true)
	on(t, s.one).load(key, first)
	on(t, s.other).load(key, first)
	on(t, s.one).swap(key, nil, second, long, false)
	on(t, s.other).swap(key, nil, second, long, false)
	on(t, s.one).swap(key, nil, first, long, false) // even if it is the same
	on(t, s.other).load(key, first)
	on(t, s.one).load(newKey(), nil)
}

func replaces(t *testing.T, s stores) {
	key, first, second, third := newKey(), newValue(), newValue(), newValue()
	on(t, s.one).swap(key, first, second, long, false) // there is none
	on(t, s.one).load(key, nil)
	on(t, s.one).write(key, first)
	on(t, s.other).swap(key, second, third, long, false) // there is another
	on(t, s.one).load(key, first)
	on(t, s.other).swap(key, first, second, long, true)
	on(t, s.one).load(key, second)
	on(t, s.one).swap(key, first, third, long, false) // it was the value once
	on(t, s.other).load(key, second)
	on(t, s.one).swap(key, second, first, long, true) // and may be so again
	on(t, s.other).load(key, first)
	for i := range 20 { // many within a millisecond
		next := []byte{byte(i)}
		on(t, s.either(i)).swap(key, first, next, long, true)
		first = next
	}
	on(t, s.one).delete(key)
	on(t, s.one).swap(key, first, second, long, false) // it is gone, and does not come back
	on(t, s.other).load(key, nil)
}

func removes(t *testing.T, s stores) {
	key, first, second := newKey(), newValue(), newValue()
	on(t, s.one).swap(key, first, nil, 0, false) // there is none
	on(t, s.one).write(key, first)
	on(t, s.other).swap(key, second, nil, 0, false) // there is another
	on(t, s.other).load(key, first)
	on(t, s.one).swap(key, first, nil, 0, true)
	on(t, s.one).load(key, nil)
	on(t, s.other).load(key, nil)
	on(t, s.one).swap(key, first, nil, 0, false)
	on(t, s.other).write(key, second)
	on(t, s.one).swap(key, first, nil, long, false) // the ttl does not matter
	on(t, s.one).swap(key, second, nil, -long, true)
	on(t, s.other).load(key, nil)
}

func deletes(t *testing.T, s stores) {
	key, neighbour, first, second := newKey(), newKey(), newValue(), newValue()
	on(t, s.one).write(neighbour, first)
	on(t, s.one).delete(key) // there is none, and that is no error
	on(t, s.one).write(key, first)
	on(t, s.other).delete(key)
	on(t, s.one).load(key, nil)
	on(t, s.other).load(key, nil)
	on(t, s.one).delete(key)
	on(t, s.other).write(key, second)
	on(t, s.one).load(key, second)
	on(t, s.one).load(neighbour, first)
}

func writeRace(t *testing.T, s stores) {
	for range rounds {
		race(t, s, newKey(), nil, newValue)
	}
}

func replaceRace(t *testing.T, s stores) {
	for range rounds {
		key, old := newKey(), newValue()
		on(t, s.one).write(key, old)
		race(t, s, key, old, newValue)
	}
}

func removeRace(t *testing.T, s stores) {
	for range rounds {
		key, old := newKey(), newValue()
		on(t, s.one).write(key, old)
		race(t, s, key, old, func() []byte { return nil })
	}
}

// race lets a crowd swap the same old value. Exactly one must succeed, and what that
// one wrote is the value.
func race(t *testing.T, s stores, key verdictcache.Key, old []byte, new func() []byte) {
	t.Helper()
	var winners atomic.Int32
	var won atomic.Value
	atOnce(t, crowd, func(ctx context.Context, i int) error {
		mine := new()
		swapped, err := s.either(i).CompareAndSwap(ctx, key, old, mine, long)
		if swapped {
			winners.Add(1)
			won.Store(mine)
		}
		return err
	})
	if n := winners.Load(); n != 1 {
		t.Fatalf("of %d swaps of the same value %d succeeded", crowd, n)
	}
	on(t, s.one).load(key, won.Load().([]byte))
}

// counter: a crowd counts together, each by swaps of the number that is there.
func counter(t *testing.T, s stores) {
	const each = 5
	key := newKey()
	number := func(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte("n"), n) }
	on(t, s.one).write(key, number(0))
	var swaps atomic.Uint64
	atOnce(t, crowd, func(ctx context.Context, i int) error {
		store := s.either(i)
		for done, failed := 0, 0; done < each; {
			value, err := store.Load(ctx, key)
			if err != nil || len(value) != len(number(0)) {
				return fmt.Errorf("got %s from Load, %w", show(value), err)
			}
			swapped, err := store.CompareAndSwap(ctx, key, value, number(binary.BigEndian.Uint64(value[1:])+1), long)
			if err != nil {
				return fmt.Errorf("CompareAndSwap: %w", err)
			}
			if swapped {
				swaps.Add(1)
				done++
				continue
			}
			// A swap fails only because another has succeeded since the Load.
			if failed++; failed > crowd*each {
				return fmt.Errorf("CompareAndSwap failed %d times, and only %d others succeeded", failed, swaps.Load())
			}
			time.Sleep(rand.N(2 * time.Millisecond))
		}
		return nil
	})
	on(t, s.other).load(key, number(swaps.Load()))
}
