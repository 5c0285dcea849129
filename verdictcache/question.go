package verdictcache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/id2meta/id2meta"
)

// farewell is how long the last caller, whose ctx has ended, waits for the question
// to end with it: only then is it known whether it may have been billed.
const farewell = 100 * time.Millisecond

// question is one question and all in this process who wait for its outcome. That
// is what golang.org/x/sync/singleflight does, but for the end: there a question
// goes on although nobody waits any more, or ends with the first caller although
// others do.
type question struct {
	cache   *Cache
	key     Key
	claimer Claimer
	param   id2meta.Param

	ctx    context.Context // ends when the last caller has left
	cancel context.CancelFunc
	share  time.Duration // of the first caller

	waiting   int  // callers; guarded by cache.mu
	storeless bool // the Store failed already
	claimed   bool // or may be; touched by run alone
	asking    atomic.Bool
	forgotten atomic.Bool // what it brings is not to be remembered
	counted   atomic.Bool // a caller counts as the one who asked

	outcome  outcome       // may be read when answered is closed
	answered chan struct{} // there is an outcome
	done     chan struct{} // and the Store knows it, or takes its time
}

type outcome struct {
	result   id2meta.Result
	asked    bool // or else found in the Store
	err      error
	panicked any // what next panicked with
}

func (o outcome) isVerdict() bool { return o.err == nil && o.panicked == nil }

// join returns the question that is being asked about key, or nil.
func (c *Cache) join(key Key) *question {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.questions[key]
	if q != nil {
		q.waiting++
	}
	return q
}

// ask returns the question about key: that which is being asked, or a new one.
func (c *Cache) ask(ctx context.Context, key Key, param id2meta.Param, seen Entry, storeless bool) *question {
	c.mu.Lock()
	defer c.mu.Unlock()
	if q := c.questions[key]; q != nil {
		q.waiting++
		return q
	}
	q := &question{
		cache:     c,
		key:       key,
		param:     param,
		share:     share(ctx),
		waiting:   1,
		storeless: storeless,
		answered:  make(chan struct{}),
		done:      make(chan struct{}),
	}
	rand.Read(q.claimer[:]) // never fails
	q.ctx, q.cancel = context.WithCancel(context.WithoutCancel(ctx))
	c.questions[key] = q
	go q.run(seen)
	return q
}

// disown lets nobody join the question about key any more, nor remember it.
func (c *Cache) disown(key Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if q := c.questions[key]; q != nil {
		q.forgotten.Store(true)
		delete(c.questions, key)
	}
}

// detach lets nobody join q any more.
func (c *Cache) detach(q *question) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.detachLocked(q)
}

func (c *Cache) detachLocked(q *question) {
	if c.questions[q.key] == q {
		delete(c.questions, q.key)
	}
}

// wait waits for the outcome, or for the end of ctx.
func (q *question) wait(ctx context.Context) (id2meta.Result, error) {
	select {
	case <-q.done:
		return q.take()
	case <-ctx.Done():
	}
	if last := q.leave(); last {
		timer := time.NewTimer(farewell)
		defer timer.Stop()
		select {
		case <-q.answered:
		case <-timer.C:
		}
	}
	select {
	case <-q.answered:
		if q.outcome.err == nil {
			return q.take()
		}
		return id2meta.Result{}, leftError(ctx, errors.Is(q.outcome.err, id2meta.ErrMaybeBilled))
	default:
		return id2meta.Result{}, leftError(ctx, q.asking.Load())
	}
}

// leave ends the question if nobody else waits.
func (q *question) leave() (last bool) {
	c := q.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	q.waiting--
	if q.waiting > 0 {
		return false
	}
	c.detachLocked(q)
	q.cancel()
	return true
}

// take returns the outcome to one caller, and counts it.
func (q *question) take() (id2meta.Result, error) {
	switch o := q.outcome; {
	case o.panicked != nil:
		panic(o.panicked) // as without the Cache
	case o.err != nil:
		return id2meta.Result{}, o.err
	case o.asked && q.counted.CompareAndSwap(false, true):
		q.cache.asked.Add(1)
	default:
		q.cache.shared.Add(1)
	}
	return q.outcome.result, nil
}

// leftError is the error of a caller whose ctx has ended.
func leftError(ctx context.Context, maybeBilled bool) error {
	if maybeBilled {
		return fmt.Errorf("verdictcache: waiting for the verdict: %w (%w)", ctx.Err(), id2meta.ErrMaybeBilled)
	}
	return fmt.Errorf("verdictcache: waiting for the verdict: %w", ctx.Err())
}
