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
	// idleConnTimeout should be shorter than the server's, so that the client
	// closes an idle connection first. A request that is sent while the server
	// closes is lost, and cannot be told from a request that was billed. The
	// vendor does not publish its time; load balancers usually have more than 10 s.
	idleConnTimeout = 10 * time.Second
)

// newPool returns the connection pool of a Sender that was given none.
//
// The pool speaks HTTP/1.1 only. The requests are few and small. Each has a connection
// for itself, so no request holds up another, and it is known exactly what was sent.
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

// dialUntilDone ends a dial when the attempt that asked for it ends. The transport
// would let the dial go on, for the sake of later requests. So it would leave a
// goroutine behind for each attempt at a silent host.
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
// for it ends before the proxy has answered. The transport would wait a minute for
// the answer to CONNECT. So it would leave a goroutine behind for each attempt
// through a silent proxy.
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
	answered func() bool // from then on the transport alone decides when to close
}

func (c *proxyConn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	if n > 0 {
		c.answered()
	}
	return n, err
}

// ownSocket returns the socket under a connection. It reports whether the connection
// belongs to one request alone: over HTTP/2 other requests use it at the same time.
func ownSocket(conn net.Conn) (net.Conn, bool) {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return conn, true
	}
	return secure.NetConn(), secure.ConnectionState().NegotiatedProtocol != "h2"
}

// closeOwn closes a connection of HTTP/1.1, so that nothing can be sent on it. Over
// HTTP/2 the request's body keeps the request from being sent; see watchedBody.
func closeOwn(conn net.Conn) {
	if socket, own := ownSocket(conn); own {
		socket.Close() // not conn.Close: TLS would write an alert first
	}
}
