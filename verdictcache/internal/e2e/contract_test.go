package e2e

import (
	"testing"

	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/storetest"
)

func TestContract(t *testing.T) {
	onEach(t, func(t *testing.T, name string, d database) {
		dsn, _ := d.ready(t)
		storetest.Run(t, func(t *testing.T) verdictcache.Store {
			store, closeStore, err := d.open(dsn)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(closeStore)
			return store
		})
	})
}
