package id2meta_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// A relay passes connections on to a server, and can cut them.
type relay struct {
	listener net.Listener
	to       string
	accepted atomic.Int64

	mu    sync.Mutex
	conns []net.Conn
	wg    sync.WaitGroup
}

// newRelay starts a relay to the server at the address to.
func newRelay(t testing.TB, to string) *relay {
	t.Helper()
	r := &relay{listener: listen(t), to: to}
	r.wg.Go(r.serve)
	t.Cleanup(r.close)
	return r
}

func (r *relay) close() {
	r.listener.Close()
	r.cut()
	r.wg.Wait()
}

func (r *relay) endpoint() string { return r.listener.Addr().String() }

func (r *relay) serve() {
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.accepted.Add(1)
		out, err := net.Dial("tcp", r.to)
		if err != nil {
			in.Close()
			continue
		}
		r.mu.Lock()
		r.conns = append(r.conns, in, out)
		r.mu.Unlock()
		for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
			r.wg.Go(func() {
				io.Copy(pair[0], pair[1])
				pair[0].Close()
				pair[1].Close()
			})
		}
	}
}

// cut closes all connections, as a server does with those that idle.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range r.conns {
		conn.Close()
	}
	r.conns = nil
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	return listener
}

// A deadEnd is an endpoint that gives no connection, and counts who asks.
type deadEnd struct {
	endpoint string
	asked    func() int64 // nil where nobody can be seen asking
}

// refusing returns an endpoint where nobody listens.
func refusing(t testing.TB) deadEnd {
	t.Helper()
	listener := listen(t)
	listener.Close()
	return deadEnd{endpoint: listener.Addr().String()}
}

// unknown returns an endpoint that no resolver can find: its first label is
// longer than DNS allows, so that no resolver is asked.
func unknown(testing.TB) deadEnd {
	return deadEnd{endpoint: strings.Repeat("a", 64) + ".invalid"}
}

// mute returns an endpoint that accepts connections and never says a word.
func mute(t testing.TB) deadEnd {
	t.Helper()
	return accepting(t, func(conn net.Conn) {
		io.Copy(io.Discard, conn)
	})
}

// plaintext returns an endpoint that does not speak TLS.
func plaintext(t testing.TB) deadEnd {
	t.Helper()
	return accepting(t, func(conn net.Conn) {
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		io.Copy(io.Discard, conn)
	})
}

func accepting(t testing.TB, serve func(net.Conn)) deadEnd {
	t.Helper()
	listener := listen(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	var asked atomic.Int64
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			wg.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		mu.Lock()
		for _, conn := range conns {
			conn.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return deadEnd{endpoint: listener.Addr().String(), asked: asked.Load}
}

// roundTripper is a transport of a caller's own.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Of what a transport of a caller's own does not tell, the worst is assumed: that
// the request was sent.
func TestTransportThatTellsLittle(t *testing.T) {
	for _, test := range []struct {
		name string
		keep func(*httptrace.ClientTrace) *httptrace.ClientTrace // what it tells
	}{
		{"nothing", func(*httptrace.ClientTrace) *httptrace.ClientTrace { return nil }},
		{"only that it has a connection", func(all *httptrace.ClientTrace) *httptrace.ClientTrace {
			return &httptrace.ClientTrace{GotConn: all.GotConn}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := newServer(t)
			silent := roundTripper(func(r *http.Request) (*http.Response, error) {
				// The context of the request goes, and with it the trace; what is
				// to be told is put into a new one.
				ctx := t.Context()
				if kept := test.keep(httptrace.ContextClientTrace(r.Context())); kept != nil {
					ctx = httptrace.WithClientTrace(ctx, kept)
				}
				return server.Client().Transport.RoundTrip(r.Clone(ctx))
			})
			client := newClient(t, []string{server.Endpoint()}, id2meta.WithHTTPClient(&http.Client{Transport: silent}))
			for range 3 {
				result, err := client.Verify(t.Context(), zhangParam)
				require.NoError(t, err)
				assert.True(t, result.Match())
			}
			server.Inject(id2metatest.Drop())
			_, err := client.Verify(t.Context(), zhangParam)
			assert.ErrorIs(t, err, id2meta.ErrUnavailable)
			assert.ErrorIs(t, err, id2meta.ErrMaybeBilled)
			assert.Len(t, server.Calls(), 4, "not sent again")
		})
	}
}

// proxiedHost is a name in the certificate of all httptest servers. Nobody resolves
// it: that is the proxy's part.
const proxiedHost = "example.com"

// The environment's proxy is read once in a process, and never used for
// loopback, so these tests run in a process of their own.
func TestProxyOfTheEnvironment(t *testing.T) {
	if child := os.Getenv("ID2META_TEST_CHILD"); child != "" {
		t.Setenv("HTTPS_PROXY", os.Getenv("ID2META_TEST_VIA")) // TestMain has removed the machine's
		map[string]func(*testing.T){"good": askThroughGoodProxy, "silent": askThroughSilentProxy}[child](t)
		return
	}
	server := newServer(t)
	// The certificate of the simulator is for loopback only, and Go asks loopback
	// without a proxy.
	front := httptest.NewTLSServer(&httputil.ReverseProxy{
		Transport: server.Client().Transport,
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "https", server.Endpoint() },
	})
	defer front.Close()
	var connects atomic.Int64
	good := accepting(t, func(conn net.Conn) {
		request, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil || request.Method != http.MethodConnect || !strings.HasPrefix(request.Host, proxiedHost+":") {
			return
		}
		connects.Add(1)
		to, err := net.Dial("tcp", front.Listener.Addr().String())
		if err != nil {
			return
		}
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			io.Copy(to, conn)
			to.Close()
		}()
		io.Copy(conn, to)
	})
	silent := mute(t)
	for _, test := range []struct{ name, proxy, child string }{
		{"is used, and its connections are kept", good.endpoint, "good"},
		{"leaves nothing behind when it is silent", silent.endpoint, "silent"},
	} {
		t.Run(test.name, func(t *testing.T) {
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxyOfTheEnvironment$", "-test.count=1")
			child.Env = append(os.Environ(), "ID2META_TEST_CHILD="+test.child, "ID2META_TEST_VIA=http://user:password@"+test.proxy)
			out, err := child.CombinedOutput()
			assert.NoError(t, err, string(out))
		})
	}
	assert.EqualValues(t, 1, connects.Load())
	assert.Len(t, server.Calls(), 5)
	assert.Positive(t, silent.asked())
}

func askThroughGoodProxy(t *testing.T) {
	client := newClient(t, []string{proxiedHost})
	for range 5 {
		// The simulator knows 张三, and does not mind by which name it was reached.
		result, err := client.Verify(t.Context(), zhangParam)
		require.NoError(t, err)
		assert.True(t, result.Match())
	}
}

func askThroughSilentProxy(t *testing.T) {
	client := newClient(t, []string{proxiedHost}, id2meta.WithTimeout(300*time.Millisecond))
	for range 3 {
		_, err := client.Verify(t.Context(), zhangParam)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NotContains(t, err.Error(), "password")
	}
	assert.Eventually(t, func() bool {
		stacks := make([]byte, 1<<20)
		return !strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "dialConn")
	}, time.Second, 20*time.Millisecond, "a dial outlived its call")
}

// A transport that tells that it wants a connection, and not that it has one, has had
// one if there is an answer.
func TestTransportThatDoesNotTellOfItsConnection(t *testing.T) {
	server := newServer(t)
	silent := roundTripper(func(r *http.Request) (*http.Response, error) {
		all := httptrace.ContextClientTrace(r.Context())
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GetConn: all.GetConn})
		return server.Client().Transport.RoundTrip(r.Clone(ctx))
	})
	client := newClient(t, []string{server.Endpoint()}, id2meta.WithHTTPClient(&http.Client{Transport: silent}))
	result, err := client.Verify(t.Context(), zhangParam)
	require.NoError(t, err)
	assert.True(t, result.Match())
	server.Inject(id2metatest.Truncate())
	_, err = client.Verify(t.Context(), zhangParam)
	assert.ErrorIs(t, err, id2meta.ErrMaybeBilled)
	assert.Len(t, server.Calls(), 2, "not sent again")
}

// An answer that is cut off is none, even if what came of it reads like one.
func TestAnAnswerThatIsNotWholeIsNoVerdict(t *testing.T) {
	result, err := verifyAt(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, verdict)
	})
	requireOnly(t, id2meta.ErrUnavailable, err)
	assert.ErrorIs(t, err, id2meta.ErrMaybeBilled)
	assert.Zero(t, result)
}

// late is a transport whose answers come when nobody waits for them any more: it
// tells the server that the caller has left, and lets it answer then.
type late struct {
	transport http.RoundTripper
	left      chan struct{} // gets a value for each caller who left
}

func (l late) RoundTrip(r *http.Request) (*http.Response, error) {
	context.AfterFunc(r.Context(), func() { l.left <- struct{}{} })
	return l.transport.RoundTrip(r.WithContext(context.WithoutCancel(r.Context())))
}

// When ctx ends, the transport writes a TLS alert before it closes the socket, and
// a server that answers on seeing its client leave can be read in between. What it
// says then is no answer, unless it is a verdict.
func TestAnAnswerThatComesAfterTheEnd(t *testing.T) {
	const retried = 2
	ends := []struct {
		name string
		ctx  func(t *testing.T) context.Context
		want error
	}{
		{"of a deadline", within(200 * time.Millisecond), context.DeadlineExceeded},
		{"of a caller who leaves", leavingAfter(200 * time.Millisecond), context.Canceled},
	}
	for _, answer := range []struct {
		name, body string
		status     int
		verdict    bool
	}{
		{"an empty 200", "", 200, false},
		{"a 200 that is no JSON", "<html>", 200, false},
		{"an unknown BizCode", `{"Code":"200","ResultObject":{"BizCode":"4"}}`, 200, false},
		{"a failure of the API", `{"Code":"411","Message":"RAM无权限"}`, 200, false},
		{"a failure of the gateway", `{"Code":"Throttling.User"}`, 400, false},
		{"an empty 502", "", 502, false},
		{"a verdict behind a 504", verdict, 504, false},
		{"a verdict", verdict, 200, true},
	} {
		serve := func(t *testing.T) (endpoint string, asked *atomic.Int64, pool id2meta.Option) {
			left := make(chan struct{}, retried)
			asked = new(atomic.Int64)
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				<-left
				w.WriteHeader(answer.status)
				io.WriteString(w, answer.body)
			}))
			t.Cleanup(server.Close)
			client := server.Client()
			client.Transport = late{client.Transport, left}
			return server.Listener.Addr().String(), asked, id2meta.WithHTTPClient(client)
		}
		for _, end := range ends {
			t.Run(answer.name+" after the end "+end.name, func(t *testing.T) {
				t.Parallel()
				endpoint, asked, pool := serve(t)
				client := newClient(t, []string{endpoint}, pool, id2meta.WithMaxAttempts(1))
				result, err := client.Verify(end.ctx(t), zhangParam)
				assert.EqualValues(t, 1, asked.Load())
				if answer.verdict {
					require.NoError(t, err)
					assert.True(t, result.Match())
					return
				}
				assert.Zero(t, result)
				assert.ErrorIs(t, err, end.want)
				assert.ErrorIs(t, err, id2meta.ErrMaybeBilled)
				for _, sentinel := range sentinels {
					assert.NotErrorIs(t, err, sentinel)
				}
			})
		}
		t.Run(answer.name+" after the time of an attempt that may be made again", func(t *testing.T) {
			t.Parallel()
			endpoint, asked, pool := serve(t)
			client := newClient(t, []string{endpoint}, pool, id2meta.WithRetryUnanswered(),
				id2meta.WithMaxAttempts(retried), id2meta.WithTimeout(2*time.Second))
			result, err := client.Verify(t.Context(), zhangParam)
			if answer.verdict {
				require.NoError(t, err)
				assert.True(t, result.Match())
				assert.EqualValues(t, 1, asked.Load())
				return
			}
			assert.Zero(t, result)
			assert.EqualValues(t, retried, asked.Load(), "the first attempt was not answered")
			assert.ErrorIs(t, err, id2meta.ErrMaybeBilled)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
	}
}

// A proxy that loses count answers each request on a connection with the answer to the
// request before. Nothing in HTTP/1.1 tells the client. Without connection reuse there is
// no request before.
func TestAProxyThatLosesCount(t *testing.T) {
	type previous struct{ verdict string }
	type connection struct{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verdict := "2"
		if r.FormValue("UserName") == zhang {
			verdict = "1"
		}
		before := r.Context().Value(connection{}).(*previous)
		answered := cmp.Or(before.verdict, verdict)
		before.verdict = verdict
		io.WriteString(w, `{"Code":"200","ResultObject":{"BizCode":"`+answered+`"}}`)
	}))
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, connection{}, new(previous))
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	endpoint := []string{server.Listener.Addr().String()}
	second := func(t *testing.T, client *id2meta.Client) id2meta.BizCode {
		result, err := client.Verify(t.Context(), zhangParam)
		require.NoError(t, err)
		require.Equal(t, id2meta.BizCodeMatch, result.BizCode)
		result, err = client.Verify(t.Context(), id2meta.Param{UserName: "李四", IdentifyNum: zhangNumber})
		require.NoError(t, err)
		return result.BizCode
	}
	t.Run("with connection reuse the second person gets the verdict of the first", func(t *testing.T) {
		assert.Equal(t, id2meta.BizCodeMatch, second(t, newClient(t, endpoint)))
	})
	t.Run("without connection reuse everybody gets their own", func(t *testing.T) {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.DisableKeepAlives = true
		client := newClient(t, endpoint, id2meta.WithHTTPClient(&http.Client{Transport: transport}))
		assert.Equal(t, id2meta.BizCodeMismatch, second(t, client))
	})
}

// An endpoint that gave no connection is passed over for 30 s, and then used again by
// all. The network is in memory, so that the clock of the bubble can go on.
func TestEndpointThatComesBackIsUsedAgainByAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const first, second = "first.example:443", "second.example:443"
		var down atomic.Bool
		asked := map[string]*atomic.Int64{first: new(atomic.Int64), second: new(atomic.Int64)}
		dial := func(_ context.Context, _, address string) (net.Conn, error) {
			if address == first && down.Load() {
				return nil, errors.New("connection refused")
			}
			client, server := net.Pipe()
			go func() {
				defer server.Close()
				request, err := http.ReadRequest(bufio.NewReader(server))
				if err != nil {
					return
				}
				io.Copy(io.Discard, request.Body)
				asked[address].Add(1)
				fmt.Fprintf(server, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(verdict), verdict)
			}()
			return client, nil
		}
		client := newClient(t, []string{first, second}, id2meta.WithHTTPClient(&http.Client{Transport: &http.Transport{DialTLSContext: dial}}))
		verify := func() {
			result, err := client.Verify(t.Context(), zhangParam)
			require.NoError(t, err)
			assert.True(t, result.Match())
		}

		down.Store(true)
		for range 5 {
			verify()
		}
		assert.Zero(t, asked[first].Load())
		assert.EqualValues(t, 5, asked[second].Load())

		down.Store(false)
		time.Sleep(30*time.Second - time.Millisecond)
		verify()
		assert.Zero(t, asked[first].Load(), "it is still cooling down")
		time.Sleep(time.Millisecond)
		for range 5 {
			verify()
		}
		assert.EqualValues(t, 5, asked[first].Load())
		assert.EqualValues(t, 6, asked[second].Load())
	})
}
