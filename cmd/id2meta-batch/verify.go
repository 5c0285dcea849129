package main

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/id2meta/id2meta"
)

const (
	// window is how far the row that is read may be ahead of the row that is written
	// next. It bounds the memory, and lets the others go on while one row waits.
	window = 1024
	// giveUp is how many calls in a row may fail before the run stops.
	giveUp = 100
)

// verifyAll asks about the people of rows, parallel of them at a time, and hands the records
// to write in the order of the rows. When ctx ends, it ends at once;
// the verdicts of requests that are under way still arrive in the memory.
func verifyAll(ctx context.Context, verifier id2meta.Verifier, parallel int, rows iter.Seq2[row, error], write func(record) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	inOrder := make(chan chan record, window)
	busy := make(chan struct{}, parallel)
	var running sync.WaitGroup
	var failures atomic.Int64 // in a row
	defer running.Wait()
	defer stop(nil)
	running.Go(func() {
		defer close(inOrder)
		for r, err := range rows {
			if err != nil {
				stop(err)
				return
			}
			done := make(chan record, 1)
			select {
			case inOrder <- done:
			case <-ctx.Done():
				return
			}
			if r.bad != "" {
				done <- newRecord(r, id2meta.Result{}, nil)
				continue
			}
			busy <- struct{}{} // no call lasts longer than ctx
			running.Go(func() {
				defer func() { <-busy }()
				result, err := verifier.Verify(ctx, id2meta.Param{UserName: r.name, IdentifyNum: r.number})
				if id2meta.RemedyOf(err) == id2meta.RemedyOperator {
					stop(err) // it would be the same for every row, so no row is marked
				}
				rec := newRecord(r, result, err)
				switch {
				case rec.verdict != verdictFailed:
					failures.Store(0)
				case failures.Add(1) == giveUp:
					stop(fmt.Errorf("%d rows in a row failed. The reason of the last one: %s", giveUp, rec.reason))
				}
				done <- rec
			})
		}
	})

	for done := range inOrder {
		var rec record
		select {
		case rec = <-done:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := write(rec); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}
