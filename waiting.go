package id2meta

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/id2meta/id2meta/internal/credential"
)

// A call that had to wait sends its request only if the time left is enough for an
// answer. Otherwise the request would be billed, and its caller would be gone before
// the verdict arrives.

// answerTime is how long the service lately took to give a verdict.
type answerTime struct {
	recent atomic.Int64 // a time.Duration; 0: not known yet
}

// Until the first verdict, an answer is expected to take this long, or half of the
// call's time if that is less.
const firstAnswerTime = 500 * time.Millisecond

// took notes the time of one request. Without a verdict, the answer would have taken
// longer. The time rises at once and falls slowly: one answer in many that is slow is
// to be expected again.
func (a *answerTime) took(d time.Duration, verdict bool) {
	recent := time.Duration(a.recent.Load())
	switch {
	case d > recent:
		a.recent.Store(int64(d))
	case verdict:
		a.recent.Store(int64(recent - (recent-d)/8))
	}
}

// reserve returns how much of a call's time to keep for the answer: the recent time
// and a quarter of it, at least a tenth of the call's time, and at most nine tenths.
func (a *answerTime) reserve(total time.Duration) time.Duration {
	recent := time.Duration(a.recent.Load())
	if recent == 0 {
		return min(firstAnswerTime, total/2)
	}
	return min(max(recent+recent/4, total/10), total-total/10)
}

// sendBy returns the time until which k may wait before it sends a request.
func (k *call) sendBy() time.Time { return k.deadline.Add(-k.answerTime.reserve(k.total)) }

// fits reports whether a wait leaves time for the answer.
func (k *call) fits(ctx context.Context, wait time.Duration) bool {
	return ctx.Err() == nil && wait < time.Until(k.sendBy())
}

// waitContext returns a context for one wait of k. If there is no time for a wait,
// the context still lasts a tenth of the time left: enough for a limiter that has a
// turn at once.
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

// waitForLimiter waits for the limiter's leave to send a request.
func (k *call) waitForLimiter(ctx context.Context) *failure {
	if k.limiter == nil {
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
	return newFailure(&limiterRefused, "the limiter refused", err)
}

// mayBeAnswered is fits for a wait that has passed. It forgives the margin of the
// reserve, since the wait has already used up the limiter's turn.
func (k *call) mayBeAnswered() bool { return k.timeLeft() >= k.answerTime.reserve(k.total)*4/5 }

// sleep waits, and returns early with the error of ctx if ctx ends.
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

// ended is ctx.Err(), and knows of a deadline that has passed before its timer fires.
func (k *call) ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil || k.timeLeft() > 0 {
		return err
	}
	return context.DeadlineExceeded
}

func (k *call) timeLeft() time.Duration { return time.Until(k.deadline) }
