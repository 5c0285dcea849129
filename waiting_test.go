package id2meta_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/testenv"
)

// An answer that is throttled tells how long to wait. Verify waits only if there is
// time for an answer after the wait.
func TestAToldWaitLeavesTimeForTheAnswer(t *testing.T) {
	const timeout = 2 * time.Second
	for _, test := range []struct {
		told time.Duration
		fits bool
	}{
		{0, true}, {time.Millisecond, true}, {time.Second, true}, {1300 * time.Millisecond, true},
		{1700 * time.Millisecond, false}, {1960 * time.Millisecond, false}, {2 * time.Second, false},
		{time.Hour, false}, {1 << 62, false},
	} {
		for _, known := range []bool{false, true} {
			t.Run(fmt.Sprintf("told to wait %v, a first answer is known: %v", test.told, known), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					service := &fakeService{answerAfter: 300 * time.Millisecond}
					throttled := answering(http.StatusBadRequest, `{"Code":"Throttling.User"}`,
						http.Header{"X-Ratelimit-User": {fmt.Sprintf("TimeLeft:%d", test.told.Milliseconds())}})
					client := service.client(t, id2meta.WithTimeout(timeout))
					if known {
						service.first = []roundTripper{service.match}
						requireMatch(t, client)
					}
					service.first = append(service.first, throttled)
					before, began := service.requested(), time.Now()
					result, err := client.Verify(t.Context(), zhangSan)
					if test.fits {
						require.NoError(t, err)
						assert.True(t, result.Match())
						most := test.told*11/10 + service.answerAfter
						if test.told == 0 {
							most += 110 * time.Millisecond // a backoff, and a tenth of it
						}
						assert.GreaterOrEqual(t, time.Since(began), test.told)
						assert.LessOrEqual(t, time.Since(began), most)
						return
					}
					assert.ErrorIs(t, err, id2meta.ErrThrottled)
					assert.NotErrorIs(t, err, context.DeadlineExceeded)
					assert.NotErrorIs(t, err, id2meta.ErrMaybeBilled)
					assert.Zero(t, time.Since(began), "at once")
					assert.Equal(t, 1, service.requested()-before, "one request")
					var apiError *id2meta.APIError
					require.ErrorAs(t, err, &apiError)
					assert.GreaterOrEqual(t, apiError.RetryAfter, test.told.Truncate(time.Millisecond))
				})
			})
		}
	}
}

func TestACallerWithLittleTimeAndNoWaitIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &fakeService{answerAfter: 2 * time.Second}
		client := service.client(t, id2meta.WithLimiter(rate.NewLimiter(47, 4)))
		requireMatch(t, client)                     // the service is slow
		service.answerAfter = 80 * time.Millisecond // and now it is not
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			result, err := client.Verify(ctx, zhangSan)
			cancel()
			require.NoError(t, err)
			assert.True(t, result.Match())
		}
	})
}

// Many callers at once, before the Client knows how long an answer takes.
func TestACrowdAtTheStartIsNotBilledWithoutAVerdict(t *testing.T) {
	for _, test := range []struct {
		callers     int
		answerAfter time.Duration
		atLeast     int64 // verdicts
	}{
		{300, 1200 * time.Millisecond, 70},
		{10_000, 200 * time.Millisecond, 80},
	} {
		t.Run(fmt.Sprintf("%d callers", test.callers), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &fakeService{answerAfter: test.answerAfter}
				client := service.client(t, id2meta.WithTimeout(3*time.Second), id2meta.WithLimiter(rate.NewLimiter(47, 4)))
				var calls sync.WaitGroup
				var verdicts, refusedLate atomic.Int64
				start := time.Now()
				for range test.callers {
					calls.Go(func() {
						if _, err := client.Verify(t.Context(), zhangSan); err == nil {
							verdicts.Add(1)
						} else {
							assert.ErrorIs(t, err, id2meta.ErrThrottled)
							if time.Since(start) > 0 {
								refusedLate.Add(1)
							}
						}
					})
				}
				calls.Wait()
				assert.Greater(t, verdicts.Load(), test.atLeast)
				assert.EqualValues(t, verdicts.Load(), service.requested(), "every request gave a verdict")
				assert.LessOrEqual(t, refusedLate.Load(), int64(test.callers/20), "a call that must be refused is refused at once")
			})
		})
	}
}

// A request that is not answered makes the estimate as long as the timeout. A limiter that
// takes a while, as Redis over a network does, must not be refused for ever because of that.
func TestASlowLimiterRecoversFromACallWithoutAnAnswer(t *testing.T) {
	for _, takes := range []time.Duration{0, 3 * time.Millisecond, 7 * time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond} {
		for name, refusal := range map[string]func(error) error{
			"plain":   func(err error) error { return err },
			"wrapped": func(err error) error { return fmt.Errorf("asking: %w", err) },
		} {
			t.Run(fmt.Sprintf("it takes %v, and its error is %s", takes, name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					service := &fakeService{answerAfter: time.Hour}
					limiter := limiterFunc(func(ctx context.Context) error {
						if err := sleepUntil(ctx, takes); err != nil {
							return refusal(err)
						}
						return nil
					})
					client := service.client(t, id2meta.WithTimeout(3*time.Second), id2meta.WithLimiter(limiter), id2meta.WithMaxAttempts(1))
					_, err := client.Verify(t.Context(), zhangSan)
					require.ErrorIs(t, err, id2meta.ErrMaybeBilled)
					service.answerAfter = 100 * time.Millisecond
					calls := 1
					for ; calls < 100; calls++ {
						if _, err = client.Verify(t.Context(), zhangSan); err == nil {
							break
						}
						require.ErrorIs(t, err, id2meta.ErrThrottled)
					}
					require.NoError(t, err)
					require.LessOrEqual(t, calls, 10)
				})
			})
		}
	}
}

// A limiter that panics takes no place among the requests under way. Otherwise the estimate
// could never fall behind a limiter that takes a while.
func TestALimiterThatPanicsLeavesNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, panics := &fakeService{answerAfter: time.Hour}, false
		limiter := limiterFunc(func(ctx context.Context) error {
			if panics {
				panic("a limiter")
			}
			return sleepUntil(ctx, 40*time.Millisecond)
		})
		client := service.client(t, id2meta.WithTimeout(500*time.Millisecond), id2meta.WithLimiter(limiter))
		_, err := client.Verify(t.Context(), zhangSan) // the estimate rises to nearly all of the timeout
		require.ErrorIs(t, err, id2meta.ErrMaybeBilled)
		service.answerAfter, panics = 100*time.Millisecond, true
		assert.Panics(t, func() { client.Verify(t.Context(), zhangSan) })
		panics = false
		_, err = client.Verify(t.Context(), zhangSan)
		assert.NoError(t, err)
	})
}

func sleepUntil(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestASlowCredentialLeavesTimeForTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, start := &fakeService{answerAfter: 100 * time.Millisecond}, time.Now()
		client := service.client(t, id2meta.WithTimeout(time.Second),
			id2meta.WithAccessKeyFunc(func(context.Context) (id2meta.AccessKey, error) {
				if time.Since(start) < time.Second {
					time.Sleep(980 * time.Millisecond)
				}
				return id2meta.AccessKey{ID: "id", Secret: "secret"}, nil
			}))
		_, err := client.Verify(t.Context(), zhangSan)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NotErrorIs(t, err, id2meta.ErrMaybeBilled)
		assert.Zero(t, service.requested())
		time.Sleep(time.Second) // the function returns
		_, err = client.Verify(t.Context(), zhangSan)
		assert.NoError(t, err, "the key that came late serves the next call")
	})
}

// A source of keys that is slow now does not fail a call with little time: the last
// key serves.
func TestACallWithLittleTimeUsesTheLastKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &fakeService{answerAfter: 10 * time.Millisecond}
		var asked atomic.Int64
		client := service.client(t, id2meta.WithTimeout(150*time.Millisecond),
			id2meta.WithAccessKeyFunc(func(context.Context) (id2meta.AccessKey, error) {
				if asked.Add(1) > 1 {
					time.Sleep(time.Second)
				}
				return id2meta.AccessKey{ID: "id", Secret: "secret"}, nil
			}))
		for range 3 {
			requireMatch(t, client)
		}
		assert.EqualValues(t, 2, asked.Load(), "once at a time")
		time.Sleep(2 * time.Second) // the function returns
	})
}

// connecting is a transport whose connections take time, in front of a service.
type connecting struct {
	*fakeService
	connect func(ctx context.Context, host string) error
	done    func() // or nil: the connection is free again
}

func (c connecting) RoundTrip(r *http.Request) (*http.Response, error) {
	trace := httptrace.ContextClientTrace(r.Context())
	trace.GetConn(r.URL.Host)
	if err := c.connect(r.Context(), r.URL.Host); err != nil {
		return nil, err
	}
	if c.done != nil {
		defer c.done()
	}
	conn, end := net.Pipe()
	defer end.Close()
	trace.GotConn(httptrace.GotConnInfo{Conn: conn})
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	return c.fakeService.RoundTrip(r)
}

// The time that a connection takes is a wait: if it leaves too little time for an answer,
// nothing is sent, and nothing is billed.
func TestTheTimeForAConnectionCountsAsWaiting(t *testing.T) {
	const timeout = 3 * time.Second
	inTime := func(ctx context.Context, _ string) error { return sleepUntil(ctx, 50*time.Millisecond) }
	taking := func(d time.Duration) func(context.Context, string) error {
		return func(ctx context.Context, _ string) error { return sleepUntil(ctx, d) }
	}
	for _, test := range []struct {
		name        string
		answerAfter time.Duration // of the verdicts before, and of the service from then on
		connect     func(ctx context.Context, host string) error
		endpoints   []string
		sent        bool
	}{
		{"a fast connection", 2 * time.Second, inTime, []string{"one.example"}, true},
		{"a connection in a fifth of the time", 2300 * time.Millisecond, taking(timeout / 5), []string{"one.example"}, true},
		{"a slow connection to a fast service", 200 * time.Millisecond, taking(2 * time.Second), []string{"one.example"}, true},
		{"a connection that leaves less than an answer takes", 2 * time.Second, taking(1100 * time.Millisecond), []string{"one.example"}, false},
		{"a handshake of nearly the timeout", 200 * time.Millisecond, taking(2900 * time.Millisecond), []string{"one.example"}, false},
		{"a silent endpoint first", 2 * time.Second, func(ctx context.Context, host string) error {
			if host == "silent.example" {
				<-ctx.Done()
				return ctx.Err()
			}
			return inTime(ctx, host)
		}, []string{"silent.example", "other.example"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport := &connecting{fakeService: &fakeService{answerAfter: test.answerAfter}, connect: inTime}
				client := transport.client(t, id2meta.WithEndpoints(test.endpoints...), id2meta.WithTimeout(timeout),
					id2meta.WithMaxAttempts(len(test.endpoints)), id2meta.WithHTTPClient(&http.Client{Transport: transport}))
				requireMatch(t, client) // now the Client knows how long an answer takes
				// Another call is under way, so this one is no probe.
				var other sync.WaitGroup
				other.Go(func() {
					_, err := client.Verify(t.Context(), zhangSan)
					assert.NoError(t, err)
				})
				time.Sleep(60 * time.Millisecond)
				before := transport.requested()
				transport.connect = test.connect
				_, err := client.Verify(t.Context(), zhangSan)
				if test.sent {
					require.NoError(t, err)
					assert.Equal(t, before+1, transport.requested())
				} else {
					require.ErrorIs(t, err, context.DeadlineExceeded)
					assert.NotErrorIs(t, err, id2meta.ErrMaybeBilled)
					assert.ErrorContains(t, err, "too little time is left")
					assert.Equal(t, before, transport.requested(), "nothing is sent")
				}
				transport.connect = inTime
				other.Wait()
				requireMatch(t, client)
			})
		})
	}
	t.Run("the queue of a transport with one connection", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			free := make(chan struct{}, 1)
			transport := connecting{
				fakeService: &fakeService{answerAfter: 2 * time.Second},
				connect: func(ctx context.Context, _ string) error {
					select {
					case free <- struct{}{}:
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				},
				done: func() { <-free },
			}
			client := transport.client(t, id2meta.WithTimeout(timeout), id2meta.WithMaxAttempts(1),
				id2meta.WithHTTPClient(&http.Client{Transport: transport}))
			requireMatch(t, client) // now the Client knows how long an answer takes
			var callers sync.WaitGroup
			var verdicts atomic.Int64
			for range 5 {
				callers.Go(func() {
					if _, err := client.Verify(t.Context(), zhangSan); err == nil {
						verdicts.Add(1)
					} else {
						assert.NotErrorIs(t, err, id2meta.ErrMaybeBilled)
					}
				})
			}
			callers.Wait()
			assert.EqualValues(t, transport.requested()-1, verdicts.Load(), "what is sent is answered")
			assert.Positive(t, verdicts.Load())
		})
	})
	t.Run("a call alone needs half of its time, so that the estimate can fall", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			transport := &connecting{fakeService: &fakeService{answerAfter: 2800 * time.Millisecond}, connect: inTime}
			client := transport.client(t, id2meta.WithTimeout(timeout), id2meta.WithMaxAttempts(1),
				id2meta.WithHTTPClient(&http.Client{Transport: transport}))
			requireMatch(t, client) // now the Client knows how long an answer takes
			transport.answerAfter = 200 * time.Millisecond
			transport.connect = taking(timeout * 2 / 5)
			requireMatch(t, client)
			transport.connect = taking(timeout * 3 / 5)
			_, err := client.Verify(t.Context(), zhangSan)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
	})
}

// The same on the Client's own pool, with a real handshake.
func TestASlowHandshakeLeavesTimeForTheAnswer(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	slow := testenv.Relay(t, server.Endpoint(), 1600*time.Millisecond)
	client := newClient(t, []string{slow.Address}, id2meta.WithTimeout(2*time.Second), id2meta.WithMaxAttempts(1))
	_, err := client.Verify(t.Context(), zhangSan)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.NotErrorIs(t, err, id2meta.ErrMaybeBilled)
	assert.Empty(t, server.Calls())
	assert.Zero(t, client.Stats().Sent)
}

// Whatever a limiter does, a call ends in time, and nothing is sent without the leave of the
// limiter. The error of another context than the caller's is not the caller's.
func TestABadLimiterSendsNothing(t *testing.T) {
	const timeout = time.Second
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, wait := range map[string]limiterFunc{
		"it returns only when its context ends": never,
		"it wraps the error of its context": func(ctx context.Context) error {
			<-ctx.Done()
			return fmt.Errorf("asking: %w", ctx.Err())
		},
		"it returns the error of another context":  func(context.Context) error { return ended.Err() },
		"it returns the error of another deadline": func(context.Context) error { return fmt.Errorf("asking: %w", context.DeadlineExceeded) },
		"it ignores its context, and returns with 20 ms left": func(context.Context) error {
			time.Sleep(timeout - 20*time.Millisecond)
			return nil
		},
		"it allows the request when its context has ended": func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(timeout / 10)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service, start := &fakeService{answerAfter: 100 * time.Millisecond}, time.Now()
				client := service.client(t, id2meta.WithTimeout(timeout), id2meta.WithLimiter(wait))
				_, err := client.Verify(t.Context(), zhangSan)
				requireOnly(t, id2meta.ErrThrottled, err)
				assert.NotErrorIs(t, err, context.Canceled)
				assert.NotErrorIs(t, err, context.DeadlineExceeded)
				assert.Less(t, time.Since(start), timeout)
				assert.Zero(t, service.requested())
			})
		})
	}
}

// A Client that is used once an hour remembers no outage: the next call goes, and the
// service is fast again for everybody.
func TestAClientThatIsUsedOnceAnHour(t *testing.T) {
	for _, roundTrip := range []time.Duration{0, 50 * time.Millisecond, time.Second} {
		t.Run(fmt.Sprintf("behind a limiter of %v", roundTrip), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &fakeService{answerAfter: time.Hour}
				client := service.client(t, id2meta.WithTimeout(3*time.Second),
					id2meta.WithLimiter(limiterFunc(func(ctx context.Context) error { return sleepUntil(ctx, roundTrip) })))
				for range 10 { // an outage
					_, err := client.Verify(t.Context(), zhangSan)
					require.ErrorIs(t, err, id2meta.ErrMaybeBilled)
				}
				service.answerAfter = 100 * time.Millisecond
				for range 5 {
					time.Sleep(time.Hour)
					requireMatch(t, client)
				}
			})
		})
	}
}

// An estimate of more than the timeout does not refuse a call whose limiter answers nearly at
// once. Another call is under way, so the call is no probe.
func TestAnEstimateOfMoreThanTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &fakeService{} // at first answers take no time
		client := service.client(t, id2meta.WithLimiter(limiterFunc(func(ctx context.Context) error {
			return sleepUntil(ctx, 100*time.Microsecond)
		})))
		requireMatch(t, client)
		service.answerAfter = 9 * time.Second
		requireMatch(t, client)
		var other sync.WaitGroup
		other.Go(func() {
			_, err := client.Verify(t.Context(), zhangSan)
			assert.NoError(t, err)
		})
		time.Sleep(time.Second)
		synctest.Wait()
		service.answerAfter = 10 * time.Millisecond
		for _, timeout := range []time.Duration{20 * time.Millisecond, time.Second, time.Hour} {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			_, err := client.Verify(ctx, zhangSan)
			cancel()
			assert.NoError(t, err)
		}
		other.Wait()
	})
}
