package verdictcache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/ctxerr"
)

// Cache is an [id2meta.Verifier] that asks about each person once and remembers the
// verdict. [New] makes a Cache. It is safe for concurrent use, and needs no Close: call
// [Cache.Check] when the process starts, and [Cache.Wait] before it ends.
type Cache struct {
	settings
	next  id2meta.Verifier
	store Store
	rings []*keyring       // of the current hashKey, then of the previous ones
	now   func() time.Time // the machine's clock, which may jump

	mu      sync.Mutex
	flights map[Key]*flight // that callers may join
	running int             // flights that have not ended, even if nobody may join them
	idle    chan struct{}   // closed when running becomes 0

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
// The hashKey is a secret of 32 random bytes or more, the same in every process that uses the
// Store. [ParseHashKey] reads the text that openssl rand -hex 32 prints. The Keys in the Store,
// and the key that seals its values, are derived from the hashKey. Keep it with the access key,
// and not in the Store's database. New copies it.
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
	s := settings{matchTTL: 180 * 24 * time.Hour, negativeTTL: 24 * time.Hour}
	for _, opt := range opts {
		if opt == nil {
			return nil, errors.New("verdictcache: New: an Option is nil")
		}
		if err := opt(&s); err != nil {
			return nil, fmt.Errorf("verdictcache: New: %w", err)
		}
	}
	if err := s.setLease(next); err != nil {
		return nil, fmt.Errorf("verdictcache: New: %w", err)
	}
	current, err := newKeyring(hashKey)
	if err != nil {
		return nil, fmt.Errorf("verdictcache: New: hashKey: %w", err)
	}
	for i, previous := range s.previous {
		if bytes.Equal(previous.fingerprint, current.fingerprint) {
			return nil, fmt.Errorf("verdictcache: New: WithPreviousHashKeys: key %d is the current hashKey", i+1)
		}
	}
	rings := append([]*keyring{current}, s.previous...)
	return &Cache{settings: s, next: next, store: store, rings: rings, now: time.Now, flights: map[Key]*flight{}}, nil
}

// Verify returns the verdict on a person. It looks for a remembered verdict first. If
// another Verify is asking about the person already, in this process or in another, Verify
// waits for that verdict. Otherwise it calls the Verifier behind the Cache. Result.Time says
// how old a remembered verdict is.
//
// For an invalid Param, Verify returns a *[id2meta.ParamError], and uses neither Store nor
// service. A Param of [id2meta.ParamTypeSM2] is invalid here: the same person encrypted twice
// gives two different texts.
//
// If the Verifier behind returns an error, all callers in this process who wait get the same
// error, and nothing is remembered. If it panics, all these callers panic.
//
// When ctx ends, Verify returns the error of ctx at once. The error is joined with
// [id2meta.ErrMaybeBilled] if this process has a request on its way, or has sent a request that
// was not answered. A request of another process does not count. When the last caller has left,
// a call of an [id2meta.Client] ends while it waits for its limiter, for credentials, or to try
// again. But a request that is on its way is paid for: that call goes on, and its verdict is
// remembered. A Verifier of your own that passes its ctx on to a Client stops when the Client
// stops. Any other Verifier always goes on.
//
// So the call has the values of its first caller's ctx, and not its deadline. It has a deadline
// of its own, shortly before the end of the lease (see [WithLease]). Give the Client a timeout
// ([id2meta.WithTimeout]) that is not longer than your callers wait.
//
// A step of the Store may take a quarter of the time until the deadline of ctx, and at most
// 3 s. If a quarter is less than half a second, a step may take half a second, and at most
// three quarters of the time.
func (c *Cache) Verify(ctx context.Context, param id2meta.Param) (id2meta.Result, error) {
	if err := c.checkCall(ctx, "Verify"); err != nil {
		return id2meta.Result{}, err
	}
	normal, err := normalize(param)
	if err != nil {
		return id2meta.Result{}, err
	}
	key := c.rings[0].key(normal)
	if f := c.join(key); f != nil {
		return f.wait(ctx)
	}
	seen, err := c.load(ctx, c.rings[0], key, stepTimeout(ctx))
	if err != nil && (c.failClosed || ctx.Err() != nil) {
		return id2meta.Result{}, storeError(ctx, failedClosed, err)
	}
	if c.fresh(seen.verdict) {
		c.remembered.Add(1)
		return seen.verdict, nil
	}
	return c.joinOrStart(ctx, key, param, seen, err != nil).wait(ctx)
}

// Keys returns the Keys of a person in the Store: under the current hashKey, then under the
// previous ones. Keep them beside your user, and [Cache.ForgetKeys] removes the verdict later
// without the person at hand. After a rotation of the hashKey a person has another Key, so keep
// the Keys again whenever you verify the person. Keys uses neither Store nor service.
func (c *Cache) Keys(param id2meta.Param) ([]Key, error) {
	if err := c.checkCall(context.Background(), "Keys"); err != nil {
		return nil, err
	}
	normal, err := normalize(param)
	if err != nil {
		return nil, err
	}
	keys := make([]Key, len(c.rings))
	for i, ring := range c.rings {
		keys[i] = ring.key(normal)
	}
	return keys, nil
}

// Forget removes the verdict on a person from the Store, under all hashKeys. The next Verify
// asks again. Callers who are waiting for a verdict at that moment, in this process or in
// another, still get it, but it is not remembered. A process that cannot reach the Store may
// return an earlier verdict for another lease. After an error, the Store may still remember the
// person. A step of the Store may take as long as for [Cache.Verify].
func (c *Cache) Forget(ctx context.Context, param id2meta.Param) error {
	keys, err := c.Keys(param)
	if err != nil {
		return err
	}
	return c.ForgetKeys(ctx, keys...)
}

// ForgetKeys removes the verdicts under these Keys from the Store, as [Cache.Forget] does. A
// Key that has no verdict is no error. ForgetKeys takes one step of the Store for each Key, and
// ends with the first error: then call it again with the same Keys.
func (c *Cache) ForgetKeys(ctx context.Context, keys ...Key) error {
	if err := c.checkCall(ctx, "ForgetKeys"); err != nil {
		return err
	}
	c.mu.Lock()
	for _, key := range keys {
		delete(c.flights, key) // nobody joins that flight any more
	}
	c.mu.Unlock()
	// The current Key of a person comes last: whoever moves a verdict has a claim there before
	// it looks under the previous hashKeys, and loses that claim now.
	for i := len(keys) - 1; i >= 0; i-- {
		if err := c.remove(ctx, keys[i], stepTimeout(ctx)); err != nil {
			return storeError(ctx, "ForgetKeys: the store failed, and may still remember", err)
		}
	}
	return nil
}

// Wait waits until no request is on its way and every verdict is saved, as
// http.Server.Shutdown does for requests. Call it when nobody calls Verify any more and before
// the Store is closed: a caller may have left, but its verdict is paid for. A call takes at most
// a lease, and while the Store is away, Wait may take another lease. When ctx ends, Wait returns
// the error of ctx.
func (c *Cache) Wait(ctx context.Context) error {
	if err := c.checkCall(ctx, "Wait"); err != nil {
		return err
	}
	for {
		c.mu.Lock()
		running, idle := c.running, c.idle
		c.mu.Unlock()
		if running == 0 {
			return nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return fmt.Errorf("verdictcache: Wait: %d calls have not ended: %w", running, ctx.Err())
		}
	}
}

// checkCall returns an error if a method was called on a Cache that New did not make, or
// without a context.
func (c *Cache) checkCall(ctx context.Context, method string) error {
	switch {
	case c == nil || c.next == nil:
		return fmt.Errorf("verdictcache: %s: the Cache was not made by New", method)
	case ctx == nil:
		return fmt.Errorf("verdictcache: %s: the context is nil", method)
	}
	return nil
}

// normalize returns the person of which the Keys are made.
func normalize(param id2meta.Param) (id2meta.Param, error) {
	if param.ParamType == id2meta.ParamTypeSM2 {
		return id2meta.Param{}, &id2meta.ParamError{Field: "ParamType", Problem: id2meta.ProblemParamType, Reason: reasonSM2}
	}
	return param.Normalize()
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

// fresh reports whether r is a verdict that has not expired. If a verdict is from the future,
// one of two clocks is wrong, and nobody knows how old the verdict is: it counts as expired.
func (c *Cache) fresh(r id2meta.Result) bool {
	ttl := c.negativeTTL
	if r.Match() {
		ttl = c.matchTTL
	}
	age := c.now().Sub(r.Time)
	return r.BizCode.Valid() && -maxSkew <= age && age < ttl
}

// storeError is the error of a method that failed with err of the Store. Its remedy is to try
// later. If ctx has ended, the Store is not to blame.
func storeError(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("verdictcache: waiting for the store: %w", ctx.Err())
	}
	return fmt.Errorf("%w: verdictcache: %s: %w", id2meta.ErrUnavailable, what, ctxerr.Hide(err))
}

// failedClosed is what has happened with WithFailClosed.
const failedClosed = "the store failed, and the service is not asked without it"
