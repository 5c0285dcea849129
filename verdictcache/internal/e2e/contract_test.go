package e2e

import (
	"maps"
	"testing"

	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/storetest"
)

// Each database keeps the contract, in whatever way it is opened. Redis does in the tests of
// redisstore.
func TestContract(t *testing.T) {
	all := maps.Clone(databases)
	maps.Copy(all, odder)
	delete(all, "Redis")
	for name, d := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits more than it works
			dsn, _ := d.ready(t)
			storetest.Run(t, func(t *testing.T) verdictcache.Store { return d.opened(t, dsn) })
		})
	}
}
