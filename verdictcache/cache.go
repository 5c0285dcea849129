package verdictcache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/ctxerr"
)

// Cache is an [id2meta.Verifier] that asks about each person once and remembers the
// verdict. [New] makes a Cache. It is safe for concurrent use, and needs no Close.
type Cache struct {
	settings
	next  id2meta.Verifier
	store Store
	rings []*keyring       // of the current hashKey, then of the previous ones
	now   func() time.Time // the machine's clock, which may jump

	mu      sync.Mutex
	flights map[Key]*flight // that callers may join

	asked, shared, remembered, storeFailures, rejected atomic.Uint64
}

// Stats counts since [New]. A Verify that returns a verdict counts in exactly one of
// Asked, Shared and Remembered.
type Stats struct {
	Asked         uint64 // this Verify called the Verifier behind the Cache
	Shared        uint64 // this Verify waited for the call of another Verify, in this process or in another
	Remembered    uint64 // the Store had the verdict
	StoreFailures uint64 // steps of the Store that failed, did not answer in time, or panicked
	Rejected      uint64 // values of the Store that could not be opened
}

// New returns a Cache that asks next, and remembers the verdicts in store. New itself calls
// neither of them.
//
// The hashKey is a secret of 32 random bytes or more (openssl rand -hex 32 prints one), the
// same in every process that uses the Store. The Keys in the Store, and the key that seals
// its values, are derived from the hashKey. Keep it with the access key, and not in the
// Store's database. New copies it.
//
// Use a different hashKey for each Alibaba Cloud account and each environment. Two Caches with
// the same Store and the same hashKey share their verdicts: a verdict of the simulator would
// count in production.
func New(next id2meta.Verifier, store Store, hashKey []byte, opts ...Option) (*Cache, error) {
	switch {
	case next == nil:
		return nil, errors.New("verdictcache: New: next, the Verifier to ask, is nil")
	case store == nil:
		return nil, errors.New("verdictcache: New: the Store is nil")
	}
	s := settings{
		matchTTL:    180 * 24 * time.Hour,
		negativeTTL: 24 * time.Hour,
		lease:       15 * time.Second,
		logger:      slog.New(slog.DiscardHandler),
	}
	for _, opt := range opts {
		if opt == nil {
			return nil, errors.New("verdictcache: New: an Option is nil")
		}
		if err := opt(&s); err != nil {
			return nil, fmt.Errorf("verdictcache: New: %w", err)
		}
	}
	var rings []*keyring
	for i, key := range append([][]byte{hashKey}, s.previousKeys...) {
		name := "hashKey"
		if i > 0 {
			name = fmt.Sprintf("WithPreviousHashKeys: key %d", i)
			if bytes.Equal(key, hashKey) {
				return nil, fmt.Errorf("verdictcache: New: %s is the current hashKey", name)
			}
		}
		ring, err := newKeyring(key)
		if err != nil {
			return nil, fmt.Errorf("verdictcache: New: %s: %w", name, err)
		}
		rings = append(rings, ring)
	}
	s.previousKeys = nil // no secret stays in a field
	return &Cache{settings: s, next: next, store: store, rings: rings, now: time.Now, flights: map[Key]*flight{}}, nil
}

// Verify returns the verdict on a person. It looks for a remembered verdict first. If
// another Verify is asking about the person already, in this process or in another, Verify
// waits for that verdict. Otherwise it calls the Verifier behind the Cache.
//
// For an invalid Param, Verify returns a *[id2meta.ParamError], and uses neither Store nor
// service. A Param of [id2meta.ParamTypeSM2] is invalid here: the same person encrypted twice
// gives two different texts.
//
// If the Verifier behind returns an error, all callers who wait get the same error, and
// nothing is remembered. If it panics, all callers panic.
//
// When ctx ends, Verify returns the error of ctx at once, joined with
// [id2meta.ErrMaybeBilled] if a request is on its way, or was not answered. When the last
// caller has left, a call of an [id2meta.Client] ends while it waits for its limiter, for
// credentials, or to try again. But a request that is on its way is paid for: that call goes
// on within the Client's timeout, and its verdict is remembered. A call of another Verifier
// always goes on. After five minutes, the Cache gives up any call.
//
// So the call has the values of its first caller's ctx, and not its deadline. Give the Client
// a timeout ([id2meta.WithTimeout]) that is not longer than your callers wait.
//
// A step of the Store may take a quarter of the time until the deadline of ctx, and at most
// 3 s. If a quarter is less than half a second, a step may take half a second, and at most
// three quarters of the time.
func (c *Cache) Verify(ctx context.Context, param id2meta.Param) (id2meta.Result, error) {
	normal, err := c.begin("Verify", ctx, param)
	if err != nil {
		return id2meta.Result{}, err
	}
	key := c.rings[0].key(normal)
	if f := c.join(key); f != nil {
		return f.wait(ctx)
	}
	seen, err := c.load(ctx, c.rings[0], key, share(ctx))
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return id2meta.Result{}, fmt.Errorf("verdictcache: waiting for the store: %w", ctx.Err())
	case c.failClosed:
		return id2meta.Result{}, failedClosed(err)
	}
	if c.fresh(seen.value) {
		c.remembered.Add(1)
		return seen.verdict, nil
	}
	return c.takeOff(ctx, key, param, seen, err != nil).wait(ctx)
}

// Forget removes the verdict on a person from the Store, under all hashKeys. The next Verify
// asks again. Callers who are waiting for a verdict at that moment, in this process or in
// another, still get it, but it is not remembered. A process that cannot reach the Store may
// return an earlier verdict for another lease. After an error, the Store may still remember the
// person. A step of the Store may take a third of a lease (see [WithLease]).
func (c *Cache) Forget(ctx context.Context, param id2meta.Param) error {
	normal, err := c.begin("Forget", ctx, param)
	if err != nil {
		return err
	}
	c.mu.Lock()
	delete(c.flights, c.rings[0].key(normal)) // nobody joins that flight any more
	c.mu.Unlock()
	// The current key comes last: whoever moves a verdict has a claim there before it
	// looks under the previous keys, and loses that claim now.
	for i := len(c.rings) - 1; i >= 0; i-- {
		err := c.remove(ctx, c.rings[i].key(normal), c.lease/3)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return fmt.Errorf("verdictcache: Forget: waiting for the store: %w", ctx.Err())
		default:
			return fmt.Errorf("verdictcache: Forget: the store failed, and may still remember: %w", ctxerr.Hide(err))
		}
	}
	return nil
}

// begin checks what Verify and Forget are given, and returns the person normalized.
func (c *Cache) begin(method string, ctx context.Context, param id2meta.Param) (id2meta.Param, error) {
	switch {
	case c == nil || c.next == nil:
		return id2meta.Param{}, fmt.Errorf("verdictcache: %s: the Cache was not made by New", method)
	case ctx == nil:
		return id2meta.Param{}, fmt.Errorf("verdictcache: %s: the context is nil", method)
	case param.ParamType == id2meta.ParamTypeSM2:
		return id2meta.Param{}, &id2meta.ParamError{Field: "ParamType", Problem: id2meta.ProblemParamType, Reason: reasonSM2}
	}
	param, err := param.Normalize()
	if err != nil {
		return id2meta.Param{}, err
	}
	if err := ctx.Err(); err != nil {
		return id2meta.Param{}, fmt.Errorf("verdictcache: %s: %w", method, err)
	}
	return param, nil
}

const reasonSM2 = "an encrypted person never looks the same twice and cannot be remembered; " +
	"encrypt behind the cache: verdictcache.New(sm2param.Verifier(client), …)"

// Stats returns the counts since New.
func (c *Cache) Stats() Stats {
	if c == nil {
		return Stats{}
	}
	return Stats{
		Asked:         c.asked.Load(),
		Shared:        c.shared.Load(),
		Remembered:    c.remembered.Load(),
		StoreFailures: c.storeFailures.Load(),
		Rejected:      c.rejected.Load(),
	}
}

// Format implements [fmt.Formatter]. Every verb writes the type's name: printing the
// fields would race with calls that are under way.
func (c *Cache) Format(f fmt.State, _ rune) { io.WriteString(f, "*verdictcache.Cache") }

// maxSkew is how far the clocks of two machines may differ. A verdict from the future that is
// within maxSkew counts as new. The service refuses machines whose clocks are wrong by more.
const maxSkew = 15 * time.Minute

// fresh reports whether v is a verdict that has not expired. If a verdict is from the future,
// one of two clocks is wrong, and nobody knows how old the verdict is: it counts as expired.
func (c *Cache) fresh(v value) bool {
	age := c.now().Sub(v.asked)
	return v.verdict.BizCode.Valid() && -maxSkew <= age && age < c.ttl(v.verdict)
}

// ttl is how long a verdict is remembered.
func (c *Cache) ttl(r id2meta.Result) time.Duration {
	if r.Match() {
		return c.matchTTL
	}
	return c.negativeTTL
}

// failedClosed is the error of WithFailClosed. Its remedy is to try later.
func failedClosed(err error) error {
	return fmt.Errorf("%w: verdictcache: the store failed, and the service is not asked without it: %w",
		id2meta.ErrUnavailable, ctxerr.Hide(err))
}
