package testenv

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Listener accepts connections on loopback, and can cut them.
type Listener struct {
	Address string

	listener net.Listener
	accepted atomic.Int64
	wg       sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

// Accept starts a Listener that calls serve for each connection. A connection is closed
// when serve returns, and at the end of the test.
func Accept(t testing.TB, serve func(net.Conn)) *Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Listener{Address: listener.Addr().String(), listener: listener}
	l.wg.Go(func() { l.accept(serve) })
	t.Cleanup(l.Close)
	return l
}

// Close stops l, closes all connections, and waits until each serve has returned.
func (l *Listener) Close() {
	l.listener.Close()
	l.Cut()
	l.wg.Wait()
}

// Relay starts a Listener that passes its connections on to server, each after a delay.
func Relay(t testing.TB, server string, delay time.Duration) *Listener {
	t.Helper()
	return Accept(t, func(in net.Conn) {
		time.Sleep(delay)
		out, err := net.Dial("tcp", server)
		if err != nil {
			return
		}
		go func() {
			io.Copy(in, out)
			in.Close()
		}()
		io.Copy(out, in)
		out.Close()
	})
}

func (l *Listener) accept(serve func(net.Conn)) {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.accepted.Add(1)
		l.mu.Lock()
		l.conns = append(l.conns, conn)
		l.mu.Unlock()
		l.wg.Go(func() {
			defer conn.Close()
			serve(conn)
		})
	}
}

// Accepted returns how many connections were accepted.
func (l *Listener) Accepted() int64 { return l.accepted.Load() }

// Cut closes all connections, as a server does with connections that are idle.
func (l *Listener) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		conn.Close()
	}
	l.conns = nil
}
