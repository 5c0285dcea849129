package id2meta_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

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
				result, err := client.Verify(t.Context(), zhangSan)
				require.NoError(t, err)
				assert.True(t, result.Match())
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
			_, err := client.Verify(t.Context(), zhangSan)
			require.NoError(t, err)
			assert.Len(t, first.Calls(), 1)
			assert.Len(t, second.Calls(), 1)
			_, err = client.Verify(t.Context(), zhangSan)
			require.NoError(t, err)
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
	verify := func(t *testing.T, client *id2meta.Client) {
		result, err := client.Verify(t.Context(), zhangSan)
		require.NoError(t, err)
		assert.True(t, result.Match())
	}

	inBubble("a silent endpoint gets 3 s when there is more time", func(t *testing.T, network memoryNetwork) {
		network[first].is.Store(mutely)
		started := time.Now()
		verify(t, newClient(t, network, id2meta.WithTimeout(30*time.Second)))
		assert.Equal(t, 3*time.Second, time.Since(started))
	})
	inBubble("a silent endpoint gets the time left divided by the attempts left when there is less time", func(t *testing.T, network memoryNetwork) {
		network[first].is.Store(mutely)
		started := time.Now()
		verify(t, newClient(t, network, id2meta.WithTimeout(6*time.Second)))
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
			verify(t, client)
		}
		assert.EqualValues(t, 2, network[first].dials.Load())
	})
	inBubble("an endpoint that comes back is used again by all, after 30 s", func(t *testing.T, network memoryNetwork) {
		client := newClient(t, network)
		network[first].is.Store(down)
		for range 5 {
			verify(t, client)
		}
		assert.Zero(t, network[first].requests.Load())
		assert.EqualValues(t, 1, network[first].dials.Load())
		assert.EqualValues(t, 5, network[second].requests.Load())

		network[first].is.Store(healthy)
		time.Sleep(30*time.Second - time.Millisecond)
		verify(t, client)
		assert.Zero(t, network[first].requests.Load(), "it is still cooling down")
		time.Sleep(time.Millisecond)
		for range 5 {
			verify(t, client)
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
