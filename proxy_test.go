package id2meta_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
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
)

// proxiedHost is a name in the certificate of all httptest servers. Nobody resolves
// it: that is the proxy's part.
const proxiedHost = "example.com"

// The environment's proxy is read once in a process, and never used for
// loopback, so these tests run in a process of their own.
func TestProxyOfTheEnvironment(t *testing.T) {
	server := newServer(t)
	var connects atomic.Int64
	good := accepting(t, func(conn net.Conn) {
		request, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil || request.Method != http.MethodConnect || !strings.HasPrefix(request.Host, proxiedHost+":") {
			return
		}
		connects.Add(1)
		to, err := net.Dial("tcp", server.Endpoint())
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
		{"is used, and its connections are kept", good.endpoint, "TestProxyChildGood"},
		{"leaves nothing behind when it is silent", silent.endpoint, "TestProxyChildSilent"},
	} {
		t.Run(test.name, func(t *testing.T) {
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test.child+"$", "-test.count=1")
			child.Env = append(os.Environ(), "ID2META_TEST_CHILD="+test.child, "ID2META_TEST_VIA=http://user:password@"+test.proxy)
			out, err := child.CombinedOutput()
			assert.NoError(t, err, string(out))
		})
	}
	assert.EqualValues(t, 1, connects.Load())
	assert.Len(t, server.Calls(), 5)
	assert.Positive(t, silent.asked())
}

func inChild(t *testing.T) {
	if os.Getenv("ID2META_TEST_CHILD") != t.Name() {
		t.Skip("runs in a process of its own, started by TestProxyOfTheEnvironment")
	}
	t.Setenv("HTTPS_PROXY", os.Getenv("ID2META_TEST_VIA")) // TestMain has removed the machine's
}

func TestProxyChildGood(t *testing.T) {
	inChild(t)
	client := newClient(t, []string{proxiedHost})
	for range 5 {
		// The simulator knows 张三, and does not mind by which name it was reached.
		result, err := client.Verify(t.Context(), zhangParam)
		require.NoError(t, err)
		assert.True(t, result.Match())
	}
}

func TestProxyChildSilent(t *testing.T) {
	inChild(t)
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
