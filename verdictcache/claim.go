package verdictcache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/id2meta/id2meta"
)

// How a flight waits while another process asks.
const (
	minPoll = 20 * time.Millisecond
	maxPoll = 400 * time.Millisecond // and up to a quarter more
)

// storedLeases is how many leases a claim lives in the Store. Whoever waits may replace it
// after one lease. If nobody waits, it stays until a verdict can be saved after an outage.
const storedLeases = 3

// maxWait is how many leases a flight waits for the claims of other processes.
const maxWait = 10

// maxRefusals is how often in a row a Store may refuse a claim and show no other value. That is
// normal once or twice: another process may have come and gone in between.
const maxRefusals = 10

var (
	errGoexit   = fmt.Errorf("verdictcache: the Verifier behind the cache has ended its goroutine without an answer (%w)", id2meta.ErrMaybeBilled)
	errTooLate  = fmt.Errorf("verdictcache: the Verifier behind the cache has not answered within the lease (%w)", id2meta.ErrMaybeBilled)
	errNotAsked = fmt.Errorf("%w: verdictcache: this process stood still until its lease had ended; the service was not asked", id2meta.ErrUnavailable)
	errNoResult = fmt.Errorf("%w: the Verifier behind the cache gave neither a verdict nor an error (%w)",
		id2meta.ErrUnexpectedResponse, id2meta.ErrMaybeBilled)
	errNoClaim = errors.New("no claim was granted, although no other process can still be asking")
)

// find asks the service if this flight gets the claim, and otherwise waits for what
// another process finds.
func (f *flight) find(seen found) callResult {
	c := f.cache
	start := time.Now()
	looked, changed := start, start // when the last look began, and when seen was first seen
	refusals, pause := 0, minPoll
	var random [1]byte
	for {
		switch {
		case c.fresh(seen.verdict):
			return callResult{verdict: seen.verdict, fromStore: true}
		case time.Since(start) > maxWait*c.lease || refusals == maxRefusals:
			c.storeFailed(f.ctx, "CompareAndSwap", errNoClaim)
			return f.withoutStore(errNoClaim)
		case seen.owner != [16]byte{} && looked.Sub(changed) < c.lease:
			// Another process asks.
		default:
			// There is no value, or no usable value, or the claim of a dead owner.
			now, err := f.claim(seen)
			switch {
			case f.granted:
				return f.checkPreviousKeys()
			case err != nil:
				return f.withoutStore(err)
			case !now.same(seen): // another process was faster
				seen, looked, changed, refusals = now, time.Now(), time.Now(), 0
				continue
			}
			refusals++
		}
		// The jitter keeps those who wait for the same thing from looking at once.
		rand.Read(random[:]) // never fails
		select {
		case <-time.After(pause + pause/4*time.Duration(random[0])/256):
		case <-f.ctx.Done():
			return callResult{err: f.ctx.Err()}
		}
		pause = min(pause*3/2, maxPoll)
		looked = time.Now()
		now, err := c.load(f.ctx, c.rings[0], f.key, f.step)
		if err != nil {
			return f.withoutStore(err)
		}
		if !now.same(seen) {
			changed, refusals = time.Now(), 0
		}
		seen = now
	}
}

// claim tries to replace seen by a claim of this flight, and sets f.granted. The Store may have
// taken the step although it says no, or fails. So claim then looks which value is there, and an
// error means that this is not certain: if a claim came into the Store after Forget, a verdict
// from before Forget would be remembered. Each attempt has an owner of its own, so that a claim
// that comes late counts as the claim of another flight.
func (f *flight) claim(seen found) (now found, err error) {
	c := f.cache
	rand.Read(f.owner[:])
	f.held = c.rings[0].seal(f.key, value{owner: f.owner})
	f.claimed = time.Now()
	f.granted, err = c.swap(f.ctx, f.key, seen.raw, f.held, storedLeases*c.lease, f.step)
	if f.granted {
		return found{}, nil
	}
	now, lookErr := c.load(f.ctx, c.rings[0], f.key, f.step)
	switch {
	case lookErr != nil:
		return seen, lookErr
	case now.owner == f.owner:
		f.granted = true
	case err == nil:
		f.held = nil
	case now.value != (value{}) && !now.same(seen): // another process was faster
		err = nil
	}
	return now, err
}

// withoutStore asks the service although the Store has failed, except with WithFailClosed.
func (f *flight) withoutStore(err error) callResult {
	if f.cache.failClosed {
		return callResult{err: storeError(f.ctx, failedClosed, err)}
	}
	return f.ask()
}

// checkPreviousKeys asks the service, unless the Store has a verdict under a previous hashKey.
func (f *flight) checkPreviousKeys() callResult {
	c := f.cache
	normal, _ := f.param.Normalize() // Verify has done so without an error
	for _, ring := range c.rings[1:] {
		key := ring.key(normal)
		seen, err := c.load(f.ctx, ring, key, f.step)
		if err != nil {
			return f.withoutStore(err)
		}
		if c.fresh(seen.verdict) {
			return callResult{verdict: seen.verdict, movedFrom: key}
		}
	}
	return f.ask()
}

// ask asks the service within the lease: after that, another process may ask.
func (f *flight) ask() callResult {
	if !f.granted {
		f.claimed = time.Now() // there is no claim, and the call is as short as with one
	}
	lease := f.cache.lease
	ctx, cancel := context.WithDeadline(f.ctx, f.claimed.Add(lease-lease/10))
	defer cancel()
	if f.ctx.Err() == nil && ctx.Err() != nil {
		return callResult{err: errNotAsked}
	}
	if !f.startAsking() {
		return callResult{err: f.ctx.Err()}
	}
	answer := make(chan callResult, 1)
	go func() {
		r := callResult{err: errGoexit}
		defer func() { answer <- r }()
		r = f.callNext(ctx)
	}()
	select {
	case r := <-answer:
		return r
	case <-time.After(time.Until(f.claimed.Add(lease))): // it does not end with its ctx
		return callResult{err: errTooLate}
	}
}

// callNext asks the Verifier behind.
func (f *flight) callNext(ctx context.Context) (r callResult) {
	defer func() {
		if v := recover(); v != nil {
			// The callers panic with v, but on their own stacks.
			f.cache.warn(ctx, "verdictcache: the Verifier behind the cache panicked", slog.String("stack", string(debug.Stack())))
			r = callResult{panicked: v}
		}
	}()
	verdict, err := f.cache.next.Verify(ctx, f.param)
	switch {
	case err != nil:
		return callResult{err: err}
	case !verdict.BizCode.Valid():
		return callResult{err: errNoResult}
	}
	// A Verifier that is no Client may not set Time, or set it by another clock.
	now := f.cache.now().UTC().Round(0)
	if verdict.Time.IsZero() || verdict.Time.After(now) {
		verdict.Time = now
	}
	verdict.Time = verdict.Time.UTC().Round(0) // as it will be remembered
	return callResult{verdict: verdict}
}
