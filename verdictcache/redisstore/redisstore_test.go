package redisstore_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/testserver"
	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/redisstore"
)

const prefix = "id2meta:"

var match = id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: "473469C7-AA6F-4DC5-B3DB-A3DC0DE3C83E"}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func key(n int) verdictcache.Key { return sha256.Sum256(fmt.Append(nil, n)) }

// newClient returns a client of the server, closed with the test.
func newClient(t testing.TB, s *testserver.Server) *redis.Client {
	t.Helper()
	opts, err := redis.ParseURL(s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(opts)
	t.Cleanup(func() { client.Close() })
	return client
}

// wantClaimed claims a key that must be free.
func wantClaimed(t *testing.T, s verdictcache.Store, k verdictcache.Key, c verdictcache.Claimer) {
	t.Helper()
	if got, err := s.Claim(t.Context(), k, c, time.Minute); err != nil || !got {
		t.Fatalf("claim: %v, %v", got, err)
	}
}

// wantRenewed renews a claim that c must have.
func wantRenewed(t *testing.T, s verdictcache.Store, k verdictcache.Key, c verdictcache.Claimer) {
	t.Helper()
	if got, err := s.Renew(t.Context(), k, c, 2*time.Minute); err != nil || !got {
		t.Fatalf("renew: %v, %v", got, err)
	}
}

// wantSaved turns the claim of c into the verdict of match.
func wantSaved(t *testing.T, s verdictcache.Store, k verdictcache.Key, c verdictcache.Claimer) {
	t.Helper()
	if got, err := s.Save(t.Context(), k, c, match, time.Hour); err != nil || !got {
		t.Fatalf("save: %v, %v", got, err)
	}
}

// wantEntry loads a key.
func wantEntry(t *testing.T, s verdictcache.Store, k verdictcache.Key, want verdictcache.Entry) {
	t.Helper()
	if got, err := s.Load(t.Context(), k); err != nil || got != want {
		t.Errorf("load: %v, %v, want %v", got, err, want)
	}
}

func TestKeys(t *testing.T) {
	client := newClient(t, testserver.Redis(t))
	s := redisstore.New(client, prefix)
	k, c := key(1), verdictcache.Claimer{1}
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
	t.Run("a claim is one key that expires with its lease", func(t *testing.T) {
		wantClaimed(t, s, k, c)
		wantTTL(t, time.Minute)
	})
	t.Run("a renewal lets it begin anew", func(t *testing.T) {
		wantRenewed(t, s, k, c)
		wantTTL(t, 2*time.Minute)
	})
	t.Run("a verdict takes its place and expires with its lifetime", func(t *testing.T) {
		wantSaved(t, s, k, c)
		wantTTL(t, time.Hour)
	})
	t.Run("another prefix is another store", func(t *testing.T) {
		wantEntry(t, redisstore.New(client, "other:"), k, verdictcache.Entry{})
	})
	t.Run("a verdict takes about 200 bytes", func(t *testing.T) {
		if got, err := client.MemoryUsage(t.Context(), name).Result(); err != nil || got > 250 {
			t.Errorf("%d bytes, %v", got, err)
		} else {
			t.Logf("%d bytes", got)
		}
	})
	t.Run("less than a millisecond is one", func(t *testing.T) {
		if got, err := s.Claim(t.Context(), key(2), c, time.Nanosecond); err != nil || !got {
			t.Errorf("claim: %v, %v", got, err)
		}
	})
	t.Run("no time at all is refused", func(t *testing.T) {
		if _, err := s.Claim(t.Context(), key(3), c, 0); err == nil {
			t.Error("claimed for no time")
		}
		if _, err := s.Renew(t.Context(), k, c, 0); err == nil {
			t.Error("renewed for no time")
		}
		if _, err := s.Save(t.Context(), k, c, match, -time.Second); err == nil {
			t.Error("saved for less than no time")
		}
		wantEntry(t, s, key(3), verdictcache.Entry{})
	})
	t.Run("a request ID of 128 bytes is saved, and a longer one is refused", func(t *testing.T) {
		wantClaimed(t, s, key(5), c)
		long := id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: strings.Repeat("r", 129)}
		if saved, err := s.Save(t.Context(), key(5), c, long, time.Hour); err == nil || saved {
			t.Errorf("saved 129 bytes: %v, %v", saved, err)
		}
		long.RequestID = long.RequestID[1:]
		if saved, err := s.Save(t.Context(), key(5), c, long, time.Hour); err != nil || !saved {
			t.Errorf("saved 128 bytes: %v, %v", saved, err)
		}
		wantEntry(t, s, key(5), verdictcache.Entry{Verdict: long})
	})
	t.Run("a verdict that is none of the three is not saved", func(t *testing.T) {
		wantClaimed(t, s, key(4), c)
		for _, code := range []id2meta.BizCode{"", "0", "4", "11", "match"} {
			if saved, err := s.Save(t.Context(), key(4), c, id2meta.Result{BizCode: code}, time.Hour); err == nil || saved {
				t.Errorf("saved %q: %v, %v", code, saved, err)
			}
		}
		wantEntry(t, s, key(4), verdictcache.Entry{Claimed: true})
	})
}

// What another program, another version or an accident left under a key is never a
// verdict, and does not keep anybody from being asked about.
func TestOddValues(t *testing.T) {
	client := newClient(t, testserver.Redis(t))
	s := redisstore.New(client, prefix)
	odd := []string{
		"", "1", "1v", "1c", "v1", "2v1", "01v1", " 1v1", "1V1", "1v0", "1v4", "1v\x00", "1v\xff", "1v１",
		"1c" + strings.Repeat("c", 15), "1c" + strings.Repeat("c", 17), "2c" + strings.Repeat("c", 16),
		"match", "true", "1", "200", `{"BizCode":"1"}`, strings.Repeat("1", 1000),
		"1v1" + strings.Repeat("r", 129),
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for r := rand.New(rand.NewPCG(seed, 0)); len(odd) < 300; {
		value := make([]byte, r.IntN(24))
		for i := range value {
			value[i] = byte(r.Uint32())
		}
		if v := string(value); !strings.HasPrefix(v, "1v") && !strings.HasPrefix(v, "1c") {
			odd = append(odd, v)
		}
	}
	for i, value := range odd {
		k, c := key(i), verdictcache.Claimer{byte(i)}
		if err := client.Set(t.Context(), fmt.Sprintf("%s%x", prefix, k[:]), value, 0).Err(); err != nil {
			t.Fatal(err)
		}
		got, err := s.Load(t.Context(), k)
		if err != nil || got.Claimed || got.Verdict.BizCode != "unreadable" || got.Verdict.RequestID != "" {
			t.Errorf("%q is loaded as %v, %v", value, got, err)
		}
		if got, err := s.Renew(t.Context(), k, c, time.Hour); err != nil || got {
			t.Errorf("%q counts as a claim: %v, %v", value, got, err)
		}
		if got, err := s.Save(t.Context(), k, c, match, time.Hour); err != nil || got {
			t.Errorf("%q counts as a claim: %v, %v", value, got, err)
		}
		if got, err := s.Claim(t.Context(), k, c, time.Minute); err != nil || !got {
			t.Errorf("%q cannot be claimed: %v, %v", value, got, err)
		}
		wantEntry(t, s, k, verdictcache.Entry{Claimed: true})
	}

	t.Run("a key of another type is an error", func(t *testing.T) {
		k := key(1000)
		if err := client.LPush(t.Context(), fmt.Sprintf("%s%x", prefix, k[:]), "1v1").Err(); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Load(t.Context(), k); err == nil || got != (verdictcache.Entry{}) {
			t.Errorf("load: %v, %v", got, err)
		}
		if got, err := s.Claim(t.Context(), k, verdictcache.Claimer{}, time.Minute); err == nil || got {
			t.Errorf("claim: %v, %v", got, err)
		}
	})
}

func TestEachStepIsOneCommand(t *testing.T) {
	client := newClient(t, testserver.Redis(t))
	s := redisstore.New(client, prefix)
	k, c := key(1), verdictcache.Claimer{1}
	wantClaimed(t, s, k, c) // sends the scripts
	wantRenewed(t, s, k, c)
	wantSaved(t, s, k, c)
	if err := s.Release(t.Context(), k, c); err != nil {
		t.Fatal(err)
	}

	var sent commands
	client.AddHook(&sent)
	for _, test := range []struct {
		name, want string
		step       func() error
	}{
		{"Delete", "del", func() error { return s.Delete(t.Context(), k) }},
		{"Load", "get", func() error { _, err := s.Load(t.Context(), k); return err }},
		{"Claim", "evalsha", func() error { _, err := s.Claim(t.Context(), k, c, time.Minute); return err }},
		{"Renew", "evalsha", func() error { _, err := s.Renew(t.Context(), k, c, time.Minute); return err }},
		{"Save", "evalsha", func() error { _, err := s.Save(t.Context(), k, c, match, time.Minute); return err }},
		{"Release", "evalsha", func() error { return s.Release(t.Context(), k, c) }},
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
		wantClaimed(t, s, key(2), c)
		wantClaimed(t, s, key(3), c)
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
	k, c := key(1), verdictcache.Claimer{1}
	return map[string]func(context.Context) error{
		"load":    func(ctx context.Context) error { _, err := s.Load(ctx, k); return err },
		"claim":   func(ctx context.Context) error { _, err := s.Claim(ctx, k, c, time.Minute); return err },
		"renew":   func(ctx context.Context) error { _, err := s.Renew(ctx, k, c, time.Minute); return err },
		"save":    func(ctx context.Context) error { _, err := s.Save(ctx, k, c, match, time.Minute); return err },
		"release": func(ctx context.Context) error { return s.Release(ctx, k, c) },
		"delete":  func(ctx context.Context) error { return s.Delete(ctx, k) },
	}
}

func TestNoClient(t *testing.T) {
	for name, s := range map[string]verdictcache.Store{
		"nil":            redisstore.New(nil, prefix),
		"nil of a type":  redisstore.New((*redis.Client)(nil), prefix),
		"nil of another": redisstore.New((*redis.ClusterClient)(nil), prefix),
	} {
		for step, take := range steps(s) {
			if err := take(t.Context()); err == nil {
				t.Errorf("%s: %s has no error", name, step)
			}
		}
	}
}

// A Redis that is stopped by a debugger, or behind a network that drops its
// packets, accepts and says nothing.
func TestSilentRedis(t *testing.T) {
	const readTimeout = 2 * time.Second // without its ctx a step takes as long
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for name, enabled := range map[string]bool{"with ContextTimeoutEnabled": true, "without": false} {
		client := redis.NewClient(&redis.Options{Addr: listener.Addr().String(),
			ReadTimeout: readTimeout, MaxRetries: -1, ContextTimeoutEnabled: enabled})
		t.Cleanup(func() { client.Close() })
		s := redisstore.New(client, prefix)
		for step, take := range steps(s) {
			t.Run("a deadline ends "+step+" "+name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				start := time.Now()
				if err := take(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("ended with %v", err)
				}
				if took := time.Since(start); took > readTimeout/2 {
					t.Errorf("took %v", took)
				}
			})
			t.Run("a cancellation ends "+step+" "+name, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(50*time.Millisecond, cancel)
				start := time.Now()
				if err := take(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("ended with %v", err)
				}
				if took := time.Since(start); took > readTimeout/2 {
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
		client := redis.NewClient(opts)
		for step, take := range steps(redisstore.New(client, prefix)) {
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
