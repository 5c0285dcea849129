// Package gozero is a recipe for services with go-zero: what goes into
// internal/config and internal/svc.
package gozero

import (
	"time"

	"github.com/zeromicro/go-zero/core/logx"
	"github.com/zeromicro/go-zero/core/proc"
	"github.com/zeromicro/go-zero/rest"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
)

// Config is read by conf.MustLoad. Its Timeout is shorter than that of rest.RestConf,
// so that a Verify ends with an error of its own and not with go-zero's 503.
type Config struct {
	rest.RestConf
	Verify struct {
		Endpoints []string      `json:",default=[cloudauth.aliyuncs.com,cloudauth.cn-shanghai.aliyuncs.com]"`
		Timeout   time.Duration `json:",default=2500ms"`
		PerSecond float64       `json:",default=45"` // of this process
	}
}

// ServiceContext holds the one Verifier of the process.
type ServiceContext struct{ Verifier id2meta.Verifier }

// NewServiceContext ends the program if the configuration cannot be used.
func NewServiceContext(c Config) *ServiceContext {
	client, err := id2meta.New(id2meta.WithEndpoints(c.Verify.Endpoints...), id2meta.WithTimeout(c.Verify.Timeout),
		id2meta.WithLimiter(rate.NewLimiter(rate.Limit(c.Verify.PerSecond), 1)))
	logx.Must(err)
	proc.AddShutdownListener(client.CloseIdleConnections)
	return &ServiceContext{Verifier: client}
}
