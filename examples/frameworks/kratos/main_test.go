package kratos

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-kratos/kratos/v2"
	"github.com/go-kratos/kratos/v2/log"
	kratoshttp "github.com/go-kratos/kratos/v2/transport/http"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/examples/frameworks/kratos/conf"
	"github.com/id2meta/id2meta/id2metatest"
)

// The sample number of GB 11643 and a name for it.
const (
	name   = "张三"
	number = "11010519491231002X"
	person = `{"userName":"张三","identifyNum":"11010519491231002X"}`
)

// serverConf is a server on a free port of loopback.
func serverConf() *conf.Server {
	return &conf.Server{Addr: "127.0.0.1:0", Timeout: durationpb.New(3 * time.Second)}
}

// id2metaConf asks the simulator.
func id2metaConf(simulator *id2metatest.Server) *conf.ID2Meta {
	return &conf.ID2Meta{
		Endpoints: []string{simulator.Endpoint()},
		Timeout:   durationpb.New(500 * time.Millisecond),
		PerSecond: 45,
	}
}

// wired is the server that wire makes.
func wired(t *testing.T, c *conf.ID2Meta, logger log.Logger, opts ...id2meta.Option) *kratoshttp.Server {
	t.Helper()
	server, cleanup, err := WireServer(serverConf(), c, logger, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cleanup)
	return server
}

// run runs server in an app, as main does, and returns its address and what stops
// it. After that nothing is logged any more.
func run(t *testing.T, server *kratoshttp.Server, logger log.Logger) (address string, stop func()) {
	t.Helper()
	endpoint, err := server.Endpoint() // listens
	if err != nil {
		t.Fatal(err)
	}
	app := kratos.New(kratos.Logger(logger), kratos.Server(server))
	ended := make(chan error, 1)
	go func() { ended <- app.Run() }()
	stop = sync.OnceFunc(func() {
		if err := app.Stop(); err != nil {
			t.Errorf("Stop: %v", err)
		}
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return endpoint.Scheme + "://" + endpoint.Host, stop
}

func post(t *testing.T, address, body string) (status int, answer string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := client.Post(address+"/v1/verify", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(read)
}

// over is a server with the Verifier in the place of the Client.
func over(verifier id2meta.VerifierFunc, logger log.Logger) *kratoshttp.Server {
	return NewHTTPServer(serverConf(), NewVerifyService(verifier), logger)
}

func match(context.Context, id2meta.Param) (id2meta.Result, error) {
	return id2meta.Result{BizCode: id2meta.BizCodeMatch}, nil
}

func logTo(w io.Writer) log.Logger { return log.NewStdLogger(w) }

// silent is where the logs go that no test reads.
func silent() log.Logger { return logTo(io.Discard) }

type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// holdsPerson also finds the birth date alone.
func holdsPerson(s string) bool {
	return strings.Contains(s, name) || strings.Contains(s, number) || strings.Contains(s, number[6:14])
}
