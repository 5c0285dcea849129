package id2meta_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

func TestTheNumberOfAttemptsIsBounded(t *testing.T) {
	t.Parallel()
	failing := id2metatest.Answer("500", "")
	for _, attempts := range []int{1, 3, 5} {
		t.Run(strconv.Itoa(attempts), func(t *testing.T) {
			t.Parallel()
			server := newServer(t)
			opts := []id2meta.Option{id2meta.WithMaxAttempts(attempts)}
			if attempts == 3 {
				opts = nil // the default
			}
			client := newClient(t, []string{server.Endpoint()}, opts...)
			server.Inject(slices.Repeat([]id2metatest.Fault{failing}, attempts)...)
			_, err := client.Verify(t.Context(), zhangSan)
			requireOnly(t, id2meta.ErrUnavailable, err)
			assert.Len(t, server.Calls(), attempts)

			server.Inject(slices.Repeat([]id2metatest.Fault{failing}, attempts-1)...)
			requireMatch(t, client)
		})
	}
}

func TestTheErrorTellsOfTheEarlierAttempts(t *testing.T) {
	t.Parallel()
	drop, denied := id2metatest.Drop(), id2metatest.Answer("411", "")
	for _, test := range []struct {
		name   string
		faults []id2metatest.Fault
		opts   []id2meta.Option
		want   string
	}{
		{"a second attempt", []id2metatest.Fault{id2metatest.Answer("402", ""), denied}, nil, "(after 2 attempts)"},
		{"a drop before the last attempt", []id2metatest.Fault{drop, denied}, []id2meta.Option{id2meta.WithRetryUnanswered()},
			"(after 2 attempts, of which an earlier one was not answered); the call may have been billed"},
		{"a drop before the last two", []id2metatest.Fault{drop, id2metatest.Answer("402", ""), denied}, []id2meta.Option{id2meta.WithRetryUnanswered()},
			"(after 3 attempts, of which an earlier one was not answered); the call may have been billed"},
		{"a limiter that refuses a retry", []id2metatest.Fault{id2metatest.Answer("402", "")},
			[]id2meta.Option{id2meta.WithLimiter(rate.NewLimiter(rate.Every(time.Hour), 1))}, "(after 1 attempt: " + id2meta.ErrSourceUnavailable.Error()},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := newServer(t)
			server.Inject(test.faults...)
			_, err := newClient(t, []string{server.Endpoint()}, test.opts...).Verify(t.Context(), zhangSan)
			assert.ErrorContains(t, err, test.want)
		})
	}
}

// A silent service, by the clock of a bubble.
func TestRetryOfASilentService(t *testing.T) {
	const timeout = 9 * time.Second
	broken := answering(http.StatusOK, `{"Code":"500"}`, nil)
	for _, test := range []struct {
		name     string
		first    []roundTripper
		opts     []id2meta.Option
		requests int
		want     []error // none: a match
	}{
		{"an unanswered request is not retried", []roundTripper{silent}, nil, 1, []error{context.DeadlineExceeded}},
		{"an unanswered request is retried with WithRetryUnanswered", []roundTripper{silent, silent}, []id2meta.Option{id2meta.WithRetryUnanswered()}, 3, nil},
		{"the last attempt has all the time that is left, and ends with the deadline", []roundTripper{silent, silent},
			[]id2meta.Option{id2meta.WithRetryUnanswered(), id2meta.WithMaxAttempts(2)}, 2, []error{context.DeadlineExceeded}},
		{"a deadline in a later attempt also tells the failure of the attempt before", []roundTripper{broken, silent}, nil, 2,
			[]error{context.DeadlineExceeded, id2meta.ErrUnavailable}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &fakeService{first: test.first}
				client := service.client(t, append(test.opts, id2meta.WithTimeout(timeout))...)
				started := time.Now()
				result, err := client.Verify(t.Context(), zhangSan)
				assert.Equal(t, test.requests, service.requested())
				if test.want == nil {
					require.NoError(t, err)
					assert.True(t, result.Match())
					assert.Less(t, time.Since(started), timeout)
					return
				}
				assert.Zero(t, result)
				for _, want := range test.want {
					assert.ErrorIs(t, err, want)
				}
				assert.Equal(t, timeout, time.Since(started))
			})
		})
	}
}

// A key may be lost while a call waits to try again. The error then also tells why the call
// waited.
func TestACredentialThatFailsInALaterAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &fakeService{first: []roundTripper{answering(http.StatusTooManyRequests, "", http.Header{"Retry-After": {"180"}})}}
		asked := 0
		client := service.client(t, id2meta.WithTimeout(10*time.Minute), id2meta.WithAccessKeyFunc(func(context.Context) (id2meta.AccessKey, error) {
			if asked++; asked > 1 {
				return id2meta.AccessKey{}, io.EOF
			}
			return id2meta.AccessKey{ID: "id", Secret: "secret"}, nil
		}))
		_, err := client.Verify(t.Context(), zhangSan)
		assert.ErrorIs(t, err, id2meta.ErrCredential)
		assert.ErrorIs(t, err, id2meta.ErrThrottled)
		assert.Equal(t, operator, id2meta.RemedyOf(err))
		assert.Equal(t, 1, service.requested())
	})
}

func TestABackoffThatLeavesNoTimeForAnAnswerIsNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const answerAfter = 400 * time.Millisecond
		service := &fakeService{first: []roundTripper{func(*http.Request) (*http.Response, error) {
			time.Sleep(answerAfter)
			return response(http.StatusOK, `{"Code":"500"}`, nil), nil
		}}}
		client := service.client(t, id2meta.WithTimeout(answerAfter+answerAfter/4))
		started := time.Now()
		_, err := client.Verify(t.Context(), zhangSan)
		requireOnly(t, id2meta.ErrUnavailable, err)
		assert.NotErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, answerAfter, time.Since(started))
		assert.Equal(t, 1, service.requested())
	})
}

func TestFailoverToTheNextEndpoint(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		dead func(testing.TB) deadEnd
	}{
		{"when the connection is refused", refusing},
		{"when DNS knows no such host", unknown},
		{"when the endpoint does not speak TLS", plaintext},
		{"when the endpoint accepts and never answers the handshake", mute},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t)
			dead := test.dead(t)
			// The first of three attempts gets a third of the time to connect.
			const timeout, share = 6 * time.Second, 2 * time.Second
			client := newClient(t, []string{dead.endpoint, server.Endpoint()}, id2meta.WithTimeout(timeout))
			for i := range 3 {
				started := time.Now()
				requireMatch(t, client)
				if i > 0 {
					assert.Less(t, time.Since(started), share, "the dead endpoint was not passed over")
				}
			}
			assert.Len(t, server.Calls(), 3)
			if dead.dials != nil {
				assert.EqualValues(t, 1, dead.dials())
			}
		})
	}

	t.Run("and back to all of them when all are cooling down", func(t *testing.T) {
		first, second := plaintext(t), plaintext(t)
		client := newClient(t, []string{first.endpoint, second.endpoint}, id2meta.WithMaxAttempts(2))
		for range 3 {
			_, err := client.Verify(t.Context(), zhangSan)
			assert.ErrorIs(t, err, id2meta.ErrUnavailable)
		}
		assert.EqualValues(t, 3, first.dials())
		assert.EqualValues(t, 3, second.dials())
	})

	t.Run("never, if one attempt is allowed", func(t *testing.T) {
		server := newServer(t)
		client := newClient(t, []string{refusing(t).endpoint, server.Endpoint()}, id2meta.WithMaxAttempts(1))
		_, err := client.Verify(t.Context(), zhangSan)
		assert.ErrorIs(t, err, id2meta.ErrUnavailable)
		assert.Empty(t, server.Calls())
		result, err := client.Verify(t.Context(), zhangSan)
		require.NoError(t, err, "the next call must begin with the other endpoint")
		assert.True(t, result.Match())
	})

	for name, fault := range map[string]id2metatest.Fault{
		"Code 500": id2metatest.Answer("500", ""),
		"HTTP 503": id2metatest.Status(503, "ServiceUnavailable", ""),
		"Code 402": id2metatest.Answer("402", ""),
	} {
		t.Run("also after "+name+", but the first endpoint does not cool down", func(t *testing.T) {
			t.Parallel()
			first, second := newServer(t), newServer(t)
			first.Inject(fault)
			client := newClient(t, []string{first.Endpoint(), second.Endpoint()})
			requireMatch(t, client)
			assert.Len(t, first.Calls(), 1)
			assert.Len(t, second.Calls(), 1)
			requireMatch(t, client)
			assert.Len(t, first.Calls(), 2)
		})
	}
}

// How long an endpoint may take to connect, and for how long it is passed over, by the
// clock of a bubble.
func TestTheTimesOfAFailover(t *testing.T) {
	const first, second = "first.example:443", "second.example:443"
	inBubble := func(name string, f func(t *testing.T, network memoryNetwork)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f(t, memoryNetwork{first: new(memoryHost), second: new(memoryHost)})
			})
		})
	}
	newClient := func(t *testing.T, network memoryNetwork, opts ...id2meta.Option) *id2meta.Client {
		transport := &http.Transport{DialTLSContext: network.dial}
		return newClient(t, []string{first, second}, append(opts, id2meta.WithHTTPClient(&http.Client{Transport: transport}))...)
	}

	inBubble("a silent endpoint gets 3 s when there is more time", func(t *testing.T, network memoryNetwork) {
		network[first].is.Store(mutely)
		started := time.Now()
		requireMatch(t, newClient(t, network, id2meta.WithTimeout(30*time.Second)))
		assert.Equal(t, 3*time.Second, time.Since(started))
	})
	inBubble("a silent endpoint gets the time left divided by the attempts left when there is less time", func(t *testing.T, network memoryNetwork) {
		network[first].is.Store(mutely)
		started := time.Now()
		requireMatch(t, newClient(t, network, id2meta.WithTimeout(6*time.Second)))
		assert.Equal(t, 2*time.Second, time.Since(started))
	})
	inBubble("an endpoint does not cool down for a caller who leaves", func(t *testing.T, network memoryNetwork) {
		network[first].is.Store(mutely)
		client := newClient(t, network)
		for range 2 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			_, err := client.Verify(ctx, zhangSan)
			assert.ErrorIs(t, err, context.Canceled)
		}
		assert.EqualValues(t, 2, network[first].dials.Load())
	})
	inBubble("an endpoint does not cool down for a caller who had hardly any time", func(t *testing.T, network memoryNetwork) {
		network[first].is.Store(mutely)
		client := newClient(t, network, id2meta.WithTimeout(90*time.Millisecond))
		for range 2 {
			requireMatch(t, client)
		}
		assert.EqualValues(t, 2, network[first].dials.Load())
	})
	inBubble("an endpoint that comes back is used again by all, after 30 s", func(t *testing.T, network memoryNetwork) {
		client := newClient(t, network)
		network[first].is.Store(down)
		for range 5 {
			requireMatch(t, client)
		}
		assert.Zero(t, network[first].requests.Load())
		assert.EqualValues(t, 1, network[first].dials.Load())
		assert.EqualValues(t, 5, network[second].requests.Load())

		network[first].is.Store(healthy)
		time.Sleep(30*time.Second - time.Millisecond)
		requireMatch(t, client)
		assert.Zero(t, network[first].requests.Load(), "it is still cooling down")
		time.Sleep(time.Millisecond)
		for range 5 {
			requireMatch(t, client)
		}
		assert.EqualValues(t, 5, network[first].requests.Load())
		assert.EqualValues(t, 6, network[second].requests.Load())
	})
}

// memoryNetwork is a network without sockets, so that the clock of a bubble can go on.
// The keys are addresses.
type memoryNetwork map[string]*memoryHost

type memoryHost struct {
	is       atomic.Int32 // one of the following constants
	dials    atomic.Int64
	requests atomic.Int64
}

const (
	healthy = iota // answers every request with a verdict
	down           // refuses connections
	mutely         // accepts connections and never answers the handshake
)

func (n memoryNetwork) dial(ctx context.Context, _, address string) (net.Conn, error) {
	host := n[address]
	host.dials.Add(1)
	switch host.is.Load() {
	case down:
		return nil, errors.New("connection refused")
	case mutely:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		request, err := http.ReadRequest(bufio.NewReader(server))
		if err != nil {
			return
		}
		io.Copy(io.Discard, request.Body)
		host.requests.Add(1)
		fmt.Fprintf(server, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(verdict), verdict)
	}()
	return client, nil
}

// WithRetryUnanswered divides the time by the attempts left. A healthy service must have
// time to answer all the same, however many attempts there are.
func TestManyAttemptsLeaveTimeForAnAnswer(t *testing.T) {
	for _, attempts := range []int{2, 10, 50, 1000} {
		t.Run(fmt.Sprint(attempts), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &fakeService{answerAfter: 150 * time.Millisecond}
				client := service.client(t, id2meta.WithRetryUnanswered(), id2meta.WithMaxAttempts(attempts), id2meta.WithTimeout(5*time.Second))
				for range 3 {
					requireMatch(t, client)
				}
				assert.Equal(t, 3, service.requested(), "each call is one request")
			})
		})
	}
}
