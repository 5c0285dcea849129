package transport

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/testenv"
)

// A kind is one kind of transport that a user may have.
type kind struct {
	name string
	// tells is whether net/http reports to the exchange how far it came.
	tells bool
	major int // of HTTP
	// sender returns a Sender of this kind. change changes the *http.Transport
	// at its bottom, unless it is the own pool, which nobody can change.
	sender func(t *testing.T, change func(*http.Transport)) *Sender
}

var kinds = []kind{
	{"the own pool", true, 1, func(t *testing.T, change func(*http.Transport)) *Sender {
		sender := NewSender(nil)
		change(sender.pool)
		return sender
	}},
	{"the own pool with instrumentation", true, 1, func(t *testing.T, change func(*http.Transport)) *Sender {
		sender, err := NewWrappedSender(nil, func(base http.RoundTripper) http.RoundTripper { return instrumented{base} })
		require.NoError(t, err)
		change(sender.pool)
		return sender
	}},
	{"a given http.Transport", true, 1, func(t *testing.T, change func(*http.Transport)) *Sender {
		return given(t, change, false, func(base http.RoundTripper) http.RoundTripper { return base })
	}},
	{"a given http.Transport that speaks HTTP/2", true, 2, func(t *testing.T, change func(*http.Transport)) *Sender {
		return given(t, change, true, func(base http.RoundTripper) http.RoundTripper { return base })
	}},
	{"a given http.Transport with instrumentation", true, 1, func(t *testing.T, change func(*http.Transport)) *Sender {
		return given(t, change, false, func(base http.RoundTripper) http.RoundTripper { return instrumented{base} })
	}},
	{"a transport that tells nothing", false, 1, func(t *testing.T, change func(*http.Transport)) *Sender {
		return given(t, change, false, func(base http.RoundTripper) http.RoundTripper { return silent{base} })
	}},
}

func given(t *testing.T, change func(*http.Transport), http2 bool, wrap func(http.RoundTripper) http.RoundTripper) *Sender {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.ForceAttemptHTTP2 = http2
	base.TLSClientConfig = &tls.Config{RootCAs: nil} // those of testenv
	base.TLSHandshakeTimeout = time.Minute           // the machine may be busy
	change(base)
	t.Cleanup(base.CloseIdleConnections)
	return NewGivenSender(&http.Client{Transport: wrap(base)})
}

// instrumented is a wrapper with the structure of otelhttp's: it passes on a context
// of its own, which it derived from the request's, and wraps both bodies.
type instrumented struct{ base http.RoundTripper }

type spanKey struct{}

func (i instrumented) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := context.WithValue(r.Context(), spanKey{}, "a span")
	r = r.Clone(ctx)
	if r.Body != nil {
		r.Body = wrappedBody{r.Body}
	}
	response, err := i.base.RoundTrip(r)
	if err == nil {
		if upgraded, ok := response.Body.(io.ReadWriteCloser); ok {
			response.Body = struct {
				wrappedBody
				io.Writer
			}{wrappedBody{upgraded}, upgraded}
		} else {
			response.Body = wrappedBody{response.Body}
		}
	}
	return response, err
}

type wrappedBody struct{ io.ReadCloser }

// silent is a transport that ends with the request's context, and passes on nothing
// else of it.
type silent struct{ base http.RoundTripper }

func (s silent) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(context.Background())
	context.AfterFunc(r.Context(), cancel)
	return s.base.RoundTrip(r.WithContext(ctx))
}

// A recorder is a server that counts the requests that reached it as a whole.
type recorder struct {
	*httptest.Server
	begun atomic.Int32 // requests of which at least the head arrived
	seen  atomic.Int32
	major atomic.Int32           // of HTTP, in the last request
	after atomic.Pointer[func()] // called when a whole request has arrived; may be nil
}

const answer = `{"Code":"200"}`

// newRecorder starts a server over HTTP/1.1 and HTTP/2 that answers with serve.
func newRecorder(t *testing.T, serve http.HandlerFunc) *recorder {
	r := new(recorder)
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.begun.Add(1)
		body, err := io.ReadAll(request.Body)
		if err == nil && string(body) == sample.Form {
			r.seen.Add(1)
			r.major.Store(int32(request.ProtoMajor))
			if after := r.after.Load(); after != nil {
				(*after)()
			}
		}
		serve(w, request)
	}))
	r.EnableHTTP2 = true
	r.Config.ErrorLog = silentLog
	r.StartTLS()
	t.Cleanup(func() {
		r.CloseClientConnections()
		r.Close()
	})
	return r
}

func (r *recorder) host() string { return r.Listener.Addr().String() }

func answers(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, answer) }

func drops(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// writes answers with a text, calls wrote, and then writes the rest again and again. If
// the rest is empty, it keeps the connection open until the client leaves, or a test has
// failed for certain. It speaks HTTP/1.1 only.
func writes(text, rest string, wrote func()) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(2 * overdue))
		buffered.WriteString(text)
		buffered.Flush()
		wrote()
		if rest == "" {
			io.Copy(io.Discard, buffered)
			return
		}
		for err == nil {
			_, err = buffered.WriteString(rest)
		}
	}
}

var sample = Request{
	Action: "Id2MetaVerify", Version: "2019-03-07", Form: "IdentifyNum=1&ParamType=normal&UserName=2", UserAgent: "test",
	Credential: Credential{AccessKeyID: "id", AccessKeySecret: "secret"},
	Connect:    time.Minute, // the machine may be busy
}

// to returns the sample request to a host.
func to(host string) Request {
	r := sample
	r.Host = host
	return r
}

// nobody returns an address where nobody listens.
func nobody(t *testing.T) string {
	listener := testenv.Accept(t, func(net.Conn) {})
	listener.Close()
	return listener.Address
}

// connect returns the two ends of a connection.
func connect(t *testing.T) (client, server *net.TCPConn) {
	accepted := make(chan net.Conn)
	listener := testenv.Accept(t, func(conn net.Conn) {
		accepted <- conn
		<-t.Context().Done()
	})
	conn, err := net.Dial("tcp", listener.Address)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn), (<-accepted).(*net.TCPConn)
}

// within returns a context that ends after d.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// serverTLS returns the configuration of a server that all clients of the tests trust.
func serverTLS(protocols ...string) *tls.Config {
	template := httptest.NewUnstartedServer(nil) // for its certificate
	template.StartTLS()
	template.Close()
	return &tls.Config{Certificates: template.TLS.Certificates, NextProtos: protocols}
}
