package frameworks

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-kratos/kratos/v2"
	"github.com/go-kratos/kratos/v2/config"
	"github.com/go-kratos/kratos/v2/config/file"
	"github.com/go-kratos/kratos/v2/log"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/zeromicro/go-zero/core/conf"
	"github.com/zeromicro/go-zero/core/logx"
	"github.com/zeromicro/go-zero/core/stat"
	"github.com/zeromicro/go-zero/rest"

	"github.com/id2meta/id2meta"
	ginrecipe "github.com/id2meta/id2meta/examples/frameworks/gin"
	"github.com/id2meta/id2meta/examples/frameworks/gozero"
	kratosrecipe "github.com/id2meta/id2meta/examples/frameworks/kratos"
)

// recipes are the recipes with their configuration files and all their middlewares.
var recipes = map[string]recipe{
	"gin":     {newGin, serveGin},
	"go-zero": {newGoZero, serveGoZero},
	"Kratos":  {newKratos, serveKratos},
}

type recipe struct {
	// verifier makes the Client of the recipe, with less patience.
	verifier func(t *testing.T, opts ...id2meta.Option) id2meta.Verifier
	// serve serves HTTP. stop ends it, and then its log is complete.
	serve func(t *testing.T, to io.Writer, verifier id2meta.Verifier) (url string, stop func())
}

const patience = 500 * time.Millisecond

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode) // as in production
	// go-zero logs to the console unless it is set up before its first server is.
	logx.MustSetup(logx.LogConf{Mode: "console", Encoding: "json"})
	logx.SetWriter(logx.NewWriter(io.Discard))
	stat.DisableLog()
	os.Exit(m.Run())
}

func newGin(t *testing.T, opts ...id2meta.Option) id2meta.Verifier {
	t.Helper()
	client, err := ginrecipe.NewClient(append(opts, id2meta.WithTimeout(patience))...)
	require.NoError(t, err)
	return client
}

func serveGin(t *testing.T, to io.Writer, verifier id2meta.Verifier) (url string, stop func()) {
	server := httptest.NewServer(ginrecipe.NewRouter(verifier, to))
	t.Cleanup(server.Close)
	return server.URL + "/verify", server.Close
}

// goZeroConfig reads the configuration file. Mode test keeps a busy machine from shedding
// requests.
func goZeroConfig(t *testing.T) (c gozero.Config) {
	t.Helper()
	require.NoError(t, conf.Load("gozero/etc/verify.yaml", &c))
	c.Mode = "test"
	return c
}

func newGoZero(t *testing.T, opts ...id2meta.Option) id2meta.Verifier {
	t.Helper()
	c := goZeroConfig(t)
	c.ID2Meta.Timeout, c.ID2Meta.Endpoints = patience, nil
	return gozero.NewServiceContext(c, opts...).Verifier
}

func serveGoZero(t *testing.T, to io.Writer, verifier id2meta.Verifier) (url string, stop func()) {
	t.Helper()
	before := logx.Reset()
	logx.SetWriter(logx.NewWriter(to))
	t.Cleanup(func() { logx.SetWriter(before) })
	server := rest.MustNewServer(goZeroConfig(t).RestConf)
	gozero.Register(server, &gozero.ServiceContext{Verifier: verifier})
	chain, err := rest.NewServerless(server)
	require.NoError(t, err)
	listening := httptest.NewServer(http.HandlerFunc(chain.Serve))
	t.Cleanup(listening.Close)
	return listening.URL + "/verify", listening.Close
}

// kratosConfig reads the configuration file, as main does.
func kratosConfig(t *testing.T) kratosrecipe.Config {
	t.Helper()
	// It is not closed: the goroutine that watches the file would then use Kratos' global
	// logger, without a lock, while the next test sets it.
	source := config.New(config.WithSource(file.NewSource("kratos/configs/config.yaml")))
	require.NoError(t, source.Load())
	var whole struct{ Verify kratosrecipe.Config }
	require.NoError(t, source.Scan(&whole))
	return whole.Verify
}

func newKratos(t *testing.T, opts ...id2meta.Option) id2meta.Verifier {
	t.Helper()
	verifier, cleanup, err := kratosrecipe.NewVerifier(kratosConfig(t), append(opts, id2meta.WithTimeout(patience))...)
	require.NoError(t, err)
	t.Cleanup(cleanup)
	return verifier
}

// serveKratos runs the server in an app, as main does.
func serveKratos(t *testing.T, to io.Writer, verifier id2meta.Verifier) (url string, stop func()) {
	t.Helper()
	c := kratosConfig(t)
	c.Addr = "127.0.0.1:0"
	logger := log.NewStdLogger(to)
	server := kratosrecipe.NewServer(c, verifier, logger)
	endpoint, err := server.Endpoint() // listens
	require.NoError(t, err)
	app := kratos.New(kratos.Logger(logger), kratos.Server(server))
	ended := make(chan error, 1)
	go func() { ended <- app.Run() }()
	stop = sync.OnceFunc(func() {
		assert.NoError(t, app.Stop())
		assert.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return endpoint.Scheme + "://" + endpoint.Host + "/v1/verify", stop
}
