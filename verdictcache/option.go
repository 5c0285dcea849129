package verdictcache

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Option changes how a [Cache] works. [New] reports an option that cannot be used as an
// error that names it. If an option is given twice, the last one counts.
type Option func(*settings) error

type settings struct {
	matchTTL     time.Duration
	negativeTTL  time.Duration
	lease        time.Duration
	failClosed   bool
	previousKeys [][]byte
	logger       *slog.Logger
}

// WithMatchTTL sets how long a match is remembered, from the moment when the service was
// asked. The default is 180 days, the minimum a millisecond. A TTL that is made shorter
// counts at once, even for verdicts that are in the Store already.
func WithMatchTTL(d time.Duration) Option {
	return func(s *settings) error {
		s.matchTTL = d
		return checkDuration("WithMatchTTL", d)
	}
}

// WithNegativeTTL is [WithMatchTTL] for a mismatch and for no record. The default is 24
// hours: the source may get the record of a person who is missing.
func WithNegativeTTL(d time.Duration) Option {
	return func(s *settings) error {
		s.negativeTTL = d
		return checkDuration("WithNegativeTTL", d)
	}
}

// WithLease sets how long a claim is valid after its last renewal: so long do the other
// processes wait after a process has crashed while it asked. The default is 15 seconds, and
// all processes need the same. A process renews its claim three times in a lease. If it is
// stopped for longer than a lease, the person may be asked about twice.
func WithLease(d time.Duration) Option {
	return func(s *settings) error {
		s.lease = d
		return checkDuration("WithLease", d)
	}
}

func checkDuration(option string, d time.Duration) error {
	if d < time.Millisecond {
		return fmt.Errorf("%s: %v is shorter than a millisecond", option, d)
	}
	return nil
}

// WithFailClosed makes a Store in trouble an error of Verify, before the service is asked,
// so that nothing is billed that may be known already. By default Verify fails open: the
// service is asked as if there were no Cache. The error wraps [id2meta.ErrUnavailable] and
// the Store's error, except the error of a context: the caller's context has not ended.
func WithFailClosed() Option {
	return func(s *settings) error {
		s.failClosed = true
		return nil
	}
}

// WithPreviousHashKeys names hashKeys that were current before. A person who is not found
// under the current hashKey is looked up under the previous ones before the service is
// asked. A verdict that is found there is moved under the current hashKey, and keeps its
// age. The keys are copied.
func WithPreviousHashKeys(keys ...[]byte) Option {
	return func(s *settings) error {
		s.previousKeys = keys
		return nil
	}
}

// WithLogger reports to l, at level Warn: a Store in trouble, a value in the Store that is
// rejected, and a verdict that is not remembered. The default is silence. No record contains
// a person or a Key, but a record contains the error text of the Store.
func WithLogger(l *slog.Logger) Option {
	return func(s *settings) error {
		if l == nil {
			return errors.New("WithLogger: the logger is nil")
		}
		s.logger = l
		return nil
	}
}
