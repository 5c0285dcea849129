package redislimiter_test

import (
	"context"
	"log"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/redis/redislimiter"
)

func Example() {
	client := redis.NewClient(&redis.Options{
		Addr:                  "redis.internal:6379",
		ContextTimeoutEnabled: true, // New insists
	})
	defer client.Close()
	// Every process of this account uses the same Redis and the same key.
	limiter, err := redislimiter.New(client, "id2meta", redislimiter.WithLogger(slog.Default()))
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := id2meta.New(
		id2meta.WithLimiter(limiter),
		id2meta.WithTimeout(10*time.Second), // the wait for the limit is part of this time
	)
	if err != nil {
		log.Fatal(err)
	}
	defer verifier.CloseIdleConnections()
}

// Whoever finds the endpoint of your service cannot use up more than 10,000 calls a day.
func ExampleWithDailyLimit() {
	client := redis.NewClient(&redis.Options{Addr: "redis.internal:6379", ContextTimeoutEnabled: true})
	defer client.Close()
	limiter, err := redislimiter.New(client, "id2meta", redislimiter.WithDailyLimit(10000))
	if err != nil {
		log.Fatal(err)
	}
	n, err := limiter.Today(context.Background()) // for a metric
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("%d requests today", n)
}
