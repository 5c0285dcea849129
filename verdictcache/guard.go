package verdictcache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/id2meta/id2meta"
)

// longestShare is the longest that a Verify waits for one step of the Store.
const longestShare = 3 * time.Second

// share is how long a Verify with ctx waits for one step of the Store: most of its
// time is the question's.
func share(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(longestShare, time.Until(deadline)/4)
	}
	return longestShare
}

// guard is a Store that may fail, hang or panic without harm. Each step ends when
// its ctx does or its patience is over, also if the Store's does not, and an error
// that is not for want of ctx is logged and counted.
type guard struct {
	Store
	direct   bool // it neither waits nor panics, and is called as it is
	logger   *slog.Logger
	failures atomic.Uint64
}

func (g *guard) load(ctx context.Context, key Key, patience time.Duration) (Entry, error) {
	if g.direct {
		return g.Store.Load(ctx, key)
	}
	return guarded(ctx, g, "load", patience, func(ctx context.Context) (Entry, error) {
		return g.Store.Load(ctx, key)
	})
}

func (g *guard) claim(ctx context.Context, key Key, claimer Claimer, lease, patience time.Duration) (bool, error) {
	return guarded(ctx, g, "claim", patience, func(ctx context.Context) (bool, error) {
		return g.Store.Claim(ctx, key, claimer, lease)
	})
}

func (g *guard) renew(ctx context.Context, key Key, claimer Claimer, lease, patience time.Duration) (bool, error) {
	return guarded(ctx, g, "renew", patience, func(ctx context.Context) (bool, error) {
		return g.Store.Renew(ctx, key, claimer, lease)
	})
}

func (g *guard) save(ctx context.Context, key Key, claimer Claimer, verdict id2meta.Result, lifetime, patience time.Duration) (bool, error) {
	return guarded(ctx, g, "save", patience, func(ctx context.Context) (bool, error) {
		return g.Store.Save(ctx, key, claimer, verdict, lifetime)
	})
}

func (g *guard) release(ctx context.Context, key Key, claimer Claimer, patience time.Duration) error {
	_, err := guarded(ctx, g, "release", patience, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, g.Store.Release(ctx, key, claimer)
	})
	return err
}

func (g *guard) delete(ctx context.Context, key Key, patience time.Duration) error {
	_, err := guarded(ctx, g, "delete", patience, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, g.Store.Delete(ctx, key)
	})
	return err
}

// guarded is a function because methods have no type parameters.
func guarded[T any](ctx context.Context, g *guard, step string, patience time.Duration, call func(context.Context) (T, error)) (T, error) {
	var value T
	var err error
	switch {
	case g.direct:
		value, err = call(ctx)
	case g.punctual():
		value, err = punctually(ctx, patience, call)
	default:
		value, err = abandonable(ctx, patience, call)
	}
	if err != nil && ctx.Err() == nil {
		g.failed(ctx, step, err)
	}
	return value, err
}

func (g *guard) failed(ctx context.Context, step string, err error) {
	g.failures.Add(1)
	g.logger.LogAttrs(ctx, slog.LevelWarn, "verdictcache: the store failed",
		slog.String("step", step), slog.String("reason", err.Error()))
}

// punctual reports whether the Store can be relied upon to end each step when its
// ctx does: see [Store].
func (g *guard) punctual() bool {
	switch s := g.Store.(type) {
	case *SQL:
		return s.punctual()
	case interface{ EndsWithContext() bool }:
		return s.EndsWithContext()
	}
	return false
}

// punctually calls a Store that can be relied upon. To hand the call to another
// goroutine and to get the answer back takes half as long as a round trip to Redis.
func punctually[T any](ctx context.Context, patience time.Duration, call func(context.Context) (T, error)) (value T, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			value, err = *new(T), fmt.Errorf("it panicked: %v", v)
		}
	}()
	return call(ctx)
}

var errGoexit = errors.New("it ended the goroutine that called it")

// abandonable calls the Store in a goroutine of its own, since not every driver
// ends in time when its ctx does. What comes too late is lost.
func abandonable[T any](ctx context.Context, patience time.Duration, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		o := outcome{err: errGoexit}
		defer func() {
			if v := recover(); v != nil {
				o.err = fmt.Errorf("it panicked: %v", v)
			}
			done <- o
		}()
		o.value, o.err = call(ctx)
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("it did not answer within %v: %w", patience, ctx.Err())
	}
}

// refusal is the error of WithRefuseWithoutStore.
func refusal(err error) error {
	return fmt.Errorf("verdictcache: the store failed, and nobody was asked without it: %w", plain(err))
}

// plain returns an error of the Store without a context's error in it, which would
// look as if the caller's own context had ended.
func plain(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return errors.New(err.Error())
	}
	return err
}
