package id2meta_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A relay passes connections on to a server, and can cut them.
type relay struct {
	listener net.Listener
	to       string
	accepted atomic.Int64

	mu    sync.Mutex
	conns []net.Conn
	wg    sync.WaitGroup
}

// newRelay starts a relay to the server at the address to.
func newRelay(t testing.TB, to string) *relay {
	t.Helper()
	r := &relay{listener: listen(t), to: to}
	r.wg.Go(r.serve)
	t.Cleanup(r.close)
	return r
}

func (r *relay) close() {
	r.listener.Close()
	r.cut()
	r.wg.Wait()
}

func (r *relay) endpoint() string { return r.listener.Addr().String() }

func (r *relay) serve() {
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.accepted.Add(1)
		out, err := net.Dial("tcp", r.to)
		if err != nil {
			in.Close()
			continue
		}
		r.mu.Lock()
		r.conns = append(r.conns, in, out)
		r.mu.Unlock()
		for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
			r.wg.Go(func() {
				io.Copy(pair[0], pair[1])
				pair[0].Close()
				pair[1].Close()
			})
		}
	}
}

// cut closes all connections, as a server does with those that idle.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range r.conns {
		conn.Close()
	}
	r.conns = nil
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	return listener
}

// A deadEnd is an endpoint that gives no connection, and counts who asks.
type deadEnd struct {
	endpoint string
	asked    func() int64 // nil where nobody can be seen asking
}

// refusing returns an endpoint where nobody listens.
func refusing(t testing.TB) deadEnd {
	t.Helper()
	listener := listen(t)
	listener.Close()
	return deadEnd{endpoint: listener.Addr().String()}
}

// unknown returns an endpoint that no resolver can find: its first label is
// longer than DNS allows, so that no resolver is asked.
func unknown(testing.TB) deadEnd {
	return deadEnd{endpoint: strings.Repeat("a", 64) + ".invalid"}
}

// mute returns an endpoint that accepts connections and never says a word.
func mute(t testing.TB) deadEnd {
	t.Helper()
	return accepting(t, func(conn net.Conn) {
		io.Copy(io.Discard, conn)
	})
}

// plaintext returns an endpoint that does not speak TLS.
func plaintext(t testing.TB) deadEnd {
	t.Helper()
	return accepting(t, func(conn net.Conn) {
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		io.Copy(io.Discard, conn)
	})
}

func accepting(t testing.TB, serve func(net.Conn)) deadEnd {
	t.Helper()
	listener := listen(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	var asked atomic.Int64
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			wg.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		mu.Lock()
		for _, conn := range conns {
			conn.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return deadEnd{endpoint: listener.Addr().String(), asked: asked.Load}
}
