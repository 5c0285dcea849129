package gozero

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/zeromicro/go-zero/core/conf"
	"github.com/zeromicro/go-zero/core/logx"
	"github.com/zeromicro/go-zero/core/stat"
	"github.com/zeromicro/go-zero/rest"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/examples/frameworks/internal/recipetest"
)

// go-zero logs to the console unless it is set up before its first server is.
func TestMain(m *testing.M) {
	logx.MustSetup(logx.LogConf{Mode: "console", Encoding: "json"})
	logx.SetWriter(logx.NewWriter(io.Discard))
	stat.DisableLog()
	os.Exit(m.Run())
}

// configFile reads the configuration of the recipe. Mode test keeps a busy machine from
// shedding requests.
func configFile(t *testing.T) (c Config) {
	t.Helper()
	if err := conf.Load("etc/verify.yaml", &c); err != nil {
		t.Fatal(err)
	}
	c.Mode = "test"
	return c
}

// serve runs a go-zero server with all its middlewares on a listener of loopback.
func serve(t *testing.T, log io.Writer, c Config, svcCtx *ServiceContext) recipetest.Service {
	t.Helper()
	before := logx.Reset()
	logx.SetWriter(logx.NewWriter(log))
	t.Cleanup(func() { logx.SetWriter(before) })
	server := rest.MustNewServer(c.RestConf)
	Register(server, svcCtx)
	chain, err := rest.NewServerless(server)
	if err != nil {
		t.Fatal(err)
	}
	listening := httptest.NewServer(http.HandlerFunc(chain.Serve))
	t.Cleanup(listening.Close)
	return recipetest.Service{URL: listening.URL + "/verify", Stop: listening.Close}
}

func TestRecipe(t *testing.T) {
	recipetest.Run(t, func(t *testing.T, log io.Writer, opts ...id2meta.Option) recipetest.Service {
		c := configFile(t)
		c.ID2Meta.Timeout, c.ID2Meta.Endpoints = 500*time.Millisecond, nil
		return serve(t, log, c, NewServiceContext(c, opts...))
	}, func(t *testing.T, log io.Writer, verifier id2meta.Verifier) recipetest.Service {
		return serve(t, log, configFile(t), &ServiceContext{verifier})
	})
}

func TestConfigFile(t *testing.T) {
	c := configFile(t)
	if want := []string{id2meta.EndpointDefault, id2meta.EndpointShanghai, id2meta.EndpointBeijing}; !reflect.DeepEqual(c.ID2Meta.Endpoints, want) {
		t.Errorf("Endpoints = %q, want %q", c.ID2Meta.Endpoints, want)
	}
	// A call that go-zero cuts off may have been billed, and nobody has its verdict.
	if whole := time.Duration(c.Timeout) * time.Millisecond; c.ID2Meta.Timeout != 2*time.Second || c.ID2Meta.Timeout >= whole {
		t.Errorf("a Verify may take %v, a request %v", c.ID2Meta.Timeout, whole)
	}
	if c.Middlewares.Log {
		t.Error("the middleware that writes the bodies of requests is on")
	}
	if client := NewServiceContext(c).Verifier.(*id2meta.Client); client.Timeout() != 2*time.Second {
		t.Errorf("the Client has %v", client.Timeout())
	}
}
