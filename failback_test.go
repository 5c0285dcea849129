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
	client.endpoints.asideFor = 200 * time.Millisecond
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
	time.Sleep(client.endpoints.asideFor)
	for range 5 {
		verify()
	}
	assert.EqualValues(t, 5, askedFirst.Load())
	assert.EqualValues(t, 5, askedSecond.Load())
}
