package systemtest

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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
	var requests atomic.Int64
	service := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		io.WriteString(w, verdict)
	}))
	defer service.Close()
	var connects atomic.Int64
	good := testenv.Accept(t, func(conn net.Conn) {
		request, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil || request.Method != http.MethodConnect || !strings.HasPrefix(request.Host, proxiedHost+":") {
			return
		}
		connects.Add(1)
		to, err := net.Dial("tcp", service.Listener.Addr().String())
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
	assert.EqualValues(t, 5, requests.Load())
	assert.Positive(t, silent.Accepted())
}

func verifyThroughGoodProxy(t *testing.T) {
	client := newClient(t, []string{proxiedHost})
	for range 5 {
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

// Behind a proxy that confuses the order of answers, SECURITY.md advises to use each
// connection once.
func TestWithoutKeepAliveEachRequestHasItsOwnConnection(t *testing.T) {
	server := newServer(t)
	relay := testenv.Relay(t, server.Endpoint(), 0)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	client := newClient(t, []string{relay.Address}, id2meta.WithHTTPClient(&http.Client{Transport: transport}))
	for range 3 {
		_, err := client.Verify(t.Context(), zhangSan)
		require.NoError(t, err)
	}
	assert.EqualValues(t, 3, relay.Accepted())
}
