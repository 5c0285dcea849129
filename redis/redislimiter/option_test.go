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

func TestNewRefusesWhatCannotBeUsed(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true}) // connects to nothing yet
	late := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { client.Close(); late.Close() })
	for name, test := range map[string]struct {
		client redis.UniversalClient
		key    string
		opts   []Option
		want   string
	}{
		"a nil client":                    {nil, "test", nil, "client is nil"},
		"an empty key":                    {client, "", nil, "key is empty"},
		"a nil Option":                    {client, "test", []Option{nil}, "Option is nil"},
		"a nil logger":                    {client, "test", []Option{WithLogger(nil)}, "WithLogger"},
		"no request a second":             {client, "test", []Option{WithRate(0, 4)}, "WithRate: perSecond"},
		"less than no request":            {client, "test", []Option{WithRate(-1, 4)}, "WithRate: perSecond"},
		"more than a million":             {client, "test", []Option{WithRate(1_000_001, 4)}, "WithRate: perSecond"},
		"no burst":                        {client, "test", []Option{WithRate(47, 0)}, "WithRate: burst"},
		"a burst above a million":         {client, "test", []Option{WithRate(47, 1_000_001)}, "WithRate: burst"},
		"no request a day":                {client, "test", []Option{WithDailyLimit(0)}, "WithDailyLimit"},
		"less than none a day":            {client, "test", []Option{WithDailyLimit(-1)}, "WithDailyLimit"},
		"a client that keeps no deadline": {late, "test", nil, "set ContextTimeoutEnabled: true"},
		"a good Option and a bad one":     {client, "test", []Option{WithFailOpen(), WithRate(47, 0)}, "WithRate: burst"},
	} {
		t.Run(name, func(t *testing.T) {
			limiter, err := New(test.client, test.key, test.opts...)
			if err == nil || !strings.HasPrefix(err.Error(), "redislimiter: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
			if limiter != nil {
				t.Error("a Limiter beside the error")
			}
		})
	}
	t.Run("the last of two options that can be used counts", func(t *testing.T) {
		if got := mustNew(t, client, "test", WithRate(1, 1), WithRate(9, 3)); got.perSecond != 9 || got.burst != 3 {
			t.Errorf("%d a second, burst %d", got.perSecond, got.burst)
		}
	})
}

func TestWaitRefusesWhatCannotBeUsed(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true})
	t.Cleanup(func() { client.Close() })
	var noContext context.Context
	for name, test := range map[string]struct {
		limiter *Limiter
		ctx     context.Context
		want    string
	}{
		"a nil Limiter":                   {nil, t.Context(), "not made by New"},
		"a Limiter that New did not make": {new(Limiter), t.Context(), "not made by New"},
		"a nil context":                   {mustNew(t, client, "test"), noContext, "context is nil"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := test.limiter.Wait(test.ctx); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
			if _, err := test.limiter.Today(test.ctx); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error of Today %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestRateAndKey(t *testing.T) {
	server := newTestRedis(t)
	for name, test := range map[string]struct {
		keys [2]string
		opts []Option
		// In two seconds. A machine that is busy with other things grants less; two
		// limiters that share a limit never grant more than max.
		min, max int64
	}{
		"two with the same key share the default":         {[2]string{"a", "a"}, nil, 40, 4 + 2*47},
		"two with the same key share a rate of one's own": {[2]string{"b", "b"}, []Option{WithRate(10, 2)}, 8, 2 + 2*10},
		"two with different keys do not":                  {[2]string{"c", "d"}, []Option{WithRate(10, 2)}, 24, 2 * (2 + 2*10)},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			var granted atomic.Int64
			var group sync.WaitGroup
			for _, key := range test.keys {
				limiter := mustNew(t, newTestClient(t, server, nil), key, test.opts...)
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
