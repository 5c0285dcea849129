package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/id2meta/id2meta"
)

const (
	maxParallel = 1000
	// window is how far the row that is asked about last may be ahead of the
	// one that is written next. It bounds the memory, and lets the others go on
	// for a while when one row waits long for its answer: 45 a second for more
	// than twice the 10 s that a call takes at most.
	window = 1024
)

// batch is one run from a resumed output to the end of its input.
type batch struct {
	verifier id2meta.Verifier
	parallel int
	giveUp   int
	rows     int // of the input
	input    rowReader
	output   *output
	progress progress
	counts   tally
}

// job is a row to be asked about.
type job struct {
	sequence int
	row      row
}

// finished is a row that is done, or an error after which no more can be.
type finished struct {
	sequence int
	record   record
	asked    bool
	worker   bool  // a worker waits until this is written
	err      error // nothing was written for it: it is asked about again
}

// errStopped is a signal's doing. The row that has it was not asked about.
var errStopped = errors.New("stopped")

// run asks about all rows that are left. When ctx is done it asks about no
// more, and waits for the answers of those that it has begun with.
func (b *batch) run(ctx context.Context) error {
	feeding, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	jobs, results := make(chan job), make(chan finished)
	space := make(chan struct{}, window)
	written := make(chan struct{}, b.parallel)

	var workers sync.WaitGroup
	for range b.parallel {
		workers.Go(func() {
			for j := range jobs {
				f := b.ask(j)
				f.worker = true
				results <- f
				// With the next row at once, a kill could cost the answers of
				// more rows than there are workers.
				<-written
			}
		})
	}
	go func() {
		err := b.feed(feeding, jobs, results, space)
		close(jobs)
		workers.Wait()
		if err != nil && err != io.EOF {
			results <- finished{err: err}
		}
		close(results)
	}()

	b.collect(results, space, written, stop)
	if err := b.output.sync(); err != nil {
		return err
	}
	// A signal ends ctx, and with it feeding; anything else only feeding.
	if cause := context.Cause(feeding); cause != context.Cause(ctx) {
		return cause
	}
	if b.output.next < b.rows {
		return errStopped
	}
	return b.output.complete()
}

// feed hands out the rows until io.EOF, an error, or the end of ctx.
func (b *batch) feed(ctx context.Context, jobs chan<- job, results chan<- finished, space chan<- struct{}) error {
	for sequence := b.output.next; ; sequence++ {
		select {
		case space <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		r, err := b.input.next()
		if err != nil {
			return err
		}
		rec, known, err := b.output.known(r)
		switch {
		case err != nil:
			return err
		case known:
			results <- finished{sequence: sequence, record: rec}
			continue
		case r.bad != "":
			results <- finished{sequence: sequence, record: badRecord(r)}
			continue
		}
		select {
		case jobs <- job{sequence, r}:
		case <-ctx.Done():
			return nil
		}
	}
}

// ask verifies one row. It has a context of its own: a request that was sent may
// be billed, and its answer is worth waiting for even when the run is to stop.
// The Client's timeout ends it. What was not sent yet is ended by the limiter.
func (b *batch) ask(j job) finished {
	result, err := b.verifier.Verify(context.Background(), id2meta.Param{
		UserName:    j.row.name,
		IdentifyNum: j.row.number,
	})
	if stopsRun(err) || errors.Is(err, errStopped) {
		return finished{err: err}
	}
	_, local := errors.AsType[*id2meta.ParamError](err)
	return finished{sequence: j.sequence, record: newRecord(j.row, result, err), asked: !local}
}

// stopsRun reports whether err says nothing of the row, and would be the same
// for all that follow.
func stopsRun(err error) bool { return id2meta.RemedyOf(err) == id2meta.RemedyOperator }

// collect writes what is finished until results is closed.
func (b *batch) collect(results <-chan finished, space <-chan struct{}, written chan<- struct{}, stop context.CancelCauseFunc) {
	show := time.NewTicker(b.progress.every)
	defer show.Stop()
	sync := time.NewTicker(time.Second)
	defer sync.Stop()
	c := collector{batch: b, space: space, stop: stop}
	for {
		select {
		case f, ok := <-results:
			if !ok {
				b.progress.end(b.counts)
				return
			}
			c.take(f)
			if f.worker {
				written <- struct{}{}
			}
		case <-show.C:
			b.progress.show(b.counts)
		case <-sync.C:
			if err := b.output.sync(); err != nil {
				c.broken = true
				stop(err)
			}
		}
	}
}

// collector writes finished rows.
type collector struct {
	*batch
	space    <-chan struct{}
	stop     context.CancelCauseFunc
	broken   bool // the output could not be written: what follows would stand in the wrong place
	failures int  // since the last answer
}

func (c *collector) take(f finished) {
	switch {
	case f.err != nil:
		c.stop(f.err)
		return
	case c.broken:
		return
	}
	lines, err := c.output.write(f.sequence, f.record)
	for range lines {
		<-c.space
	}
	if err != nil {
		c.broken = true
		c.stop(err)
		return
	}
	c.counts.add(f.record.verdict)
	if !f.asked {
		return
	}
	c.counts.asked++
	c.failures++
	if f.record.verdict != verdictFailed {
		c.failures = 0
	}
	if c.failures == c.giveUp && c.giveUp > 0 {
		c.stop(fmt.Errorf("%d rows in a row failed. The reason of the last one: %s\nRemove the cause, and start again with -retry-failed", c.failures, f.record.reason))
	}
}
