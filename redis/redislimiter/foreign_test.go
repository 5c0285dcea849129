package redislimiter

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
)

// Another part of the program may use the client badly.
func TestForeignCode(t *testing.T) {
	server := newTestRedis(t)
	t.Run("a MULTI that was left on the connection is an error", func(t *testing.T) {
		client := newTestClient(t, server, func(o *redis.Options) { o.PoolSize, o.MaxIdleConns = 1, 1 })
		limiter := mustNew(t, client, "multi", WithDailyLimit(10))
		require.NoError(t, limiter.Wait(t.Context()))
		require.NoError(t, client.Do(t.Context(), "MULTI").Err())
		for range 3 {
			assert.ErrorIs(t, limiter.Wait(t.Context()), id2meta.ErrUnavailable)
			_, err := limiter.Today(t.Context())
			assert.ErrorIs(t, err, id2meta.ErrUnavailable)
		}
		client.Do(t.Context(), "DISCARD")
		eventually(t, func() error { return limiter.Wait(t.Context()) })
	})
	t.Run("a client that panics ends the call, and the next caller gets a turn", func(t *testing.T) {
		limiter := mustNew(t, &panicOnce{Client: newTestClient(t, server, nil)}, "panic")
		assert.Panics(t, func() { limiter.Wait(t.Context()) }, "in the goroutine of the caller")
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		assert.NoError(t, limiter.Wait(ctx))
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
		assert.ErrorIs(t, err, id2meta.ErrUnavailable)
		assert.NotErrorIs(t, err, context.DeadlineExceeded)
		assert.Less(t, time.Since(started), soon)
	})
}

// panicOnce is a client that panics at its first script, as a hook of somebody else may.
type panicOnce struct {
	*redis.Client
	done bool
}

func (p *panicOnce) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	if !p.done {
		p.done = true
		panic("a hook of somebody else")
	}
	return p.Client.EvalSha(ctx, sha, keys, args...)
}
