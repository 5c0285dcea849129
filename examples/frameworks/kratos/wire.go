//go:build wireinject

package kratos

import "github.com/google/wire"

// Wire returns the Service with all that it needs, and a cleanup.
func Wire(c *Config) (*Service, func(), error) {
	panic(wire.Build(ProviderSet, NewService))
}
