package verdictcache

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/id2meta/id2meta"
)

// How a flight waits while another process asks.
const (
	minPoll = 20 * time.Millisecond
	maxPoll = 400 * time.Millisecond // and up to a quarter more
)

// maxCall is the longest that a call of the Verifier behind may take. No claim is renewed for
// longer.
const maxCall = 5 * time.Minute

// maxRefusals is how often in a row a Store may refuse a claim although it shows no reason.
// That is normal once or twice: another process may have come and gone in between.
const maxRefusals = 10

var (
	errGoexit  = fmt.Errorf("verdictcache: the Verifier behind the cache has ended its goroutine without an answer (%w)", id2meta.ErrMaybeBilled)
	errTooLate = fmt.Errorf("verdictcache: the Verifier behind the cache has not answered within %v (%w)",
		maxCall, id2meta.ErrMaybeBilled)
	errNoVerdict = fmt.Errorf("%w: the Verifier behind the cache gave neither a verdict nor an error (%w)",
		id2meta.ErrUnexpectedResponse, id2meta.ErrMaybeBilled)
	errNoClaim = errors.New("no claim was granted, although no other process can still be asking")
)

// find asks the service if this flight gets the claim, and otherwise waits for what
// another process finds.
func (f *flight) find(seen found) outcome {
	c := f.cache
	start := time.Now()
	looked, changed := start, start // when the last look began, and when seen was first seen
	refusals := 0
	pause := minPoll
	random := rand.New(rand.NewPCG(binary.BigEndian.Uint64(f.owner[:8]), binary.BigEndian.Uint64(f.owner[8:])))
	for {
		switch {
		case c.fresh(seen.value):
			return outcome{result: seen.verdict}
		case seen.claim.owner == f.owner:
			f.held = seen.raw // the Store took the step and did not say so
			return f.lookBackAndAsk()
		case seen.claim != (claim{}) && looked.Sub(changed) < c.lease:
			refusals = 0
		default:
			// There is no value, or no usable value, or the claim of a dead owner.
			granted, now, err := f.claim(seen)
			if err != nil {
				return f.withoutStore(err)
			}
			if granted {
				return f.lookBackAndAsk()
			}
			refusals++
			if !now.same(seen) { // the Store failed, and another process was faster
				seen, changed, refusals = now, time.Now(), 0
			}
			if c.fresh(seen.value) {
				continue
			}
		}
		switch {
		case refusals == maxRefusals || time.Since(start) > maxCall+2*c.lease:
			c.storeFailed(f.ctx, "CompareAndSwap", errNoClaim)
			return f.withoutStore(errNoClaim)
		case refusals != 1: // after the first refusal there is probably a verdict
			// The jitter keeps those who wait for the same thing from looking at once.
			select {
			case <-time.After(pause + time.Duration(random.Int64N(int64(pause/4)))):
			case <-f.ctx.Done():
				return outcome{err: f.ctx.Err()}
			}
			pause = min(pause*3/2, maxPoll)
		}
		looked = time.Now()
		now, err := c.load(f.ctx, c.rings[0], f.key, f.share)
		if err != nil {
			return f.withoutStore(err)
		}
		if !now.same(seen) {
			changed = time.Now()
		}
		seen = now
	}
}

// claim tries to replace seen by this flight's claim. If the Store fails, it may have taken
// the step, so claim looks what is there now. Before the service is asked, claim has to be
// certain: if a claim came into the Store after Forget, a verdict from before Forget would be
// remembered. So each attempt has an owner of its own, and a claim that comes late counts as
// another flight's.
func (f *flight) claim(seen found) (granted bool, now found, err error) {
	c := f.cache
	f.owner[0]++
	f.held = f.nextClaim()
	granted, err = c.swap(f.ctx, f.key, seen.raw, f.held, c.lease, f.share)
	now = seen
	if err != nil && f.ctx.Err() == nil {
		looked, lookErr := c.load(f.ctx, c.rings[0], f.key, f.share)
		granted = lookErr == nil && looked.claim.owner == f.owner
		if lookErr == nil && looked.value != (value{}) && !looked.same(seen) {
			now, err = looked, nil
		}
	}
	switch {
	case granted:
		return true, now, nil
	case err == nil:
		f.held = nil
	}
	f.unsure = err != nil
	return false, now, err
}

func (f *flight) nextClaim() []byte {
	f.count++
	return f.cache.rings[0].seal(f.key, value{claim: claim{owner: f.owner, count: f.count}})
}

// withoutStore asks the service although the Store has failed, except with WithFailClosed.
func (f *flight) withoutStore(err error) outcome {
	switch {
	case f.ctx.Err() != nil:
		return outcome{err: f.ctx.Err()}
	case f.cache.failClosed:
		return outcome{err: failedClosed(err)}
	}
	return f.ask()
}

// lookBackAndAsk asks the service, unless the Store has a verdict under a previous hashKey.
func (f *flight) lookBackAndAsk() outcome {
	c := f.cache
	normal, _ := f.param.Normalize() // Verify has done so without an error
	for _, ring := range c.rings[1:] {
		key := ring.key(normal)
		seen, err := c.load(f.ctx, ring, key, f.share)
		if err != nil {
			return f.withoutStore(err)
		}
		if c.fresh(seen.value) {
			return outcome{result: seen.verdict, asked: seen.asked, movedFrom: key}
		}
	}
	return f.ask()
}

// ask asks the service, and renews the claim meanwhile. It goes on renewing when all callers
// have left: as long as this process asks, no other process should.
func (f *flight) ask() outcome {
	if !f.startAsking() {
		return outcome{err: f.ctx.Err()}
	}
	answer := make(chan outcome, 1)
	asking, answered := context.WithTimeout(context.WithoutCancel(f.ctx), maxCall)
	go func() {
		defer answered() // a renewal must not delay the answer
		o := outcome{err: errGoexit}
		defer func() { answer <- o }()
		o = f.callNext()
	}()
	renewal := time.NewTicker(f.cache.lease / 3)
	defer renewal.Stop()
	for {
		select {
		case <-renewal.C:
			if asking.Err() == nil {
				f.renew(asking)
			}
		case <-asking.Done():
			select {
			case o := <-answer:
				return o
			default:
				f.cancel()
				return outcome{err: errTooLate}
			}
		}
	}
}

// renew reports whether the claim is in the Store for another lease.
func (f *flight) renew(ctx context.Context) bool {
	if f.held == nil {
		return false // the claim was lost, and another process may be asking, too
	}
	next := f.nextClaim()
	renewed, _ := f.exchange(ctx, next, f.cache.lease)
	if renewed {
		f.held = next
	}
	return renewed
}

// callNext asks the Verifier behind.
func (f *flight) callNext() (o outcome) {
	defer func() {
		if v := recover(); v != nil {
			// The callers panic with v, but on their own stacks.
			f.cache.logger.LogAttrs(f.ctx, slog.LevelWarn, "verdictcache: the Verifier behind the cache panicked",
				slog.String("stack", string(debug.Stack())))
			o = outcome{panicked: v}
		}
	}()
	asked := f.cache.now()
	result, err := f.cache.next.Verify(f.ctx, f.param)
	switch {
	case err != nil:
		return outcome{err: err}
	case !result.BizCode.Valid():
		return outcome{err: errNoVerdict}
	}
	return outcome{result: result, asked: asked}
}
