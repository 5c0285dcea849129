package transport

import (
	"context"
	"errors"
	"net"
	"sync"
)

var errUnasked = errors.New("the server sent something that nobody asked for")

// conn is a TCP connection of the own pool, under TLS. It makes sure that an answer was
// not sent before its request: no request is written before net/http has read everything
// that has arrived, and no request is written on a used connection on which something
// arrives. An answer to nothing that arrives after the next request was written cannot be
// told from the right answer. Where a proxy confuses answers, connections must not be
// reused: use an http.Transport with DisableKeepAlives.
type conn struct {
	net.Conn
	tcp *net.TCPConn // the same
	// keep lets the connection outlive the attempt for which it was dialed. It returns
	// false if the attempt has ended. It is nil if keep was called, or nobody need call it.
	keep func() bool

	mu      sync.Mutex
	changed sync.Cond // waiting or closed has become true
	waiting bool      // the reading goroutine of net/http waits, and has read everything before
	closed  bool
	reads   int // how often something was read

	// The exchange that has the connection.
	quiet  *quietConn // or nil
	reused bool       // the connection has carried an answer
	begun  bool       // the request is being written
	wrote  bool       // bytes of the request were written
	before int        // reads when the exchange got the connection, and then when it began to write
}

func newConn(tcp *net.TCPConn, attempt context.Context) *conn {
	c := &conn{Conn: tcp, tcp: tcp}
	c.changed.L = &c.mu
	if attempt != nil {
		c.keep = context.AfterFunc(attempt, func() { tcp.Close() })
	}
	return c
}

// poolConn returns the conn under a connection of net/http, or nil.
func poolConn(connection net.Conn) *conn {
	for {
		switch c := connection.(type) {
		case *conn:
			return c
		case interface{ NetConn() net.Conn }:
			connection = c.NetConn()
		default:
			return nil
		}
	}
}

// tried is called with the result of each try to read, under the lock.
func (c *conn) tried(n int, isEmpty bool) {
	if c.waiting = isEmpty; isEmpty {
		c.changed.Broadcast()
	} else if n > 0 {
		c.reads++
	}
}

// Write implements [net.Conn].
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if n > 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.wrote = c.begun
	}
	return n, err
}

// Close implements [net.Conn].
func (c *conn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.changed.Broadcast()
	c.mu.Unlock()
	return c.Conn.Close() // waits for the reading goroutine, which may want the lock
}

// lend gives the connection to an exchange, which got it from net/http as connection. It
// reports whether the connection may carry a request.
func (c *conn) lend(connection net.Conn, reused bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.waiting && !c.closed { // net/http reads on as soon as an answer has ended
		c.changed.Wait()
	}
	c.reused, c.begun, c.wrote, c.before = reused, false, false, c.reads
	if c.quiet, _ = connection.(*quietConn); c.quiet != nil {
		c.quiet.allowed.Store(0)
	}
	if keep := c.keep; keep != nil {
		c.keep = nil
		if !keep() {
			return false
		}
	}
	return !c.closed
}

// begin is called before the request is written, or all but its beginning. It reports
// whether the request may be written.
func (c *conn) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.begun {
		return true
	}
	if c.reused && (c.reads != c.before || isStale(c.tcp)) {
		return false
	}
	// On a new connection, TLS sends tickets. Everything else closes the connection.
	for !c.closed && !c.reused && (!c.waiting || isStale(c.tcp)) {
		c.changed.Wait()
	}
	if c.closed {
		return false
	}
	if c.begun, c.before = true, c.reads; c.quiet != nil {
		c.quiet.allowed.Store(aLine)
	}
	return true
}

// sent reports whether a byte of the request was written.
func (c *conn) sent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wrote
}

// gotHead is called when net/http has read the head of an answer. It reports whether
// something was read since the request was written. If not, the head answers something
// else.
func (c *conn) gotHead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.begun && c.reads > c.before
}
