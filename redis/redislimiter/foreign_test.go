package redislimiter

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/id2meta/id2meta"
)

// Another part of the program may use the client badly.
func TestForeignCode(t *testing.T) {
	server := newTestRedis(t)
	one := func(o *redis.Options) { o.PoolSize, o.MaxIdleConns = 1, 1 }
	t.Run("a MULTI that was left on the connection is an error", func(t *testing.T) {
		client := newTestClient(t, server, one)
		limiter := mustNew(t, client, "multi", WithDailyLimit(10))
		if err := limiter.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := client.Do(t.Context(), "MULTI").Err(); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := limiter.Wait(t.Context()); !errors.Is(err, id2meta.ErrUnavailable) {
				t.Errorf("error %v", err)
			}
			if _, err := limiter.Today(t.Context()); !errors.Is(err, id2meta.ErrUnavailable) {
				t.Errorf("error of Today %v", err)
			}
		}
		client.Do(t.Context(), "DISCARD")
		eventually(t, func() error { return limiter.Wait(t.Context()) })
	})
	t.Run("a connection pool that another part has used up is trouble", func(t *testing.T) {
		client := newTestClient(t, server, one)
		limiter := mustNew(t, client, "pool")
		conn := client.Conn()
		defer conn.Close()
		if err := conn.Ping(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		if err := limiter.Wait(t.Context()); !errors.Is(err, id2meta.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(started); took > soon {
			t.Errorf("took %v", took)
		}
	})
	t.Run("a panic of a hook ends the call, and the next caller gets a turn", func(t *testing.T) {
		client := newTestClient(t, server, nil)
		limiter := mustNew(t, client, "hook")
		hook := &panicOnce{}
		client.AddHook(hook)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic in the goroutine of the caller")
				}
			}()
			limiter.Wait(t.Context())
		}()
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		if err := limiter.Wait(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Run("a network that never connects is trouble within the time for Redis", func(t *testing.T) {
		client := newTestClient(t, server, func(o *redis.Options) {
			o.Dialer = func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			o.DialTimeout, o.DialerRetries = 500*time.Millisecond, 1 // so that go-redis gives up before the test ends
		})
		started := time.Now()
		err := mustNew(t, client, "network").Wait(t.Context())
		if !errors.Is(err, id2meta.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(started); took > soon {
			t.Errorf("took %v", took)
		}
	})
}

// panicOnce is a hook that panics at its first command.
type panicOnce struct{ done bool }

func (p *panicOnce) DialHook(next redis.DialHook) redis.DialHook { return next }

func (p *panicOnce) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if !p.done {
			p.done = true
			panic("a hook of somebody else")
		}
		return next(ctx, cmd)
	}
}

func (p *panicOnce) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
