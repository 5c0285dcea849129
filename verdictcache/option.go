package verdictcache

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/id2meta/id2meta"
)

// Option changes how a [Cache] works. [New] reports an option that cannot be used as an
// error that names it. If an option is given twice, the last one counts.
type Option func(*settings) error

type settings struct {
	matchTTL    time.Duration
	negativeTTL time.Duration
	lease       time.Duration
	failClosed  bool
	previous    []*keyring
	account     string
	logger      *slog.Logger // nil: slog.Default()
}

// WithMatchTTL sets how long a match is remembered, from the moment when the service
// answered (Result.Time). The default is 180 days, the minimum a millisecond. A TTL that is made shorter
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

// WithLease sets the lease: how long this Cache may ask about a person while all other
// processes wait. The Verifier behind gets a context that ends one tenth of a lease before the
// lease does. When a process crashes while it asks, the other processes wait for a lease, and
// then one of them asks. So a process that stands still for longer than a lease may be the
// reason that a person is asked about twice.
//
// The default is one and a half times the timeout of an [id2meta.Client] (its method Timeout;
// any Verifier may have one), so 15 s for a timeout of 10 s. For a Verifier without this method
// the default is 15 s. [New] refuses a lease that is shorter than the timeout. All processes
// need the same lease.
func WithLease(d time.Duration) Option {
	return func(s *settings) error {
		s.lease = d
		return checkDuration("WithLease", d)
	}
}

// maxLease keeps maxWait leases from an overflow.
const maxLease = 25 * 365 * 24 * time.Hour

// setLease sets the default of the lease, and refuses a lease that is too short for next.
func (s *settings) setLease(next id2meta.Verifier) error {
	timeout := 10 * time.Second
	if v, ok := next.(interface{ Timeout() time.Duration }); ok && v.Timeout() > 0 {
		timeout = min(v.Timeout(), maxLease/2)
		if s.lease != 0 && s.lease < timeout {
			return fmt.Errorf("WithLease: %v is shorter than the timeout of the Verifier, %v", s.lease, timeout)
		}
	}
	if s.lease == 0 {
		s.lease = timeout * 3 / 2
	}
	s.lease = min(s.lease, maxLease)
	return nil
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
		s.previous = nil
		for i, key := range keys {
			ring, err := newKeyring(key)
			if err != nil {
				return fmt.Errorf("WithPreviousHashKeys: key %d: %w", i+1, err)
			}
			s.previous = append(s.previous, ring)
		}
		return nil
	}
}

// WithAccount names the Alibaba Cloud account, or the environment, of this Cache. Use it if
// several of them share one Store on purpose, each with a hashKey of its own. [Cache.Check]
// compares the hashKeys of Caches with the same name only. The default is the empty name.
func WithAccount(name string) Option {
	return func(s *settings) error {
		s.account = name
		return nil
	}
}

// WithLogger logs to l, at level Warn, each failure of the Store, each value that cannot be
// opened, each verdict that is not remembered, and each panic of the Verifier behind. The
// default is [slog.Default], since trouble costs money. No record contains a person or a Key. A
// record contains the error text of the Store.
func WithLogger(l *slog.Logger) Option {
	return func(s *settings) error {
		if l == nil {
			return errors.New("WithLogger: the logger is nil")
		}
		s.logger = l
		return nil
	}
}
