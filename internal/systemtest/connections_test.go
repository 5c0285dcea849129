package systemtest

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/testenv"
)

// 100 requests at a time need 100 connections. The server answers when all 100 are
// there, so that no connection serves two requests of one round.
func TestConnectionsAreKept(t *testing.T) {
	const callers, rounds = 100, 5
	var connections, waiting atomic.Int64
	var mu sync.Mutex
	complete := make(chan struct{}) // closed when a round is complete
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		round := complete
		if waiting.Add(1)%callers == 0 {
			close(complete)
			complete = make(chan struct{})
		}
		mu.Unlock()
		<-round
		io.WriteString(w, verdict)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	client := newClient(t, []string{server.Listener.Addr().String()}, id2meta.WithTimeout(time.Minute))
	var kept int64 // connections of the first round
	for round := range int64(rounds) {
		var wg sync.WaitGroup
		for caller := range int64(callers) {
			wg.Go(func() {
				result, err := client.Verify(t.Context(), zhangSan)
				assert.NoError(t, err)
				assert.True(t, result.Match())
			})
			if round == 0 && caller < callers-1 { // one handshake at a time, which even a busy machine can do in 3 s
				require.Eventually(t, func() bool { return waiting.Load() > caller }, 10*time.Second, time.Millisecond)
			}
		}
		wg.Wait()
		if round == 0 {
			kept = connections.Load() // a handshake that takes longer than 3 s is one more
		}
	}
	assert.EqualValues(t, callers*rounds, waiting.Load())
	assert.GreaterOrEqual(t, kept, int64(callers))
	assert.Equal(t, kept, connections.Load())
}

func TestClosedKeepAliveConnection(t *testing.T) {
	server := newServer(t)
	relay := testenv.Relay(t, server.Endpoint(), 0)
	client := newClient(t, []string{relay.Address}, id2meta.WithMaxAttempts(1))
	const rounds, callers = 30, 10
	for range rounds {
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				_, err := client.Verify(t.Context(), zhangSan)
				assert.NoError(t, err, "a connection that was closed between calls must not fail a call")
			})
		}
		wg.Wait()
		relay.Cut()
	}
	assert.Len(t, server.Calls(), rounds*callers, "no call may be sent twice")
	assert.Greater(t, relay.Accepted(), int64(rounds-1))
}
