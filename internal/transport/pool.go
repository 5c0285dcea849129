package transport

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

const (
	// maxIdleConns allows for many more callers than the service's 50 calls a
	// second can keep busy.
	maxIdleConns = 128
	// idleConnTimeout should be shorter than the server's own, so that it is this
	// side that closes: a request that meets a close on its way is lost, and
	// cannot be told from one that was billed. The vendor does not publish its
	// time; 10 s is below what load balancers usually have.
	idleConnTimeout = 10 * time.Second
)

// newPool returns the connection pool of a Sender that was given none.
//
// It speaks HTTP/1.1 only. The calls are few and small, each on a connection of
// its own is never held up by another, and what has been sent is known exactly.
func newPool() *http.Transport {
	dialer := &net.Dialer{Timeout: ConnectBudget, KeepAlive: 15 * time.Second}
	secure := &tls.Dialer{NetDialer: dialer, Config: &tls.Config{
		MinVersion: tls.VersionTLS12,
		// Lets a new connection skip half of the handshake.
		ClientSessionCache: tls.NewLRUClientSessionCache(maxIdleConns),
	}}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            closeUntilAnswered(dialUntilDone(dialer.DialContext)), // to a proxy
		DialTLSContext:         dialUntilDone(secure.DialContext),
		TLSHandshakeTimeout:    ConnectBudget,
		MaxIdleConnsPerHost:    maxIdleConns, // there are few hosts, so no limit over all of them
		IdleConnTimeout:        idleConnTimeout,
		MaxResponseHeaderBytes: maxHead,
		Protocols:              protocols,
	}
}

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// dialUntilDone ends a dial with the attempt that asked for it. The transport
// would let it go on, for the sake of later requests, and so leave a goroutine
// behind for each call that a silent host has kept waiting.
func dialUntilDone(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		attempt, ok := ctx.Value(attemptContext{}).(context.Context)
		if !ok {
			return dial(ctx, network, addr)
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stop := context.AfterFunc(attempt, cancel)
		defer stop()
		return dial(ctx, network, addr)
	}
}

// closeUntilAnswered closes a new connection to a proxy if the attempt that asked
// for it ends before the proxy has said anything. The transport would wait a
// minute for its answer to CONNECT, and leave a goroutine behind for each call
// that a silent proxy has kept waiting.
func closeUntilAnswered(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		attempt, ok := ctx.Value(attemptContext{}).(context.Context)
		tcp, isTCP := conn.(*net.TCPConn)
		if err != nil || !ok || !isTCP {
			return conn, err
		}
		return &proxyConn{tcp, context.AfterFunc(attempt, func() { tcp.Close() })}, nil
	}
}

// proxyConn is a connection to a proxy that may not have answered yet.
type proxyConn struct {
	*net.TCPConn
	answered func() bool // from then on it lives as long as the transport likes
}

func (c *proxyConn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	if n > 0 {
		c.answered()
	}
	return n, err
}

// ownSocket returns what a connection of HTTP/1.1 is sent on, and false for one
// of HTTP/2, which others use at the same time.
func ownSocket(conn net.Conn) (net.Conn, bool) {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return conn, true
	}
	return secure.NetConn(), secure.ConnectionState().NegotiatedProtocol != "h2"
}

// closeOwn closes a connection, so that nothing can be sent on it, and reports
// whether it did.
func closeOwn(conn net.Conn) bool {
	socket, own := ownSocket(conn)
	if own {
		socket.Close() // TLS would say goodbye first, and wait
	}
	return own
}
