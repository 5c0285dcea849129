package verdictcache_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/verdictcache"
)

// One process that remembers in memory. The simulator stands for the service.
func Example() {
	server := id2metatest.NewServer()
	defer server.Close()
	server.AddPerson("张三", "11010519491231002X")
	client, err := id2meta.New(server.Options()...)
	if err != nil {
		fmt.Println(err)
		return
	}

	store, err := verdictcache.NewMemory(100_000)
	if err != nil {
		fmt.Println(err)
		return
	}
	// What is in memory ends with the process, and so may the key.
	hashKey := make([]byte, 32)
	rand.Read(hashKey)
	cache, err := verdictcache.New(client, store, hashKey)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, number := range []string{"11010519491231002X", "１１０１０５１９４９１２３１００２ｘ"} {
		result, err := cache.Verify(context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: number})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(result.BizCode)
	}
	fmt.Println("billed:", len(server.Calls()))
	fmt.Printf("%+v\n", cache.Stats())
	// Output:
	// match
	// match
	// billed: 1
	// {Asked:1 Shared:0 Remembered:1 StoreFailures:0 Rejected:0}
}

// Any number of processes share a Store and a hashKey, which comes from the environment.
func ExampleNew() {
	open := func(store verdictcache.Store) (id2meta.Verifier, error) {
		hashKey, err := verdictcache.ParseHashKey(os.Getenv("ID2META_HASH_KEY")) // openssl rand -hex 32
		if err != nil {
			return nil, err
		}
		client, err := id2meta.New(id2meta.WithTimeout(5 * time.Second))
		if err != nil {
			return nil, err
		}
		cache, err := verdictcache.New(client, store, hashKey, verdictcache.WithMatchTTL(90*24*time.Hour))
		if err != nil {
			return nil, err
		}
		return cache, cache.Check(context.Background()) // the store remembers, and the hashKey is the same as before
	}
	_ = open
}

// The hashKey has changed. Nobody is asked about again: verdicts under the previous key are
// found, and moved under the current one.
func ExampleWithPreviousHashKeys() {
	next := id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
		fmt.Println("the service is asked")
		return id2meta.Result{BizCode: id2meta.BizCodeMatch}, nil
	})
	store, err := verdictcache.NewMemory(100_000)
	if err != nil {
		fmt.Println(err)
		return
	}
	oldKey, newKey := make([]byte, 32), make([]byte, 32)
	rand.Read(oldKey)
	rand.Read(newKey)
	before, err := verdictcache.New(next, store, oldKey)
	if err != nil {
		fmt.Println(err)
		return
	}
	after, err := verdictcache.New(next, store, newKey, verdictcache.WithPreviousHashKeys(oldKey))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, cache := range []*verdictcache.Cache{before, after} {
		result, err := cache.Verify(context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
		fmt.Println(result.BizCode, err)
	}
	// Output:
	// the service is asked
	// match <nil>
	// match <nil>
}

// A support case is settled, and the person is to be asked about again.
func ExampleCache_Forget() {
	source := id2meta.BizCodeNoRecord
	next := id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
		return id2meta.Result{BizCode: source}, nil
	})
	store, err := verdictcache.NewMemory(100_000)
	if err != nil {
		fmt.Println(err)
		return
	}
	hashKey := make([]byte, 32)
	rand.Read(hashKey)
	cache, err := verdictcache.New(next, store, hashKey)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, param := context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"}
	ask := func() {
		result, err := cache.Verify(ctx, param)
		fmt.Println(result.BizCode, err)
	}
	ask()
	source = id2meta.BizCodeMatch // the source has got the record
	ask()
	if err := cache.Forget(ctx, param); err != nil {
		fmt.Println(err)
	}
	ask()
	// Output:
	// no record <nil>
	// no record <nil>
	// match <nil>
}
