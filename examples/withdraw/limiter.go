package main

import (
	"cmp"
	"errors"
	"log/slog"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/redis/redislimiter"
)

const redisPasswordVariable = "WITHDRAW_REDIS_PASSWORD"

// newLimiter keeps to the account's 50 calls a second: together with all replicas
// that use the same Redis, or alone.
func newLimiter(address, password string, logger *slog.Logger) (id2meta.Limiter, func() error, error) {
	if address == "" {
		return rate.NewLimiter(47, 4), func() error { return nil }, nil
	}
	options, err := redis.ParseURL(address)
	if err != nil { // which repeats the password
		return nil, nil, errors.New("-redis: this is no redis://host:6379/0")
	}
	options.Password = cmp.Or(password, options.Password)
	options.ContextTimeoutEnabled = true // what the limiter has given up ends
	logging.Disable()                    // it reports each failure to connect; the limiter says it once
	client := redis.NewClient(options)
	// While Redis is away each replica goes on alone: the service throttles what is
	// too much, and nobody is refused a payment for Redis' sake.
	limiter, err := redislimiter.New(client, "id2meta", redislimiter.WithFailOpen(), redislimiter.WithLogger(logger))
	if err != nil {
		client.Close()
		return nil, nil, err
	}
	return limiter, client.Close, nil
}
