package transport

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"strings"
	"sync/atomic"
)

// quietConn is a TLS connection from which net/http reads an answer and nothing behind
// it: net/http would print what nobody asked for to the standard log, and that may repeat
// a person. As long as the length of an answer is not known, net/http gets single lines,
// because a head and a last chunk end with a line, and single bytes between a head and the
// moment at which the exchange has the head.
type quietConn struct {
	*tls.Conn
	under    *conn
	buffered *bufio.Reader
	allowed  atomic.Int64 // how many bytes of the answer are still to come, or a constant below
	tail     [len(lastChunk)]byte
}

const (
	unknown    = -1
	singleByte = -2
	// lastChunk ends an answer in chunks. The JSON of an answer does not hold it.
	lastChunk = "\r\n0\r\n\r\n"
)

func newQuietConn(secure *tls.Conn, under *conn) *quietConn {
	q := &quietConn{Conn: secure, under: under, buffered: bufio.NewReader(secure)}
	q.allowed.Store(unknown) // the connection may be one to a proxy
	return q
}

// Read implements [net.Conn].
func (q *quietConn) Read(p []byte) (int, error) {
	if _, err := q.buffered.Peek(1); err != nil { // waits
		return 0, err
	}
	allowed := q.allowed.Load()
	most := max(allowed, 1)
	switch allowed {
	case 0:
		q.under.Close()
		return 0, errUnasked
	case unknown:
		arrived, _ := q.buffered.Peek(q.buffered.Buffered())
		if most = int64(bytes.IndexByte(arrived, '\n') + 1); most == 0 {
			most = int64(len(arrived))
		}
	}
	n, err := q.buffered.Read(p[:min(int64(len(p)), most)])
	if allowed > 0 {
		q.allowed.Add(-int64(n))
		return n, err
	}
	for _, b := range p[:n] {
		copy(q.tail[:], q.tail[1:])
		q.tail[len(lastChunk)-1] = b
	}
	switch tail := string(q.tail[:]); {
	case tail == lastChunk:
		q.allowed.Store(0)
	case strings.HasSuffix(tail, "\n\r\n"), strings.HasSuffix(tail, "\n\n"):
		q.allowed.Store(singleByte)
	}
	return n, err
}

// Close implements [net.Conn]. Unlike the Close of TLS, it writes nothing.
func (q *quietConn) Close() error { return q.under.Close() }
