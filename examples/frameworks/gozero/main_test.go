package gozero

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/zeromicro/go-zero/core/conf"
	"github.com/zeromicro/go-zero/core/logx"
	"github.com/zeromicro/go-zero/core/stat"
	"github.com/zeromicro/go-zero/rest"

	"github.com/id2meta/id2meta"
)

// The sample number of GB 11643 and a name for it.
const (
	name   = "张三"
	number = "11010519491231002X"
	person = `{"userName":"张三","identifyNum":"11010519491231002X"}`
)

// go-zero logs to the console unless it is set up before its first server is.
func TestMain(m *testing.M) {
	logx.MustSetup(logx.LogConf{Mode: "console", Encoding: "json"})
	logx.SetWriter(logx.NewWriter(io.Discard))
	stat.DisableLog()
	os.Exit(m.Run())
}

// configOf reads a configuration as conf.MustLoad does. What is not given has
// go-zero's defaults; mode test keeps a busy machine from shedding requests.
func configOf(t *testing.T, lines ...string) Config {
	t.Helper()
	yaml := "Name: verify\nHost: 127.0.0.1\nPort: 1\nMode: test\n" + strings.Join(lines, "\n")
	var c Config
	if err := conf.LoadFromYamlBytes([]byte(yaml), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

const withoutLog = "Middlewares: {Log: false}"

// serve runs a go-zero server with all its middlewares on a listener of loopback.
func serve(t *testing.T, server *rest.Server) *httptest.Server {
	t.Helper()
	chain, err := rest.NewServerless(server)
	if err != nil {
		t.Fatal(err)
	}
	listening := httptest.NewServer(http.HandlerFunc(chain.Serve))
	t.Cleanup(listening.Close)
	return listening
}

func post(t *testing.T, server *httptest.Server, body string) (status int, answer string) {
	t.Helper()
	resp, err := server.Client().Post(server.URL+"/verify", "application/json", strings.NewReader(body))
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

// logs collects what go-zero logs from now on until the test ends.
func logs(t *testing.T) *buffer {
	var b buffer
	before := logx.Reset()
	logx.SetWriter(logx.NewWriter(&b))
	t.Cleanup(func() { logx.SetWriter(before) })
	return &b
}

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

// over is a server with the Verifier in the place of the Client.
func over(t *testing.T, c Config, verifier id2meta.Verifier) *httptest.Server {
	t.Helper()
	server := rest.MustNewServer(c.RestConf)
	server.AddRoute(rest.Route{
		Method: http.MethodPost, Path: "/verify", Handler: VerifyHandler(&ServiceContext{Verifier: verifier}),
	})
	return serve(t, server)
}
