//go:build wireinject

package kratos

import (
	"github.com/go-kratos/kratos/v2/log"
	"github.com/go-kratos/kratos/v2/transport/http"
	"github.com/google/wire"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/examples/frameworks/kratos/conf"
)

// WireServer makes the server and what it needs. main gives no opts, a test those
// of a simulator.
func WireServer(*conf.Server, *conf.ID2Meta, log.Logger, []id2meta.Option) (*http.Server, func(), error) {
	panic(wire.Build(ProviderSet))
}
