// Package kratos verifies people in a Kratos service.
package kratos

import (
	"context"
	stderrors "errors"
	stdhttp "net/http"
	"time"

	"github.com/go-kratos/kratos/v2/errors"
	"github.com/go-kratos/kratos/v2/log"
	"github.com/go-kratos/kratos/v2/middleware/logging"
	"github.com/go-kratos/kratos/v2/middleware/recovery"
	"github.com/go-kratos/kratos/v2/transport/http"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
)

// Config is a section of the configuration.
type Config struct {
	Addr            string   `json:"addr"`
	TimeoutMS       int      `json:"timeout_ms"` // of a request. Kratos' default is 1 s.
	Endpoints       []string `json:"endpoints"`
	VerifyTimeoutMS int      `json:"verify_timeout_ms"` // less than TimeoutMS
	PerSecond       int      `json:"per_second"`        // of this process; all processes of the account share 50
}

// NewVerifier makes the one Client of the process. Wire takes NewVerifier as it is.
func NewVerifier(c Config, opts ...id2meta.Option) (id2meta.Verifier, func(), error) {
	if c.PerSecond < 1 {
		return nil, nil, stderrors.New("per_second is missing")
	}
	client, err := id2meta.New(append([]id2meta.Option{
		id2meta.WithEndpoints(c.Endpoints...),
		id2meta.WithTimeout(time.Duration(c.VerifyTimeoutMS) * time.Millisecond),
		id2meta.WithLimiter(rate.NewLimiter(rate.Limit(c.PerSecond), 1)),
	}, opts...)...)
	if err != nil {
		return nil, nil, err
	}
	return client, client.CloseIdleConnections, nil
}

// NewServer serves POST /v1/verify.
func NewServer(c Config, verifier id2meta.Verifier, logger log.Logger) *http.Server {
	server := http.NewServer(
		http.Address(c.Addr),
		http.Timeout(time.Duration(c.TimeoutMS)*time.Millisecond),
		http.Middleware(recovery.Recovery(), logging.Server(logger)),
		// By default, Kratos gives other paths to http.DefaultServeMux, which may serve
		// net/http/pprof to everybody (GO-2026-5471).
		http.NotFoundHandler(stdhttp.NotFoundHandler()),
		http.MethodNotAllowedHandler(stdhttp.NotFoundHandler()),
	)
	server.Route("/").POST("/v1/verify", VerifyHandler(verifier))
	return server
}

// Reply is the answer with a verdict: match, mismatch, no record.
type Reply struct {
	Verdict   string `json:"verdict"`
	RequestID string `json:"request_id"`
}

// recipe:begin
func VerifyHandler(verifier id2meta.Verifier) http.HandlerFunc {
	return func(ctx http.Context) error {
		var person struct{ Name, Number string }
		if ctx.Bind(&person) != nil { // the error may hold a part of the body
			return errors.BadRequest("INVALID_REQUEST", "请求格式不对。")
		}
		// Kratos' middlewares log the request that they are given. A Param shows nobody.
		verify := ctx.Middleware(func(ctx context.Context, param any) (any, error) {
			result, err := verifier.Verify(ctx, param.(id2meta.Param))
			if err != nil {
				return nil, refusal(err)
			}
			return Reply{result.BizCode.String(), result.RequestID}, nil
		})
		reply, err := verify(ctx, id2meta.Param{UserName: person.Name, IdentifyNum: person.Number})
		if err != nil {
			return err
		}
		return ctx.Result(stdhttp.StatusOK, reply)
	}
}

// recipe:end

// refusal is what the user gets: a status and a sentence in Chinese. The cause is for
// the operators: Kratos logs it and does not send it.
func refusal(err error) error {
	if invalid, ok := stderrors.AsType[*id2meta.ParamError](err); ok {
		return errors.BadRequest("INVALID_PERSON", invalid.Chinese()).WithCause(err)
	}
	remedy := id2meta.RemedyOf(err)
	switch remedy {
	case id2meta.RemedyCorrectInput:
		return errors.BadRequest("INVALID_PERSON", remedy.Chinese()).WithCause(err)
	case id2meta.RemedyNotThisPerson:
		return errors.New(stdhttp.StatusTooManyRequests, "ASKED_TOO_OFTEN", remedy.Chinese()).WithCause(err)
	}
	return errors.ServiceUnavailable("NOT_VERIFIED", remedy.Chinese()).WithCause(err)
}
