package transport

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"strconv"
	"sync/atomic"
)

// quietConn is a TLS connection from which net/http reads an answer and nothing behind
// it: net/http would print what nobody asked for to the standard log, and that may repeat
// a person. It gives net/http the lines of a head one by one, to learn the length of the
// body. The lines of a body in chunks come one by one, too, to find the last chunk.
type quietConn struct {
	*tls.Conn
	under    *conn
	buffered *bufio.Reader
	next     []byte       // what Read returns next; a part of buffered
	allowed  atomic.Int64 // how many bytes of the answer are still to come, or a constant below

	line []byte // what has come of a line; not more than maxLine bytes
	// What the lines since the last empty line say.
	length    int64 // of the body, or -1
	isUnsized bool  // the body has another end than the length, or this is not the last head
	isLast    bool  // the body has ended
}

// maxLine is longer than the lines from which learn learns.
const maxLine = 4096

const (
	everything = -1 - iota // nothing was lent to an exchange yet: this may be the connection to a proxy
	aLine
)

func newQuietConn(secure *tls.Conn, under *conn) *quietConn {
	q := &quietConn{Conn: secure, under: under, buffered: bufio.NewReader(secure), length: -1}
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
		arrived, _ := q.buffered.Peek(n)
		if end := bytes.IndexByte(arrived, '\n'); end >= 0 {
			n = end + 1
		}
		// A part of a line does not stay here: behind an answer whose end was not recognized,
		// it would become the beginning of the answer to the next request.
		q.line = append(q.line, arrived[:min(n, maxLine-len(q.line))]...)
		if arrived[n-1] == '\n' {
			q.learn(q.line)
			q.line = q.line[:0]
		}
	default:
		n = int(min(int64(n), allowed))
		q.allowed.Add(int64(-n))
	}
	q.next, _ = q.buffered.Peek(n)
	q.buffered.Discard(n)
	return nil
}

var contentLength, transferEncoding = []byte("Content-Length"), []byte("Transfer-Encoding")

// learn finds out from the lines of an answer how it goes on.
func (q *quietConn) learn(line []byte) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	size, _, _ := bytes.Cut(line, []byte(";")) // of a chunk; an extension may follow
	switch {
	case string(line) == "\r\n", string(line) == "\n":
		if q.isLast {
			q.allowed.Store(0)
		} else if !q.isUnsized && q.length >= 0 {
			q.allowed.Store(q.length)
		}
		q.length, q.isUnsized, q.isLast = -1, false, false
	case bytes.EqualFold(name, contentLength):
		q.length, _ = strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64) // net/http refuses what is no number
	case bytes.EqualFold(name, transferEncoding), bytes.HasPrefix(line, []byte("HTTP/1.1 1")):
		q.isUnsized = true
	case bytes.HasPrefix(line, []byte("0")) && len(bytes.Trim(size, "0 \r\n")) == 0: // the length of the last chunk
		q.isLast = true
	}
}

// Close implements [net.Conn]. Unlike the Close of TLS, it writes nothing.
func (q *quietConn) Close() error { return q.under.Close() }
