package verdictcache

import (
	"bytes"
	"context"
	"log/slog"
	"time"
)

// conclude turns the claim into a verdict, or gives the claim up. It calls tell when the
// callers should not wait any longer.
func (f *flight) conclude(tell func()) {
	c, o, ctx := f.cache, f.outcome, context.WithoutCancel(f.ctx)
	if o.isVerdict() && !o.asked.IsZero() {
		if f.held != nil && !f.unsure && f.save(ctx, tell) {
			if o.movedFrom != (Key{}) {
				c.remove(ctx, o.movedFrom, c.lease/3) // a failure is logged, and the verdict expires
			}
			return
		}
		c.logger.LogAttrs(ctx, slog.LevelWarn, "verdictcache: a verdict is not remembered: the store failed, or the claim was gone")
	}
	if f.held != nil {
		f.exchange(ctx, nil, 0)
	}
}

// save replaces the claim by the verdict, and reports whether it did. The verdict is paid for:
// while the Store is away or cannot write, save tries for a lease to renew the claim, and then
// saves the verdict. A Store that renews the claim and still fails to save is not away.
func (f *flight) save(ctx context.Context, tell func()) bool {
	c, o := f.cache, f.outcome
	ttl := c.ttl(o.result)
	ttl = max(min(ttl, ttl-c.now().Sub(o.asked)), time.Millisecond)
	verdict := c.rings[0].seal(f.key, value{verdict: o.result, asked: o.asked})
	start := time.Now()
	saved, err := f.exchange(ctx, verdict, ttl)
	for pause := minPoll; err != nil && time.Since(start) < c.lease; pause = min(2*pause, time.Second) {
		if f.renew(ctx) {
			saved, _ = f.exchange(ctx, verdict, ttl)
			return saved
		}
		if f.held == nil { // the claim was lost, or the Store took the verdict and did not say so
			now, err := c.load(ctx, c.rings[0], f.key, c.lease/3)
			return err == nil && bytes.Equal(now.raw, verdict)
		}
		tell()
		time.Sleep(pause)
	}
	return saved
}

// exchange replaces the claim by new, and reports whether it did. If the Store refuses or
// fails, it may have taken this step, or an earlier one, all the same. So exchange looks which
// value is there: no two values have the same bytes. An error says that the Store failed. After
// exchange, held is nil if the claim was lost.
func (f *flight) exchange(ctx context.Context, new []byte, ttl time.Duration) (swapped bool, err error) {
	c := f.cache
	for range 2 {
		swapped, err = c.swap(ctx, f.key, f.held, new, ttl, c.lease/3)
		if swapped {
			return true, nil
		}
		if err != nil && ctx.Err() != nil {
			return false, err
		}
		now, lookErr := c.load(ctx, c.rings[0], f.key, c.lease/3)
		switch {
		case lookErr != nil:
			return false, lookErr
		case bytes.Equal(now.raw, new):
			return true, nil
		case now.claim.owner != f.owner:
			f.held = nil
			return false, nil
		}
		f.held = now.raw
	}
	return false, err
}
