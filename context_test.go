package id2meta_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

func TestVerifyEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		first []roundTripper // the answers of the service
		opts  []id2meta.Option
		sent  int
		// Whether ErrMaybeBilled stands beside the error: a failure that was
		// answered cannot be billed.
		maybeBilled bool
	}{
		{"while the server is silent", []roundTripper{silent}, nil, 1, true},
		{"while Verify waits to try again", []roundTripper{answering(http.StatusTooManyRequests, "", http.Header{"Retry-After": {"8"}})}, nil, 1, false},
		{"while the limiter holds the request back", nil, []id2meta.Option{id2meta.WithLimiter(never)}, 0, false},
	} {
		t.Run("canceled "+test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &fakeService{first: test.first}
				client := service.client(t, test.opts...)
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(50*time.Millisecond, cancel)
				started := time.Now()
				result, err := client.Verify(ctx, zhangSan)
				assert.ErrorIs(t, err, context.Canceled)
				assert.Zero(t, result)
				assert.Equal(t, 50*time.Millisecond, time.Since(started))
				assert.Equal(t, test.sent, service.requested())
				if test.maybeBilled {
					assert.ErrorIs(t, err, id2meta.ErrMaybeBilled)
				} else {
					assert.NotErrorIs(t, err, id2meta.ErrMaybeBilled)
				}
			})
		})
	}

	for _, timeout := range []time.Duration{time.Nanosecond, 5 * time.Millisecond, 20 * time.Millisecond, 200 * time.Millisecond} {
		t.Run("a deadline of "+timeout.String()+" is the error of a call that needs longer", func(t *testing.T) {
			t.Parallel()
			server := newServer(t)
			for name, endpoints := range map[string][]string{
				"a silent endpoint":    {mute(t).endpoint},
				"two silent endpoints": {mute(t).endpoint, mute(t).endpoint},
				"a slow endpoint":      {server.Endpoint()},
			} {
				for _, opts := range [][]id2meta.Option{nil, {id2meta.WithRetryUnanswered()}, {id2meta.WithMaxAttempts(1)}} {
					server.Inject(id2metatest.Hang(), id2metatest.Hang(), id2metatest.Hang())
					ctx, cancel := context.WithTimeout(t.Context(), timeout)
					_, err := newClient(t, endpoints, opts...).Verify(ctx, zhangSan)
					cancel()
					assert.ErrorIs(t, err, context.DeadlineExceeded, name)
				}
			}
		})
	}
	t.Run("a context that has ended sends nothing, and its error is returned", func(t *testing.T) {
		server := newServer(t)
		client := newClient(t, []string{server.Endpoint()})
		requireMatch(t, client) // the credential is known from here on
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := client.Verify(ctx, zhangSan)
		assert.ErrorIs(t, err, context.Canceled)
		assert.NotErrorIs(t, err, id2meta.ErrMaybeBilled)
		assert.Len(t, server.Calls(), 1)
	})
}

// The listener does not accept the connection, so the test has no goroutine for it. The
// kernel opens the connection without Accept.
func TestAnEndpointThatGivesNoConnectionLeavesNoGoroutineBehind(t *testing.T) {
	endpoint := listen(t).Addr().String()
	client := newClient(t, []string{endpoint}, id2meta.WithTimeout(100*time.Millisecond))
	before := goleak.IgnoreCurrent()
	_, err := client.Verify(t.Context(), zhangSan)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	goleak.VerifyNone(t, before)
}

// When ctx ends, the transport writes a TLS alert before it closes the socket. A server
// that answers when it sees its client leave can be read in between. Such an answer is
// no answer, unless it is a verdict.
func TestAnAnswerThatComesAfterTheEnd(t *testing.T) {
	const timeout = 2 * time.Second
	for _, answer := range []struct {
		name, body string
		status     int
		verdict    bool
	}{
		{"an empty 200", "", 200, false},
		{"a 200 that is no JSON", "<html>", 200, false},
		{"an unknown BizCode", `{"Code":"200","ResultObject":{"BizCode":"4"}}`, 200, false},
		{"a failure of the API", `{"Code":"411","Message":"RAM无权限"}`, 200, false},
		{"a failure of the gateway", `{"Code":"Throttling.User"}`, 400, false},
		{"an empty 502", "", 502, false},
		{"a verdict behind a 504", verdict, 504, false},
		{"a verdict", verdict, 200, true},
	} {
		// late answers when the caller has left.
		late := func(r *http.Request) (*http.Response, error) {
			io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			return response(answer.status, answer.body, nil), nil
		}
		for _, end := range []struct {
			name     string
			opts     []id2meta.Option
			leaves   bool // the caller, at the timeout
			requests int  // if the answer is no verdict
			want     error
		}{
			{"the end of a deadline", []id2meta.Option{id2meta.WithTimeout(timeout)}, false, 1, context.DeadlineExceeded},
			{"the caller has left", nil, true, 1, context.Canceled},
			{"the time of an attempt that may be made again", []id2meta.Option{id2meta.WithTimeout(timeout), id2meta.WithRetryUnanswered(), id2meta.WithMaxAttempts(2)},
				false, 2, context.DeadlineExceeded},
		} {
			t.Run(answer.name+" after "+end.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					service := &fakeService{first: []roundTripper{late, late}}
					client := service.client(t, end.opts...)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					if end.leaves {
						time.AfterFunc(timeout, cancel)
					}
					result, err := client.Verify(ctx, zhangSan)
					if answer.verdict {
						require.NoError(t, err)
						assert.True(t, result.Match())
						assert.Equal(t, 1, service.requested())
						return
					}
					assert.Zero(t, result)
					assert.Equal(t, end.requests, service.requested())
					assert.ErrorIs(t, err, end.want)
					assert.ErrorIs(t, err, id2meta.ErrMaybeBilled)
					for _, sentinel := range sentinels {
						assert.Equal(t, end.requests == 2 && sentinel == id2meta.ErrUnavailable, errors.Is(err, sentinel), "%v", err)
					}
				})
			})
		}
	}
}

// ownContext is a context of a caller's own.
type ownContext struct {
	context.Context
	deadline func() (time.Time, bool)
	done     func() <-chan struct{}
	err      func() error
}

func (c ownContext) Deadline() (time.Time, bool) { return c.deadline() }
func (c ownContext) Done() <-chan struct{}       { return c.done() }
func (c ownContext) Err() error                  { return c.err() }

// listError is an error that cannot be compared: == panics.
type listError []error

func (listError) Error() string { return "a list of errors" }

// The contexts of callers may break their contract. Verify and Check end all the same, and
// do not panic.
func TestAContextOfACallersOwn(t *testing.T) {
	const timeout = time.Second
	open := func() <-chan struct{} { return make(chan struct{}) }
	closed := func() <-chan struct{} {
		done := make(chan struct{})
		close(done)
		return done
	}
	noError := func() error { return nil }
	at := func(d time.Duration) func() (time.Time, bool) {
		return func() (time.Time, bool) { return time.Now().Add(d), true }
	}
	soon := func() func() (time.Time, bool) {
		deadline := time.Now().Add(timeout / 2)
		return func() (time.Time, bool) { return deadline, true }
	}
	for _, test := range []struct {
		name string
		own  func(ctx context.Context) ownContext
		want error
		at   time.Duration
	}{
		{"it keeps an earlier deadline, and never ends", func(ctx context.Context) ownContext {
			return ownContext{ctx, soon(), open, noError}
		}, context.DeadlineExceeded, timeout / 2},
		{"it has no channel, and an earlier deadline", func(ctx context.Context) ownContext {
			return ownContext{ctx, soon(), func() <-chan struct{} { return nil }, noError}
		}, context.DeadlineExceeded, timeout / 2},
		{"its deadline is past, and it never ends", func(ctx context.Context) ownContext {
			return ownContext{ctx, at(-time.Hour), open, noError}
		}, context.DeadlineExceeded, 0},
		{"its deadline is the first time of all", func(ctx context.Context) ownContext {
			return ownContext{ctx, func() (time.Time, bool) { return time.Time{}, true }, open, noError}
		}, context.DeadlineExceeded, 0},
		{"its deadline is far, and it never ends", func(ctx context.Context) ownContext {
			return ownContext{ctx, at(1 << 62), open, noError}
		}, context.DeadlineExceeded, timeout},
		{"its channel is another one each time", func(ctx context.Context) ownContext {
			return ownContext{ctx, ctx.Deadline, open, ctx.Err}
		}, context.DeadlineExceeded, timeout},
		{"it has ended, and tells no error", func(ctx context.Context) ownContext {
			return ownContext{ctx, ctx.Deadline, closed, noError}
		}, context.Canceled, 0},
		{"it has ended with an error that cannot be compared", func(ctx context.Context) ownContext {
			return ownContext{ctx, ctx.Deadline, closed, func() error { return listError{io.EOF} }}
		}, context.DeadlineExceeded, 0}, // not canceled, so no more time
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &fakeService{first: []roundTripper{silent, silent}}
				client := service.client(t, id2meta.WithTimeout(timeout))
				ask := map[string]func(ctx context.Context) error{
					"Verify": func(ctx context.Context) error { _, err := client.Verify(ctx, zhangSan); return err },
					"Check":  client.Check,
				}
				for name, ask := range ask {
					ctx := test.own(t.Context())
					started := time.Now()
					err := ask(ctx)
					require.Error(t, err, name)
					if _, odd := ctx.Err().(listError); !odd {
						assert.ErrorIs(t, err, test.want, name)
					}
					assert.Equal(t, id2meta.RemedyTryLater, id2meta.RemedyOf(err), name)
					assert.Equal(t, test.at, time.Since(started), name)
				}
			})
		})
	}
	for name, opts := range map[string][]id2meta.Option{
		"the limiter": {id2meta.WithLimiter(never)},
		"the credential": {id2meta.WithAccessKeyFunc(func(ctx context.Context) (id2meta.AccessKey, error) {
			<-ctx.Done()
			return id2meta.AccessKey{}, ctx.Err()
		})},
		"an answer": nil,
	} {
		t.Run("it ends with an error that cannot be compared while Verify waits for "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &fakeService{first: []roundTripper{silent}}
				client := service.client(t, opts...)
				ended := make(chan struct{})
				time.AfterFunc(timeout, func() { close(ended) })
				ctx := ownContext{t.Context(), t.Context().Deadline, func() <-chan struct{} { return ended }, func() error {
					select {
					case <-ended:
						return listError{io.EOF}
					default:
						return nil
					}
				}}
				started := time.Now()
				_, err := client.Verify(ctx, zhangSan)
				assert.ErrorContains(t, err, "a list of errors")
				assert.Equal(t, id2meta.RemedyTryLater, id2meta.RemedyOf(err))
				assert.Equal(t, timeout, time.Since(started))
				time.Sleep(time.Minute) // until the function that gives the key has ended
			})
		})
	}
}
