// Package kratos verifies people in a Kratos service.
package kratos

import (
	"errors"
	"log/slog"

	"github.com/go-kratos/kratos/v2/log"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/examples/frameworks/kratos/conf"
)

// recipe:begin
func NewVerifier(c *conf.ID2Meta, logger log.Logger, opts ...id2meta.Option) (id2meta.Verifier, func(), error) {
	if c.GetPerSecond() < 1 || c.GetPerSecond() > 50 { // all processes of the account share 50
		return nil, nil, errors.New("id2meta.per_second is not from 1 to 50")
	}
	warnings := slog.NewTextHandler(log.NewWriter(logger, log.WithWriterLevel(log.LevelWarn)),
		&slog.HandlerOptions{Level: slog.LevelWarn})
	client, err := id2meta.New(append(opts,
		id2meta.WithEndpoints(c.GetEndpoints()...),
		id2meta.WithTimeout(c.GetTimeout().AsDuration()), // less than the server's
		id2meta.WithLimiter(rate.NewLimiter(rate.Limit(c.GetPerSecond()), 1)),
		id2meta.WithLogger(slog.New(warnings)),
	)...)
	if err != nil {
		return nil, nil, err
	}
	return client, client.CloseIdleConnections, nil
}

// recipe:end
