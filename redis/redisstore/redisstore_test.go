package redisstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/id2meta/id2meta/internal/testserver"
	"github.com/id2meta/id2meta/redis/internal/redistest"
	"github.com/id2meta/id2meta/redis/redisstore"
	"github.com/id2meta/id2meta/verdictcache"
)

const prefix = "id2meta:"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func key(n int) verdictcache.Key { return sha256.Sum256(fmt.Append(nil, n)) }

func newClient(t testing.TB, s *testserver.Server) *redis.Client {
	t.Helper()
	return redistest.Client(t, s, nil)
}

func newStore(t testing.TB, client redis.UniversalClient, prefix string) *redisstore.Store {
	t.Helper()
	store, err := redisstore.New(client, prefix)
	require.NoError(t, err)
	return store
}

// wantSwapped swaps a value that must be there.
func wantSwapped(t *testing.T, s verdictcache.Store, k verdictcache.Key, old, new []byte, ttl time.Duration) {
	t.Helper()
	swapped, err := s.CompareAndSwap(t.Context(), k, old, new, ttl)
	require.NoError(t, err)
	require.True(t, swapped)
}

func wantValue(t *testing.T, s verdictcache.Store, k verdictcache.Key, want []byte) {
	t.Helper()
	got, err := s.Load(t.Context(), k)
	assert.NoError(t, err)
	assert.Equal(t, string(want), string(got))
}

func TestNewRefuses(t *testing.T) {
	cluster := func(set func(*redis.ClusterOptions)) redis.UniversalClient {
		opts := &redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}, ContextTimeoutEnabled: true}
		set(opts)
		return redis.NewClusterClient(opts)
	}
	single := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true})
	for name, test := range map[string]struct {
		client redis.UniversalClient
		prefix string
		want   string // in the error; empty: none
	}{
		"no cluster":                       {single, prefix, ""},
		"a cluster whose primaries answer": {cluster(func(*redis.ClusterOptions) {}), prefix, ""},

		"no client":                       {nil, prefix, "client is nil"},
		"a client that keeps no deadline": {redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"}), prefix, "set ContextTimeoutEnabled: true"},
		"a cluster whose replicas answer": {cluster(func(o *redis.ClusterOptions) { o.ReadOnly = true }), prefix, "ReadOnly"},
		"a cluster whose nearest answers": {cluster(func(o *redis.ClusterOptions) { o.RouteByLatency = true }), prefix, "RouteByLatency"},
		"a cluster where anybody answers": {cluster(func(o *redis.ClusterOptions) { o.RouteRandomly = true }), prefix, "RouteRandomly"},
		"a prefix that is empty":          {single, "", "prefix"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.client != nil {
				defer test.client.Close()
			}
			store, err := redisstore.New(test.client, test.prefix)
			if test.want == "" {
				require.NoError(t, err)
				require.NotNil(t, store)
				return
			}
			require.True(t, err != nil && strings.HasPrefix(err.Error(), "redisstore: "), err)
			require.ErrorContains(t, err, test.want)
			require.Nil(t, store)
		})
	}
}

func TestKeys(t *testing.T) {
	client := newClient(t, testserver.Redis(t))
	s := newStore(t, client, prefix)
	k, claim, verdict := key(1), []byte("claim"), bytes.Repeat([]byte{0xff}, 90)
	name := fmt.Sprintf("id2meta:%x", k[:])

	t.Run("a value is one key that expires after its ttl", func(t *testing.T) {
		wantSwapped(t, s, k, nil, claim, time.Minute)
		wantSwapped(t, s, k, claim, verdict, time.Hour)
		names, err := client.Keys(t.Context(), "*").Result()
		require.NoError(t, err)
		require.Equal(t, []string{name}, names)
		ttl, err := client.PTTL(t.Context(), name).Result()
		require.NoError(t, err)
		require.InDelta(t, time.Hour.Seconds(), ttl.Seconds(), 30)
	})
	t.Run("another prefix is another store", func(t *testing.T) {
		wantValue(t, newStore(t, client, "other:"), k, nil)
	})
	t.Run("a verdict takes less than 300 bytes", func(t *testing.T) {
		got, err := client.MemoryUsage(t.Context(), name).Result()
		require.NoError(t, err)
		require.Less(t, got, int64(300))
	})
	t.Run("a removed value leaves no key", func(t *testing.T) {
		wantSwapped(t, s, k, verdict, nil, 0)
		n, err := client.DBSize(t.Context()).Result()
		require.NoError(t, err)
		require.Zero(t, n)
	})
}

// What another program left under a key is no value if it cannot be one, is not
// fetched, and keeps nobody from being asked about.
func TestOddValues(t *testing.T) {
	client := newClient(t, testserver.Redis(t))
	s := newStore(t, client, prefix)
	name := func(k verdictcache.Key) string { return fmt.Sprintf("%s%x", prefix, k[:]) }
	for i, size := range []int{0, 1025, 20_000_000} {
		k := key(i)
		require.NoError(t, client.Set(t.Context(), name(k), make([]byte, size), 0).Err())
		t.Run(fmt.Sprintf("%d bytes are none", size), func(t *testing.T) {
			wantValue(t, s, k, nil)
			swapped, err := s.CompareAndSwap(t.Context(), k, []byte("old"), []byte("new"), time.Hour)
			require.NoError(t, err)
			require.False(t, swapped)
			wantSwapped(t, s, k, nil, []byte("new"), time.Minute)
			wantValue(t, s, k, []byte("new"))
		})
	}
	t.Run("a value without expiry is a value like any other", func(t *testing.T) {
		k := key(100)
		require.NoError(t, client.Set(t.Context(), name(k), "planted", 0).Err())
		wantValue(t, s, k, []byte("planted"))
		wantSwapped(t, s, k, []byte("planted"), []byte("new"), time.Minute)
		ttl, err := client.PTTL(t.Context(), name(k)).Result()
		require.NoError(t, err)
		require.Positive(t, ttl)
	})
	t.Run("a key of another type is an error, until it is deleted", func(t *testing.T) {
		k := key(1000)
		require.NoError(t, client.LPush(t.Context(), name(k), "value").Err())
		got, err := s.Load(t.Context(), k)
		require.Error(t, err)
		require.Nil(t, got)
		for _, old := range [][]byte{nil, []byte("value")} {
			swapped, err := s.CompareAndSwap(t.Context(), k, old, []byte("new"), time.Minute)
			require.Error(t, err)
			require.False(t, swapped)
		}
		require.NoError(t, s.Delete(t.Context(), k))
		wantSwapped(t, s, k, nil, []byte("new"), time.Minute)
	})
}

func TestEachStepIsOneCommand(t *testing.T) {
	client := newClient(t, testserver.Redis(t))
	s := newStore(t, client, prefix)
	old, new := []byte("old"), []byte("new")
	wantSwapped(t, s, key(0), nil, old, time.Minute) // sends the script

	var sent redistest.Sent
	client.AddHook(&sent)
	swap := func(old, new []byte) func() error {
		return func() error { _, err := s.CompareAndSwap(t.Context(), key(1), old, new, time.Minute); return err }
	}
	for _, test := range []struct {
		name, want string
		step       func() error
	}{
		{"Load", "getrange", func() error { _, err := s.Load(t.Context(), key(1)); return err }},
		{"a write", "evalsha", swap(nil, old)},
		{"a swap", "evalsha", swap(old, new)},
		{"a removal", "evalsha", swap(new, nil)},
		{"Delete", "del", func() error { return s.Delete(t.Context(), key(1)) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.NoError(t, test.step())
			require.Equal(t, []string{test.want}, sent.Take())
		})
	}
	t.Run("and one more where Redis has forgotten the script", func(t *testing.T) {
		require.NoError(t, client.ScriptFlush(t.Context()).Err())
		sent.Take()
		wantSwapped(t, s, key(2), nil, old, time.Minute)
		wantSwapped(t, s, key(3), nil, old, time.Minute)
		require.Equal(t, []string{"evalsha", "eval", "evalsha"}, sent.Take())
	})
}

// steps are all methods of a store.
func steps(s verdictcache.Store) map[string]func(context.Context) error {
	k := key(1)
	return map[string]func(context.Context) error{
		"load": func(ctx context.Context) error { _, err := s.Load(ctx, k); return err },
		"swap": func(ctx context.Context) error {
			_, err := s.CompareAndSwap(ctx, k, nil, []byte("new"), time.Minute)
			return err
		},
		"delete": func(ctx context.Context) error { return s.Delete(ctx, k) },
	}
}

// A Redis that is stopped by a debugger, or behind a network that drops its packets,
// accepts connections and says nothing.
func TestSilentRedis(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	for name, readTimeout := range map[string]time.Duration{"by default": 0, "without a ReadTimeout": -1, "with a long ReadTimeout": time.Minute} {
		client := redis.NewClient(&redis.Options{Addr: listener.Addr().String(), ReadTimeout: readTimeout, ContextTimeoutEnabled: true})
		t.Cleanup(func() { client.Close() })
		s := newStore(t, client, prefix)
		for step, take := range steps(s) {
			t.Run("a deadline ends "+step+" "+name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				start := time.Now()
				require.Error(t, take(ctx))
				require.Less(t, time.Since(start), 2*time.Second)
			})
			t.Run("a cancelled "+step+" ends at the deadline "+name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				time.AfterFunc(20*time.Millisecond, cancel)
				start := time.Now()
				require.Error(t, take(ctx))
				require.Less(t, time.Since(start), 2*time.Second)
			})
		}
		t.Run("after a cancellation nothing is sent "+name, func(t *testing.T) {
			var sent redistest.Sent
			client.AddHook(&sent)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			cancel()
			for step, take := range steps(s) {
				require.ErrorIs(t, take(ctx), context.Canceled, step)
			}
			require.Empty(t, sent.Take())
		})
	}
}

func TestErrorsHoldNoPassword(t *testing.T) {
	const secret = "hunter2-secret"
	admin := newClient(t, testserver.Redis(t))
	require.NoError(t, admin.ConfigSet(t.Context(), "requirepass", "another").Err())
	refused := redis.Options{Network: "unix", Addr: admin.Options().Addr}
	refused.Username, refused.Password = "default", secret
	away := redis.Options{Addr: "127.0.0.1:1", Username: "user-name", Password: secret, MaxRetries: -1}
	for name, opts := range map[string]*redis.Options{"refused": &refused, "away": &away} {
		opts.ContextTimeoutEnabled = true
		client := redis.NewClient(opts)
		for step, take := range steps(newStore(t, client, prefix)) {
			err := take(t.Context())
			require.Error(t, err, name)
			require.False(t, strings.Contains(err.Error(), secret), "%s: %s tells the password", name, step)
			require.True(t, strings.HasPrefix(err.Error(), "redisstore: "+step+": "), err)
		}
		client.Close()
	}
}
