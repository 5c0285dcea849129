package redislimiter

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

const (
	defaultPerSecond = 47
	// defaultBurst makes up for a process that wakes up as much as 60 ms late. With
	// a burst of 1 the time of every late wake-up would be lost.
	defaultBurst = 4

	maxPerSecond = 1_000_000
)

// Option changes how a [Limiter] works. [New] returns an error that names an Option
// which cannot be used. If an Option is given twice, the last one counts.
type Option func(*settings) error

type settings struct {
	perSecond, burst int
	dailyLimit       int  // 0: none
	open             bool // whether to continue while Redis is in trouble: see WithFailOpen
	log              *slog.Logger
}

func newSettings(opts []Option) (settings, error) {
	s := settings{perSecond: defaultPerSecond, burst: defaultBurst, log: slog.New(slog.DiscardHandler)}
	for _, opt := range opts {
		if opt == nil {
			return settings{}, errors.New("redislimiter: New: an Option is nil")
		}
		if err := opt(&s); err != nil {
			return settings{}, fmt.Errorf("redislimiter: %w", err)
		}
	}
	return s, nil
}

// interval is the mean time between two requests.
func (s settings) interval() time.Duration { return time.Second / time.Duration(s.perSecond) }

// WithRate sets how many requests a second all processes together may send, and how
// many of them may go at once after a pause. Both are from 1 to 1,000,000. At most
// perSecond + burst - 1 requests are granted in any second. The default is 47 and 4,
// which fits the 50 calls a second of this API. All processes must use the same
// numbers.
func WithRate(perSecond, burst int) Option {
	return func(s *settings) error {
		if perSecond < 1 || perSecond > maxPerSecond {
			return fmt.Errorf("WithRate: perSecond is not from 1 to %d", maxPerSecond)
		}
		if burst < 1 || burst > maxPerSecond {
			return fmt.Errorf("WithRate: burst is not from 1 to %d", maxPerSecond)
		}
		s.perSecond, s.burst = perSecond, burst
		return nil
	}
}

// WithDailyLimit sets how many requests all processes together may send in a day. Days
// are days in China (Asia/Shanghai), by the clock of Redis. When the limit is reached,
// Wait returns an error at once until midnight, in which errors.Is finds
// [id2meta.ErrDailyLimit] and [id2meta.ErrThrottled]. Such a caller uses nothing of the
// rate. The count is in Redis, so it survives a restart of the processes.
// [Limiter.Today] reads it.
//
// Each attempt of a Verify counts. A request that the Limiter granted counts even if the
// Client then did not send it. n is at least 1. The default is no limit. All processes
// must use the same limit: a process with a higher limit continues until its own limit is
// reached.
func WithDailyLimit(n int) Option {
	return func(s *settings) error {
		if n < 1 {
			return errors.New("WithDailyLimit: the limit must be at least 1")
		}
		s.dailyLimit = n
		return nil
	}
}

// WithFailOpen lets each process continue with limits of its own while Redis is in
// trouble: the whole of [WithRate] and of [WithDailyLimit], because a process does not know
// how many other processes there are. N processes may together send N
// times as much. If that is too fast, the service throttles, and id2meta waits as the
// service says. By default nothing is sent.
//
// For the daily limit, a process counts all requests of the day that it was granted,
// with Redis and without. Requests without Redis are not added to the count in Redis.
func WithFailOpen() Option {
	return func(s *settings) error {
		s.open = true
		return nil
	}
}

// WithLogger logs to l when Redis gets into trouble (level Warn) and when Redis is
// back (level Info). Each is logged once, however many callers there are. By default
// nothing is logged.
func WithLogger(l *slog.Logger) Option {
	return func(s *settings) error {
		if l == nil {
			return errors.New("WithLogger: the logger is nil")
		}
		s.log = l
		return nil
	}
}
