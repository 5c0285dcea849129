// Package kratos is a recipe for services with Kratos: a provider for wire, with a
// cleanup.
package kratos

import (
	"time"

	"github.com/google/wire"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
)

// ProviderSet goes into the wire.Build of the program.
var ProviderSet = wire.NewSet(NewVerifier)

// Config is what a conf.proto generates, in plain Go.
type Config struct {
	Endpoints []string
	Timeout   time.Duration
	PerSecond float64 // of this process
}

// NewVerifier returns the one Verifier of the process, and what ends it.
func NewVerifier(c *Config) (id2meta.Verifier, func(), error) {
	client, err := id2meta.New(id2meta.WithEndpoints(c.Endpoints...), id2meta.WithTimeout(c.Timeout),
		id2meta.WithLimiter(rate.NewLimiter(rate.Limit(c.PerSecond), 1)))
	if err != nil {
		return nil, nil, err
	}
	return client, client.CloseIdleConnections, nil
}
