package kratos

import (
	"context"
	stderrors "errors"

	"github.com/go-kratos/kratos/v2/errors"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/examples/frameworks/kratos/api"
)

// VerifyService implements the service. protoc would make an interface of it from a
// .proto with a service.
type VerifyService struct{ verifier id2meta.Verifier }

// NewVerifyService returns a VerifyService that asks verifier.
func NewVerifyService(verifier id2meta.Verifier) *VerifyService {
	return &VerifyService{verifier: verifier}
}

// Verify replies with a verdict; a mismatch is a verdict. It returns an error of status
// 400 for what the user can correct, and of 503 if there is no verdict. The cause of the
// error is for the operators: it is logged and not sent.
func (s *VerifyService) Verify(ctx context.Context, req *api.VerifyRequest) (*api.VerifyReply, error) {
	result, err := s.verifier.Verify(ctx, req.Param())
	if err != nil {
		return nil, refusal(err)
	}
	return &api.VerifyReply{Verdict: result.BizCode.String(), RequestId: result.RequestID}, nil
}

func refusal(err error) error {
	if id2meta.RemedyOf(err) != id2meta.RemedyCorrectInput {
		return errors.ServiceUnavailable("NOT_VERIFIED", "not verified; try again later").WithCause(err)
	}
	if invalid, ok := stderrors.AsType[*id2meta.ParamError](err); ok {
		return errors.BadRequest("INVALID_PERSON", "invalid "+invalid.Field).
			WithMetadata(map[string]string{"field": invalid.Field}).WithCause(err)
	}
	return errors.BadRequest("INVALID_PERSON", "invalid").WithCause(err)
}
