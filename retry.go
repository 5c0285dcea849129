package id2meta

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/id2meta/id2meta/internal/progress"
)

// Backoff between attempts: exponential, with full jitter.
const (
	backoffBase = 100 * time.Millisecond
	backoffCap  = 2 * time.Second
)

// plan decides whether to make another attempt after err, which has the outcome row, and
// how long to wait before.
func (k *call) plan(ctx context.Context, row *outcome, err error) (wait time.Duration, again bool) {
	switch row.retry {
	case atOnce:
		if slices.Contains(k.tried, 0) {
			return 0, true
		}
		return k.backoffIfItFits(ctx), true
	case onlyIfRequested:
		return k.backoffIfItFits(ctx), k.retryUnanswered
	case afterBackoff:
		wait = k.backoff()
		return wait, k.fits(ctx, wait)
	case afterRetryAfter:
		if e, ok := errors.AsType[*APIError](err); ok {
			wait = e.RetryAfter
		}
		if wait <= 0 {
			wait = k.backoff()
		}
		if !k.fits(ctx, wait) {
			return 0, false
		}
		// Callers who get the same wait must not retry at the same time.
		if later := wait + rand.N(wait/10+1); k.fits(ctx, later) {
			wait = later
		}
		return wait, true
	}
	return 0, false
}

// backoff returns a random wait. Its upper bound grows with the attempts. The wait is
// random so that callers who failed at the same time do not retry at the same time.
func (k *call) backoff() time.Duration {
	longest := min(backoffBase<<(min(k.attempts, 10)-1), backoffCap)
	return rand.N(longest)
}

// backoffIfItFits returns a backoff, or 0 if there is no time for a backoff.
func (k *call) backoffIfItFits(ctx context.Context) time.Duration {
	if wait := k.backoff(); k.fits(ctx, wait) {
		return wait
	}
	return 0
}

// giveUp returns the error of the call: err, the error of the last attempt. Its text also
// tells the number of attempts.
func (k *call) giveUp(err error) error {
	row := lastOutcome(err)
	maybeBilled := (row.billed || k.maybeBilled) && !k.ofNobody
	k.report(progress.State{MaybeBilled: maybeBilled})
	if k.earlier != nil {
		before := "after 1 attempt"
		if k.attempts > 1 {
			before = fmt.Sprintf("after %d attempts", k.attempts)
		}
		if k.maybeBilled {
			before += ", of which an earlier one was not answered"
		}
		if row.onThisSide() {
			// The last attempt ended before an answer, so the error of the previous
			// attempt tells more about the service.
			err = fmt.Errorf("%w (%s: %w)", err, before, k.earlier)
		} else {
			err = fmt.Errorf("%w (%s)", err, before)
		}
	}
	if maybeBilled {
		return &maybeBilledError{err}
	}
	return err
}
