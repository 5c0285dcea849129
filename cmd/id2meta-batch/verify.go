package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/id2meta/id2meta"
)

const (
	// window is how far the row that is read may be ahead of the row that is written
	// next. It bounds the memory, and lets the others go on while one row waits.
	window = 1024
	// giveUp is how many rows in a row may fail before the run stops.
	giveUp = 100
)

// verifyAll asks about the rows that next gives until io.EOF, parallel of them at a time,
// and hands the records to write in the order of the rows. When ctx ends, it asks about no
// more, and waits for the answers that are under way.
func verifyAll(ctx context.Context, verifier id2meta.Verifier, parallel int, next func() (row, error), write func(record) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	type job struct {
		row
		done chan<- record
	}
	jobs := make(chan job)
	inOrder := make(chan chan record, window)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop(nil)
	for range parallel {
		running.Go(func() {
			for j := range jobs {
				// Not ctx: a request that was sent may be billed, so its answer is worth
				// waiting for. What was not sent yet is ended by the limiter.
				result, err := verifier.Verify(context.Background(), id2meta.Param{UserName: j.name, IdentifyNum: j.number})
				if id2meta.RemedyOf(err) == id2meta.RemedyOperator {
					stop(err) // it would be the same for every row, so no row is marked
				}
				j.done <- newRecord(j.row, result, err)
			}
		})
	}
	running.Go(func() {
		defer close(inOrder)
		defer close(jobs)
		for {
			r, err := next()
			if err == io.EOF {
				return
			}
			if err != nil {
				stop(err)
				return
			}
			done := make(chan record, 1)
			if r.bad != "" {
				done <- newRecord(r, id2meta.Result{}, nil)
			}
			select {
			case inOrder <- done:
			case <-ctx.Done():
				return
			}
			if r.bad != "" {
				continue
			}
			select {
			case jobs <- job{r, done}:
			case <-ctx.Done():
				return
			}
		}
	})

	failures := 0
	for done := range inOrder {
		select {
		case rec := <-done:
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := write(rec); err != nil {
				return err
			}
			if failures++; rec.verdict != verdictFailed {
				failures = 0
			}
			if failures == giveUp {
				return fmt.Errorf("%d rows in a row failed. The reason of the last one: %s", failures, rec.reason)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return context.Cause(ctx)
}

// advices say what an operator can do about an error.
var advices = []struct {
	err    error
	advice string
}{
	{id2meta.ErrCredential, "Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or check them, and check this machine's clock"},
	{id2meta.ErrAccessDenied, "Grant the RAM user the policy AliyunYundunCloudAuthFullAccess"},
	{id2meta.ErrNotActivated, "Activate the service (身份二要素核验) in the Alibaba Cloud console"},
	{id2meta.ErrOverdue, "Pay what the account owes"},
}

// advise adds to an error what to do about it.
func advise(err error) error {
	for _, a := range advices {
		if errors.Is(err, a.err) {
			return fmt.Errorf("%w\n%s; then start again with the same arguments to continue", err, a.advice)
		}
	}
	return err
}
