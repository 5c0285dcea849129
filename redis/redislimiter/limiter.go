package redislimiter

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"golang.org/x/time/rate"
)

const (
	// askTimeout is how long Redis may take to answer, connecting included.
	askTimeout = 250 * time.Millisecond
	// retryAfter is how long a Redis in trouble is not asked again. Without this
	// pause, a Redis that hangs would cost every caller an askTimeout in turn.
	retryAfter = time.Second
	// clockTolerance is by how much the clocks of a primary and its replica may
	// differ. A wait that is longer than a full bucket explains by more than this
	// was not caused by requests.
	clockTolerance = 10 * time.Second
)

var (
	errRedisDown = errors.New("redislimiter: cannot ask Redis for the shared limit")
	errNoRoom    = errors.New("redislimiter: the shared limit has no room before the deadline")
)

// Limiter is an id2meta.Limiter that all processes with the same Redis and the same
// key share. Make it with [New]. It is safe for concurrent use. Nothing has to be
// closed but the client.
type Limiter struct {
	settings
	redis *redis_rate.Limiter
	key   string
	alone *rate.Limiter // this process's own limit, for WithFailOpen

	waiting atomic.Int64 // callers in Wait
	pace    atomic.Int64 // mean time between two grants while callers queue, in ns

	// turn holds one token while a caller asks Redis or waits as Redis said. The
	// other callers queue here in order, so that one caller of a process asks
	// Redis, however many callers there are. The fields below belong to the
	// caller that has the turn.
	turn    chan struct{}
	trouble error     // of the last answer; nil: Redis answered well
	askAt   time.Time // not before this time, while there is trouble
}

// New returns a Limiter. Processes that use the same key in the same Redis share one
// limit: use one key for each Alibaba Cloud account. The client may have other uses,
// too, and stays the caller's to close. New sends nothing. It returns an error if the
// client is nil, the key is empty, or an Option cannot be used.
func New(client redis.UniversalClient, key string, opts ...Option) (*Limiter, error) {
	if client == nil {
		return nil, errors.New("redislimiter: New: the client is nil")
	}
	if key == "" {
		return nil, errors.New("redislimiter: New: the key is empty")
	}
	s, err := newSettings(opts)
	if err != nil {
		return nil, err
	}
	return &Limiter{
		settings: s,
		redis:    redis_rate.NewLimiter(client),
		key:      key,
		alone:    rate.NewLimiter(rate.Limit(s.perSecond), s.burst),
		turn:     make(chan struct{}, 1),
	}, nil
}

// Wait returns nil when one request may be sent. It returns an error at once if the
// wait does not fit into the deadline of ctx, or if Redis is in trouble and
// [WithFailOpen] was not given. If ctx ends during the wait, Wait returns ctx.Err().
// A caller that gets an error has used nothing of the limit.
func (l *Limiter) Wait(ctx context.Context) error {
	if l == nil || l.redis == nil {
		return errors.New("redislimiter: the Limiter was not made by New")
	}
	if ctx == nil {
		return errors.New("redislimiter: the context is nil")
	}
	ahead := l.waiting.Add(1) - 1
	defer l.waiting.Add(-1)
	if !fits(ctx, l.queueTime(ahead)) {
		return errNoRoom
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return l.waitInTurn(ctx, ahead)
}

// waitInTurn is the Wait of the caller that has the turn.
func (l *Limiter) waitInTurn(ctx context.Context, ahead int64) error {
	started := time.Now()
	for {
		wait, err := l.ask(ctx)
		switch {
		case expired(ctx):
			return ctx.Err()
		case err != nil && l.open:
			if err := l.alone.Wait(ctx); err != nil {
				return err
			}
			l.learnPace(ahead, time.Since(started))
			return nil
		case err != nil:
			return err
		case wait == 0:
			l.learnPace(ahead, time.Since(started))
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

// queueTime estimates how long a caller will wait with this many callers of the
// process ahead. If other processes use most of the limit, a queue takes longer than
// the limit alone tells: the last grants say how much longer.
func (l *Limiter) queueTime(ahead int64) time.Duration {
	pace := max(time.Duration(l.pace.Load()), l.interval())
	return time.Duration(ahead)*pace - time.Duration(l.burst)*l.interval()
}

// learnPace is told how long a caller had the turn until its grant. A caller that
// did not queue says that there is no rush any more.
func (l *Limiter) learnPace(ahead int64, took time.Duration) {
	if ahead == 0 {
		l.pace.Store(0)
		return
	}
	pace := l.pace.Load()
	l.pace.Store(pace + (int64(took)-pace)/4)
}

// ask asks Redis for one request. A wait of 0 means that it is granted; otherwise
// ask again after the wait. The caller has the turn.
func (l *Limiter) ask(ctx context.Context) (wait time.Duration, err error) {
	if l.trouble != nil && time.Now().Before(l.askAt) {
		return 0, l.trouble
	}
	answer, err := l.allow(ctx)
	if err != nil && expired(ctx) {
		return 0, err // the caller left; Redis is not to blame
	}
	if err == nil {
		err = l.check(answer)
	}
	if err != nil {
		if l.trouble == nil {
			l.log.Warn("Redis is down: "+l.consequence(), "error", err)
		}
		// Not %w: the deadline of the command is not the caller's deadline.
		l.trouble = fmt.Errorf("%w: %v", errRedisDown, err)
		l.askAt = time.Now().Add(retryAfter)
		return 0, l.trouble
	}
	if l.trouble != nil {
		l.trouble = nil
		l.log.Info("Redis is back: the limit is shared again")
	}
	if answer.Allowed > 0 {
		return 0, nil
	}
	// Redis tells all processes the same time. Without the jitter they would ask
	// together, and the process that is nearest to Redis would always be the first.
	// A wait is never 0, which would be a grant.
	return answer.RetryAfter + 1 + rand.N(l.interval()), nil
}

// check returns an error if the answer cannot come from a bucket that only Limiters
// have used. The script of redis_rate computes with whatever number it finds: a huge
// number overflows a Duration, and with "nan" it grants everything.
func (l *Limiter) check(answer *redis_rate.Result) error {
	full := time.Duration(l.burst) * l.interval() // how long an empty bucket takes to fill
	longest := full + clockTolerance
	switch {
	case answer.Allowed > 0 && answer.ResetAfter > 0 && answer.ResetAfter <= longest:
		return nil
	case answer.Allowed == 0 && answer.RetryAfter >= 0 && answer.RetryAfter <= longest:
		return nil
	}
	return fmt.Errorf("the value of the key %q is not the state of this limit; delete the key", "rate:"+l.key)
}

// allow ends when ctx does and after askTimeout, even if the client's own timeouts
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
	select { // the command may have ended because of ctx, or just before
	case a := <-answered:
		return a.Result, a.error
	default:
		return nil, fmt.Errorf("no answer within %v", askTimeout)
	}
}

func (l *Limiter) consequence() string {
	if l.open {
		return "failing open, this process continues with a limit of its own"
	}
	return "failing closed, no request is sent"
}

// fits reports whether ctx leaves time for a wait.
func fits(ctx context.Context, wait time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || wait < time.Until(deadline)
}

// expired reports whether ctx is done. A deadline that has passed counts although
// its timer has not fired yet: the connection to Redis has the same deadline, and
// its timer may have fired first.
func expired(ctx context.Context) bool {
	if !fits(ctx, 0) {
		<-ctx.Done()
	}
	return ctx.Err() != nil
}
