package id2meta

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/id2meta/id2meta/internal/credential"
	"github.com/id2meta/id2meta/internal/ctxerr"
)

// A call that had to wait sends its request only if the time left is enough for an
// answer. Otherwise the service would bill the request, and the call would end before
// the verdict arrives.

// answerTime estimates how long the service takes to give a verdict.
type answerTime struct {
	recent atomic.Int64 // the estimate as a time.Duration; 0: not known yet
}

// firstAnswerTime is the estimate before the first verdict. If half of the call's
// time is less, the estimate is half of the call's time.
const firstAnswerTime = 500 * time.Millisecond

// took updates the estimate with the time of one request. A request without a verdict
// would have taken longer than d, so d can only raise the estimate. The estimate rises
// at once and falls slowly, because a slow answer is likely to occur again.
func (a *answerTime) took(d time.Duration, verdict bool) {
	recent := time.Duration(a.recent.Load())
	switch {
	case d > recent:
		a.recent.Store(int64(d))
	case verdict:
		a.recent.Store(int64(recent - (recent-d)/8))
	}
}

// reserve returns how much of a call's total time to keep for the answer: the
// estimate and a quarter more, but at least a tenth and at most nine tenths of the
// total.
func (a *answerTime) reserve(total time.Duration) time.Duration {
	recent := time.Duration(a.recent.Load())
	if recent == 0 {
		return min(firstAnswerTime, total/2)
	}
	return min(max(recent+recent/4, total/10), total-total/10)
}

// sendBy returns the latest time at which k may send a request after a wait.
func (k *call) sendBy() time.Time { return k.deadline.Add(-k.answerTime.reserve(k.total)) }

// fits reports whether a wait leaves time for the answer.
func (k *call) fits(ctx context.Context, wait time.Duration) bool {
	return ctx.Err() == nil && wait < time.Until(k.sendBy())
}

// waitContext returns a context for one wait of k: it ends at sendBy. If sendBy is
// near or has passed, the context still lasts a tenth of the time left. That is enough
// for a limiter that lets the request go at once.
func (k *call) waitContext(ctx context.Context) (context.Context, context.CancelFunc) {
	until := time.Now().Add(k.timeLeft() / 10)
	if by := k.sendBy(); until.Before(by) {
		until = by
	}
	return context.WithDeadline(ctx, until)
}

// waitForCredential returns the key to sign with.
func (k *call) waitForCredential(ctx context.Context) (credential.Key, *failure) {
	if key, ok := k.credential.Ready(); ok {
		return key, nil
	}
	waiting, cancel := k.waitContext(ctx)
	defer cancel()
	key, err := k.credential.Resolve(waiting)
	switch {
	case err == nil:
		return key, nil
	case err == waiting.Err():
		return credential.Key{}, contextFailure(err, false, "waiting for the credential provider")
	}
	return credential.Key{}, newFailure(&noCredential, "", err)
}

// waitForLimiter waits until the limiter lets the request go.
func (k *call) waitForLimiter(ctx context.Context) *failure {
	if k.limiter == nil || k.ofNobody {
		return nil
	}
	began, left := time.Now(), k.timeLeft()
	waiting, cancel := k.waitContext(ctx)
	defer cancel()
	err := k.limiter.Wait(waiting)
	waited := time.Since(began)
	switch done := k.ended(ctx); {
	case done != nil:
		return contextFailure(done, false, "waiting for the limiter")
	case err == nil && (waited < left/4 || k.mayBeAnswered()):
		return nil
	case err == nil, err == waiting.Err():
		return newFailure(&limiterRefused, "the limiter did not let the request go in time", nil)
	}
	return newFailure(&limiterRefused, "the limiter refused", ctxerr.Hide(err)) // the caller's time is not up
}

// mayBeAnswered reports whether the time left is enough for an answer after the
// limiter's wait. It is less strict than fits, because the limiter has already counted
// the request.
func (k *call) mayBeAnswered() bool { return k.timeLeft() >= k.answerTime.reserve(k.total)*4/5 }

// sleep waits for d. If ctx ends first, sleep returns the error of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ended returns ctx.Err(). If the deadline has passed and the timer of ctx has not
// fired yet, ended returns context.DeadlineExceeded.
func (k *call) ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil || k.timeLeft() > 0 {
		return err
	}
	return context.DeadlineExceeded
}

func (k *call) timeLeft() time.Duration { return time.Until(k.deadline) }
