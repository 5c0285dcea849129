package verdictcache_test

import (
	"testing"

	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/storetest"
)

func TestMemoryIsAStore(t *testing.T) {
	store := verdictcache.NewMemory(100_000)
	storetest.Run(t, func(*testing.T) verdictcache.Store { return store })
}
