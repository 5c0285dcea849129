// Package storetest is the contract of [verdictcache.Store] as tests, in the manner
// of testing/fstest.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) verdictcache.Store { return mystore.New(connect(t)) })
//	}
package storetest

import (
	"testing"

	"github.com/id2meta/id2meta/verdictcache"
)

// Run tests that the Stores of open keep the contract of [verdictcache.Store]. Run
// calls open more than once. Each call returns a Store of its own, which has its own
// connections if it has any, but all these Stores hold the same data. Let open register
// with t.Cleanup what must be closed.
//
// A Store that measures a ttl by the clock of its caller's machine fails if open
// gives its Stores different clocks.
//
// All keys but one are random, so open may use a real database. Run leaves about a thousand
// values there, which nobody looks for. Run takes a few seconds, and sleeps most of the
// time.
//
// Run cannot make a server silent. Write a test of your own that a step ends with its ctx
// even then: stop the process of your server with SIGSTOP.
func Run(t *testing.T, open func(t *testing.T) verdictcache.Store) {
	one, other := open(t), open(t)
	for _, c := range []struct {
		sentence string
		test     func(t *testing.T, one, other store)
	}{
		{"a value comes back as it was", values},
		{"a value is written only where there is none, if old is nil", writes},
		{"a value is replaced only if it is old", replaces},
		{"a value is removed only if it is old", removes},
		{"keys that differ in one byte differ", keys},
		{"Delete removes the value, whatever it is", deletes},
		{"of many who write one succeeds", races(0, newValue)},
		{"of many who replace one succeeds", races(long, newValue)},
		{"of many who remove one succeeds", races(long, func() []byte { return nil })},
		{"of many who write over an expired value one succeeds", races(brief, newValue)},
		{"an expired value is none", expires},
		{"a swap starts the ttl anew", ttlAnew},
		{"a ttl may be long or short", ttls},
		{"a slice stays as it was given", slicesStay},
		{"a context that has ended ends the call", endedContext},
		{"a context that ends during a call does no harm", endingContext},
		{"Cache.Check finds that the Store remembers", checks},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			// Both ways round: a clock that is slow for one is fast for the other.
			c.test(t, store{one, t}, store{other, t})
			c.test(t, store{other, t}, store{one, t})
		})
	}
}
