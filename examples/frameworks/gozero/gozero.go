// Package gozero verifies people in a go-zero service.
package gozero

import (
	"errors"
	"net/http"
	"time"

	"github.com/zeromicro/go-zero/core/logx"
	"github.com/zeromicro/go-zero/rest"
	"github.com/zeromicro/go-zero/rest/httpx"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
)

//lint:file-ignore SA5008 the tags are go-zero's, and encoding/json never reads them

// recipe:begin
type Config struct {
	rest.RestConf
	ID2Meta struct {
		Endpoints []string      `json:",optional"`                // default: the library's
		Timeout   time.Duration `json:",default=2s"`              // less than RestConf.Timeout, which is 3 s
		PerSecond int           `json:",default=45,range=[1:50]"` // all processes of the account share 50
	}
}
type ServiceContext struct{ Verifier id2meta.Verifier }

func NewServiceContext(c Config, opts ...id2meta.Option) *ServiceContext {
	limiter := rate.NewLimiter(rate.Limit(c.ID2Meta.PerSecond), 1)
	opts = append(opts, id2meta.WithTimeout(c.ID2Meta.Timeout), id2meta.WithLimiter(limiter))
	if len(c.ID2Meta.Endpoints) > 0 {
		opts = append(opts, id2meta.WithEndpoints(c.ID2Meta.Endpoints...))
	}
	client, err := id2meta.New(opts...)
	logx.Must(err)
	return &ServiceContext{Verifier: client}
}

// recipe:end

// Register adds POST /verify to server.
func Register(server *rest.Server, svcCtx *ServiceContext) {
	server.AddRoute(rest.Route{Method: http.MethodPost, Path: "/verify", Handler: VerifyHandler(svcCtx)})
}

// Reply is a verdict, or a Chinese sentence for the user.
type Reply struct {
	Verdict string `json:"verdict,omitempty"` // match, mismatch, no record
	Error   string `json:"error,omitempty"`
}

// VerifyHandler answers 200 with a verdict; a mismatch is a verdict. It does not call
// httpx.ErrorCtx, which answers every error with 400 and with the text of the error.
func VerifyHandler(svcCtx *ServiceContext) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		var person struct {
			Name   string `json:"name"`
			Number string `json:"number"`
		}
		if httpx.ParseJsonBody(r, &person) != nil { // the error may hold a part of the body
			httpx.WriteJsonCtx(ctx, w, http.StatusBadRequest, Reply{Error: "请求格式不对。"})
			return
		}
		result, err := svcCtx.Verifier.Verify(ctx, id2meta.Param{UserName: person.Name, IdentifyNum: person.Number})
		if err != nil {
			logx.WithContext(ctx).Errorw("no verdict", logx.Field("error", err.Error())) // no part of the person
			status, text := refusal(err)
			httpx.WriteJsonCtx(ctx, w, status, Reply{Error: text})
			return
		}
		httpx.OkJsonCtx(ctx, w, Reply{Verdict: result.BizCode.String()})
	}
}

// refusal is what the user gets: a status and a sentence in Chinese. The error itself
// is for the operators.
func refusal(err error) (status int, text string) {
	if invalid, ok := errors.AsType[*id2meta.ParamError](err); ok {
		return http.StatusBadRequest, invalid.Chinese() // such as: the check digit is wrong
	}
	remedy := id2meta.RemedyOf(err)
	switch remedy {
	case id2meta.RemedyCorrectInput:
		return http.StatusBadRequest, remedy.Chinese()
	case id2meta.RemedyNotThisPerson:
		return http.StatusTooManyRequests, remedy.Chinese()
	}
	return http.StatusServiceUnavailable, remedy.Chinese()
}
