package id2meta

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliyun/credentials-go/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/transport"
)

// flakyListener hangs up on whoever connects while it is down.
type flakyListener struct {
	net.Listener
	down atomic.Bool
}

func (l *flakyListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || !l.down.Load() {
			return conn, err
		}
		conn.Close()
	}
}

func TestEndpointThatComesBackIsUsedAgainByAll(t *testing.T) {
	newServer := func() (*httptest.Server, *flakyListener, *atomic.Int64) {
		var asked atomic.Int64
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			io.WriteString(w, `{"Code":"200","ResultObject":{"BizCode":"1"}}`)
		}))
		listener := &flakyListener{Listener: server.Listener}
		server.Listener = listener
		server.StartTLS()
		t.Cleanup(server.Close)
		return server, listener, &asked
	}
	first, listener, askedFirst := newServer()
	second, _, askedSecond := newServer()
	credential, err := credentials.NewCredential(new(credentials.Config).
		SetType("access_key").SetAccessKeyId("id").SetAccessKeySecret("secret"))
	require.NoError(t, err)
	client, err := New(WithCredential(credential), WithHTTPClient(first.Client()),
		WithEndpoints(first.Listener.Addr().String(), second.Listener.Addr().String()))
	require.NoError(t, err)
	const asideFor = 200 * time.Millisecond
	client.endpoints = transport.NewEndpoints(client.hosts, asideFor)
	verify := func() {
		result, err := client.Verify(t.Context(), Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
		require.NoError(t, err)
		assert.True(t, result.Match())
	}

	listener.down.Store(true)
	for range 5 {
		verify()
	}
	assert.Zero(t, askedFirst.Load())
	assert.EqualValues(t, 5, askedSecond.Load())

	listener.down.Store(false)
	time.Sleep(asideFor)
	for range 5 {
		verify()
	}
	assert.EqualValues(t, 5, askedFirst.Load())
	assert.EqualValues(t, 5, askedSecond.Load())
}

func TestBackoffDoublesWithFullJitterUpToItsCap(t *testing.T) {
	const samples = 2000
	for attempts, longest := range map[int]time.Duration{
		1:  100 * time.Millisecond,
		2:  200 * time.Millisecond,
		3:  400 * time.Millisecond,
		5:  1600 * time.Millisecond,
		6:  2 * time.Second,
		70: 2 * time.Second,
	} {
		k := call{attempts: attempts}
		least, most := longest, time.Duration(0)
		for range samples {
			wait := k.backoff()
			least, most = min(least, wait), max(most, wait)
		}
		assert.GreaterOrEqual(t, least, time.Duration(0))
		assert.Less(t, least, longest/10, "attempt %d: the jitter is not full", attempts)
		assert.Less(t, most, longest, "attempt %d", attempts)
		assert.Greater(t, most, longest*9/10, "attempt %d", attempts)
	}
}

func TestTheTimeAsideIsThatOfTheDocumentation(t *testing.T) {
	assert.Equal(t, 30*time.Second, asideFor)
}

// AgeCredential lets d pass for what c knows of its credential, so that tests
// with real providers need not wait for it.
func AgeCredential(c *Client, d time.Duration) { c.credential.Age(d) }
