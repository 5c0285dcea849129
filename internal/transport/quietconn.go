package transport

import (
	"bufio"
	"crypto/tls"
	"sync/atomic"
)

// quietConn is a TLS connection from which net/http reads an answer and nothing behind
// it: net/http would print what nobody asked for to the standard log, and that may repeat
// a person. As long as the length of an answer is not known, net/http gets single bytes.
type quietConn struct {
	*tls.Conn
	under    *conn
	buffered *bufio.Reader
	allowed  atomic.Int64 // how many bytes of the answer are still to come, or unknown
	tail     [len(lastChunk)]byte
}

const (
	unknown = -1
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
	most := max(1, q.allowed.Load()) // if nothing is allowed, Read waits for the next answer
	n, err := q.buffered.Read(p[:min(int64(len(p)), most)])
	switch allowed := q.allowed.Load(); {
	case n == 0:
	case allowed == 0:
		q.under.Close()
		return 0, errUnasked
	case allowed == unknown:
		copy(q.tail[:], q.tail[1:])
		if q.tail[len(lastChunk)-1] = p[0]; string(q.tail[:]) == lastChunk {
			q.allowed.Store(0)
		}
	default:
		q.allowed.Add(-int64(n))
	}
	return n, err
}

// Close implements [net.Conn]. Unlike the Close of TLS, it writes nothing.
func (q *quietConn) Close() error { return q.under.Close() }
