package kratos

import (
	"context"
	"fmt"
	"net/http"

	"github.com/go-kratos/kratos/v2/errors"
	khttp "github.com/go-kratos/kratos/v2/transport/http"

	"github.com/id2meta/id2meta"
)

// VerifyRequest is what a client sends.
type VerifyRequest struct {
	Name     string `json:"name"`
	IDNumber string `json:"id_number"`
}

// Redact is asked by Kratos' logging middleware, which would print the person.
func (r *VerifyRequest) Redact() string {
	return fmt.Sprintf("name:%s id_number:%s", id2meta.DisplayName(r.Name), id2meta.DisplayIdentifyNum(r.IDNumber))
}

// VerifyReply is what a client gets.
type VerifyReply struct {
	Match bool `json:"match"`
}

// Service verifies people.
type Service struct{ verifier id2meta.Verifier }

// NewService returns a Service for wire.
func NewService(verifier id2meta.Verifier) *Service { return &Service{verifier} }

// Verify maps the errors: a mismatch is none.
func (s *Service) Verify(ctx context.Context, r *VerifyRequest) (*VerifyReply, error) {
	result, err := s.verifier.Verify(ctx, id2meta.Param{UserName: r.Name, IdentifyNum: r.IDNumber})
	switch {
	case errors.Is(err, id2meta.ErrInvalidParam):
		return nil, errors.BadRequest("INVALID_PERSON", err.Error())
	case err != nil:
		return nil, errors.ServiceUnavailable("NO_VERDICT", "try again later").WithCause(err)
	}
	return &VerifyReply{result.Match()}, nil
}

// Register is what a generated file does: it gives the request to the middlewares.
func (s *Service) Register(server *khttp.Server) {
	server.Route("/").POST("/verify", func(ctx khttp.Context) error {
		var request VerifyRequest
		if err := ctx.Bind(&request); err != nil {
			return err
		}
		khttp.SetOperation(ctx, "/payouts.v1.Payouts/Verify")
		reply, err := ctx.Middleware(func(ctx context.Context, r any) (any, error) {
			return s.Verify(ctx, r.(*VerifyRequest))
		})(ctx, &request)
		if err != nil {
			return err
		}
		return ctx.Result(http.StatusOK, reply)
	})
}
