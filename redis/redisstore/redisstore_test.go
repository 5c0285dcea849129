package redisstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/id2meta/id2meta/internal/testserver"
	"github.com/id2meta/id2meta/redis/redisstore"
	"github.com/id2meta/id2meta/verdictcache"
)

const prefix = "id2meta:"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func key(n int) verdictcache.Key { return sha256.Sum256(fmt.Append(nil, n)) }

// newClient returns a client of the server, closed with the test.
func newClient(t testing.TB, s *testserver.Server) *redis.Client {
	t.Helper()
	opts, err := redis.ParseURL(s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	opts.ContextTimeoutEnabled = true
	client := redis.NewClient(opts)
	t.Cleanup(func() { client.Close() })
	return client
}

func newStore(t testing.TB, client redis.UniversalClient, prefix string) *redisstore.Store {
	t.Helper()
	store, err := redisstore.New(client, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// wantSwapped swaps a value that must be there.
func wantSwapped(t *testing.T, s verdictcache.Store, k verdictcache.Key, old, new []byte, ttl time.Duration) {
	t.Helper()
	if got, err := s.CompareAndSwap(t.Context(), k, old, new, ttl); err != nil || !got {
		t.Fatalf("swap: %v, %v", got, err)
	}
}

func wantValue(t *testing.T, s verdictcache.Store, k verdictcache.Key, want []byte) {
	t.Helper()
	if got, err := s.Load(t.Context(), k); err != nil || !bytes.Equal(got, want) {
		t.Errorf("load: %q, %v, want %q", got, err, want)
	}
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
			switch {
			case test.want == "" && (err != nil || store == nil):
				t.Errorf("%v, %v", store, err)
			case test.want != "" && (err == nil || store != nil || !strings.HasPrefix(err.Error(), "redisstore: ") || !strings.Contains(err.Error(), test.want)):
				t.Errorf("%v, %v, want an error with %s", store, err, test.want)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	client := newClient(t, testserver.Redis(t))
	s := newStore(t, client, prefix)
	k, claim, verdict := key(1), []byte("claim"), bytes.Repeat([]byte{0xff}, 90)
	name := fmt.Sprintf("id2meta:%x", k[:])

	// wantTTL looks at what the person takes in Redis, and for how long.
	wantTTL := func(t *testing.T, want time.Duration) {
		t.Helper()
		names, err := client.Keys(t.Context(), "*").Result()
		if err != nil || len(names) != 1 || names[0] != name {
			t.Fatalf("Redis has %q (%v), want %s alone", names, err, name)
		}
		if got, err := client.PTTL(t.Context(), name).Result(); err != nil || got > want || got < want-30*time.Second {
			t.Errorf("expires in %v (%v), want %v", got, err, want)
		}
	}
	t.Run("a value is one key that expires after its ttl", func(t *testing.T) {
		wantSwapped(t, s, k, nil, claim, time.Minute)
		wantTTL(t, time.Minute)
	})
	t.Run("a swap starts the ttl anew", func(t *testing.T) {
		wantSwapped(t, s, k, claim, verdict, time.Hour)
		wantTTL(t, time.Hour)
	})
	t.Run("another prefix is another store", func(t *testing.T) {
		wantValue(t, newStore(t, client, "other:"), k, nil)
	})
	t.Run("a verdict takes less than 300 bytes", func(t *testing.T) {
		got, err := client.MemoryUsage(t.Context(), name).Result()
		if err != nil || got >= 300 {
			t.Errorf("%d bytes, %v", got, err)
		}
		t.Logf("%d bytes", got)
	})
	t.Run("a removed value leaves no key", func(t *testing.T) {
		wantSwapped(t, s, k, verdict, nil, 0)
		if n, err := client.DBSize(t.Context()).Result(); err != nil || n != 0 {
			t.Errorf("%d keys, %v", n, err)
		}
	})
	t.Run("less than a millisecond is one", func(t *testing.T) {
		wantSwapped(t, s, key(2), nil, claim, time.Nanosecond)
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
		if err := client.Set(t.Context(), name(k), make([]byte, size), 0).Err(); err != nil {
			t.Fatal(err)
		}
		t.Run(fmt.Sprintf("%d bytes are none", size), func(t *testing.T) {
			wantValue(t, s, k, nil)
			if got, err := s.CompareAndSwap(t.Context(), k, []byte("old"), []byte("new"), time.Hour); err != nil || got {
				t.Errorf("swap: %v, %v", got, err)
			}
			wantSwapped(t, s, k, nil, []byte("new"), time.Minute)
			wantValue(t, s, k, []byte("new"))
		})
	}
	t.Run("a value without expiry is a value like any other", func(t *testing.T) {
		k := key(100)
		if err := client.Set(t.Context(), name(k), "planted", 0).Err(); err != nil {
			t.Fatal(err)
		}
		wantValue(t, s, k, []byte("planted"))
		wantSwapped(t, s, k, []byte("planted"), []byte("new"), time.Minute)
		if ttl, err := client.PTTL(t.Context(), name(k)).Result(); err != nil || ttl <= 0 {
			t.Errorf("expires in %v, %v", ttl, err)
		}
	})
	t.Run("a key of another type is an error, until it is deleted", func(t *testing.T) {
		k := key(1000)
		if err := client.LPush(t.Context(), name(k), "value").Err(); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Load(t.Context(), k); err == nil || got != nil {
			t.Errorf("load: %q, %v", got, err)
		}
		for _, old := range [][]byte{nil, []byte("value")} {
			if got, err := s.CompareAndSwap(t.Context(), k, old, []byte("new"), time.Minute); err == nil || got {
				t.Errorf("swap: %v, %v", got, err)
			}
		}
		if err := s.Delete(t.Context(), k); err != nil {
			t.Errorf("delete: %v", err)
		}
		wantSwapped(t, s, k, nil, []byte("new"), time.Minute)
	})
}

func TestEachStepIsOneCommand(t *testing.T) {
	client := newClient(t, testserver.Redis(t))
	s := newStore(t, client, prefix)
	old, new := []byte("old"), []byte("new")
	wantSwapped(t, s, key(0), nil, old, time.Minute) // sends the script

	var sent commands
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
			if err := test.step(); err != nil {
				t.Fatal(err)
			}
			if got := sent.take(); len(got) != 1 || got[0] != test.want {
				t.Errorf("sent %q, want %s", got, test.want)
			}
		})
	}
	t.Run("and one more where Redis has forgotten the script", func(t *testing.T) {
		if err := client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		sent.take()
		wantSwapped(t, s, key(2), nil, old, time.Minute)
		wantSwapped(t, s, key(3), nil, old, time.Minute)
		if got := fmt.Sprint(sent.take()); got != "[evalsha eval evalsha]" {
			t.Errorf("sent %s", got)
		}
	})
}

// commands is a hook that notes what is sent.
type commands struct {
	mu    sync.Mutex
	names []string
}

func (c *commands) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := c.names
	c.names = nil
	return names
}

func (c *commands) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *commands) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.mu.Lock()
		c.names = append(c.names, cmd.Name())
		c.mu.Unlock()
		return next(ctx, cmd)
	}
}

func (c *commands) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
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
	if err != nil {
		t.Fatal(err)
	}
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
				if err := take(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("ended with %v", err)
				}
				if took := time.Since(start); took > 2*time.Second {
					t.Errorf("took %v", took)
				}
			})
			t.Run("a cancelled "+step+" ends at the deadline "+name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				time.AfterFunc(20*time.Millisecond, cancel)
				start := time.Now()
				if err := take(ctx); err == nil {
					t.Error("no error")
				}
				if took := time.Since(start); took > 2*time.Second {
					t.Errorf("took %v", took)
				}
			})
		}
		t.Run("after a cancellation nothing is sent "+name, func(t *testing.T) {
			var sent commands
			client.AddHook(&sent)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			cancel()
			for step, take := range steps(s) {
				if err := take(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("%s: %v", step, err)
				}
			}
			if got := sent.take(); len(got) != 0 {
				t.Errorf("sent %q", got)
			}
		})
	}
}

func TestErrorsHoldNoPassword(t *testing.T) {
	const secret = "hunter2-secret"
	admin := newClient(t, testserver.Redis(t))
	if err := admin.ConfigSet(t.Context(), "requirepass", "another").Err(); err != nil {
		t.Fatal(err)
	}
	refused := redis.Options{Network: "unix", Addr: admin.Options().Addr}
	refused.Username, refused.Password = "default", secret
	away := redis.Options{Addr: "127.0.0.1:1", Username: "user-name", Password: secret, MaxRetries: -1}
	for name, opts := range map[string]*redis.Options{"refused": &refused, "away": &away} {
		opts.ContextTimeoutEnabled = true
		client := redis.NewClient(opts)
		for step, take := range steps(newStore(t, client, prefix)) {
			switch err := take(t.Context()); {
			case err == nil:
				t.Errorf("%s: %s has no error", name, step)
			case strings.Contains(err.Error(), secret):
				t.Errorf("%s: %s tells the password", name, step)
			case !strings.HasPrefix(err.Error(), "redisstore: "+step+": "):
				t.Errorf("%s: %s does not say where it comes from: %v", name, step, err)
			}
		}
		client.Close()
	}
}
