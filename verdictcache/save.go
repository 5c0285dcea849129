package verdictcache

import (
	"bytes"
	"context"
	"time"
)

// saveOrRelease turns the claim into a verdict, or gives the claim up. It calls publish when
// the callers should not wait any longer.
func (f *flight) saveOrRelease(publish func()) {
	c, r, ctx := f.cache, f.result, context.WithoutCancel(f.ctx)
	if r.isVerdict() && !r.fromStore {
		if f.granted && f.save(ctx, publish) {
			if r.movedFrom != (Key{}) {
				c.remove(ctx, r.movedFrom, c.lease/5) // a failure is logged, and the verdict expires
			}
			return
		}
		c.warn(ctx, "verdictcache: a verdict is not remembered: the store failed, or the claim was gone")
	}
	if f.held != nil {
		f.replaceClaim(ctx, nil, 0)
	}
}

// save replaces the claim by the verdict, and reports whether it did. The verdict is paid for:
// while the Store fails, save tries again for a lease, and the callers do not wait for that.
//
// The Store keeps all verdicts equally long, so that whoever reads the Store cannot tell a
// match from a mismatch by the time when it expires. The sealed time decides.
func (f *flight) save(ctx context.Context, publish func()) (saved bool) {
	c, verdict := f.cache, f.result.verdict
	ttl := max(c.matchTTL, c.negativeTTL)
	ttl = max(min(ttl, ttl-c.now().Sub(verdict.Time)), time.Millisecond)
	sealed := c.rings[0].seal(f.key, value{verdict: verdict})
	start := time.Now()
	for pause := minPoll; ; pause = min(2*pause, time.Second) {
		saved, err := f.replaceClaim(ctx, sealed, ttl)
		if err == nil || time.Since(start) >= c.lease {
			return saved
		}
		publish()
		time.Sleep(pause)
	}
}

// replaceClaim replaces the claim by new, and reports whether it did. If the Store refuses or
// fails, it may have taken the step all the same. So replaceClaim looks which value is there:
// no two values have the same bytes. An error says that the Store failed, and false without an
// error that the claim was lost.
func (f *flight) replaceClaim(ctx context.Context, new []byte, ttl time.Duration) (replaced bool, err error) {
	c := f.cache
	replaced, err = c.swap(ctx, f.key, f.held, new, ttl, c.lease/5)
	if replaced {
		return true, nil
	}
	now, lookErr := c.load(ctx, c.rings[0], f.key, c.lease/5)
	switch {
	case lookErr != nil:
		return false, lookErr
	case bytes.Equal(now.raw, new):
		return true, nil
	case !bytes.Equal(now.raw, f.held):
		return false, nil
	}
	return false, err
}
