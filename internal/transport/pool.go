package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptrace"
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
	// bufferSize is the size of net/http's buffer for what it reads from a connection.
	bufferSize = 4 << 10
)

// newPool returns the connection pool of a Sender that was given no client. roots are the
// certificate authorities to trust; nil means those of the system.
//
// The pool speaks HTTP/1.1 only. Each request has a connection for itself, so no
// request delays another, and the Sender knows exactly what was sent.
func newPool(roots *x509.CertPool) *http.Transport {
	d := &dialer{
		Dialer: net.Dialer{Timeout: ConnectBudget, KeepAlive: 15 * time.Second},
		tls: &tls.Config{
			MinVersion: tls.VersionTLS12,
			RootCAs:    roots,
			// Lets a new connection skip half of the handshake.
			ClientSessionCache: tls.NewLRUClientSessionCache(maxIdleConns),
		},
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            d.DialContext, // for connections to a proxy
		DialTLSContext:         d.DialTLSContext,
		TLSClientConfig:        d.tls, // behind a proxy
		TLSHandshakeTimeout:    ConnectBudget,
		MaxIdleConnsPerHost:    maxIdleConns, // there are few hosts, so no limit over all of them
		IdleConnTimeout:        idleConnTimeout,
		MaxResponseHeaderBytes: maxHead,
		ReadBufferSize:         bufferSize,
		Protocols:              protocols,
	}
}

// dialer makes the connections of the own pool. A connection that is not ready when its
// attempt ends is closed. Otherwise net/http would go on with the dial for later requests,
// and a silent host or proxy would hold a socket and goroutines for each attempt.
type dialer struct {
	net.Dialer
	tls *tls.Config
}

// DialContext returns a connection that is closed with its attempt, unless an exchange
// gets the connection before.
func (d *dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	attempt, _ := ctx.Value(attemptContext{}).(context.Context)
	if attempt != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(attempt, cancel)()
	}
	tcp, err := d.Dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return newConn(tcp.(*net.TCPConn), attempt), nil
}

// DialTLSContext returns a connection with TLS.
func (d *dialer) DialTLSContext(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, ConnectBudget)
	defer cancel()
	under, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	config := d.tls.Clone()
	config.ServerName, _, _ = net.SplitHostPort(addr)
	secure := tls.Client(under, config)
	if err := handshake(ctx, secure); err != nil {
		under.Close()
		return nil, err
	}
	return newQuietConn(secure, under.(*conn)), nil
}

// handshake makes the handshake, and reports it to the trace of ctx: net/http does so for a
// *tls.Conn only.
func handshake(ctx context.Context, secure *tls.Conn) error {
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.TLSHandshakeStart != nil {
		trace.TLSHandshakeStart()
	}
	err := secure.HandshakeContext(ctx)
	if trace != nil && trace.TLSHandshakeDone != nil {
		trace.TLSHandshakeDone(secure.ConnectionState(), err)
	}
	return err
}

// ownSocket returns the socket under a connection. It also reports whether only one
// request uses the connection. Over HTTP/2 and HTTP/3, several requests use it at the same
// time. A transport may also report no connection, or one of HTTP/3 whose Close panics.
func ownSocket(conn net.Conn) (net.Conn, bool) {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		if conn == nil {
			return nil, false
		}
		_, isHTTP3 := conn.LocalAddr().(*net.UDPAddr)
		return conn, !isHTTP3
	}
	return secure.NetConn(), secure.ConnectionState().NegotiatedProtocol != "h2"
}

// closeOwn closes a connection of HTTP/1.1, so that nothing can be sent on it. It does
// not close any other connection: there the body of the request fails; see watchedBody.
func closeOwn(conn net.Conn) {
	if socket, own := ownSocket(conn); own {
		socket.Close() // not conn.Close: TLS would write an alert first
	}
}
