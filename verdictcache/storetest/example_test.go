package storetest_test

import (
	"testing"

	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/storetest"
)

// The test of a Store of your own.
func ExampleRun() {
	_ = func(t *testing.T) { // func TestStore(t *testing.T)
		storetest.Run(t, func(t *testing.T) verdictcache.Store {
			store, err := verdictcache.NewMemory(10_000) // instead of this, your store without any value
			if err != nil {
				t.Fatal(err)
			}
			return store
		})
	}
}
