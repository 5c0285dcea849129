package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

func claimOnce(t *testing.T, s stores) {
	key, me, you := newKey(), newClaimer(), newClaimer()
	on(t, s.one).load(key, nothing)
	on(t, s.one).claim(key, me, long, true)
	on(t, s.one).load(key, claimed)
	on(t, s.other).load(key, claimed)
	on(t, s.one).claim(key, you, long, false)
	on(t, s.other).claim(key, you, long, false)
	on(t, s.one).claim(key, me, long, true) // again: the first answer may have been lost
	on(t, s.other).claim(key, me, long, true)
	on(t, s.other).claim(key, you, long, false)
	on(t, s.one).save(key, me, match, long, true)
	on(t, s.one).claim(key, you, long, false) // the verdict is there
	on(t, s.other).claim(key, me, long, false)
	on(t, s.one).load(key, remembered(match))
}

// Many claimers come at once; wide enough for a step that is two, and short enough
// for a test.
const (
	crowd  = 8
	rounds = 12
)

func claimRace(t *testing.T, s stores) {
	for range rounds {
		race(t, s, newKey())
	}
}

// race lets a crowd claim key, of whom one must win.
func race(t *testing.T, s stores, key verdictcache.Key) {
	t.Helper()
	var winners atomic.Int32
	atOnce(t, crowd, func(ctx context.Context, i int) error {
		granted, err := s.either(i).Claim(ctx, key, newClaimer(), long)
		if granted {
			winners.Add(1)
		}
		return err
	})
	if n := winners.Load(); n != 1 {
		t.Fatalf("of %d claimers %d were granted the claim", crowd, n)
	}
}

func leaseEnds(t *testing.T, s stores) {
	key, me, you := newKey(), newClaimer(), newClaimer()
	on(t, s.one).claim(key, me, brief, true)
	time.Sleep(past)
	on(t, s.one).load(key, nothing)
	on(t, s.other).load(key, nothing)
	on(t, s.other).claim(key, you, long, true)
	on(t, s.one).claim(key, me, long, false)
	on(t, s.one).load(key, claimed)
}

func takeoverRace(t *testing.T, s stores) {
	claims, verdicts := make([]verdictcache.Key, rounds/2), make([]verdictcache.Key, rounds/2)
	for i := range claims {
		claims[i], verdicts[i] = newKey(), newKey()
		on(t, s.one).claim(claims[i], newClaimer(), brief, true)
		on(t, s.one).remember(verdicts[i], match, brief)
	}
	time.Sleep(past)
	for i := range claims {
		race(t, s, claims[i])
		race(t, s, verdicts[i])
	}
}

// exclusion: who holds the claim is alone, until they give it up.
func exclusion(t *testing.T, s stores) {
	key := newKey()
	var holders, turns atomic.Int32
	until := time.Now().Add(2 * brief)
	atOnce(t, crowd, func(ctx context.Context, i int) error {
		store, me := s.either(i), newClaimer()
		for time.Now().Before(until) || turns.Load() == 0 {
			granted, err := store.Claim(ctx, key, me, long)
			if err != nil {
				return fmt.Errorf("to claim: %w", err)
			}
			if !granted {
				time.Sleep(rand.N(time.Millisecond))
				continue
			}
			if holders.Add(1) > 1 {
				return errors.New("two hold the claim")
			}
			turns.Add(1)
			holders.Add(-1)
			if err := store.Release(ctx, key, me); err != nil {
				return fmt.Errorf("to release: %w", err)
			}
		}
		return nil
	})
}

// claimers differ in their last or first byte, or only where text would be the
// same: in case, or in what it ends with.
func claimers(t *testing.T, s stores) {
	for _, at := range []int{0, len(verdictcache.Claimer{}) - 1} {
		for _, pair := range [][2]byte{{'a', 'A'}, {0, ' '}, {0, 1}, {0x80, 0xff}} {
			key, me := newKey(), newClaimer()
			me[at] = pair[0]
			you := me
			you[at] = pair[1]
			on(t, s.one).claim(key, me, long, true)
			on(t, s.other).claim(key, you, long, false)
			on(t, s.other).renew(key, you, long, false)
			on(t, s.other).save(key, you, match, long, false)
			on(t, s.other).release(key, you)
			on(t, s.one).save(key, me, match, long, true)
		}
	}
}

func renew(t *testing.T, s stores) {
	key, me, you := newKey(), newClaimer(), newClaimer()
	on(t, s.one).claim(key, me, long, true)
	for range 20 { // also within a millisecond
		on(t, s.one).renew(key, me, long, true)
	}
	on(t, s.other).claim(key, you, long, false)
	on(t, s.other).renew(key, me, brief, true)
	time.Sleep(past)
	on(t, s.one).claim(key, you, long, true) // the lease was shorter in the end

	// A slow machine may come too late to renew what is brief; then once more.
	for range 20 {
		key := newKey()
		on(t, s.one).claim(key, me, brief, true)
		began := time.Now()
		renewed, err := s.other.Renew(t.Context(), key, me, long)
		if err != nil {
			t.Fatalf("Renew: %v", err)
		}
		if !renewed && time.Since(began) < brief/2 {
			t.Fatal("Renew: false, want true: the lease still runs")
		}
		if renewed {
			time.Sleep(past)
			on(t, s.one).load(key, claimed)
			on(t, s.one).claim(key, you, long, false)
			on(t, s.one).save(key, me, match, long, true)
			return
		}
	}
	t.Fatal("this machine is too slow for the test")
}

func renewWithout(t *testing.T, s stores) {
	me, you := newClaimer(), newClaimer()

	none := newKey()
	on(t, s.one).renew(none, me, long, false)
	on(t, s.one).load(none, nothing)

	yours := newKey()
	on(t, s.one).claim(yours, you, long, true)
	on(t, s.one).renew(yours, me, long, false)
	on(t, s.one).save(yours, you, match, long, true)
	on(t, s.one).renew(yours, you, long, false)
	on(t, s.other).load(yours, remembered(match))

	released := newKey()
	on(t, s.one).claim(released, me, long, true)
	on(t, s.one).release(released, me)
	on(t, s.one).renew(released, me, long, false)
	on(t, s.one).load(released, nothing)

	deleted := newKey()
	on(t, s.one).claim(deleted, me, long, true)
	on(t, s.other).delete(deleted)
	on(t, s.one).renew(deleted, me, long, false)
	on(t, s.one).load(deleted, nothing)

	overtaken := newKey()
	on(t, s.one).claim(overtaken, me, brief, true)
	time.Sleep(past)
	on(t, s.other).claim(overtaken, you, brief, true)
	on(t, s.one).renew(overtaken, me, long, false)
	time.Sleep(past)
	on(t, s.one).claim(overtaken, newClaimer(), long, true) // your lease was not made longer
}

func release(t *testing.T, s stores) {
	key, me, you := newKey(), newClaimer(), newClaimer()
	on(t, s.one).release(key, me) // there is nothing, and nothing happens
	on(t, s.one).claim(key, me, long, true)
	on(t, s.other).release(key, you)
	on(t, s.other).load(key, claimed)
	on(t, s.other).claim(key, you, long, false)
	on(t, s.one).release(key, me)
	on(t, s.other).load(key, nothing)
	on(t, s.other).claim(key, you, long, true)
	on(t, s.one).release(key, me) // too late
	on(t, s.one).load(key, claimed)
	on(t, s.other).save(key, you, match, long, true)
	on(t, s.other).release(key, you)
	on(t, s.one).load(key, remembered(match))
}

func deletes(t *testing.T, s stores) {
	key, neighbour, me, you := newKey(), newKey(), newClaimer(), newClaimer()
	on(t, s.one).remember(neighbour, match, long)

	on(t, s.one).delete(key) // there is nothing, and nothing happens
	on(t, s.one).remember(key, match, long)
	on(t, s.other).delete(key)
	on(t, s.one).load(key, nothing)
	on(t, s.one).claim(key, me, long, true)
	on(t, s.other).delete(key)
	on(t, s.one).load(key, nothing)
	on(t, s.one).save(key, me, match, long, false)
	on(t, s.one).load(key, nothing)
	on(t, s.other).claim(key, you, long, true)
	on(t, s.one).save(key, me, match, long, false)
	on(t, s.other).save(key, you, id2meta.Result{BizCode: id2meta.BizCodeMismatch}, long, true)
	on(t, s.one).load(key, remembered(id2meta.Result{BizCode: id2meta.BizCodeMismatch}))

	on(t, s.one).load(neighbour, remembered(match))
}
