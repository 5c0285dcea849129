package id2meta_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// recordingLimiter remembers when it let somebody through.
type recordingLimiter struct {
	id2meta.Limiter

	mu      sync.Mutex
	granted []time.Time
}

func (l *recordingLimiter) Wait(ctx context.Context) error {
	if err := l.Limiter.Wait(ctx); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.granted = append(l.granted, time.Now())
	return nil
}

// The service counts 50 calls a second for one account. With burst 1 a window
// of one second holds 50, and one more if calls fall on both its ends.
func TestRateLimiterKeepsTheAccountsLimit(t *testing.T) {
	const perSecond, calls, callers = 50, 200, 20
	server := newServer(t)
	limiter := &recordingLimiter{Limiter: rate.NewLimiter(perSecond, 1)}
	// One pool for both clients: a new connection takes time that the limiter
	// knows nothing of, so all are made before.
	pool := id2meta.WithHTTPClient(server.Client())
	warm := newClient(t, []string{server.Endpoint()}, pool)
	limited := newClient(t, []string{server.Endpoint()}, pool, id2meta.WithLimiter(limiter))
	for range callers {
		server.Inject(id2metatest.Delay(200 * time.Millisecond))
	}
	share(callers, callers, func() {
		_, err := warm.Verify(t.Context(), zhangParam)
		assert.NoError(t, err)
	})
	warmUp := len(server.Calls())
	share(calls, callers, func() {
		_, err := limited.Verify(t.Context(), zhangParam)
		assert.NoError(t, err)
	})

	arrived := server.Calls()[warmUp:]
	require.Len(t, arrived, calls)
	require.Len(t, limiter.granted, calls)
	var late time.Duration
	for i, call := range arrived {
		require.False(t, call.Time.Before(limiter.granted[i]), "a request arrived without leave")
		due := limiter.granted[0].Add(time.Duration(i) * time.Second / perSecond)
		late = max(late, call.Time.Sub(due))
	}
	most, first := 0, 0
	for last := range arrived {
		for arrived[last].Time.Sub(arrived[first].Time) >= time.Second {
			first++
		}
		most = max(most, last-first+1)
	}
	t.Logf("at most %d requests in one second, the latest %v after it was due", most, late)
	// A busy machine can hold requests up and let them arrive together: a second
	// then also holds what was due while the latest of them was held up.
	assert.LessOrEqual(t, most, perSecond+1+int(perSecond*late.Seconds()))
}

// share has n calls of f made by a number of goroutines.
func share(n, goroutines int, f func()) {
	work := make(chan struct{}, n)
	for range n {
		work <- struct{}{}
	}
	close(work)
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range work {
				f()
			}
		})
	}
	wg.Wait()
}
