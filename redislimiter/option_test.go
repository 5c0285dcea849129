package redislimiter

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestWhatCannotBeUsedIsToldByWait(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"}) // connects to nothing yet
	t.Cleanup(func() { client.Close() })
	for name, test := range map[string]struct {
		limiter *Limiter
		want    string
	}{
		"a nil client":                      {New(nil, "test"), "client is nil"},
		"a nil pointer as the client":       {New((*redis.Client)(nil), "test"), "client is nil"},
		"an empty key":                      {New(client, ""), "key is empty"},
		"a nil Option":                      {New(client, "test", nil), "Option is nil"},
		"a nil logger":                      {New(client, "test", WithLogger(nil)), "WithLogger"},
		"no request a second":               {New(client, "test", WithRate(0, 4)), "WithRate: perSecond"},
		"more than a million a second":      {New(client, "test", WithRate(1_000_001, 4)), "WithRate: perSecond"},
		"no burst":                          {New(client, "test", WithRate(47, 0)), "WithRate: burst"},
		"a Limiter that was not made by it": {new(Limiter), "not made by New"},
		"a nil Limiter":                     {nil, "not made by New"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.limiter.Wait(t.Context())
			if err == nil || !strings.HasPrefix(err.Error(), "redislimiter: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
	t.Run("a nil context", func(t *testing.T) {
		var none context.Context
		if err := New(client, "test").Wait(none); err == nil || !strings.Contains(err.Error(), "context is nil") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("the last of two options that can be used counts", func(t *testing.T) {
		if got := New(client, "test", WithRate(1, 1), WithRate(9, 3)); got.perSecond != 9 || got.burst != 3 {
			t.Errorf("%d a second, burst %d", got.perSecond, got.burst)
		}
	})
}

func TestRateAndKey(t *testing.T) {
	server := newTestRedis(t)
	for name, test := range map[string]struct {
		keys     [2]string
		opts     []Option
		min, max int64 // in two seconds
	}{
		"two with the same key share the default":         {[2]string{"a", "a"}, nil, 80, 4 + 2*47},
		"two with the same key share a rate of one's own": {[2]string{"b", "b"}, []Option{WithRate(10, 2)}, 16, 2 + 2*10},
		"two with different keys do not":                  {[2]string{"c", "d"}, []Option{WithRate(10, 2)}, 32, 2 * (2 + 2*10)},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			var granted atomic.Int64
			var group sync.WaitGroup
			for _, key := range test.keys {
				limiter := New(newTestClient(t, server, nil), key, test.opts...)
				group.Go(func() {
					for limiter.Wait(ctx) == nil {
						granted.Add(1)
					}
				})
			}
			group.Wait()
			t.Logf("%d requests in 2 s", granted.Load())
			if n := granted.Load(); n < test.min || n > test.max {
				t.Errorf("%d requests in 2 s, want %d to %d", n, test.min, test.max)
			}
		})
	}
}
