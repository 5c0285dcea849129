package redisstore_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/redis/redisstore"
	"github.com/id2meta/id2meta/verdictcache"
)

// All processes that use the same Redis, prefix and hashKey share their verdicts.
func Example() {
	hashKey, err := verdictcache.ParseHashKey(os.Getenv("VERDICT_HASH_KEY")) // as openssl rand -hex 32 prints it
	if err != nil {
		fmt.Println(err)
		return
	}
	client := redis.NewClient(&redis.Options{
		Addr:     "127.0.0.1:6379",
		Username: "id2meta",
		Password: os.Getenv("REDIS_PASSWORD"),

		ContextTimeoutEnabled: true, // New insists
	})
	defer client.Close()

	service, err := id2meta.New(id2meta.WithTimeout(5 * time.Second))
	if err != nil {
		fmt.Println(err)
		return
	}
	store, err := redisstore.New(client, "id2meta:")
	if err != nil {
		fmt.Println(err)
		return
	}
	cache, err := verdictcache.New(service, store, hashKey)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := cache.Check(ctx); err != nil { // when the program starts
		fmt.Println(err)
		return
	}
	result, err := cache.Verify(ctx, id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.BizCode, result.Match())
}
