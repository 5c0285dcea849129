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

	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/internal/swap"
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
// embeds one of them. Its options must set ContextTimeoutEnabled: otherwise go-redis
// ignores the deadline of ctx, and a silent Redis holds every caller. New also refuses a
// negative ReadTimeout or WriteTimeout, and a cluster client with ReadOnly, which reads
// from replicas. New does not use the client yet. The caller closes the client.
func New(client redis.UniversalClient, prefix string) (*Store, error) {
	if client == nil {
		return nil, errors.New("redisstore: the client is nil")
	}
	if prefix == "" {
		return nil, errors.New(`redisstore: the prefix is empty; take one such as "id2meta:"`)
	}
	var punctual, replicas bool
	var read, write time.Duration
	switch c := client.(type) {
	case interface{ Options() *redis.Options }:
		o := c.Options()
		punctual, read, write = o.ContextTimeoutEnabled, o.ReadTimeout, o.WriteTimeout
	case interface{ Options() *redis.ClusterOptions }:
		o := c.Options()
		punctual, read, write, replicas = o.ContextTimeoutEnabled, o.ReadTimeout, o.WriteTimeout, o.ReadOnly
	case interface{ Options() *redis.RingOptions }:
		o := c.Options()
		punctual, read, write = o.ContextTimeoutEnabled, o.ReadTimeout, o.WriteTimeout
	default:
		return nil, fmt.Errorf("redisstore: the options of a client of type %T cannot be seen", client)
	}
	switch {
	case !punctual:
		return nil, errors.New("redisstore: ContextTimeoutEnabled is not set in the options of the client")
	case read < 0 || write < 0:
		return nil, errors.New("redisstore: ReadTimeout or WriteTimeout of the client is negative, so it sets no deadline")
	case replicas:
		return nil, errors.New("redisstore: ReadOnly is set in the options of the client, so replicas answer")
	}
	return &Store{client, prefix}, nil
}

// Load implements [verdictcache.Store].
func (s *Store) Load(ctx context.Context, key verdictcache.Key) (value []byte, err error) {
	err = step(ctx, "load", func() error {
		// GET would fetch whatever another program put there, up to 512 MB.
		value, err = s.client.GetRange(ctx, s.name(key), 0, swap.MaxValue).Bytes()
		return err
	})
	if err != nil || !swap.IsValue(value) {
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
	if err := swap.Check(old, new, ttl); err != nil {
		return false, fmt.Errorf("redisstore: %w", err)
	}
	err = step(ctx, "swap", func() error {
		args := []any{old, new, swap.Milliseconds(ttl)}
		swapped, err = compareAndSwap.Run(ctx, s.client, []string{s.name(key)}, args...).Bool()
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
	// At the deadline the client may see an error of the network a moment earlier.
	deadline, ok := ctx.Deadline()
	if ok && !time.Now().Before(deadline) && !errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	return fmt.Errorf("redisstore: %s: %w", name, err)
}
