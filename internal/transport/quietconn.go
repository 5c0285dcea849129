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
// body, and so the lines between chunks.
type quietConn struct {
	*tls.Conn
	under    *conn
	buffered *bufio.Reader
	next     []byte       // what Read returns next; a part of buffered
	allowed  atomic.Int64 // how many bytes of the answer are still to come, or a constant below

	line      []byte // what has come of a line; not more than maxLine bytes
	isChunks  bool   // the head has ended, and the body comes in chunks
	isTrailer bool   // the last chunk has come
	head      head   // what the lines of the head say
}

// maxLine is longer than the lines from which learn learns.
const maxLine = 4096

// head is what the head of an answer says about its length.
type head struct {
	status    string // "" before the first line
	length    int64  // or -1
	isChunked bool
	isOld     bool // of HTTP/1.0, which has no chunks
}

const (
	everything = -1 - iota // nothing was lent to an exchange yet: this may be the connection to a proxy
	aLine
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
		if left := q.allowed.Add(int64(-n)); left == 0 && q.isChunks {
			q.allowed.Store(aLine)
		}
	}
	q.next, _ = q.buffered.Peek(n)
	q.buffered.Discard(n)
	return nil
}

var contentLength, transferEncoding = []byte("Content-Length"), []byte("Transfer-Encoding")

// learn finds out from a line of an answer how it goes on. What net/http refuses needs no
// care.
func (q *quietConn) learn(line []byte) {
	isEmpty := len(bytes.TrimRight(line, "\r\n")) == 0
	switch h := &q.head; {
	case q.isTrailer:
		if isEmpty {
			q.isChunks, q.isTrailer = false, false
			q.allowed.Store(0)
		}
	case q.isChunks:
		size, _, _ := bytes.Cut(line, []byte(";"))
		n, _ := strconv.ParseUint(string(bytes.TrimSpace(size)), 16, 40)
		if q.isTrailer = n == 0; !q.isTrailer {
			q.allowed.Store(int64(n) + int64(len("\r\n")))
		}
	case h.status == "":
		version, status, _ := bytes.Cut(line, []byte(" "))
		status = bytes.TrimLeft(status, " ")
		*h = head{status: string(status[:min(3, len(status))]), length: -1}
		h.isOld = string(version) == "HTTP/1.0"
	case isEmpty:
		switch {
		case h.status[0] == '1': // the answer is still to come
		case h.status == "204", h.status == "304":
			q.allowed.Store(0)
		case h.isChunked && !h.isOld:
			q.isChunks = true
		case h.length >= 0:
			q.allowed.Store(h.length)
		}
		h.status = ""
	default:
		switch name, value, _ := bytes.Cut(line, []byte(":")); {
		case bytes.EqualFold(name, contentLength):
			h.length, _ = strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
		case bytes.EqualFold(name, transferEncoding):
			h.isChunked = true
		}
	}
}

// Close implements [net.Conn]. Unlike the Close of TLS, it writes nothing.
func (q *quietConn) Close() error { return q.under.Close() }
