package verdictcache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/progress"
)

// flight finds the verdict on one person for all callers in this process who wait for it.
// golang.org/x/sync/singleflight does not serve here: its call either goes on although nobody
// waits any more, or ends with its first caller although others wait.
type flight struct {
	cache *Cache
	key   Key
	param id2meta.Param // as the first caller gave it

	ctx    context.Context // ends when the flight is given up
	cancel context.CancelFunc
	share  time.Duration   // the time for each step of the Store; callers may leave earlier
	caller context.Context // the first caller's

	waiting int  // callers; guarded by cache.mu
	sent    bool // a request may be on its way to the service; guarded by cache.mu
	billed  bool // that request, or an earlier one, may have been billed; guarded by cache.mu

	owner  [16]byte // of this flight's claims
	count  uint64   // of the last claim
	held   []byte   // the claim that is in the Store, or may be; nil: none
	unsure bool     // held may not be in the Store, or not yet

	done    chan struct{} // closed when outcome may be read
	outcome outcome
	counted atomic.Bool // one caller has been counted as Asked or Remembered; the others are Shared
}

// outcome is what a flight has found.
type outcome struct {
	result    id2meta.Result
	asked     time.Time // when the service was asked; zero if another process asked
	movedFrom Key       // where the verdict was under a previous hashKey, or zero
	err       error
	panicked  any // what the Verifier behind panicked with
}

func (o outcome) isVerdict() bool { return o.err == nil && o.panicked == nil }

// join returns the flight about key, or nil. It does not return a flight that has landed and
// still saves its verdict: somebody may have forgotten the verdict in the Store.
func (c *Cache) join(key Key) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.flights[key]
	if f == nil || f.landed() {
		return nil
	}
	f.waiting++
	return f
}

// landed reports whether the outcome may be read.
func (f *flight) landed() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// serves reports whether f serves a caller who has looked into the Store, or could not look.
func (f *flight) serves(seen found, storeless bool) bool {
	if !f.landed() {
		return true
	}
	isForgotten := !storeless && seen.claim.owner != f.owner
	return !isForgotten && f.cache.fresh(value{verdict: f.outcome.result, asked: f.outcome.asked})
}

// takeOff returns the flight about key: the present one, or a new one.
func (c *Cache) takeOff(ctx context.Context, key Key, param id2meta.Param, seen found, storeless bool) *flight {
	progress.Report(ctx, false, false) // the caller may be a flight of another Cache
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[key]; f != nil && f.serves(seen, storeless) {
		f.waiting++
		return f
	}
	f := &flight{cache: c, key: key, param: param, caller: ctx, share: max(share(ctx), slowStep), waiting: 1, done: make(chan struct{})}
	rand.Read(f.owner[:]) // never fails
	f.ctx, f.cancel = context.WithCancel(progress.With(context.WithoutCancel(ctx), f.report))
	c.flights[key] = f
	go f.run(seen, storeless)
	return f
}

// detach lets nobody join f any more.
func (c *Cache) detach(f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.detachLocked(f)
}

func (c *Cache) detachLocked(f *flight) {
	if c.flights[f.key] == f {
		delete(c.flights, f.key)
	}
}

// report hears whether a request is on its way to the service. If no request is on its way
// and nobody waits any more, the flight ends.
func (f *flight) report(sent, maybeBilled bool) {
	progress.Report(f.caller, sent, maybeBilled)
	f.cache.mu.Lock()
	defer f.cache.mu.Unlock()
	f.sent, f.billed = sent, maybeBilled
	f.endIfAloneLocked()
}

// startAsking notes that a request may be on its way. A Verifier that knows better reports so
// at once. startAsking returns false if the flight has been given up.
func (f *flight) startAsking() bool {
	progress.Report(f.caller, true, true)
	f.cache.mu.Lock()
	defer f.cache.mu.Unlock()
	if f.ctx.Err() != nil {
		return false
	}
	f.sent, f.billed = true, true
	return true
}

// leave is called by a caller who no longer waits. It reports whether the call may
// have been billed.
func (f *flight) leave() (maybeBilled bool) {
	f.cache.mu.Lock()
	defer f.cache.mu.Unlock()
	f.waiting--
	f.endIfAloneLocked()
	return f.billed
}

func (f *flight) endIfAloneLocked() {
	if f.waiting == 0 && !f.sent {
		f.cache.detachLocked(f)
		f.cancel()
	}
}

// wait waits for the outcome, or for the end of ctx.
func (f *flight) wait(ctx context.Context) (id2meta.Result, error) {
	select {
	case <-f.done:
		return f.take()
	case <-ctx.Done():
	}
	maybeBilled := f.leave()
	select {
	case <-f.done: // the outcome came at the same moment
		if f.outcome.err == nil {
			return f.take()
		}
		maybeBilled = errors.Is(f.outcome.err, id2meta.ErrMaybeBilled)
	default:
	}
	if maybeBilled {
		return id2meta.Result{}, fmt.Errorf("verdictcache: waiting for the verdict: %w (%w)", ctx.Err(), id2meta.ErrMaybeBilled)
	}
	return id2meta.Result{}, fmt.Errorf("verdictcache: waiting for the verdict: %w", ctx.Err())
}

// take returns the outcome to one caller, and counts it.
func (f *flight) take() (id2meta.Result, error) {
	c, o := f.cache, f.outcome
	switch {
	case o.panicked != nil:
		panic(o.panicked) // as without the Cache
	case o.err != nil:
		return id2meta.Result{}, o.err
	case o.asked.IsZero() || !f.counted.CompareAndSwap(false, true):
		c.shared.Add(1)
	case o.movedFrom != (Key{}):
		c.remembered.Add(1)
	default:
		c.asked.Add(1)
	}
	return o.result, nil
}

// run finds the outcome, and gives it to the Store and to all callers, even if the Store calls
// runtime.Goexit.
func (f *flight) run(seen found, storeless bool) {
	defer f.land()
	f.outcome = outcome{err: errGoexit}
	if storeless {
		f.outcome = f.ask()
	} else {
		f.outcome = f.find(seen)
	}
}

// land saves the outcome in the Store, and then gives it to the callers, so that their next
// Verify finds it there. The callers do not wait longer for the Store than for one step.
func (f *flight) land() {
	if !f.outcome.isVerdict() {
		f.cache.detach(f) // whoever comes now may try again
	}
	tell := sync.OnceFunc(func() { close(f.done) })
	timer := time.AfterFunc(f.share, tell)
	defer func() {
		timer.Stop()
		f.cache.detach(f)
		tell()
		f.cancel()
	}()
	f.conclude(tell)
}
