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
func checks(t *testing.T, one, other store) {
	account, hashKey, another := rand.Text(), []byte(rand.Text()+rand.Text()), []byte(rand.Text()+rand.Text())
	check := func(s store, hashKey []byte) error {
		nobody := id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
			panic("Check asks about nobody")
		})
		cache, err := verdictcache.New(nobody, s.Store, hashKey, verdictcache.WithAccount(account))
		if err != nil {
			t.Fatal(err)
		}
		return cache.Check(t.Context())
	}
	for _, s := range []store{one, other, one} {
		if err := check(s, hashKey); err != nil {
			t.Fatalf("Cache.Check: %v", err)
		}
	}
	if err := check(other, another); err == nil {
		t.Fatal("Cache.Check with another hashKey: no error")
	}
}
