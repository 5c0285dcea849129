// Package systemtest tests the library as a whole, through its exported API: what it
// shows of people and secrets, the credentials of every type, what it sends compared with
// the vendor's SDK, connections and proxies, and many callers amid faults.
package systemtest

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/aliyun/credentials-go/credentials"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Run(m)) }

// The sample people. Both numbers are samples of the standard GB 11643.
const (
	zhangName         = "张三"
	zhangNumber       = "11010519491231002X"
	maskedZhangName   = "6499fc7409049355527ef6a2ba5706b8三"
	maskedZhangNumber = "110105f8817a477938df5a3e7763cadc5a9abb002X"
	unknownNumber     = "440524188001010014" // no server knows this number, unless a test adds it
)

var (
	zhangSan = id2meta.Param{UserName: zhangName, IdentifyNum: zhangNumber}
	liSi     = id2meta.Param{UserName: "李四", IdentifyNum: zhangNumber} // a mismatch: the number is 张三's
)

// verdict is an answer with the verdict "match".
const verdict = `{"RequestId":"8FC3D6AC-9FED-4311-8DA7-C4BF47D9F260","Message":"success","Code":"200","ResultObject":{"BizCode":"1"}}`

// newServer starts a simulator that knows 张三.
func newServer(t *testing.T) *id2metatest.Server {
	t.Helper()
	server := id2metatest.NewServer()
	t.Cleanup(server.Close)
	server.AddPerson(zhangName, zhangNumber)
	return server
}

// newClient makes a Client with the connection pool that New makes by default, and with
// the access key of the simulator.
func newClient(t *testing.T, endpoints []string, opts ...id2meta.Option) *id2meta.Client {
	t.Helper()
	client, err := id2meta.New(append([]id2meta.Option{
		id2meta.WithEndpoints(endpoints...),
		id2meta.WithAccessKey(id2meta.AccessKey{ID: id2metatest.AccessKeyID, Secret: id2metatest.AccessKeySecret}),
	}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// verifyAt verifies a person at a server that handler makes, for answers that the
// simulator cannot give.
func verifyAt(t *testing.T, person id2meta.Param, handler http.HandlerFunc, opts ...id2meta.Option) (id2meta.Result, error) {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	opts = append([]id2meta.Option{id2meta.WithHTTPClient(server.Client())}, opts...)
	return newClient(t, []string{server.Listener.Addr().String()}, opts...).Verify(t.Context(), person)
}

// eachError calls f for err and for every error that err wraps.
func eachError(err error, f func(error)) {
	if err == nil {
		return
	}
	f(err)
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		eachError(err.Unwrap(), f)
	case interface{ Unwrap() []error }:
		for _, err := range err.Unwrap() {
			eachError(err, f)
		}
	}
}

// newCredential makes a provider of credentials-go.
func newCredential(t *testing.T, config *credentials.Config) credentials.Credential {
	t.Helper()
	credential, err := credentials.NewCredential(config)
	require.NoError(t, err)
	return credential
}

// roundTripper is an http.RoundTripper that is a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// refusing returns an endpoint that refuses connections.
func refusing(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	listener.Close()
	return listener.Addr().String()
}
