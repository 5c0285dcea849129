// Package gozero verifies people in a go-zero service.
package gozero

import (
	"time"

	"github.com/zeromicro/go-zero/core/logx"
	"github.com/zeromicro/go-zero/rest"
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
