package storetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/id2meta/id2meta/verdictcache"
)

func writes(_ *testing.T, one, other store) {
	key, first, second := newKey(), newValue(), newValue()
	one.swap(key, nil, first, long, true)
	one.load(key, first)
	other.load(key, first)
	one.swap(key, nil, second, long, false)
	other.swap(key, nil, second, long, false)
	one.swap(key, nil, first, long, false) // even if it is the same
	other.load(key, first)
	one.load(newKey(), nil)
}

func replaces(_ *testing.T, one, other store) {
	key, first, third := newKey(), newValue(), newValue()
	first[len(first)-1] = 'a'
	second := slices.Clone(first)
	second[len(first)-1] = 'A'                // values are compared byte by byte
	one.swap(key, first, second, long, false) // there is none
	one.load(key, nil)
	one.swap(key, nil, first, long, true)
	other.swap(key, second, third, long, false) // there is another
	one.load(key, first)
	other.swap(key, first, second, long, true)
	one.load(key, second)
	one.swap(key, first, third, long, false) // it was the value once
	other.load(key, second)
	one.swap(key, second, first, long, true) // and may be so again
	other.load(key, first)
	for i := range byte(10) { // many within a millisecond
		one.swap(key, first, []byte{i}, long, true)
		first = newValue()
		other.swap(key, []byte{i}, first, long, true)
	}
	one.delete(key)
	one.swap(key, first, second, long, false) // it is gone, and does not come back
	other.load(key, nil)
}

func removes(_ *testing.T, one, other store) {
	key, first, second := newKey(), newValue(), newValue()
	one.swap(key, first, nil, 0, false) // there is none
	one.swap(key, nil, first, long, true)
	other.swap(key, second, nil, 0, false) // there is another
	other.load(key, first)
	one.swap(key, first, nil, 0, true)
	one.load(key, nil)
	other.load(key, nil)
	one.swap(key, first, nil, 0, false)
	other.swap(key, nil, second, long, true)
	one.swap(key, first, nil, long, false) // the ttl does not matter
	one.swap(key, second, nil, -long, true)
	other.load(key, nil)
}

func deletes(_ *testing.T, one, other store) {
	key, neighbour, first, second := newKey(), newKey(), newValue(), newValue()
	one.swap(neighbour, nil, first, long, true)
	one.delete(key) // there is none, and that is no error
	one.swap(key, nil, first, long, true)
	other.delete(key)
	one.load(key, nil)
	other.load(key, nil)
	one.delete(key)
	other.swap(key, nil, second, long, true)
	one.load(key, second)
	one.load(neighbour, first)
}

// crowd is how many come at once: enough to find a step that is really two, and few
// enough for a short test. rounds is how often they come.
const (
	crowd  = 8
	rounds = 12
)

// races returns a test in which a crowd swaps the same value, again and again. The value was
// written with ttl, and has expired if ttl is brief. If ttl is 0, there is none.
func races(ttl time.Duration, newValue func() []byte) func(t *testing.T, one, other store) {
	return func(t *testing.T, one, other store) {
		olds := map[verdictcache.Key][]byte{}
		for range rounds {
			key := newKey()
			olds[key] = nil
			if ttl > 0 {
				old := key[:25]
				one.swap(key, nil, old, ttl, true)
				if ttl == long {
					olds[key] = old
				}
			}
		}
		if ttl == brief {
			time.Sleep(past)
		}
		for key, old := range olds {
			race(t, one, other, key, old, newValue)
		}
	}
}

// race lets a crowd swap old. Exactly one must succeed, and what that one wrote is the value.
func race(t *testing.T, one, other store, key verdictcache.Key, old []byte, newValue func() []byte) {
	t.Helper()
	var group sync.WaitGroup
	start, won := make(chan struct{}), make(chan []byte, crowd)
	for i := range crowd {
		s, mine := []store{one, other}[i%2], newValue()
		group.Go(func() {
			<-start
			swapped, err := s.CompareAndSwap(t.Context(), key, old, mine, long)
			if err != nil {
				t.Errorf("CompareAndSwap: %v", err)
			}
			if swapped {
				won <- mine
			}
		})
	}
	close(start)
	group.Wait()
	if len(won) != 1 {
		t.Fatalf("of %d swaps of the same value %d succeeded", crowd, len(won))
	}
	one.load(key, <-won)
}
