package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"golang.org/x/time/rate"
)

// The account may make 50 calls a second. A bucket of 4 that fills at 47 a
// second never gives more than 50 in any second, and makes up for a process
// that wakes up as much as 60 ms late. With a burst of 1 every late wake-up
// would be lost for good.
const (
	callsPerSecond = 47
	burst          = 4
	interval       = time.Second / callsPerSecond
)

const (
	// askTimeout is how long Redis may take to answer, connecting included.
	askTimeout = 250 * time.Millisecond
	// leaveAlone is how long a Redis that failed is not asked again. Without
	// it, one that hangs would cost every caller an askTimeout, in turn.
	leaveAlone = time.Second
)

var (
	errRedisDown = errors.New("cannot ask Redis for the shared limit")
	errNoRoom    = errors.New("the shared limit has no room before the deadline")
)

// Limiter is an id2meta.Limiter that all processes with the same Redis and the
// same key share. It is safe for concurrent use.
type Limiter struct {
	redis *redis_rate.Limiter
	key   string
	open  bool          // what happens when Redis is down: see Wait
	alone *rate.Limiter // this process's own limit, if Redis is down and open is set
	log   *slog.Logger

	waiting atomic.Int64
	// turn holds one token while a caller asks Redis or waits for the time it
	// was told. The others queue here, in order, so that Redis is asked by one
	// caller a process, however many there are. The fields below belong to it.
	turn   chan struct{}
	failed error     // of the last question; nil: Redis answered
	askAt  time.Time // not before this, if failed
}

// NewLimiter returns a Limiter whose processes find each other by key, one for
// each Alibaba Cloud account. If Redis is down, Wait limits this process alone
// (open) or refuses (closed), and the log says so once.
func NewLimiter(client *redis.Client, key string, open bool, log *slog.Logger) *Limiter {
	return &Limiter{
		redis: redis_rate.NewLimiter(client),
		key:   key,
		open:  open,
		alone: rate.NewLimiter(callsPerSecond, burst),
		log:   log,
		turn:  make(chan struct{}, 1),
	}
}

// Wait returns nil when one request may be sent. It returns an error at once if
// there is no room before ctx's deadline, or if Redis is down and the Limiter is
// closed; id2meta makes an ErrThrottled of both.
func (l *Limiter) Wait(ctx context.Context) error {
	ahead := l.waiting.Add(1) - 1
	defer l.waiting.Add(-1)
	if !fits(ctx, time.Duration(ahead-burst)*interval) {
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
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	answer, err := l.redis.Allow(asking, l.key, redis_rate.Limit{Rate: callsPerSecond, Burst: burst, Period: time.Second})
	if err != nil && over(ctx) {
		return false, 0, err // the caller left; Redis is not to blame
	}
	if err != nil {
		if l.failed == nil {
			l.log.Warn("Redis is down: "+l.consequence(), "error", err)
		}
		l.failed = fmt.Errorf("%w: %w", errRedisDown, err)
		l.askAt = time.Now().Add(leaveAlone)
		return false, 0, l.failed
	}
	if l.failed != nil {
		l.failed = nil
		l.log.Info("Redis is back: the limit is shared again")
	}
	// All processes are told the same time. Without the jitter they would ask
	// together, and the one that is nearest to Redis would always be the first.
	return answer.Allowed > 0, answer.RetryAfter + rand.N(interval), nil
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

// newRedis returns a client for a Limiter, from redis://user:password@host:6379/0
// or, with TLS, rediss://…. It fails fast: the library's defaults would try a
// dead Redis for many seconds, which are the caller's.
func newRedis(url string) (*redis.Client, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("-redis: it must be an address of the form redis://host:6379/0") // err repeats the password
	}
	options.DialTimeout = askTimeout
	options.ReadTimeout = askTimeout
	options.WriteTimeout = askTimeout
	options.ContextTimeoutEnabled = true
	options.MaxRetries = -1 // a question that is asked twice may be granted twice
	options.DialerRetries = 1
	return redis.NewClient(options), nil
}
