// Package storetest is the contract of [verdictcache.Store] as tests, in the
// manner of testing/fstest.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) verdictcache.Store { return mystore.New(connect(t)) })
//	}
package storetest

import (
	"testing"

	"github.com/id2meta/id2meta/verdictcache"
)

// Run tests that the Stores of open keep the contract of [verdictcache.Store]. It
// calls open more than once: each time for a Store of its own, with connections of
// its own if it has any, but all with the same data. What open has to close it
// leaves to t.Cleanup.
//
// A Store whose times are those of its callers' machines fails if open gives its
// Stores different clocks.
//
// All keys are random, so the data may be of a real database, which is left with
// some thousand entries that nobody looks for. Run takes a few seconds, of which it
// sleeps the most.
func Run(t *testing.T, open func(t *testing.T) verdictcache.Store) {
	one, other := open(t), open(t)
	for _, c := range []struct {
		sentence string
		test     func(t *testing.T, s stores)
	}{
		{"a claim is granted to one", claimOnce},
		{"a claim is granted to one of many", claimRace},
		{"a claim ends with its lease", leaseEnds},
		{"a claim that is over is taken over by one of many", takeoverRace},
		{"claims exclude each other", exclusion},
		{"a claimer is known by all its bytes", claimers},
		{"Renew lets the lease begin anew", renew},
		{"Renew does nothing without the claim", renewWithout},
		{"Save turns the claim into a verdict", save},
		{"Save does nothing without the claim", saveWithout},
		{"of claimers that overtake each other one saves", saveRace},
		{"a verdict ends with its lifetime", lifetimeEnds},
		{"a lifetime may be long", longLifetimes},
		{"a request ID comes back as it was", requestIDs},
		{"a verdict that is none of the three is none", oddVerdict},
		{"Release gives the claim up, and nothing else", release},
		{"Delete forgets verdict and claim", deletes},
		{"keys that differ in one byte differ", keys},
		{"a context that has ended ends the call", endedContext},
		{"a context that ends during a call does no harm", endingContext},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			// Both ways round: a clock that is slow for the one is fast for the other.
			c.test(t, stores{one, other})
			c.test(t, stores{other, one})
		})
	}
}
