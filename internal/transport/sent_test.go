package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/testenv"
)

var silentLog = log.New(io.Discard, "", 0)

func unchanged(*http.Transport) {}

// TestSentMeansSent holds what a Response says of each kind of transport against what
// a recording server saw.
func TestSentMeansSent(t *testing.T) {
	for _, fault := range []struct {
		name string
		// serve is what the server does if it is asked. The default is to answer.
		serve http.HandlerFunc
		// change makes the transport fail, and spoil the request.
		change func(t *testing.T) func(*http.Transport)
		spoil  func(t *testing.T, r *Request, cancel context.CancelFunc)
		leaves bool // the caller leaves when the server has seen the request
		sent   bool
		dead   bool // the endpoint is to blame
	}{
		{name: "the server answers", sent: true},
		{name: "the server drops the connection", serve: drops, sent: true},
		{name: "the server breaks its answer off", sent: true, serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, answer)
		}},
		{name: "the server is silent", sent: true, leaves: true, serve: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		{name: "nobody listens", dead: true, spoil: func(t *testing.T, r *Request, _ context.CancelFunc) { r.Host = nobody(t) }},
		{name: "the host has no address", dead: true, spoil: func(t *testing.T, r *Request, _ context.CancelFunc) {
			r.Host = "a..invalid" // no resolver is asked for an empty label
		}},
		{name: "the host accepts and says nothing", dead: true, spoil: func(t *testing.T, r *Request, cancel context.CancelFunc) {
			r.Host = testenv.Accept(t, func(conn net.Conn) { io.Copy(io.Discard, conn) }).Address
			r.Connect = 150 * time.Millisecond
			time.AfterFunc(2*time.Second, cancel) // for the transport that does not know this time
		}},
		{name: "the host does not speak TLS", dead: true, spoil: func(t *testing.T, r *Request, _ context.CancelFunc) {
			r.Host = testenv.Accept(t, func(conn net.Conn) { io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n") }).Address
		}},
		{name: "a header holds a line feed", spoil: func(_ *testing.T, r *Request, _ context.CancelFunc) {
			r.Credential.AccessKeyID = "id\n"
		}},
		{name: "a header holds a zero byte", spoil: func(_ *testing.T, r *Request, _ context.CancelFunc) {
			r.Credential.SecurityToken = "to\x00ken"
		}},
		{name: "the address is none", spoil: func(_ *testing.T, r *Request, _ context.CancelFunc) { r.Host = "a b" }},
		{name: "the address has no host", spoil: func(_ *testing.T, r *Request, _ context.CancelFunc) { r.Host = "" }},
		{name: "the function Proxy fails", change: func(*testing.T) func(*http.Transport) {
			return func(base *http.Transport) {
				base.Proxy = func(*http.Request) (*url.URL, error) { return nil, errors.New("no proxy") }
			}
		}},
		{name: "the proxy refuses", dead: true, change: func(t *testing.T) func(*http.Transport) {
			proxy := testenv.Accept(t, func(conn net.Conn) { io.WriteString(conn, "HTTP/1.1 403 Forbidden\r\n\r\n") })
			return func(base *http.Transport) {
				base.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: proxy.Address})
			}
		}},
		{name: "the proxy has an address that is none", dead: true, change: func(*testing.T) func(*http.Transport) {
			return func(base *http.Transport) {
				base.Proxy = http.ProxyURL(&url.URL{Scheme: "gopher", Host: "127.0.0.1:1"})
			}
		}},
		{name: "the context has ended before", spoil: func(_ *testing.T, _ *Request, cancel context.CancelFunc) { cancel() }},
		{name: "the caller refuses when there is a connection", spoil: func(_ *testing.T, r *Request, _ context.CancelFunc) {
			r.Sending = func() bool { return false }
		}},
		{name: "the context ends when there is a connection", spoil: func(_ *testing.T, r *Request, cancel context.CancelFunc) {
			r.Sending = func() bool { cancel(); return true }
		}},
	} {
		for _, kind := range kinds {
			t.Run(fault.name+", with "+kind.name, func(t *testing.T) {
				t.Parallel()
				serve, change := fault.serve, unchanged
				if serve == nil {
					serve = answers
				}
				if fault.change != nil {
					change = fault.change(t)
				}
				server := newRecorder(t, serve)
				sender := kind.sender(t, change)
				t.Cleanup(sender.CloseIdleConnections)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if leave := func() { cancel() }; fault.leaves {
					server.after.Store(&leave)
				}
				r := to(server.host())
				var sending atomic.Int32
				r.Sending = func() bool { return sending.Add(1) > 0 }
				if fault.spoil != nil {
					fault.spoil(t, &r, cancel)
				}
				o := sender.Send(ctx, r)

				seen := server.seen.Load()
				assert.Equal(t, fault.sent, seen > 0, "what the server saw")
				assert.Equal(t, fault.sent, o.Sent, "%+v", o)
				if kind.tells {
					assert.Equal(t, fault.dead, o.Dead, "%+v", o)
				}
				if seen > 0 {
					assert.Positive(t, sending.Load(), "Sending is called before the request is seen")
					assert.EqualValues(t, kind.major, server.major.Load(), "the version of HTTP")
				}
			})
		}
	}
}

// What a transport of a user's own may do besides. The body tells: a request whose body
// nobody read was not sent, and a request whose body was read stays sent.
func TestSentOfATransportOfOnesOwn(t *testing.T) {
	for _, test := range []struct {
		name string
		trip func(r *http.Request, elsewhere string) (*http.Response, error)
		sent bool
	}{
		{"it fails, and tells nothing", func(*http.Request, string) (*http.Response, error) { return nil, errors.New("open") }, false},
		{"it closes the body unread", func(r *http.Request, _ string) (*http.Response, error) {
			r.Body.Close()
			return nil, errors.New("open")
		}, false},
		{"it reads the body", func(r *http.Request, _ string) (*http.Response, error) {
			io.ReadAll(r.Body)
			return nil, errors.New("reset")
		}, true},
		{"it sends, and asks for another connection where nobody listens", func(r *http.Request, elsewhere string) (*http.Response, error) {
			if response, err := http.DefaultTransport.RoundTrip(r); err == nil {
				return response, nil
			}
			return http.DefaultTransport.RoundTrip(copyTo(r, elsewhere, r.Body))
		}, true},
		{"it sends two copies at once, one of which gets no connection", func(r *http.Request, elsewhere string) (*http.Response, error) {
			form, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			var all sync.WaitGroup
			for _, host := range []string{r.URL.Host, elsewhere} {
				all.Go(func() {
					http.DefaultTransport.RoundTrip(copyTo(r, host, io.NopCloser(bytes.NewReader(form))))
				})
			}
			all.Wait()
			return nil, errors.New("both copies failed")
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, elsewhere := newRecorder(t, drops), nobody(t)
			sender := NewGivenSender(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				assert.Nil(t, r.GetBody, "nobody below may send the request again")
				return test.trip(r, elsewhere)
			})})
			for range 50 { // the copies end in any order
				before := server.seen.Load()
				o := sender.Send(within(t, time.Minute), to(server.host()))
				require.Error(t, o.Err)
				require.LessOrEqual(t, server.seen.Load()-before, int32(1))
				require.Equal(t, test.sent, o.Sent)
				require.False(t, o.Dead)
			}
		})
	}
}

// copyTo returns a copy of r to a host.
func copyTo(r *http.Request, host string, body io.ReadCloser) *http.Request {
	copied := r.Clone(r.Context())
	copied.URL.Host, copied.Body = host, body
	return copied
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A request that is refused although there is a connection must leave the pool in
// order: the next request is sent.
func TestAfterARefusalTheNextRequestIsSent(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			server := newRecorder(t, answers)
			sender := kind.sender(t, unchanged)
			defer sender.CloseIdleConnections()
			const times = 5
			for range times {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				r := to(server.host())
				r.Sending = func() bool { cancel(); return true }
				o := sender.Send(ctx, r)
				assert.ErrorIs(t, o.Err, context.Canceled)
				assert.False(t, o.Sent)

				o = sender.Send(within(t, time.Minute), to(server.host()))
				require.NoError(t, o.Err)
				assert.True(t, o.Sent)
			}
			assert.EqualValues(t, times, server.seen.Load())
			if kind.tells && kind.major == 1 {
				assert.EqualValues(t, times, server.begun.Load(), "no head of the others was sent")
			}
		})
	}
}

// http3Conn is like the connections that quic-go reports.
type http3Conn struct{ net.Conn }

func (http3Conn) LocalAddr() net.Addr { return &net.UDPAddr{} }
func (http3Conn) Close() error        { panic("connection operation prohibited") }

// A transport of HTTP/3 reports a connection that nobody may close. Others report none.
func TestAConnectionThatCannotBeClosed(t *testing.T) {
	for name, conn := range map[string]net.Conn{"of HTTP/3": http3Conn{}, "none": nil} {
		for _, reused := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				sender := NewGivenSender(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
					trace := httptrace.ContextClientTrace(r.Context())
					trace.GetConn("")
					trace.GotConn(httptrace.GotConnInfo{Conn: conn, Reused: reused})
					_, err := io.ReadAll(r.Body)
					return nil, err
				})})
				r := to("127.0.0.1:1")
				r.Sending = func() bool { return false }
				o := sender.Send(within(t, time.Minute), r)
				assert.ErrorIs(t, o.Err, errEnded)
				assert.False(t, o.Sent)
			})
		}
	}
}
