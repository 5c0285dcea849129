package id2meta_test

import (
	"bufio"
	"cmp"
	"context"
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
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

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
				result, err := client.Verify(t.Context(), zhangSan)
				require.NoError(t, err)
				assert.True(t, result.Match())
			}
			server.Inject(id2metatest.Drop())
			_, err := client.Verify(t.Context(), zhangSan)
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
	assert.Positive(t, silent.dials())
}

func askThroughGoodProxy(t *testing.T) {
	client := newClient(t, []string{proxiedHost})
	for range 5 {
		// The simulator knows 张三, and does not mind by which name it was reached.
		result, err := client.Verify(t.Context(), zhangSan)
		require.NoError(t, err)
		assert.True(t, result.Match())
	}
}

func askThroughSilentProxy(t *testing.T) {
	client := newClient(t, []string{proxiedHost}, id2meta.WithTimeout(300*time.Millisecond))
	for range 3 {
		_, err := client.Verify(t.Context(), zhangSan)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NotContains(t, err.Error(), "password")
	}
	assert.Eventually(t, func() bool {
		stacks := make([]byte, 1<<20)
		return !strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "dialConn")
	}, 10*time.Second, 20*time.Millisecond, "a dial outlived its call")
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
	result, err := client.Verify(t.Context(), zhangSan)
	require.NoError(t, err)
	assert.True(t, result.Match())
	server.Inject(id2metatest.Truncate())
	_, err = client.Verify(t.Context(), zhangSan)
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

// A proxy that loses count answers each request on a connection with the answer to the
// request before. Nothing in HTTP/1.1 tells the client. Without connection reuse there is
// no request before.
func TestAProxyThatLosesCount(t *testing.T) {
	type previous struct{ verdict string }
	type connection struct{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verdict := "2"
		if r.FormValue("UserName") == zhangName {
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
		result, err := client.Verify(t.Context(), zhangSan)
		require.NoError(t, err)
		require.Equal(t, id2meta.BizCodeMatch, result.BizCode)
		result, err = client.Verify(t.Context(), liSi)
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
