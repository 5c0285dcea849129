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
// takes effect at once, even for verdicts that are in the Store already.
func WithMatchTTL(d time.Duration) Option {
	return func(s *settings) error {
		s.matchTTL = d
		return checkDuration("WithMatchTTL", d)
	}
}

// WithNegativeTTL sets how long a mismatch or no record is remembered, as [WithMatchTTL] does
// for a match. The default is 24 hours: the source may get a missing record later.
func WithNegativeTTL(d time.Duration) Option {
	return func(s *settings) error {
		s.negativeTTL = d
		return checkDuration("WithNegativeTTL", d)
	}
}

// WithLease sets how long a claim is valid after its last renewal. When a process crashes
// while it asks, the other processes wait that long. The default is 15 seconds. All processes
// need the same lease. A process renews its claim three times in a lease. If the process
// stands still for longer than a lease, the person may be asked about twice.
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

// WithFailClosed makes Verify return an error if the Store fails before the service is asked.
// So nothing is billed that may be known already. By default Verify fails open: it asks the
// service as if there were no Cache. The error wraps [id2meta.ErrUnavailable] and the error of
// the Store. It never wraps the error of a context, since the caller's ctx has not ended.
func WithFailClosed() Option {
	return func(s *settings) error {
		s.failClosed = true
		return nil
	}
}

// WithPreviousHashKeys sets hashKeys that were used before. If there is no verdict under the
// current hashKey, Verify looks under the previous hashKeys before it asks the service. It
// moves a verdict that it finds there to the current hashKey. The verdict keeps its age. The
// keys are copied.
func WithPreviousHashKeys(keys ...[]byte) Option {
	return func(s *settings) error {
		s.previousKeys = keys
		return nil
	}
}

// WithLogger logs to l, at level Warn, each failure of the Store, each value that cannot be
// opened, each verdict that is not remembered, and each panic of the Verifier behind. By
// default nothing is logged. No record contains a person or a Key. A record contains the error
// text of the Store.
func WithLogger(l *slog.Logger) Option {
	return func(s *settings) error {
		if l == nil {
			return errors.New("WithLogger: the logger is nil")
		}
		s.logger = l
		return nil
	}
}
