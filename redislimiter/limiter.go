package redislimiter

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"golang.org/x/time/rate"
)

const (
	// askTimeout is how long Redis may take to answer, connecting included.
	askTimeout = 250 * time.Millisecond
	// leaveAlone is how long a Redis that failed is not asked again. Without
	// it, one that hangs would cost every caller an askTimeout, in turn.
	leaveAlone = time.Second
)

var (
	errRedisDown = errors.New("redislimiter: cannot ask Redis for the shared limit")
	errNoRoom    = errors.New("redislimiter: the shared limit has no room before the deadline")
)

// Limiter is an id2meta.Limiter that all processes with the same Redis and the same
// key share. It is made by [New], and safe for concurrent use. There is nothing to
// close but the client.
type Limiter struct {
	settings
	misuse error // of New, which cannot return one
	redis  *redis_rate.Limiter
	key    string
	alone  *rate.Limiter // this process's own limit, if Redis is down and open is set

	waiting atomic.Int64
	// turn holds one token while a caller asks Redis or waits for the time it
	// was told. The others queue here, in order, so that Redis is asked by one
	// caller a process, however many there are. The fields below belong to it.
	turn   chan struct{}
	failed error     // of the last question; nil: Redis answered
	askAt  time.Time // not before this, if failed
}

// New returns a Limiter whose processes find each other by key: use one for each
// Alibaba Cloud account. The client may be shared with other uses. Nothing is sent
// yet; what is wrong with an argument, Wait will say.
func New(client redis.UniversalClient, key string, opts ...Option) *Limiter {
	s, err := newSettings(opts)
	switch {
	case err != nil:
	case client == nil || reflect.ValueOf(client).Kind() == reflect.Pointer && reflect.ValueOf(client).IsNil():
		err = errors.New("redislimiter: New: the client is nil")
	case key == "":
		err = errors.New("redislimiter: New: the key is empty")
	}
	if err != nil {
		return &Limiter{misuse: err}
	}
	return &Limiter{
		settings: s,
		redis:    redis_rate.NewLimiter(client),
		key:      key,
		alone:    rate.NewLimiter(rate.Limit(s.perSecond), s.burst),
		turn:     make(chan struct{}, 1),
	}
}

// Wait returns nil when one request may be sent. It returns an error at once if
// there is no room before ctx's deadline, if Redis is down and [WithFailOpen] was
// not given, or if the Limiter was made with an argument that cannot be used; id2meta
// makes an ErrThrottled of them all.
func (l *Limiter) Wait(ctx context.Context) error {
	switch {
	case l == nil || l.misuse == nil && l.redis == nil:
		return errors.New("redislimiter: the Limiter was not made by New")
	case l.misuse != nil:
		return l.misuse
	case ctx == nil:
		return errors.New("redislimiter: the context is nil")
	}
	ahead := l.waiting.Add(1) - 1
	defer l.waiting.Add(-1)
	if !fits(ctx, time.Duration(ahead-int64(l.burst))*l.interval()) {
		return errNoRoom
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		granted, wait, err := l.ask(ctx)
		switch {
		case over(ctx):
			return ctx.Err()
		case err != nil && l.open:
			return l.alone.Wait(ctx)
		case err != nil:
			return err
		case granted:
			return nil
		case !fits(ctx, wait):
			return errNoRoom
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ask asks Redis for one request, and returns how long to wait if there is none
// yet. The caller has the turn.
func (l *Limiter) ask(ctx context.Context) (granted bool, wait time.Duration, err error) {
	if l.failed != nil && time.Now().Before(l.askAt) {
		return false, 0, l.failed
	}
	answer, err := l.allow(ctx)
	if err != nil && over(ctx) {
		return false, 0, err // the caller left; Redis is not to blame
	}
	if err != nil {
		if l.failed == nil {
			l.log.Warn("Redis is down: "+l.consequence(), "error", err)
		}
		// Not %w: a deadline of ours is not the caller's.
		l.failed = fmt.Errorf("%w: %v", errRedisDown, err)
		l.askAt = time.Now().Add(leaveAlone)
		return false, 0, l.failed
	}
	if l.failed != nil {
		l.failed = nil
		l.log.Info("Redis is back: the limit is shared again")
	}
	// All processes are told the same time. Without the jitter they would ask
	// together, and the one that is nearest to Redis would always be the first.
	return answer.Allowed > 0, answer.RetryAfter + rand.N(l.interval()), nil
}

// allow ends when ctx does and after askTimeout, also if the client's own timeouts
// are longer.
func (l *Limiter) allow(ctx context.Context) (*redis_rate.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	type answer struct {
		*redis_rate.Result
		error
	}
	answered := make(chan answer, 1)
	go func() {
		defer cancel()
		result, err := l.redis.Allow(ctx, l.key, redis_rate.Limit{Rate: l.perSecond, Burst: l.burst, Period: time.Second})
		answered <- answer{result, err}
	}()
	select {
	case a := <-answered:
		return a.Result, a.error
	case <-ctx.Done():
	}
	select { // it may have ended because of ctx, or just before
	case a := <-answered:
		return a.Result, a.error
	default:
		return nil, fmt.Errorf("no answer within %v", askTimeout)
	}
}

func (l *Limiter) consequence() string {
	if l.open {
		return "failing open, this process goes on with a limit of its own"
	}
	return "failing closed, no request is sent"
}

// fits reports whether ctx leaves time for a wait.
func fits(ctx context.Context, wait time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || wait < time.Until(deadline)
}

// over reports whether ctx is done. A deadline that has passed counts although
// its timer has not fired yet: that of the connection to Redis, which is the
// same, may have been the first.
func over(ctx context.Context) bool {
	if !fits(ctx, 0) {
		<-ctx.Done()
	}
	return ctx.Err() != nil
}
