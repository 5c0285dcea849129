package verdictcache_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testenv"
	"github.com/id2meta/id2meta/verdictcache"
)

// grants lets some requests go, and holds the next.
type grants struct {
	left atomic.Int32
	held atomic.Bool
}

func (g *grants) Wait(ctx context.Context) error {
	if g.left.Add(-1) >= 0 {
		return nil
	}
	g.held.Store(true)
	<-ctx.Done()
	return ctx.Err()
}

// A Client tells the Cache in front of it whether a request is on its way. So the Cache
// knows what to do when the last caller leaves.
func TestTheLastCallerLeavesAClient(t *testing.T) {
	type faults = []id2metatest.Fault
	for _, test := range []struct {
		name        string
		faults      faults
		granted     int32
		clients     int // each is asked if the one before has failed
		maybeBilled bool
		remembered  bool
	}{
		{"the request waits for the limiter", nil, 0, 1, false, false},
		{"the request is on its way", faults{id2metatest.Delay(time.Second)}, 1, 1, true, true},
		{"the request was not answered, and the next waits", faults{id2metatest.Drop()}, 1, 1, true, false},
		{"the request failed, and the next waits", faults{id2metatest.Answer("500", "")}, 1, 1, false, false},
		{"the request was not answered, and that of the next Client waits", faults{id2metatest.Truncate(), id2metatest.Truncate()}, 2, 2, true, false},
		{"the request was refused, and that of the next Client waits", faults{id2metatest.Answer("411", "")}, 1, 2, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, limiter := id2metatest.NewServer(), new(grants)
			defer server.Close()
			server.AddPerson(zhang.UserName, zhang.IdentifyNum)
			server.Inject(test.faults...)
			limiter.left.Store(test.granted)
			var clients []*id2meta.Client
			for range test.clients {
				client, err := id2meta.New(append(server.Options(), id2meta.WithLimiter(limiter), id2meta.WithRetryUnanswered(), id2meta.WithMaxAttempts(2))...)
				require.NoError(t, err)
				defer client.CloseIdleConnections()
				clients = append(clients, client)
			}
			cache := newCache(t, id2meta.VerifierFunc(func(ctx context.Context, p id2meta.Param) (result id2meta.Result, err error) {
				for _, client := range clients {
					if result, err = client.Verify(ctx, p); err == nil {
						break
					}
				}
				return result, err
			}), newMemory(t, 10))

			leaves := testenv.EndWhen(t, context.Canceled, func() bool {
				return limiter.held.Load() || test.remembered && len(server.Calls()) == 1
			})
			_, err := cache.Verify(leaves, zhang)
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, test.maybeBilled, errors.Is(err, id2meta.ErrMaybeBilled), "%v", err)
			require.NoError(t, cache.Wait(within(t, 5*time.Second)), "the call is given up")
			if test.remembered {
				result, err := cache.Verify(t.Context(), zhang)
				require.NoError(t, err)
				require.True(t, result.Match())
				require.Equal(t, verdictcache.Stats{Remembered: 1}, cache.Stats())
			}
			require.Len(t, server.Calls(), int(test.granted))
		})
	}
}
