package kratos

import (
	"context"
	stdhttp "net/http"

	"github.com/go-kratos/kratos/v2/log"
	"github.com/go-kratos/kratos/v2/middleware/logging"
	"github.com/go-kratos/kratos/v2/middleware/recovery"
	"github.com/go-kratos/kratos/v2/transport/http"

	"github.com/id2meta/id2meta/examples/frameworks/kratos/api"
	"github.com/id2meta/id2meta/examples/frameworks/kratos/conf"
)

// NewHTTPServer returns a server with the one route POST /v1/verify.
func NewHTTPServer(c *conf.Server, service *VerifyService, logger log.Logger) *http.Server {
	server := http.NewServer(
		http.Address(c.GetAddr()),
		// The default is 1 s. A call that the server cuts off may have been billed for
		// nothing.
		http.Timeout(c.GetTimeout().AsDuration()),
		http.Middleware(recovery.Recovery(), logging.Server(logger)),
		// By default, Kratos gives other paths to http.DefaultServeMux, which may serve
		// net/http/pprof to everybody (GO-2026-5471).
		http.NotFoundHandler(stdhttp.NotFoundHandler()),
		http.MethodNotAllowedHandler(stdhttp.NotFoundHandler()),
	)
	register(server, service)
	return server
}

// register does what protoc-gen-go-http would generate.
func register(server *http.Server, service *VerifyService) {
	server.Route("/").POST("/v1/verify", func(ctx http.Context) error {
		var in api.VerifyRequest
		if err := ctx.Bind(&in); err != nil {
			return err
		}
		http.SetOperation(ctx, "/frameworks.api.Verify/Verify")
		handle := ctx.Middleware(func(ctx context.Context, req any) (any, error) {
			return service.Verify(ctx, req.(*api.VerifyRequest))
		})
		out, err := handle(ctx, &in)
		if err != nil {
			return err
		}
		return ctx.Result(200, out)
	})
}
