package verdictcache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/id2meta/id2meta"
)

// Cache asks about each person once and remembers the verdict. It is an
// id2meta.Verifier, made by [New], and safe for concurrent use. There is nothing
// to close: questions end with their callers.
type Cache struct {
	settings
	next  id2meta.Verifier
	store *guard
	key   func(id2meta.Param) Key // of a normalized Param

	mu        sync.Mutex
	questions map[Key]*question // that a caller may join

	asked, remembered, shared atomic.Uint64
}

// Stats counts since [New]. A Verify that gives a verdict counts in exactly one of
// the first three.
type Stats struct {
	Asked         uint64 // this Cache put the question to the Verifier behind it
	Shared        uint64 // it waited for another caller's, in this process or another
	Remembered    uint64 // the verdict was there when it came
	StoreFailures uint64 // steps of the Store that failed, hung or panicked
}

// New returns a Cache in front of next that remembers in store. It uses neither.
//
// The hashKey makes the keys of the people in the Store. It is 32 random bytes or
// more (openssl rand -hex 32 prints such), secret, and the same in every process
// that uses the Store: keep it where the access key is, and not in the Store's
// database. It is copied.
func New(next id2meta.Verifier, store Store, hashKey []byte, opts ...Option) (*Cache, error) {
	switch {
	case isNil(next):
		return nil, errors.New("verdictcache: New: next, the Verifier to ask, is nil")
	case isNil(store):
		return nil, errors.New("verdictcache: New: the Store is nil")
	case len(hashKey) < minHashKey:
		return nil, fmt.Errorf("verdictcache: New: the hashKey has %d bytes, and needs %d or more", len(hashKey), minHashKey)
	}
	if s, ok := store.(interface{ misuse() error }); ok {
		if err := s.misuse(); err != nil {
			return nil, err
		}
	}
	s, err := newSettings(opts)
	if err != nil {
		return nil, err
	}
	return &Cache{
		settings:  s,
		next:      next,
		store:     newGuard(store, s.logger),
		key:       newKeyer(hashKey),
		questions: map[Key]*question{},
	}, nil
}

// Verify returns the verdict on a person: the remembered one, or that of a
// question that is being asked, here or in another process, or else that of the
// Verifier behind.
//
// An invalid Param is a *[id2meta.ParamError] and costs nothing. So is one of
// [id2meta.ParamTypeSM2], which never looks the same twice: encrypt behind the
// Cache, on the way to the service.
//
// An error of the Verifier behind is returned as it is, to all who wait, and is
// never remembered; so is a panic. What is neither one of the three verdicts nor
// an error is an [id2meta.ErrUnexpectedResponse]. A caller whose ctx ends gets the
// error of its ctx, unless the verdict comes at that moment; the question goes on
// as long as anybody waits for it.
//
// The ctx of a question has the values of the first caller's and no deadline. So
// give an [id2meta.Client] behind a Cache a timeout ([id2meta.WithTimeout]) that is
// not longer than your callers wait: it plans its attempts by that.
//
// A Store that hangs is given up after a quarter of the time that ctx leaves, at
// most 3 s (after up to three quarters where that is less than half a second, so that
// a slow Store is not taken for one that hangs), at each of three points: to look, to claim, and to wait until a verdict
// is saved. At the latter two it is the time of the question's first caller.
func (c *Cache) Verify(ctx context.Context, param id2meta.Param) (id2meta.Result, error) {
	key, err := c.begin("Verify", ctx, param)
	if err != nil {
		return id2meta.Result{}, err
	}
	if q := c.join(key); q != nil {
		return q.wait(ctx)
	}
	entry, err := c.store.load(ctx, key, share(ctx))
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return id2meta.Result{}, fmt.Errorf("verdictcache: waiting for the store: %w", ctx.Err())
	case c.refuse:
		return id2meta.Result{}, refusal(err)
	}
	if c.isVerdict(ctx, entry) {
		c.remembered.Add(1)
		return entry.Verdict, nil
	}
	return c.ask(ctx, key, param, entry, err != nil).wait(ctx)
}

// Forget makes the Store forget a person's verdict: the next Verify asks. A
// question that is being asked meanwhile, here or in another process, is answered
// to those who wait for it, and not remembered. The Store is given up when ctx
// ends, and after a lease.
func (c *Cache) Forget(ctx context.Context, param id2meta.Param) error {
	key, err := c.begin("Forget", ctx, param)
	if err != nil {
		return err
	}
	c.disown(key)
	err = c.store.delete(ctx, key, c.lease)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("verdictcache: waiting for the store: %w", ctx.Err())
	}
	return fmt.Errorf("verdictcache: Forget: the store failed, and may remember: %w", plain(err))
}

// begin is what Verify and Forget begin with: the Key of whom they are about.
func (c *Cache) begin(method string, ctx context.Context, param id2meta.Param) (Key, error) {
	switch {
	case c == nil || c.next == nil:
		return Key{}, fmt.Errorf("verdictcache: %s: the Cache was not made by New", method)
	case ctx == nil:
		return Key{}, fmt.Errorf("verdictcache: %s: the context is nil", method)
	case param.ParamType == id2meta.ParamTypeSM2:
		return Key{}, &id2meta.ParamError{Field: "ParamType", Reason: reasonSM2}
	}
	normal, err := param.Normalize()
	if err != nil {
		return Key{}, err
	}
	if err := ctx.Err(); err != nil {
		return Key{}, fmt.Errorf("verdictcache: %s: %w", method, err)
	}
	return c.key(normal), nil
}

const reasonSM2 = "an encrypted person never looks the same twice and cannot be remembered; " +
	"encrypt behind the cache: verdictcache.New(sm2param.Verifier(client), …)"

// Stats returns the counts since New.
func (c *Cache) Stats() Stats {
	if c == nil || c.store == nil {
		return Stats{}
	}
	return Stats{
		Asked:         c.asked.Load(),
		Shared:        c.shared.Load(),
		Remembered:    c.remembered.Load(),
		StoreFailures: c.store.failures.Load(),
	}
}

// Format implements [fmt.Formatter]. Every verb writes the type's name: printing
// the fields would race with calls under way.
func (c *Cache) Format(f fmt.State, _ rune) { io.WriteString(f, "*verdictcache.Cache") }

// isVerdict reports whether entry holds one of the three verdicts. What else
// stands there counts as nothing, and somebody should know.
func (c *Cache) isVerdict(ctx context.Context, entry Entry) bool {
	if isVerdict(entry.Verdict) {
		return true
	}
	if isOdd(entry) {
		c.logger.LogAttrs(ctx, slog.LevelWarn, "verdictcache: the store holds a verdict that is none of the three; it is ignored")
	}
	return false
}

func isVerdict(r id2meta.Result) bool {
	switch r.BizCode {
	case id2meta.BizCodeMatch, id2meta.BizCodeMismatch, id2meta.BizCodeNoRecord:
		return true
	}
	return false
}

func isOdd(entry Entry) bool {
	return entry.Verdict != id2meta.Result{} && !isVerdict(entry.Verdict)
}

// lifetime is for how long a verdict is remembered.
func (c *Cache) lifetime(r id2meta.Result) time.Duration {
	if r.Match() {
		return c.matchLifetime
	}
	return c.refusalLifetime
}

// isNil also finds the nil pointer, function or map in an interface, which ==
// does not.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	switch value := reflect.ValueOf(v); value.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Map:
		return value.IsNil()
	}
	return false
}
