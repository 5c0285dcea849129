package transport

import (
	"bufio"
	"crypto/tls"
	"sync/atomic"
)

// quietConn is a TLS connection from which net/http reads an answer and nothing behind
// it: net/http would print what nobody asked for to the standard log, and that may repeat
// a person. Before the length of an answer is known, net/http gets one line at a time,
// because a head and a last chunk end with a line.
type quietConn struct {
	*tls.Conn
	under    *conn
	buffered *bufio.Reader
	next     []byte       // what Read returns next; a part of buffered
	isLast   bool         // the last line was the head of a last chunk
	allowed  atomic.Int64 // how many bytes of the answer are still to come, or one of these:
}

const (
	everything = -1 - iota // the connection may be one to a proxy, or the answer is compressed
	aLine                  // of a head, or of a body in chunks
	aByte                  // behind a head, until the exchange has the head
)

func newQuietConn(secure *tls.Conn, under *conn) *quietConn {
	q := &quietConn{Conn: secure, under: under, buffered: bufio.NewReader(secure)}
	q.allowed.Store(everything)
	return q
}

// Read implements [net.Conn].
func (q *quietConn) Read(p []byte) (int, error) {
	if len(q.next) == 0 {
		if err := q.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, q.next)
	q.next = q.next[n:]
	return n, nil
}

// fill waits, and sets next to what net/http may have now.
func (q *quietConn) fill() error {
	if _, err := q.buffered.Peek(1); err != nil {
		return err
	}
	n := q.buffered.Buffered()
	switch allowed := q.allowed.Load(); allowed {
	case 0:
		q.under.Close()
		return errUnasked
	case everything:
	case aLine:
		return q.fillLine()
	case aByte:
		n = 1
	default:
		n = int(min(int64(n), allowed))
		q.allowed.Add(int64(-n))
	}
	q.next, _ = q.buffered.Peek(n)
	q.buffered.Discard(n)
	return nil
}

// fillLine waits for a line. A line that is too long for the buffer comes in parts.
func (q *quietConn) fillLine() error {
	q.next, _ = q.buffered.ReadSlice('\n') // an error comes again, behind what there is
	isBlank := string(q.next) == "\r\n" || string(q.next) == "\n"
	switch {
	case isBlank && q.isLast:
		q.allowed.Store(0)
	case isBlank:
		q.allowed.Store(aByte)
	}
	q.isLast = string(q.next) == "0\r\n"
	return nil
}

// Close implements [net.Conn]. Unlike the Close of TLS, it writes nothing.
func (q *quietConn) Close() error { return q.under.Close() }
