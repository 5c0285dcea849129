package storetest

import (
	"context"
	"crypto/rand"
	"testing"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

// checks: one process uses the Stores first, and another one later. The account is random,
// since its fingerprint stays in the Store.
func checks(t *testing.T, s stores) {
	account, hashKey, other := rand.Text(), newHashKey(), newHashKey()
	check := func(store verdictcache.Store, hashKey []byte) error {
		nobody := id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
			panic("Check asks about nobody")
		})
		cache, err := verdictcache.New(nobody, store, hashKey, verdictcache.WithAccount(account))
		if err != nil {
			t.Fatal(err)
		}
		return cache.Check(t.Context())
	}
	for _, store := range []verdictcache.Store{s.one, s.other, s.one} {
		if err := check(store, hashKey); err != nil {
			t.Fatalf("Cache.Check: %v", err)
		}
	}
	if err := check(s.other, other); err == nil {
		t.Fatal("Cache.Check with another hashKey: no error")
	}
}

func newHashKey() []byte {
	key := make([]byte, 32)
	rand.Read(key)
	return key
}
