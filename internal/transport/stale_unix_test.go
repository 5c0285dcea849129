//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package transport

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestIsStale(t *testing.T) {
	for _, test := range []struct {
		name   string
		server func(*net.TCPConn) // what the server does with the connection
		stale  bool
	}{
		{"a connection on which the server is silent is kept", func(*net.TCPConn) {}, false},
		{"one that the server has closed is not", func(c *net.TCPConn) { c.Close() }, true},
		{"one that the server has half closed is not", func(c *net.TCPConn) { c.CloseWrite() }, true},
		{"one that was reset is not", func(c *net.TCPConn) { c.SetLinger(0); c.Close() }, true},
		{"one on which the server says something unasked is not", func(c *net.TCPConn) { c.Write([]byte("!")) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer listener.Close()
			client, err := net.Dial("tcp", listener.Addr().String())
			require.NoError(t, err)
			defer client.Close()
			server, err := listener.Accept()
			require.NoError(t, err)
			defer server.Close()
			test.server(server.(*net.TCPConn))

			if !test.stale {
				time.Sleep(20 * time.Millisecond)
				assert.False(t, isStale(client))
				_, err = client.Write([]byte("?"))
				assert.NoError(t, err)
				return
			}
			require.Eventually(t, func() bool { return isStale(client) }, time.Second, time.Millisecond)
			client.Close()
			assert.True(t, isStale(client), "one that the transport has closed is stale too")
		})
	}
}
