package redislimiter

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/redis/internal/punctual"
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

var errTooLate = errors.New("redislimiter: the shared limit grants no request before the deadline")

// troubleError says why Redis cannot be asked. The deadline of a command is not in its
// chain, because it is not the deadline of the caller.
type troubleError struct{ why string }

func (e *troubleError) Error() string {
	return "redislimiter: cannot ask Redis for the shared limit: " + e.why
}
func (e *troubleError) Is(target error) bool { return target == id2meta.ErrUnavailable }

// Limiter is an id2meta.Limiter that all processes with the same Redis and the same
// key share. Make it with [New]. It is safe for concurrent use. Nothing has to be
// closed but the client.
type Limiter struct {
	settings
	client redis.UniversalClient
	key    string
	alone  *rate.Limiter // this process's own limit, for WithFailOpen

	waiting atomic.Int64 // callers in Wait
	pace    atomic.Int64 // mean time between two grants while callers queue, in ns

	// turn holds one token while a caller asks Redis or waits as Redis said. The
	// other callers queue here in order, so that one caller of a process asks
	// Redis, however many callers there are. The fields below belong to the
	// caller that has the turn.
	turn    chan struct{}
	trouble error         // of the last answer; nil: Redis answered well
	askAt   time.Time     // not before this time, while there is trouble
	silence time.Duration // how long callers have waited for Redis since its last answer
	granted grants        // to this process, for WithFailOpen and WithDailyLimit
}

// New returns a Limiter. Processes that use the same key in the same Redis share one
// limit: use one key for each Alibaba Cloud account. The key is the name of the key in
// Redis. The client may have other uses, too, and stays the caller's to close. New sends
// nothing.
//
// The client is a *redis.Client, *redis.ClusterClient or *redis.Ring, or a type that
// embeds one of them. Its options must set ContextTimeoutEnabled. Otherwise go-redis
// ignores the deadline of ctx, and a silent Redis holds every caller.
func New(client redis.UniversalClient, key string, opts ...Option) (*Limiter, error) {
	if err := punctual.Check(client); err != nil {
		return nil, fmt.Errorf("redislimiter: New: %w", err)
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
		client:   client,
		key:      key,
		alone:    rate.NewLimiter(rate.Limit(s.perSecond), s.burst),
		turn:     make(chan struct{}, 1),
	}, nil
}

// Wait returns nil when one request may be sent. It returns an error at once
//
//   - if the wait does not fit into the deadline of ctx;
//   - if the limit of [WithDailyLimit] is reached: errors.Is finds [id2meta.ErrDailyLimit]
//     and [id2meta.ErrThrottled];
//   - if Redis is in trouble and [WithFailOpen] was not given: errors.Is finds
//     [id2meta.ErrUnavailable].
//
// If ctx ends during the wait, Wait returns ctx.Err(). A caller that gets an error has
// used nothing of the limit, unless Redis granted the request and its answer was lost.
func (l *Limiter) Wait(ctx context.Context) error {
	if err := l.usable(ctx); err != nil {
		return err
	}
	ahead := l.waiting.Add(1) - 1
	defer l.waiting.Add(-1)
	if !fits(ctx, l.queueTime(ahead)) {
		return errTooLate
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return l.waitInTurn(ctx, ahead)
}

// Today returns how many requests Redis has granted on this day in China, to all
// processes together. A request that was granted and not sent counts, too. Requests
// without Redis, which [WithFailOpen] allows, do not count.
func (l *Limiter) Today(ctx context.Context) (int, error) {
	if err := l.usable(ctx); err != nil {
		return 0, err
	}
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	_, n, err := l.run(asking, countToday)
	switch {
	case err != nil && expired(ctx):
		return 0, ctx.Err()
	case err != nil:
		return 0, &troubleError{err.Error()}
	}
	return int(n), nil
}

func (l *Limiter) usable(ctx context.Context) error {
	if l == nil || l.client == nil {
		return errors.New("redislimiter: the Limiter was not made by New")
	}
	if ctx == nil {
		return errors.New("redislimiter: the context is nil")
	}
	return nil
}

// waitInTurn is the Wait of the caller that has the turn.
func (l *Limiter) waitInTurn(ctx context.Context, ahead int64) error {
	started := time.Now()
	for {
		wait, err := l.ask(ctx)
		if _, trouble := errors.AsType[*troubleError](err); trouble && l.open && !expired(ctx) {
			wait, err = 0, l.waitAlone(ctx)
		}
		switch {
		case expired(ctx):
			return ctx.Err()
		case err != nil:
			return err
		case wait == 0:
			l.granted.add(time.Now())
			l.learnPace(ahead, time.Since(started))
			return nil
		case !fits(ctx, wait):
			return errTooLate
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// waitAlone waits for the limits of this process.
func (l *Limiter) waitAlone(ctx context.Context) error {
	if err := l.granted.reached(time.Now(), l.dailyLimit); err != nil {
		return err
	}
	if l.alone.Wait(ctx) != nil {
		return errTooLate
	}
	return nil
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
//
// Redis gets at most half of the caller's time, so that a caller with little time still
// has time to continue without Redis. Callers in turn give Redis an askTimeout in all
// before a silent Redis is in trouble for all callers.
func (l *Limiter) ask(ctx context.Context) (wait time.Duration, err error) {
	if l.trouble != nil && time.Now().Before(l.askAt) {
		return 0, l.trouble
	}
	if expired(ctx) {
		return 0, ctx.Err()
	}
	timeout := askTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(deadline)/2)
	}
	asked := time.Now()
	asking, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	word, number, err := l.run(asking, grant)
	if err != nil && expired(asking) {
		l.silence += time.Since(asked)
		err = fmt.Errorf("no answer within %v: %v", timeout.Round(time.Millisecond), err)
		if l.trouble == nil && l.silence < askTimeout {
			return 0, &troubleError{err.Error()}
		}
	}
	if err != nil {
		return 0, l.getIntoTrouble(err)
	}
	l.getOutOfTrouble()
	switch left := time.Duration(number) * time.Microsecond; word {
	case "granted":
		return 0, nil
	case "daily limit":
		return 0, &dailyLimitError{l.dailyLimit, left}
	default: // "wait"
		// Redis returns the same time to all processes. Without the jitter they would ask
		// together, and the process that is nearest to Redis would always be the first.
		// A wait is never 0, which would be a grant.
		return left + 1 + rand.N(l.interval()), nil
	}
}

func (l *Limiter) getIntoTrouble(err error) error {
	if l.trouble == nil {
		l.log.Warn("Redis is down: "+l.consequence(), "error", err)
	}
	l.trouble = &troubleError{err.Error()}
	l.askAt = time.Now().Add(retryAfter)
	return l.trouble
}

func (l *Limiter) getOutOfTrouble() {
	l.silence = 0
	if l.trouble != nil {
		l.trouble = nil
		l.log.Info("Redis is back: the limit is shared again")
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
