// Package redisstore is a [verdictcache.Store] in Redis, for any number of
// processes: one key for each person, which Redis itself lets expire, and one
// command for each step.
//
// # What a Redis may do
//
// A single Redis, a cluster, or primary and replicas behind Sentinel will do, all
// of version 3.2 or newer; no command names more than one key. Whoever it is, it
// must answer from the primary: do not set ReadOnly, RouteByLatency or
// RouteRandomly in the options of a cluster client, or a verdict that was
// deleted may be read for a while from a replica.
//
// What Redis loses, the service is asked again, and billed again:
//
//   - Memory. With the maxmemory-policy noeviction (the default) nothing is lost,
//     and a full Redis refuses new claims, which the cache counts as a store in
//     trouble. Every other policy may throw a claim away while its question is
//     open. A person takes about 200 bytes.
//   - A restart. Without an append-only file Redis forgets what came after the
//     last snapshot; with it and appendfsync everysec, one second when the machine
//     goes down.
//   - A failover. Replication is asynchronous: a replica that becomes the primary
//     may not have heard of the last claims and verdicts.
//
// # What it costs
//
// Each method is one round trip. Those that must compare before they write are
// small Lua scripts, of which only the digest is sent; a Redis that does not know
// it yet, after its restart or a failover, costs one more round trip once.
package redisstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

var errNoClient = errors.New("the client is nil")

type store struct {
	client   redis.UniversalClient
	prefix   string
	punctual bool // the client ends at the deadline of a ctx
}

// New returns a Store that keeps its entries in client, under keys that are prefix
// and 64 hexadecimal digits. The prefix, such as "id2meta:", keeps them apart from
// what else is in that Redis; all processes that are to share their verdicts give
// the same one. In a cluster, a prefix with braces puts all persons on one node.
//
// Set ContextTimeoutEnabled in the options of the client: without it go-redis heeds
// no deadline. A method ends with its ctx all the same, but needs a goroutine for
// each call, which takes half as long as the round trip and goes on until the
// client's own ReadTimeout. If client is nil, every method returns an error.
//
// The client stays the caller's to close.
func New(client redis.UniversalClient, prefix string) verdictcache.Store {
	return &store{client, prefix, isPunctual(client)}
}

// isPunctual tells by the options whether the client ends at the deadline of a ctx.
func isPunctual(client redis.UniversalClient) bool {
	switch c := client.(type) {
	case *redis.Client:
		return c != nil && c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		return c != nil && c.Options().ContextTimeoutEnabled
	case *redis.Ring:
		return c != nil && c.Options().ContextTimeoutEnabled
	}
	return false
}

// EndsWithContext is for the Cache to know that it need not watch over the calls.
func (s *store) EndsWithContext() bool { return true }

func (s *store) Load(ctx context.Context, key verdictcache.Key) (verdictcache.Entry, error) {
	return bounded(ctx, s.punctual, "load", func() (verdictcache.Entry, error) {
		if s.client == nil {
			return verdictcache.Entry{}, errNoClient
		}
		value, err := s.client.Get(ctx, s.name(key)).Result()
		if errors.Is(err, redis.Nil) {
			return verdictcache.Entry{}, nil
		}
		if err != nil {
			return verdictcache.Entry{}, err
		}
		return decode(value), nil
	})
}

func (s *store) Claim(ctx context.Context, key verdictcache.Key, claimer verdictcache.Claimer,
	lease time.Duration) (bool, error) {
	ms, err := milliseconds(lease)
	if err != nil {
		return false, fmt.Errorf("redisstore: claim: the lease %w", err)
	}
	return s.run(ctx, "claim", claim, key, encodeClaim(claimer), ms)
}

func (s *store) Renew(ctx context.Context, key verdictcache.Key, claimer verdictcache.Claimer,
	lease time.Duration) (bool, error) {
	ms, err := milliseconds(lease)
	if err != nil {
		return false, fmt.Errorf("redisstore: renew: the lease %w", err)
	}
	return s.run(ctx, "renew", renew, key, encodeClaim(claimer), ms)
}

func (s *store) Save(ctx context.Context, key verdictcache.Key, claimer verdictcache.Claimer,
	verdict id2meta.Result, lifetime time.Duration) (bool, error) {
	ms, err := milliseconds(lifetime)
	if err != nil {
		return false, fmt.Errorf("redisstore: save: the lifetime %w", err)
	}
	value, err := encodeVerdict(verdict)
	if err != nil {
		return false, fmt.Errorf("redisstore: save: %w", err)
	}
	return s.run(ctx, "save", save, key, encodeClaim(claimer), value, ms)
}

func (s *store) Release(ctx context.Context, key verdictcache.Key, claimer verdictcache.Claimer) error {
	_, err := s.run(ctx, "release", release, key, encodeClaim(claimer))
	return err
}

func (s *store) Delete(ctx context.Context, key verdictcache.Key) error {
	_, err := bounded(ctx, s.punctual, "delete", func() (int64, error) {
		if s.client == nil {
			return 0, errNoClient
		}
		return s.client.Del(ctx, s.name(key)).Result()
	})
	return err
}

// run runs a script that answers 1 if it did what it is there for, and else 0.
func (s *store) run(ctx context.Context, step string, script *redis.Script, key verdictcache.Key,
	args ...any) (bool, error) {
	return bounded(ctx, s.punctual, step, func() (bool, error) {
		if s.client == nil {
			return false, errNoClient
		}
		return script.Run(ctx, s.client, []string{s.name(key)}, args...).Bool()
	})
}

func (s *store) name(key verdictcache.Key) string { return s.prefix + hex.EncodeToString(key[:]) }

// milliseconds rounds up, since Redis takes no expiry of 0.
func milliseconds(d time.Duration) (int64, error) {
	if d <= 0 {
		return 0, errors.New("is not positive")
	}
	return int64((d-1)/time.Millisecond) + 1, nil
}

// shortWait is how long a call may go on whose ctx is cancelled before its deadline.
// A Cache has as much patience with its Store.
const shortWait = 3 * time.Second

// bounded returns what f returns, or the error of ctx if that ends first. A
// punctual f that has a deadline soon is waited for.
func bounded[T any](ctx context.Context, punctual bool, step string, f func() (T, error)) (T, error) {
	value, err := *new(T), ctx.Err()
	if err == nil {
		if deadline, ok := ctx.Deadline(); ok && punctual && time.Until(deadline) <= shortWait {
			value, err = f()
		} else {
			value, err = abandonable(ctx, f)
		}
	}
	if err != nil {
		// The client's error may come a moment before that of the ctx, and be one of
		// the network that says nothing of it.
		if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) && !errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
		}
		return *new(T), fmt.Errorf("redisstore: %s: %w", step, err)
	}
	return value, nil
}

// abandonable calls f in a goroutine that is left behind when ctx ends.
func abandonable[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		// Where the client panics, in a hook of its user perhaps, there is nobody
		// above this goroutine to recover.
		defer func() {
			if p := recover(); p != nil {
				o.err = fmt.Errorf("the client panicked: %v", p)
			}
			done <- o
		}()
		o.value, o.err = f()
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		return *new(T), ctx.Err()
	}
}
