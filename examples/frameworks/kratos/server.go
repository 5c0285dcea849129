package kratos

import (
	"context"

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
		// Without it a request ends after 1 s, and a question that is under way then
		// may have been billed for nothing.
		http.Timeout(c.GetTimeout().AsDuration()),
		http.Middleware(recovery.Recovery(), logging.Server(logger)),
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
