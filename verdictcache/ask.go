package verdictcache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/id2meta/id2meta"
)

// How long to wait before looking again for what another process asks.
const (
	firstWait   = 20 * time.Millisecond
	longestWait = 400 * time.Millisecond // and a quarter more: see jitter
)

// What is beside ErrMaybeBilled may have been billed.
var (
	errNoReturn = fmt.Errorf("verdictcache: the Verifier behind the cache ended its goroutine (%w)", id2meta.ErrMaybeBilled)
	errNoAnswer = fmt.Errorf("%w: the Verifier behind the cache gave neither a verdict nor an error (%w)",
		id2meta.ErrUnexpectedResponse, id2meta.ErrMaybeBilled)
)

// run finds the outcome and settles it, also if next ends the goroutine.
func (q *question) run(seen Entry) {
	defer q.settle()
	q.outcome = outcome{err: errNoReturn}
	q.outcome = q.find(seen)
}

// find asks next if this process is given the claim, and otherwise waits for what
// another one finds out.
func (q *question) find(seen Entry) outcome {
	if q.storeless {
		return q.put()
	}
	c := q.cache
	var wait time.Duration // a claim that is refused may mean that the verdict has come
	if seen.Claimed {
		wait = firstWait
	}
	for {
		if !seen.Claimed {
			q.claimed = true // an error does not tell
			granted, err := c.store.claim(q.ctx, q.key, q.claimer, c.lease, q.share)
			switch {
			case err != nil:
				return q.without(err)
			case granted:
				return q.putRenewing()
			}
			q.claimed = false
		}
		if err := sleep(q.ctx, jitter(wait)); err != nil {
			return outcome{err: err}
		}
		wait = min(max(firstWait, wait*3/2), longestWait)

		entry, err := c.store.load(q.ctx, q.key, q.share)
		switch {
		case err != nil:
			return q.without(err)
		case c.isVerdict(q.ctx, entry):
			return outcome{result: entry.Verdict}
		case isOdd(entry) && !seen.Claimed:
			err := errors.New("it grants no claim for a verdict that is none")
			c.store.failed(q.ctx, "claim", err)
			return q.without(err)
		}
		seen = entry
	}
}

// without goes on although the Store is in trouble, or does not.
func (q *question) without(err error) outcome {
	switch {
	case q.ctx.Err() != nil:
		return outcome{err: q.ctx.Err()}
	case q.cache.refuse:
		return outcome{err: refusal(err)}
	}
	return q.put()
}

// putRenewing keeps the claim while it asks. That does not end with the callers: as
// long as next asks, nobody else should.
func (q *question) putRenewing() outcome {
	ctx, stop := context.WithCancel(context.WithoutCancel(q.ctx))
	defer stop()
	go q.renew(ctx)
	return q.put()
}

func (q *question) renew(ctx context.Context) {
	c := q.cache
	ticker := time.NewTicker(c.lease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		held, err := c.store.renew(ctx, q.key, q.claimer, c.lease, c.lease/3)
		if err == nil && !held {
			return // forgotten, or overtaken: Save will find out
		}
	}
}

// put puts the question to next.
func (q *question) put() (o outcome) {
	defer func() {
		if v := recover(); v != nil {
			// The callers panic with the value; where it came from would be lost.
			q.cache.logger.LogAttrs(q.ctx, slog.LevelWarn, "verdictcache: the Verifier behind the cache panicked",
				slog.String("stack", string(debug.Stack())))
			o = outcome{asked: true, panicked: v}
		}
	}()
	q.asking.Store(true)
	result, err := q.cache.next.Verify(q.ctx, q.param)
	switch {
	case err != nil:
		return outcome{asked: true, err: err}
	case !isVerdict(result):
		return outcome{asked: true, err: errNoAnswer}
	}
	return outcome{asked: true, result: result}
}

// settle gives the outcome to the Store and to all who wait. They wait for the
// Store only for their share, so that the next Verify finds what this one got.
func (q *question) settle() {
	if !q.outcome.isVerdict() {
		q.cache.detach(q) // who comes now may try again
	}
	close(q.answered)
	if q.cache.store.direct || !q.claimed {
		q.conclude()
		close(q.done)
		return
	}
	concluded := make(chan struct{})
	go func() {
		defer close(concluded)
		q.conclude()
	}()
	timer := time.NewTimer(q.share)
	defer timer.Stop()
	select {
	case <-concluded:
	case <-timer.C:
	}
	close(q.done)
}

// conclude turns the claim into a verdict, or gives it up. Nobody waits for it
// longer than a moment, and what was billed is worth some patience.
func (q *question) conclude() {
	defer q.cancel()
	defer q.cache.detach(q)
	if !q.claimed {
		return
	}
	c, ctx := q.cache, context.WithoutCancel(q.ctx)
	if !q.outcome.isVerdict() || q.forgotten.Load() {
		c.store.release(ctx, q.key, q.claimer, c.lease) // its failure is logged
		return
	}
	result := q.outcome.result
	if saved, err := c.store.save(ctx, q.key, q.claimer, storable(result), c.lifetime(result), c.lease); err == nil && !saved {
		c.logger.LogAttrs(ctx, slog.LevelWarn, "verdictcache: the claim was gone when the verdict came; the verdict is not remembered",
			slog.Duration("lease", c.lease))
	}
}

// storable returns r as every Store can hold it. No request ID of the service is
// otherwise, and the verdict counts without it.
func storable(r id2meta.Result) id2meta.Result {
	if len(r.RequestID) > 128 || !utf8.ValidString(r.RequestID) || strings.ContainsRune(r.RequestID, 0) {
		r.RequestID = ""
	}
	return r
}

// jitter keeps those who wait for the same thing from looking at the same time.
func jitter(d time.Duration) time.Duration { return d + rand.N(d/4+1) }

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
