// Package redisstore is a [verdictcache.Store] in Redis, for any number of processes. Each
// person takes one key, which Redis expires. Each step takes one round trip. The README of
// this package explains how to configure Redis, and what Redis may lose.
package redisstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/id2meta/id2meta/redis/internal/punctual"
	"github.com/id2meta/id2meta/verdictcache"
)

// Store is a [verdictcache.Store] in Redis. [New] makes a Store.
type Store struct {
	client redis.UniversalClient
	prefix string
}

var _ verdictcache.Store = (*Store)(nil)

// New returns a Store that keeps its values in the Redis of client. Each key is prefix,
// such as "id2meta:", and 64 hexadecimal digits. All processes that share their verdicts
// use the same prefix. In a cluster, a prefix with braces puts all keys on one node.
//
// The client is a *redis.Client, *redis.ClusterClient or *redis.Ring, or a type that
// embeds one of them. Its options must set ContextTimeoutEnabled. Otherwise go-redis
// ignores the deadline of ctx, and a silent Redis holds every caller. New also refuses a
// ReadTimeout or WriteTimeout of -2, which means no deadline at all, and a cluster client
// that reads from replicas. New does not use the client yet. The caller closes the client.
func New(client redis.UniversalClient, prefix string) (*Store, error) {
	if err := punctual.Check(client); err != nil {
		return nil, fmt.Errorf("redisstore: %w", err)
	}
	if c, ok := client.(interface{ Options() *redis.ClusterOptions }); ok && c.Options().ReadOnly {
		return nil, errors.New("redisstore: do not set ReadOnly, RouteByLatency or RouteRandomly in the options of the client; with them replicas answer")
	}
	if prefix == "" {
		return nil, errors.New(`redisstore: the prefix is empty; take one such as "id2meta:"`)
	}
	return &Store{client, prefix}, nil
}

// Load implements [verdictcache.Store].
func (s *Store) Load(ctx context.Context, key verdictcache.Key) (value []byte, err error) {
	err = step(ctx, "load", func() error {
		// GET would fetch whatever another program put there, up to 512 MB.
		value, err = s.client.GetRange(ctx, s.name(key), 0, verdictcache.MaxValueSize).Bytes()
		return err
	})
	if err != nil || len(value) == 0 || len(value) > verdictcache.MaxValueSize {
		return nil, err
	}
	return value, nil
}

// compareAndSwap takes the key, the old value, the new value and its ttl, with empty
// strings for nil. What is empty or too long counts as no value.
var compareAndSwap = redis.NewScript(`
local n = redis.call('STRLEN', KEYS[1])
local held = ''
if n <= 1024 then held = redis.call('GET', KEYS[1]) or '' end
if held ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
	redis.call('DEL', KEYS[1])
else
	redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1`)

// CompareAndSwap implements [verdictcache.Store].
func (s *Store) CompareAndSwap(ctx context.Context, key verdictcache.Key, old, new []byte, ttl time.Duration) (swapped bool, err error) {
	err = step(ctx, "swap", func() error {
		swapped, err = compareAndSwap.Run(ctx, s.client, []string{s.name(key)}, old, new, ttl.Milliseconds()).Bool()
		return err
	})
	return swapped && err == nil, err
}

// Delete implements [verdictcache.Store].
func (s *Store) Delete(ctx context.Context, key verdictcache.Key) error {
	return step(ctx, "delete", func() error { return s.client.Del(ctx, s.name(key)).Err() })
}

func (s *Store) name(key verdictcache.Key) string { return s.prefix + hex.EncodeToString(key[:]) }

// step takes a step, unless ctx has ended, and says which step failed.
func step(ctx context.Context, name string, take func() error) error {
	err := ctx.Err()
	if err == nil {
		err = take()
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("redisstore: %s: %w", name, err)
}
