package transport

import (
	"bytes"
	"context"
	"encoding/binary"
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
	loan    *loan    // the last one
	records *records // nil before the handshake of TLS
}

func newConn(tcp *net.TCPConn, attempt context.Context) *conn {
	c := &conn{Conn: tcp, tcp: tcp, loan: new(loan)}
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
		case *quietConn:
			return c.under
		case interface{ NetConn() net.Conn }:
			connection = c.NetConn()
		default:
			return nil
		}
	}
}

// tried is called with the result of each try to read, under the lock.
func (c *conn) tried(p []byte, isEmpty bool) {
	if c.waiting = isEmpty; isEmpty {
		c.changed.Broadcast()
	} else if len(p) > 0 {
		c.loan.reads++
		if c.records != nil {
			c.records.add(p)
		}
	}
}

// Write implements [net.Conn].
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	if c.records == nil && bytes.HasPrefix(p, []byte{handshakeRecord}) { // a proxy was asked for a tunnel before
		c.records = new(records)
	}
	c.mu.Unlock()
	n, err := c.Conn.Write(p)
	if n > 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.loan.wrote = c.loan.begun
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
// returns nil if the connection can carry no request. It also reports whether another
// connection may do if nothing can be sent on this one.
func (c *conn) lend(connection net.Conn, reused bool) (l *loan, mayRetry bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.waiting && !c.closed { // net/http reads on as soon as an answer has ended
		c.changed.Wait()
	}
	l = &loan{conn: c, reused: reused}
	c.loan = l
	l.quiet, _ = connection.(*quietConn)
	l.allow(nothing)
	if keep := c.keep; keep != nil {
		c.keep = nil
		if !keep() { // it was dialed for another attempt, which has just ended
			return nil, true
		}
	}
	if c.closed || reused && c.records.isPart() {
		return nil, reused
	}
	return l, reused
}

// loan is the use of a conn by one exchange. net/http may lend the connection to another
// exchange before this one looks at its answer, so each has a loan of its own.
type loan struct {
	*conn
	quiet  *quietConn // or nil
	reused bool       // the connection has carried an answer
	begun  bool       // the request is being written
	wrote  bool       // bytes of the request were written
	reads  int        // how often something was read
	before int        // reads when the exchange began to write
}

// begin is called before the request is written, or all but its beginning. It reports
// whether the request may be written.
func (l *loan) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun {
		return true
	}
	if l.reused && (l.reads > 0 || isStale(l.tcp)) {
		return false
	}
	// On a new connection, TLS sends tickets. Everything else closes the connection.
	for !l.closed && !l.reused && (!l.waiting || isStale(l.tcp) || l.records.isPart()) {
		l.changed.Wait()
	}
	if l.closed {
		return false
	}
	l.begun, l.before = true, l.reads
	l.allow(aLine)
	return true
}

// allow says what net/http may read next; see quietConn.
func (l *loan) allow(next int32) {
	if l.quiet != nil {
		l.quiet.next.Store(next)
	}
}

// sent reports whether a byte of the request was written. An answer may be there before
// the writing goroutine has noted that.
func (l *loan) sent() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wrote || l.begun && l.reads > l.before
}

// gotHead is called when net/http has read the head of an answer. It reports whether
// something was read since the request was written. If not, the head answers something
// else.
func (l *loan) gotHead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.begun && l.reads > l.before
}

// records tells where the records of TLS end. A record that has not arrived as a whole is in
// no count and in no buffer that can be looked at. Through a proxy that speaks TLS itself, only
// the records of the proxy are followed.
type records struct {
	header [5]byte
	got    int // bytes of header
	left   int // bytes of the record behind its header
}

// handshakeRecord is the type of the records of a handshake, with which TLS begins.
const handshakeRecord = 0x16

func (r *records) add(p []byte) {
	for len(p) > 0 {
		if r.left > 0 {
			n := min(r.left, len(p))
			r.left, p = r.left-n, p[n:]
			continue
		}
		n := copy(r.header[r.got:], p)
		if r.got, p = r.got+n, p[n:]; r.got == len(r.header) {
			r.got, r.left = 0, int(binary.BigEndian.Uint16(r.header[3:]))
		}
	}
}

// isPart reports whether a part of a record has arrived.
func (r *records) isPart() bool { return r != nil && (r.got > 0 || r.left > 0) }
