package verdictcache

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"time"
)

const (
	maxStep  = 3 * time.Second        // the longest that a caller waits for one step
	slowStep = 500 * time.Millisecond // a healthy Store may be so slow, and even a caller in a hurry waits for it
)

// stepTimeout is how long a caller with ctx waits for one step of the Store: a quarter of the
// time that is left, so that most of it remains for the service.
func stepTimeout(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return maxStep
	}
	left := time.Until(deadline)
	return max(min(maxStep, left/4), min(slowStep, left*3/4))
}

// found is what the Store holds under a Key.
type found struct {
	raw   []byte // nil: nothing
	value        // zero if raw cannot be opened
}

// load is a step of the Store. A value that cannot be opened counts as none, and the
// next claim replaces it.
func (c *Cache) load(ctx context.Context, ring *keyring, key Key, timeout time.Duration) (f found, err error) {
	f.raw, err = c.loadRaw(ctx, key, timeout)
	if err != nil || f.raw == nil {
		return found{}, err
	}
	var ok bool
	if f.value, ok = ring.open(key, f.raw); !ok {
		c.rejected.Add(1)
		c.warn(ctx, "verdictcache: a value in the store cannot be opened, and counts as none: it was sealed under another hashKey, or changed")
	}
	if len(f.raw) == 0 || len(f.raw) > MaxValueSize { // no Store should return such a value, and none accepts it
		f.raw = nil
	}
	return f, nil
}

func (c *Cache) loadRaw(ctx context.Context, key Key, timeout time.Duration) (raw []byte, err error) {
	err = c.step(ctx, "Load", timeout, func(ctx context.Context) (err error) {
		raw, err = c.store.Load(ctx, key)
		return err
	})
	return raw, err
}

// swap is a step of the Store. After an error, the step may have been taken.
func (c *Cache) swap(ctx context.Context, key Key, old, new []byte, ttl, timeout time.Duration) (swapped bool, err error) {
	err = c.step(ctx, "CompareAndSwap", timeout, func(ctx context.Context) (err error) {
		swapped, err = c.store.CompareAndSwap(ctx, key, old, new, ttl)
		return err
	})
	return swapped && err == nil, err
}

// remove is a step of the Store.
func (c *Cache) remove(ctx context.Context, key Key, timeout time.Duration) error {
	return c.step(ctx, "Delete", timeout, func(ctx context.Context) error {
		return c.store.Delete(ctx, key)
	})
}

// step takes one step of the Store within timeout, unless ctx has ended, and turns a panic into
// an error. An error counts as a failure of the Store, unless ctx has ended meanwhile.
func (c *Cache) step(ctx context.Context, name string, timeout time.Duration, take func(context.Context) error) (err error) {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%s panicked: %v", name, v)
		}
		if err != nil && ctx.Err() == nil {
			c.storeFailed(ctx, name, err)
		}
	}()
	if _, local := c.store.(*Memory); local { // it never waits
		return take(ctx)
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err = take(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("%s did not answer within %v: %w", name, timeout, err)
	}
	return err
}

func (c *Cache) storeFailed(ctx context.Context, step string, err error) {
	c.storeFailures.Add(1)
	// Sprint, since it survives an Error method that panics.
	c.warn(ctx, "verdictcache: the store failed", slog.String("step", step), slog.String("reason", fmt.Sprint(err)))
}

// warn logs. A logger that panics loses the record, and must not end the process.
func (c *Cache) warn(ctx context.Context, message string, attrs ...slog.Attr) {
	defer func() { _ = recover() }()
	logger := c.logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.LogAttrs(ctx, slog.LevelWarn, message, attrs...)
}

// same reports whether the Store held the same value at both times.
func (f found) same(other found) bool {
	return (f.raw == nil) == (other.raw == nil) && bytes.Equal(f.raw, other.raw)
}
