package verdictcache

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Defaults of the options.
const (
	defaultMatchLifetime   = 180 * 24 * time.Hour
	defaultRefusalLifetime = 24 * time.Hour
	defaultLease           = 15 * time.Second
)

// shortest is the shortest time that every Store can measure.
const shortest = time.Millisecond

// Option changes how a [Cache] works. [New] reports an option that cannot be used
// as an error that names it. Of an option that is given twice, the last one
// counts.
type Option func(*settings) error

// settings is what the options leave behind.
type settings struct {
	matchLifetime   time.Duration
	refusalLifetime time.Duration
	lease           time.Duration
	refuse          bool // rather than to ask without the Store
	logger          *slog.Logger
}

func newSettings(opts []Option) (settings, error) {
	s := settings{
		matchLifetime:   defaultMatchLifetime,
		refusalLifetime: defaultRefusalLifetime,
		lease:           defaultLease,
		logger:          slog.New(slog.DiscardHandler),
	}
	for _, opt := range opts {
		if opt == nil {
			return settings{}, errors.New("verdictcache: New: an Option is nil")
		}
		if err := opt(&s); err != nil {
			return settings{}, fmt.Errorf("verdictcache: %w", err)
		}
	}
	return s, nil
}

// WithMatchLifetime sets for how long a match is remembered. The default is 180
// days: people seldom change their names, and numbers hardly ever. It is a
// millisecond or longer.
func WithMatchLifetime(d time.Duration) Option {
	return func(s *settings) error {
		if d < shortest {
			return errors.New("WithMatchLifetime: the lifetime is not positive, or shorter than a millisecond")
		}
		s.matchLifetime = d
		return nil
	}
}

// WithRefusalLifetime sets for how long a mismatch and a missing record are
// remembered. The default is 24 h: whoever mistyped asks with another key anyway,
// and who was missing in the source's data may be entered. It is a millisecond or
// longer.
func WithRefusalLifetime(d time.Duration) Option {
	return func(s *settings) error {
		if d < shortest {
			return errors.New("WithRefusalLifetime: the lifetime is not positive, or shorter than a millisecond")
		}
		s.refusalLifetime = d
		return nil
	}
}

// WithLease sets for how long a question is another's business after the last
// sign of life of the process that asks it, and so how long the others wait after
// that has crashed. The default is 15 s. A process that lives renews its lease
// three times as often; one that was stopped for longer than that loses it, and
// the person may then be asked about twice. It is a millisecond or longer, and
// sensibly a second or more.
func WithLease(d time.Duration) Option {
	return func(s *settings) error {
		if d < shortest {
			return errors.New("WithLease: the lease is not positive, or shorter than a millisecond")
		}
		s.lease = d
		return nil
	}
}

// WithRefuseWithoutStore makes a Store in trouble an error of Verify, before
// anything is asked, so that nothing is ever billed that might be known. By
// default the service is asked as if there were no Cache.
//
// The error wraps the Store's own, unless that is an error of a context, which is
// then only in its text: it is not the caller's context that has ended.
func WithRefuseWithoutStore() Option {
	return func(s *settings) error {
		s.refuse = true
		return nil
	}
}

// WithLogger reports to l, at level Warn, a Store in trouble, a verdict in the
// Store that is none, and a verdict that could not be remembered. The default is
// silence. No record holds anything of the person. A Store's own error text is among
// the records, and a database may repeat the key of a row in it.
func WithLogger(l *slog.Logger) Option {
	return func(s *settings) error {
		if l == nil {
			return errors.New("WithLogger: the logger is nil")
		}
		s.logger = l
		return nil
	}
}
