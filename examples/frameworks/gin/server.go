package gin

import (
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
)

const (
	// timeout is less than the service's clients wait.
	timeout = 2 * time.Second
	// perSecond is for one process. All processes of the account share 50.
	perSecond = 45
	// maxBody is the most bytes of a request. A name and a number need far less.
	maxBody = 4 << 10
)

// NewServer returns a handler with the routes POST /verify and GET /metrics. It makes
// the one Client of the process. gin writes its log to logs.
func NewServer(logs io.Writer, opts ...id2meta.Option) (http.Handler, error) {
	client, err := id2meta.New(append([]id2meta.Option{
		id2meta.WithTimeout(timeout),
		id2meta.WithLimiter(rate.NewLimiter(perSecond, 1)),
	}, opts...)...)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	if err := registry.Register(collector{client.Stats}); err != nil {
		return nil, err
	}
	router := newRouter(client, logs)
	router.GET("/metrics", gin.WrapH(promhttp.HandlerFor(registry, promhttp.HandlerOpts{})))
	return router, nil
}

func newRouter(verifier id2meta.Verifier, logs io.Writer) *gin.Engine {
	router := gin.New()
	router.Use(gin.LoggerWithWriter(logs), gin.RecoveryWithWriter(logs), limitBody)
	router.POST("/verify", VerifyHandler(verifier))
	return router
}

func limitBody(c *gin.Context) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxBody)
}
