package verdictcache

import (
	"context"
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
	step   time.Duration        // the time for each step of the Store; callers may leave earlier
	report func(progress.State) // to the flight of another Cache in front of this one

	waiting int               // callers; guarded by cache.mu
	asking  bool              // the Verifier behind was called; guarded by cache.mu
	calls   []*progress.State // of the Clients behind, as they report; guarded by cache.mu

	owner   [16]byte  // of the last claim
	claimed time.Time // when the lease of that claim began
	held    []byte    // that claim, which may be in the Store; nil: none
	granted bool      // held is in the Store, as far as this flight knows

	done    chan struct{} // closed when result may be read
	result  callResult
	counted atomic.Bool // one caller has been counted as Asked or Remembered; the others are Shared
}

// callResult is what a flight has found.
type callResult struct {
	verdict   id2meta.Result
	fromStore bool // another process asked, and has saved the verdict
	movedFrom Key  // where the verdict was under a previous hashKey, or zero
	err       error
	panicked  any // what the Verifier behind panicked with
}

func (r callResult) isVerdict() bool { return r.err == nil && r.panicked == nil }

// join returns the flight about key, or nil. It does not return a flight that has its result
// and still saves it: somebody may have forgotten the verdict in the Store.
func (c *Cache) join(key Key) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.flights[key]
	if f == nil || f.hasResult() {
		return nil
	}
	f.waiting++
	return f
}

func (f *flight) hasResult() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// canServe reports whether f has the result for a caller who has looked into the Store, or
// could not look, or will have it.
func (f *flight) canServe(seen found, storeless bool) bool {
	if !f.hasResult() {
		return true
	}
	isForgotten := !storeless && seen.owner != f.owner
	return !isForgotten && f.cache.fresh(f.result.verdict)
}

// joinOrStart returns the flight about key: the present one, or a new one.
func (c *Cache) joinOrStart(ctx context.Context, key Key, param id2meta.Param, seen found, storeless bool) *flight {
	report := progress.Start(ctx) // the caller may be a flight of another Cache
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[key]; f != nil && f.canServe(seen, storeless) {
		f.waiting++
		return f
	}
	f := &flight{cache: c, key: key, param: param, report: report, waiting: 1, done: make(chan struct{})}
	f.step = min(max(stepTimeout(ctx), slowStep), c.lease/5) // a claim that is slow leaves time to ask
	f.ctx, f.cancel = context.WithCancel(progress.With(context.WithoutCancel(ctx), f.startCall))
	c.flights[key] = f
	if c.running++; c.running == 1 {
		c.idle = make(chan struct{})
	}
	go f.run(seen, storeless)
	return f
}

// unlistLocked lets nobody join f any more.
func (c *Cache) unlistLocked(f *flight) {
	if c.flights[f.key] == f {
		delete(c.flights, f.key)
	}
}

// startCall is called when a Client behind begins a call, and returns the function to which
// the call reports. One question may be several calls, for example of a second Client if the
// first fails.
func (f *flight) startCall() (report func(progress.State)) {
	call := new(progress.State)
	report = func(s progress.State) {
		f.cache.mu.Lock()
		defer f.cache.mu.Unlock()
		*call = s
		f.report(f.stateLocked())
		f.endIfAloneLocked()
	}
	f.cache.mu.Lock()
	f.calls = append(f.calls, call)
	f.cache.mu.Unlock()
	report(progress.State{})
	return report
}

// stateLocked is the State of all calls together. As long as the Verifier behind has reported
// nothing, a request may be on its way.
func (f *flight) stateLocked() (all progress.State) {
	if len(f.calls) == 0 {
		return progress.State{Sent: f.asking, MaybeBilled: f.asking}
	}
	for _, call := range f.calls {
		all.Sent = all.Sent || call.Sent
		all.MaybeBilled = all.MaybeBilled || call.MaybeBilled
	}
	return all
}

// startAsking notes that the Verifier behind is called. It returns false if the flight has
// been given up.
func (f *flight) startAsking() bool {
	f.cache.mu.Lock()
	defer f.cache.mu.Unlock()
	if f.ctx.Err() != nil {
		return false
	}
	f.asking = true
	f.report(f.stateLocked())
	return true
}

// leave is called by a caller who no longer waits. It reports whether the call may
// have been billed.
func (f *flight) leave() (maybeBilled bool) {
	f.cache.mu.Lock()
	defer f.cache.mu.Unlock()
	f.waiting--
	f.endIfAloneLocked()
	return f.stateLocked().MaybeBilled
}

// endIfAloneLocked gives the flight up if nobody waits and no request is on its way.
func (f *flight) endIfAloneLocked() {
	if f.waiting == 0 && !f.stateLocked().Sent {
		f.cache.unlistLocked(f)
		f.cancel()
	}
}

// wait waits for the result, or for the end of ctx.
func (f *flight) wait(ctx context.Context) (id2meta.Result, error) {
	select {
	case <-f.done:
		return f.take()
	case <-ctx.Done():
	}
	maybeBilled := f.leave()
	if f.hasResult() { // it came at the same moment
		if f.result.err == nil {
			return f.take()
		}
		maybeBilled = errors.Is(f.result.err, id2meta.ErrMaybeBilled)
	}
	if maybeBilled {
		return id2meta.Result{}, fmt.Errorf("verdictcache: waiting for the verdict: %w (%w)", ctx.Err(), id2meta.ErrMaybeBilled)
	}
	return id2meta.Result{}, fmt.Errorf("verdictcache: waiting for the verdict: %w", ctx.Err())
}

// take returns the result to one caller, and counts it.
func (f *flight) take() (id2meta.Result, error) {
	c, r := f.cache, f.result
	switch {
	case r.panicked != nil:
		panic(r.panicked) // as without the Cache
	case r.err != nil:
		return id2meta.Result{}, r.err
	case r.fromStore || !f.counted.CompareAndSwap(false, true):
		c.shared.Add(1)
	case r.movedFrom != (Key{}):
		c.remembered.Add(1)
	default:
		c.asked.Add(1)
	}
	return r.verdict, nil
}

// run finds the result, and gives it to the Store and to all callers. Foreign code runs in
// this goroutine, for example a Store. If it panics or calls runtime.Goexit, the call ends,
// and not the process.
func (f *flight) run(seen found, storeless bool) {
	defer f.finish()
	defer func() {
		if v := recover(); v != nil {
			f.result = callResult{panicked: v}
		}
	}()
	f.result = callResult{err: errGoexit}
	if storeless {
		f.result = f.ask()
	} else {
		f.result = f.find(seen)
	}
}

// finish saves the result in the Store, and then gives it to the callers, so that their next
// Verify finds it there. The callers do not wait longer for the Store than for one step.
func (f *flight) finish() {
	c := f.cache
	publish := sync.OnceFunc(func() { close(f.done) })
	timer := time.AfterFunc(f.step, publish)
	defer func() {
		timer.Stop()
		publish()
		f.cancel()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.unlistLocked(f)
		if c.running--; c.running == 0 {
			close(c.idle)
		}
	}()
	f.saveOrRelease(publish)
}
