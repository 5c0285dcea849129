package redislimiter_test

import (
	"log"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/redislimiter"
)

func Example() {
	client := redis.NewClient(&redis.Options{
		Addr:                  "redis.internal:6379",
		ContextTimeoutEnabled: true, // so that nothing goes on in the background
	})
	defer client.Close()
	verifier, err := id2meta.New(
		// Every process of this account uses the same Redis and key.
		id2meta.WithLimiter(redislimiter.New(client, "id2meta", redislimiter.WithLogger(slog.Default()))),
		id2meta.WithTimeout(10*time.Second), // of which the wait for the limit is a part
	)
	if err != nil {
		log.Fatal(err)
	}
	defer verifier.CloseIdleConnections()
}

// Payouts must go on while Redis is restarted: rather a few throttled calls than
// none.
func ExampleWithFailOpen() {
	client := redis.NewClient(&redis.Options{Addr: "redis.internal:6379"})
	defer client.Close()
	limiter := redislimiter.New(client, "id2meta", redislimiter.WithFailOpen(), redislimiter.WithLogger(slog.Default()))
	_ = id2meta.WithLimiter(limiter)
}

// Another program uses half of the account's calls, and has a limit of its own.
func ExampleWithRate() {
	client := redis.NewClient(&redis.Options{Addr: "redis.internal:6379"})
	defer client.Close()
	limiter := redislimiter.New(client, "id2meta-payouts", redislimiter.WithRate(23, 2))
	_ = id2meta.WithLimiter(limiter)
}
