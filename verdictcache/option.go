package verdictcache

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Defaults of the options.
const (
	defaultMatchTTL    = 180 * 24 * time.Hour
	defaultNegativeTTL = 24 * time.Hour
	defaultLease       = 15 * time.Second
)

// minTTL is the shortest time that every Store can measure.
const minTTL = time.Millisecond

// Option changes how a [Cache] works. [New] reports an option that cannot be used
// as an error that names it. If an option is given twice, the last one counts.
type Option func(*settings) error

// settings is what the options set.
type settings struct {
	matchTTL     time.Duration
	negativeTTL  time.Duration
	lease        time.Duration
	failClosed   bool
	previousKeys [][]byte
	logger       *slog.Logger
}

func newSettings(opts []Option) (settings, error) {
	s := settings{
		matchTTL:    defaultMatchTTL,
		negativeTTL: defaultNegativeTTL,
		lease:       defaultLease,
		logger:      slog.New(slog.DiscardHandler),
	}
	for _, opt := range opts {
		if opt == nil {
			return settings{}, errors.New("an Option is nil")
		}
		if err := opt(&s); err != nil {
			return settings{}, err
		}
	}
	return s, nil
}

// WithMatchTTL sets how long a match is remembered, from the moment when the service
// was asked. The default is 180 days: people seldom change their names, and their
// numbers hardly ever. The minimum is a millisecond. A TTL that is made shorter counts
// at once, for verdicts that are in the Store already, too. A TTL that is made longer
// counts for new verdicts.
func WithMatchTTL(d time.Duration) Option {
	return func(s *settings) error {
		s.matchTTL = d
		return checkDuration("WithMatchTTL", d)
	}
}

// WithNegativeTTL sets how long a mismatch and a missing record are remembered, from
// the moment when the service was asked. The default is 24 hours: a person who mistyped
// is another key when they correct it, and a person who was missing may be entered into
// the source's data. The minimum is a millisecond. As for [WithMatchTTL], a shorter TTL
// counts at once.
func WithNegativeTTL(d time.Duration) Option {
	return func(s *settings) error {
		s.negativeTTL = d
		return checkDuration("WithNegativeTTL", d)
	}
}

// WithLease sets how long a claim is valid after its last renewal. The default is 15
// seconds. It has to be the same in every process that uses the Store.
//
// When a process crashes while it asks about a person, the other processes wait for a
// lease before they ask about that person. A running process renews its claim three
// times in a lease. A process that is stopped for longer than a lease loses its claim,
// and the person may be asked about twice. The minimum is a millisecond, and a lease
// below a second makes sense only in tests.
func WithLease(d time.Duration) Option {
	return func(s *settings) error {
		s.lease = d
		return checkDuration("WithLease", d)
	}
}

func checkDuration(option string, d time.Duration) error {
	if d < minTTL {
		return fmt.Errorf("%s: %v is too short, the minimum is %v", option, d, minTTL)
	}
	return nil
}

// WithFailClosed makes a Store in trouble an error of Verify, before the service is
// asked, so that nothing is billed that may be known already. By default Verify fails
// open: the service is asked as if there were no Cache.
//
// The error wraps the Store's error, except if that is the error of a context. Such an
// error is only part of the text, because it is not the caller's context that has
// ended.
func WithFailClosed() Option {
	return func(s *settings) error {
		s.failClosed = true
		return nil
	}
}

// WithPreviousHashKeys names hashKeys that were current before, so that a change of the
// hashKey costs nothing. A person who is not found under the current hashKey is looked
// up under the previous ones, in the given order, before the service is asked. A verdict
// that is found there is moved under the current hashKey and keeps its age.
//
// A previous hashKey can be dropped when all verdicts under it have expired or have been
// moved, at the latest after the longest TTL. The README of this package describes a
// rotation step by step. The keys are copied.
func WithPreviousHashKeys(keys ...[]byte) Option {
	return func(s *settings) error {
		s.previousKeys = keys
		return nil
	}
}

// WithLogger reports to l, at level Warn: a Store in trouble, a value in the Store that
// is rejected, and a verdict that could not be remembered. The default is silence. No
// record contains anything of the person or a Key. A record contains the error text of
// the Store, which is the Store's responsibility.
func WithLogger(l *slog.Logger) Option {
	return func(s *settings) error {
		if l == nil {
			return errors.New("WithLogger: the logger is nil")
		}
		s.logger = l
		return nil
	}
}
