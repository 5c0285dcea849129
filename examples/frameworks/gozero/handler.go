package gozero

import (
	"errors"
	"net/http"

	"github.com/zeromicro/go-zero/core/logx"
	"github.com/zeromicro/go-zero/rest"
	"github.com/zeromicro/go-zero/rest/httpx"

	"github.com/id2meta/id2meta"
)

// VerifyRequest comes in the body of a POST. go-zero logs the address of every
// request, so the person must never stand in a path or a query.
type VerifyRequest struct {
	UserName    string `json:"userName"`
	IdentifyNum string `json:"identifyNum"`
}

func (r VerifyRequest) param() id2meta.Param {
	return id2meta.Param{UserName: r.UserName, IdentifyNum: r.IdentifyNum}
}

// String and MarshalJSON keep the person out of a log that is given the request:
// logx prints some values and writes others as JSON.
func (r VerifyRequest) String() string { return r.param().String() }

func (r VerifyRequest) MarshalJSON() ([]byte, error) { return r.param().MarshalJSON() }

// VerifyReply is an answer: a verdict, or the field to correct.
type VerifyReply struct {
	Verdict string `json:"verdict,omitempty"` // match, mismatch, no record
	Error   string `json:"error,omitempty"`
	Field   string `json:"field,omitempty"`
}

// NewServer returns a server with the one route POST /verify.
func NewServer(c Config, opts ...id2meta.Option) *rest.Server {
	server := rest.MustNewServer(c.RestConf)
	server.AddRoute(rest.Route{
		Method:  http.MethodPost,
		Path:    "/verify",
		Handler: VerifyHandler(NewServiceContext(c, opts...)),
	})
	return server
}

// VerifyHandler answers 200 with a verdict (a mismatch is a verdict), 400 for what the
// user can correct, and 503 if there is no verdict.
func VerifyHandler(svcCtx *ServiceContext) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		var req VerifyRequest
		if err := httpx.ParseJsonBody(r, &req); err != nil { // err may hold a part of the body
			httpx.WriteJsonCtx(ctx, w, http.StatusBadRequest, VerifyReply{Error: "not the JSON of a request"})
			return
		}

		result, err := svcCtx.Verifier.Verify(ctx, req.param())
		if err != nil {
			status, reply := refusal(err)
			if status >= http.StatusInternalServerError {
				logx.WithContext(ctx).Errorw("no verdict", logx.Field("error", err.Error()))
			}
			httpx.WriteJsonCtx(ctx, w, status, reply)
			return
		}
		httpx.OkJsonCtx(ctx, w, VerifyReply{Verdict: result.BizCode.String()})
	}
}

// refusal is what the user gets. httpx.ErrorCtx would answer every error with 400 and
// with the text of the error, which is for the operators.
func refusal(err error) (int, VerifyReply) {
	if id2meta.RemedyOf(err) != id2meta.RemedyCorrectInput {
		return http.StatusServiceUnavailable, VerifyReply{Error: "not verified; try again later"}
	}
	reply := VerifyReply{Error: "invalid"}
	if invalid, ok := errors.AsType[*id2meta.ParamError](err); ok {
		reply.Field = invalid.Field
	}
	return http.StatusBadRequest, reply
}
