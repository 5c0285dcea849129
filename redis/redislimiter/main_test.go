package redislimiter

import (
	"bytes"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testenv"
	"github.com/id2meta/id2meta/internal/testserver"
)

func TestMain(m *testing.M) {
	logging.Disable() // go-redis reports each failure to connect; the Limiter says it once
	if dsn := os.Getenv(workerRedis); dsn != "" {
		if err := work(dsn); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		return
	}
	code := testenv.Run(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			os.Stderr.WriteString(err.Error())
			code = 1
		}
	}
	os.Exit(code)
}

var sample = id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"}

// redisServer is a real one that can hang.
type redisServer struct {
	*testserver.Server
	t *testing.T
}

func newTestRedis(t *testing.T) redisServer {
	t.Helper()
	server := testserver.Redis(t)
	t.Cleanup(server.Kill) // one that hangs does not stop
	return redisServer{server, t}
}

func (r redisServer) hang()   { r.signal(syscall.SIGSTOP) }
func (r redisServer) resume() { r.signal(syscall.SIGCONT) }

func (r redisServer) signal(s syscall.Signal) {
	r.t.Helper()
	if err := syscall.Kill(r.PID(), s); err != nil {
		r.t.Fatal(err)
	}
}

// newTestClient returns a client with go-redis's own timeouts, which are long, unless
// change says otherwise.
func newTestClient(t *testing.T, server redisServer, change func(*redis.Options)) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	options.ContextTimeoutEnabled = true
	if change != nil {
		change(options)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { client.Close() })
	return client
}

// newTestLimiter returns a Limiter, a client of the same Redis, and the Limiter's log.
func newTestLimiter(t *testing.T, server redisServer, opts ...Option) (*Limiter, *redis.Client, *logBuffer) {
	t.Helper()
	client := newTestClient(t, server, nil)
	var log logBuffer
	return mustNew(t, client, "test", append(opts, WithLogger(log.logger()))...), client, &log
}

func mustNew(t *testing.T, client redis.UniversalClient, key string, opts ...Option) *Limiter {
	t.Helper()
	limiter, err := New(client, key, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return limiter
}

func newSimulator(t *testing.T) *id2metatest.Server {
	t.Helper()
	simulator := id2metatest.NewServer()
	t.Cleanup(simulator.Close)
	simulator.AddPerson(sample.UserName, sample.IdentifyNum)
	return simulator
}

// newVerifier returns a client of the simulator whose requests wait for limiter.
func newVerifier(t *testing.T, simulator *id2metatest.Server, limiter id2meta.Limiter) *id2meta.Client {
	t.Helper()
	client, err := id2meta.New(append(simulator.Options(), id2meta.WithLimiter(limiter))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
