package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/redis/redislimiter"
	"github.com/id2meta/id2meta/verdictcache"
)

const (
	hashKeyVariable       = "WITHDRAW_HASH_KEY"
	redisPasswordVariable = "WITHDRAW_REDIS_PASSWORD"

	// The one person whom the simulator knows. The number is GB 11643's own sample.
	demoName   = "张三"
	demoNumber = "11010519491231002X"

	// askTimeout bounds one call, waits for the limits and retries included.
	askTimeout = 5 * time.Second
)

// readHashKey returns the operator's key. The simulator has a key that everybody knows:
// what a simulator has answered is then never taken for the service's word.
func readHashKey(c config) ([]byte, error) {
	text := os.Getenv(hashKeyVariable)
	switch {
	case !c.live:
		return []byte("the public key of the simulation"), nil
	case text == "":
		return nil, errors.New(hashKeyVariable + " is not set; make a key with: openssl rand -hex 32")
	}
	key, err := verdictcache.ParseHashKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", hashKeyVariable, err)
	}
	return key, nil
}

// newClient asks the service, or a simulator. It ends with the process.
func newClient(c config, logger *slog.Logger) (*id2meta.Client, error) {
	options, err := limits(c, logger)
	if err != nil {
		return nil, err
	}
	options = append(options, id2meta.WithLogger(logger), id2meta.WithTimeout(askTimeout))
	switch {
	case !c.live:
		simulator := id2metatest.NewServer()
		simulator.AddPerson(demoName, demoNumber)
		options = append(options, simulator.Options()...)
	case c.endpoint != "":
		options = append(options, id2meta.WithEndpoints(c.endpoint))
	}
	return id2meta.New(options...)
}

// limits keeps to the account's 50 requests a second and to the daily limit: together
// with all replicas that use the same Redis, or alone.
func limits(c config, logger *slog.Logger) ([]id2meta.Option, error) {
	if c.redis == "" {
		return []id2meta.Option{id2meta.WithLimiter(rate.NewLimiter(47, 4)), id2meta.WithDailyLimit(c.dailyLimit)}, nil
	}
	options, err := redis.ParseURL(c.redis)
	if err != nil { // which repeats the password
		return nil, errors.New("-redis: this is no redis://host:6379/0")
	}
	options.Password = cmp.Or(os.Getenv(redisPasswordVariable), options.Password)
	options.ContextTimeoutEnabled = true // what the limiter has given up ends
	logging.Disable()                    // it reports each failure to connect; the limiter says it once
	// While Redis is away each replica goes on alone: the service throttles what is
	// too much, and nobody is refused a payment for Redis' sake.
	limiter, err := redislimiter.New(redis.NewClient(options), "id2meta",
		redislimiter.WithDailyLimit(c.dailyLimit), redislimiter.WithFailOpen(), redislimiter.WithLogger(logger))
	return []id2meta.Option{id2meta.WithLimiter(limiter)}, err
}
