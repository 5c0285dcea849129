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
	// a burst of 1 every late wake-up would be lost for good.
	defaultBurst = 4

	maxPerSecond = 1_000_000
)

// Option changes how a [Limiter] works. One that cannot be used makes each
// [Limiter.Wait] return an error that names it. Of an option that is given twice,
// the last one counts.
type Option func(*settings) error

type settings struct {
	perSecond, burst int
	open             bool // what happens when Redis is down: see WithFailOpen
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

// WithRate sets how many requests a second all processes together may send, from 1
// to 1,000,000, and how many may go at once after a pause, from 1 to 1,000,000. In
// any one second there may be perSecond + burst - 1. The default is 47 and 4, which
// is what the 50 calls a second of an account allow. All processes must say the
// same.
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

// WithFailOpen lets each process go on with a limit of its own while Redis is down.
// That is the whole of [WithRate], as a process does not know how many others there
// are: N of them send up to N times as much, the service throttles what is too much,
// and id2meta waits as it is told. By default nothing is sent.
func WithFailOpen() Option {
	return func(s *settings) error {
		s.open = true
		return nil
	}
}

// WithLogger reports to l that Redis is down, at level Warn, and that it is back, at
// Info: once each, however many callers there are. The default is silence.
func WithLogger(l *slog.Logger) Option {
	return func(s *settings) error {
		if l == nil {
			return errors.New("WithLogger: the logger is nil")
		}
		s.log = l
		return nil
	}
}
