package kratos

import (
	"context"
	stderrors "errors"

	"github.com/go-kratos/kratos/v2/errors"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/examples/frameworks/kratos/api"
)

// VerifyService is what a .proto with a service would make the interface of.
type VerifyService struct{ verifier id2meta.Verifier }

// NewVerifyService returns a VerifyService that asks verifier.
func NewVerifyService(verifier id2meta.Verifier) *VerifyService {
	return &VerifyService{verifier: verifier}
}

// Verify replies with a verdict, of which a mismatch is one. Its errors are 400 for
// what the user can correct, and 503 if there is no verdict; their cause, which is
// for the operators, is logged and not sent.
func (s *VerifyService) Verify(ctx context.Context, req *api.VerifyRequest) (*api.VerifyReply, error) {
	result, err := s.verifier.Verify(ctx, req.Param())
	if err != nil {
		return nil, refusal(err)
	}
	return &api.VerifyReply{Verdict: result.BizCode.String(), RequestId: result.RequestID}, nil
}

func refusal(err error) error {
	var invalid *id2meta.ParamError
	if stderrors.As(err, &invalid) {
		return errors.BadRequest("INVALID_PERSON", "invalid "+invalid.Field).
			WithMetadata(map[string]string{"field": invalid.Field}).WithCause(err)
	}
	if stderrors.Is(err, id2meta.ErrInvalidParam) {
		return errors.BadRequest("INVALID_PERSON", "invalid").WithCause(err)
	}
	return errors.ServiceUnavailable("NOT_VERIFIED", "not verified; try again later").WithCause(err)
}
