package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"
)

const (
	// maxIdleConns allows for many more callers than the service's 50 calls a
	// second can keep busy.
	maxIdleConns = 128
	// idleConnTimeout should be shorter than the idle timeout of the server, so that
	// the client closes an idle connection first. If the server closes the connection
	// while a request is on its way, the request is lost, and looks the same as a
	// request that was billed. The vendor does not publish its idle timeout. Load
	// balancers usually have more than 10 s.
	idleConnTimeout = 10 * time.Second
)

// newPool returns the connection pool of a Sender that was given no client. roots are the
// certificate authorities to trust; nil means those of the system.
//
// The pool speaks HTTP/1.1 only. Each request has a connection for itself, so no
// request delays another, and the Sender knows exactly what was sent.
func newPool(roots *x509.CertPool) *http.Transport {
	dialer := &net.Dialer{Timeout: ConnectBudget, KeepAlive: 15 * time.Second}
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		RootCAs:    roots,
		// Lets a new connection skip half of the handshake.
		ClientSessionCache: tls.NewLRUClientSessionCache(maxIdleConns),
	}
	secure := &tls.Dialer{NetDialer: dialer, Config: config}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            closeUntilAnswered(dialUntilDone(dialer.DialContext)), // for connections to a proxy
		DialTLSContext:         dialUntilDone(secure.DialContext),
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    ConnectBudget,
		MaxIdleConnsPerHost:    maxIdleConns, // there are few hosts, so no limit over all of them
		IdleConnTimeout:        idleConnTimeout,
		MaxResponseHeaderBytes: maxHead,
		Protocols:              protocols,
	}
}

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// dialUntilDone ends a dial when its attempt ends. Without dialUntilDone, net/http
// continues the dial for later requests, and leaves a goroutine behind for each attempt
// at a silent host.
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

// closeUntilAnswered closes a new connection to a proxy if the attempt ends before the
// proxy has answered. Without closeUntilAnswered, net/http waits a minute for the
// answer to CONNECT, and leaves a goroutine behind for each attempt through a silent
// proxy.
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
	answered func() bool // called after the first answer; from then on only net/http closes the connection
}

func (c *proxyConn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	if n > 0 {
		c.answered()
	}
	return n, err
}

// ownSocket returns the socket under a connection. It also reports whether only one
// request uses the connection. Over HTTP/2, several requests use it at the same time.
func ownSocket(conn net.Conn) (net.Conn, bool) {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return conn, true
	}
	return secure.NetConn(), secure.ConnectionState().NegotiatedProtocol != "h2"
}

// closeOwn closes a connection of HTTP/1.1, so that nothing can be sent on it. It does
// not close a connection of HTTP/2: there the body of the request fails; see
// watchedBody.
func closeOwn(conn net.Conn) {
	if socket, own := ownSocket(conn); own {
		socket.Close() // not conn.Close: TLS would write an alert first
	}
}
