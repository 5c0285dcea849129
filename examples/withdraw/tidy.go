package main

import (
	"context"
	"database/sql"
	"log/slog"
	"time"
)

const (
	tidyEvery = time.Hour
	// tidyAtOnce keeps each transaction short.
	tidyAtOnce = 1000
)

// keepTidy deletes what nobody needs any more, until ctx ends. Any number of replicas
// may do so at the same time.
func (s *store) keepTidy(ctx context.Context, logger *slog.Logger) {
	for ctx.Err() == nil {
		if err := s.tidy(ctx); err != nil && ctx.Err() == nil {
			logger.Warn("what has expired could not be deleted", "err", oneLine(err))
		}
		sleep(ctx, tidyEvery)
	}
}

// tidy deletes expired verdicts, and whom users claimed to be before questionWindow.
func (s *store) tidy(ctx context.Context) error {
	for {
		deleted, err := s.verdicts.DeleteExpired(ctx, tidyAtOnce)
		if err != nil {
			return err
		}
		if deleted < tidyAtOnce {
			break
		}
	}
	return s.transact(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, s.dialect.sql(`DELETE FROM attempts WHERE asked_at <= {now} - ?`), questionWindow.Milliseconds())
		return err
	})
}
