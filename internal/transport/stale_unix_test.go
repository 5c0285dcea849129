//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package transport

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestIsStale(t *testing.T) {
	for name, serve := range map[string]func(*net.TCPConn){
		"one that the server has closed":                 func(c *net.TCPConn) { c.Close() },
		"one that the server has half closed":            func(c *net.TCPConn) { c.CloseWrite() },
		"one that was reset":                             func(c *net.TCPConn) { c.SetLinger(0); c.Close() },
		"one on which the server says something unasked": func(c *net.TCPConn) { c.Write([]byte("!")) },
	} {
		t.Run(name, func(t *testing.T) {
			client, server := connect(t)
			time.Sleep(5 * time.Millisecond)
			assert.False(t, isStale(client))
			serve(server)
			require.Eventually(t, func() bool { return isStale(client) }, time.Second, time.Millisecond)
		})
	}
	t.Run("one that the transport has closed", func(t *testing.T) {
		client, _ := connect(t)
		client.Close()
		assert.True(t, isStale(client))
	})
}

// Whoever holds the lock sees in the socket, or in the count, everything that has arrived.
func TestBytesAreTakenFromTheSocketUnderTheLock(t *testing.T) {
	client, server := connect(t)
	c := newConn(client, nil)
	go io.Copy(io.Discard, c)
	c.mu.Lock()
	for !c.waiting {
		c.changed.Wait()
	}
	server.Write([]byte("!"))
	time.Sleep(20 * time.Millisecond) // the reading goroutine may run
	assert.True(t, isStale(client))
	assert.Zero(t, c.loan.reads)
	c.mu.Unlock()
	require.Eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.loan.reads == 1 && c.waiting && !isStale(client)
	}, 10*time.Second, time.Millisecond)
}
