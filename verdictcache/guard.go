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

// healthy is what a step of a healthy Store may take on a bad day. A caller in a
// hurry waits for it longer than for one that hangs: otherwise a remembered person
// would be asked about again.
const healthy = 500 * time.Millisecond

// share is how long a Verify with ctx waits for one step of the Store: most of its
// time is the question's.
func share(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return longestShare
	}
	left := time.Until(deadline)
	return max(min(longestShare, left/4), min(healthy, left*3/4))
}

// guard is a Store that may fail, hang or panic without harm. Each step ends when
// its ctx does or its patience is over, also if the Store's does not, and an error
// that is not for want of ctx is logged and counted.
type guard struct {
	Store
	direct   bool // no step waits or panics: all are called as they are
	prompt   bool // Load ends when its ctx does
	logger   *slog.Logger
	failures atomic.Uint64
}

func newGuard(store Store, logger *slog.Logger) *guard {
	g := &guard{Store: store, logger: logger}
	_, g.direct = store.(*memory)
	if s, ok := store.(*SQL); ok {
		g.prompt = s.endsWithContext()
	}
	if s, ok := store.(interface{ EndsWithContext() bool }); ok {
		g.prompt = s.EndsWithContext()
	}
	return g
}

func (g *guard) load(ctx context.Context, key Key, patience time.Duration) (Entry, error) {
	switch {
	case g.direct:
		return g.Store.Load(ctx, key)
	case g.prompt:
		entry, err := g.loadHere(ctx, key, patience)
		if err != nil && ctx.Err() == nil {
			g.failed(ctx, "load", err)
		}
		return entry, err
	}
	return guarded(ctx, g, "load", patience, func(ctx context.Context) (Entry, error) {
		return g.Store.Load(ctx, key)
	})
}

// loadHere is abandonable without the goroutine, which may cost as much as a round
// trip to a database nearby. A query is what drivers give up in time.
func (g *guard) loadHere(ctx context.Context, key Key, patience time.Duration) (entry Entry, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			entry, err = Entry{}, fmt.Errorf("it panicked: %v", v)
		}
	}()
	return g.Store.Load(ctx, key)
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
	if g.direct {
		value, err = call(ctx)
	} else {
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
