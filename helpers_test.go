package id2meta_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliyun/credentials-go/credentials"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testenv"
)

func TestMain(m *testing.M) {
	// Most of the parallel tests wait. More of them than there are cores can run at once.
	// The flag -parallel counts first.
	flag.Set("test.parallel", "8")
	os.Exit(testenv.Run(m))
}

// The sample people. Both numbers are samples of the standard GB 11643.
const (
	zhangName         = "张三"
	zhangNumber       = "11010519491231002X"
	maskedZhangName   = "6499fc7409049355527ef6a2ba5706b8三"
	maskedZhangNumber = "110105f8817a477938df5a3e7763cadc5a9abb002X"
	unknownNumber     = "440524188001010014" // no server knows this number, unless a test adds it
)

var (
	zhangSan      = id2meta.Param{UserName: zhangName, IdentifyNum: zhangNumber}
	liSi          = id2meta.Param{UserName: "李四", IdentifyNum: zhangNumber} // a mismatch: the number is 张三's
	unknownPerson = id2meta.Param{UserName: zhangName, IdentifyNum: unknownNumber}
)

// verdict is an answer with the verdict "match".
const verdict = `{"RequestId":"8FC3D6AC-9FED-4311-8DA7-C4BF47D9F260","Message":"success","Code":"200","ResultObject":{"BizCode":"1"}}`

// Servers and clients.

// newServer starts a simulator that knows 张三.
func newServer(t testing.TB) *id2metatest.Server {
	t.Helper()
	server := id2metatest.NewServer()
	t.Cleanup(server.Close)
	server.AddPerson(zhangName, zhangNumber)
	return server
}

// newClient makes a Client with the connection pool that New makes by default, and
// with the access key of the simulator.
func newClient(t testing.TB, endpoints []string, opts ...id2meta.Option) *id2meta.Client {
	t.Helper()
	client, err := id2meta.New(append([]id2meta.Option{
		id2meta.WithEndpoints(endpoints...),
		withSimulatorKey(),
	}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// withSimulatorKey returns the option that signs with the access key of the simulator.
func withSimulatorKey() id2meta.Option {
	return id2meta.WithAccessKey(id2meta.AccessKey{ID: id2metatest.AccessKeyID, Secret: id2metatest.AccessKeySecret})
}

// patient returns the options for a test that opens many connections at once. On a busy
// machine a handshake can take longer than the 3 s that an endpoint gets for it.
func patient() []id2meta.Option {
	return []id2meta.Option{id2meta.WithTimeout(time.Minute), id2meta.WithMaxAttempts(20)}
}

// requireMatch verifies 张三, and requires a match.
func requireMatch(t testing.TB, client *id2meta.Client) {
	t.Helper()
	result, err := client.Verify(t.Context(), zhangSan)
	require.NoError(t, err)
	require.True(t, result.Match())
}

// verifyAt verifies 张三 at a server that handler makes, for answers that the simulator
// cannot give.
func verifyAt(t *testing.T, handler http.HandlerFunc, opts ...id2meta.Option) (id2meta.Result, error) {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	opts = append([]id2meta.Option{id2meta.WithHTTPClient(server.Client())}, opts...)
	return newClient(t, []string{server.Listener.Addr().String()}, opts...).Verify(t.Context(), zhangSan)
}

// requireAPIError verifies 张三 in one attempt, and requires an APIError.
func requireAPIError(t *testing.T, handler http.HandlerFunc) *id2meta.APIError {
	t.Helper()
	result, err := verifyAt(t, handler, id2meta.WithMaxAttempts(1))
	require.Zero(t, result)
	var e *id2meta.APIError
	require.ErrorAs(t, err, &e)
	return e
}

// benchServer answers every request with a match after a delay, and counts the
// connections.
type benchServer struct {
	endpoint string
	conns    atomic.Int64
}

func newBenchServer(b *testing.B, delay time.Duration) *benchServer {
	s := new(benchServer)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		time.Sleep(delay)
		w.Header().Set("Content-Type", "application/json;charset=utf-8")
		io.WriteString(w, verdict)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // raw breaks off handshakes
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.conns.Add(1)
		}
	}
	server.StartTLS()
	b.Cleanup(server.Close)
	s.endpoint = server.Listener.Addr().String()
	return s
}

// Errors.

// sentinels are the errors that errors.Is may find, without the errors of a context.
var sentinels = []error{
	id2meta.ErrInvalidParam, id2meta.ErrThrottled, id2meta.ErrSourceUnavailable, id2meta.ErrRepeatedCall,
	id2meta.ErrNotActivated, id2meta.ErrAccessDenied, id2meta.ErrOverdue, id2meta.ErrCredential,
	id2meta.ErrUnavailable, id2meta.ErrUnexpectedResponse,
}

// requireOnly requires that errors.Is finds want in err, and no other sentinel.
func requireOnly(t *testing.T, want, err error) {
	t.Helper()
	require.Error(t, err)
	for _, sentinel := range sentinels {
		require.Equalf(t, sentinel == want, errors.Is(err, sentinel), "errors.Is(err, %q), err = %v", sentinel, err)
	}
}

// Contexts.

// within returns a function that makes a context with a timeout.
func within(d time.Duration) func(*testing.T, *id2metatest.Server) context.Context {
	return func(t *testing.T, _ *id2metatest.Server) context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		t.Cleanup(cancel)
		return ctx
	}
}

// whenRequested returns a function that makes a context. The context ends with err as
// soon as the server has got a request, however long that takes on a busy machine.
func whenRequested(err error) func(*testing.T, *id2metatest.Server) context.Context {
	return func(t *testing.T, server *id2metatest.Server) context.Context {
		return testenv.EndWhen(t, err, func() bool { return len(server.Calls()) > 0 })
	}
}

// Limiters.

// limiterFunc is a Limiter that is a function.
type limiterFunc func(ctx context.Context) error

func (f limiterFunc) Wait(ctx context.Context) error { return f(ctx) }

// never is a limiter that lets no request go.
var never = limiterFunc(func(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
})

// countingLimiter counts its calls. It refuses every request if err is not nil.
type countingLimiter struct {
	calls atomic.Int64
	err   error
}

func (l *countingLimiter) Wait(context.Context) error {
	l.calls.Add(1)
	return l.err
}

// failingCredential fails with err, and counts its calls. Every other method panics.
type failingCredential struct {
	credentials.Credential
	calls atomic.Int64
	err   error
}

func (c *failingCredential) GetCredential() (*credentials.CredentialModel, error) {
	c.calls.Add(1)
	return nil, c.err
}

// Transports.

// roundTripper is an http.RoundTripper that is a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// response returns an answer. header may be nil.
func response(status int, body string, header http.Header) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}
}

// fakeService is the service without a network, for the clock of a synctest bubble. It
// may bill every request that it gets.
type fakeService struct {
	answerAfter time.Duration  // how long each verdict takes
	first       []roundTripper // the first answers; each later answer is a verdict

	mu       sync.Mutex
	requests []time.Time // when each request came
}

func (s *fakeService) RoundTrip(r *http.Request) (*http.Response, error) {
	io.Copy(io.Discard, r.Body) // a request whose body nobody reads was not sent
	s.mu.Lock()
	n := len(s.requests)
	s.requests = append(s.requests, time.Now())
	s.mu.Unlock()
	if n < len(s.first) {
		return s.first[n](r)
	}
	return s.match(r)
}

// match answers with a verdict after a while.
func (s *fakeService) match(r *http.Request) (*http.Response, error) {
	timer := time.NewTimer(s.answerAfter)
	defer timer.Stop()
	select {
	case <-timer.C:
		return response(http.StatusOK, verdict, nil), nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// requested returns how many requests the service got.
func (s *fakeService) requested() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

// client makes a Client that sends its requests to s.
func (s *fakeService) client(t *testing.T, opts ...id2meta.Option) *id2meta.Client {
	t.Helper()
	return newClient(t, []string{"service.example"}, append([]id2meta.Option{
		id2meta.WithAccessKey(id2meta.AccessKey{ID: id2metatest.AccessKeyID, Secret: id2metatest.AccessKeySecret}),
		id2meta.WithHTTPClient(&http.Client{Transport: s}),
	}, opts...)...)
}

// silent is an answer of a fakeService that never comes.
func silent(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// answering returns an answer of a fakeService that comes at once.
func answering(status int, body string, header http.Header) roundTripper {
	return func(*http.Request) (*http.Response, error) { return response(status, body, header), nil }
}

// Endpoints that give no connection.

func listen(t testing.TB) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	return listener
}

// deadEnd is an endpoint that gives no connection.
type deadEnd struct {
	endpoint string
	dials    func() int64 // how often a client connected; nil if that cannot be counted
}

// refusing returns an endpoint that refuses connections.
func refusing(t testing.TB) deadEnd {
	t.Helper()
	listener := listen(t)
	listener.Close()
	return deadEnd{endpoint: listener.Addr().String()}
}

// unknown returns an endpoint that no resolver can find. Its first label is longer than
// DNS allows, so the resolver does not use the network.
func unknown(testing.TB) deadEnd {
	return deadEnd{endpoint: strings.Repeat("a", 64) + ".invalid"}
}

// mute returns an endpoint that accepts connections and never sends a byte.
func mute(t testing.TB) deadEnd {
	t.Helper()
	l := testenv.Accept(t, func(conn net.Conn) { io.Copy(io.Discard, conn) })
	return deadEnd{endpoint: l.Address, dials: l.Accepted}
}

// plaintext returns an endpoint that does not speak TLS.
func plaintext(t testing.TB) deadEnd {
	t.Helper()
	l := testenv.Accept(t, func(conn net.Conn) {
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		io.Copy(io.Discard, conn)
	})
	return deadEnd{endpoint: l.Address, dials: l.Accepted}
}

// share makes n calls of f with a number of goroutines.
func share(n, goroutines int, f func()) {
	work := make(chan struct{}, n)
	for range n {
		work <- struct{}{}
	}
	close(work)
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range work {
				f()
			}
		})
	}
	wg.Wait()
}
