package transport

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"net"
	"sync/atomic"
)

// quietConn is a TLS connection from which net/http reads an answer and nothing behind
// it: net/http would print what nobody asked for to the standard log, and that may repeat
// a person. Only net/http knows where an answer ends. So until net/http says so, it gets
// no more at a time than it must read: a line of the head, or a byte of the body. A body that
// is longer than its buffer, net/http reads past the buffer, and never further than the body.
type quietConn struct {
	net.Conn // a *tls.Conn, hidden: net/http of Go 1.27 would report its handshake again
	under    *conn
	buffered *bufio.Reader
	next     atomic.Int32 // what net/http may have; one of the following constants
}

const (
	everything = iota // nothing was lent to an exchange yet: this may be the connection to a proxy
	nothing           // no request is under way
	aLine             // of the head of an answer
	aByte             // of its body
)

func newQuietConn(secure *tls.Conn, under *conn) *quietConn {
	return &quietConn{Conn: secure, under: under, buffered: bufio.NewReader(secure)}
}

// Read implements [net.Conn].
func (q *quietConn) Read(p []byte) (int, error) {
	if _, err := q.buffered.Peek(1); err != nil {
		return 0, err
	}
	n := min(len(p), q.buffered.Buffered())
	switch q.next.Load() {
	case nothing:
		q.under.Close()
		return 0, errUnasked
	case aLine:
		arrived, _ := q.buffered.Peek(n)
		line, _, _ := bytes.Cut(arrived, []byte("\n"))
		n = min(n, len(line)+len("\n"))
		if len(bytes.TrimSuffix(line, []byte("\r"))) == 0 {
			q.next.Store(aByte)
		}
	case aByte:
		if len(p) <= bufferSize {
			n = min(n, 1)
		}
	}
	return q.buffered.Read(p[:n])
}

// Close implements [net.Conn]. Unlike the Close of TLS, it writes nothing.
func (q *quietConn) Close() error { return q.under.Close() }
