package systemtest

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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
	"github.com/id2meta/id2meta/internal/testenv"
)

// proxiedHost is a name in the certificate of all httptest servers. Only the proxy could
// resolve this name.
const proxiedHost = "example.com"

// net/http reads the proxy of the environment once in a process, and does not use it for
// loopback addresses. So this test starts processes, and uses a name.
func TestProxyOfTheEnvironment(t *testing.T) {
	if child := os.Getenv("ID2META_TEST_CHILD"); child != "" {
		t.Setenv("HTTPS_PROXY", os.Getenv("ID2META_TEST_VIA")) // TestMain has removed the proxy of the machine
		map[string]func(*testing.T){"good": verifyThroughGoodProxy, "silent": verifyThroughSilentProxy}[child](t)
		return
	}
	server := newServer(t)
	// The certificate of the simulator is for loopback only, and net/http uses no proxy
	// for loopback.
	front := httptest.NewTLSServer(&httputil.ReverseProxy{
		Transport: server.Client().Transport,
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "https", server.Endpoint() },
	})
	defer front.Close()
	var connects atomic.Int64
	good := testenv.Accept(t, func(conn net.Conn) {
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
	silent := testenv.Accept(t, func(conn net.Conn) { io.Copy(io.Discard, conn) })
	for _, test := range []struct{ name, proxy, child string }{
		{"is used, and its connections are kept", good.Address, "good"},
		{"leaves nothing behind when it is silent", silent.Address, "silent"},
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
	assert.Positive(t, silent.Accepted())
}

func verifyThroughGoodProxy(t *testing.T) {
	client := newClient(t, []string{proxiedHost})
	for range 5 {
		// The simulator accepts every host name.
		result, err := client.Verify(t.Context(), zhangSan)
		require.NoError(t, err)
		assert.True(t, result.Match())
	}
}

func verifyThroughSilentProxy(t *testing.T) {
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

// A truncated answer is not a verdict, even if the part that arrived reads like a verdict.
func TestATruncatedAnswerIsNoVerdict(t *testing.T) {
	result, err := verifyAt(t, zhangSan, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, verdict)
	})
	requireOnly(t, id2meta.ErrUnavailable, err)
	assert.ErrorIs(t, err, id2meta.ErrMaybeBilled)
	assert.Zero(t, result)
}

// A proxy that loses count sends the answer of the previous request on the connection.
// HTTP/1.1 does not let the client notice. Without connection reuse there is no previous
// request.
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
	t.Run("without connection reuse each person gets the right verdict", func(t *testing.T) {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.DisableKeepAlives = true
		client := newClient(t, endpoint, id2meta.WithHTTPClient(&http.Client{Transport: transport}))
		assert.Equal(t, id2meta.BizCodeMismatch, second(t, client))
	})
}
