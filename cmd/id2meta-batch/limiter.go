package main

import (
	"context"
	"errors"

	"golang.org/x/time/rate"
)

// stoppable is a limiter that lets no request pass any more once run is done.
// At a low rate most rows that are under way wait here; they cost nothing yet.
type stoppable struct {
	limiter *rate.Limiter
	run     context.Context
}

// Wait implements [id2meta.Limiter].
func (s stoppable) Wait(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(s.run, cancel)
	defer stop()
	err := s.limiter.Wait(ctx)
	if s.run.Err() != nil {
		return errStopped
	}
	return err
}

// errStopped is a signal's doing. The row that has it was not asked about.
var errStopped = errors.New("stopped")
