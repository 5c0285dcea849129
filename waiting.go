package id2meta

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/id2meta/id2meta/internal/credential"
	"github.com/id2meta/id2meta/internal/ctxerr"
	"github.com/id2meta/id2meta/internal/progress"
	"github.com/id2meta/id2meta/internal/transport"
)

// A call that had to wait sends its request only if the time left is enough for an
// answer. Otherwise the service would bill the request, and the call would end before
// the verdict arrives.

// answerTime estimates how long the service takes to give a verdict. It is a peak
// EWMA: slower answers raise the estimate at once, because slow answers come again.
// Faster answers lower it with time, and not with their number. So a service that is
// slow in one of fifty cases counts as slow.
type answerTime struct {
	mu       sync.Mutex
	estimate time.Duration // 0: not known yet
	at       time.Time     // when the last verdict came

	underWay atomic.Int64 // the calls that the limiter let go, and that have no outcome yet
}

const (
	// firstAnswerTime is the estimate before the first verdict. If half of the call's
	// time is less, the estimate is half of the call's time.
	firstAnswerTime = 500 * time.Millisecond
	// halfLife is how long faster answers take to remove half of what the estimate is
	// too high. In a rush that is some thousand answers.
	halfLife = time.Minute
)

// answered updates the estimate with the time of a verdict.
func (a *answerTime) answered(took, total time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	estimate, now := a.current(total), time.Now()
	if took > estimate {
		a.estimate = took
	} else {
		kept := math.Exp2(-now.Sub(a.at).Seconds() / halfLife.Seconds())
		a.estimate = took + time.Duration(float64(estimate-took)*kept)
	}
	a.at = now
}

// unanswered updates the estimate when a call's time ended and its request, which had
// waited, was not answered. The request does not tell how much longer the answer would
// have taken. So the estimate doubles, until calls leave nearly all of their time.
func (a *answerTime) unanswered(total time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.estimate = max(a.estimate, min(2*a.current(total), nearlyAll(total)))
}

// of returns the estimate for a call with this total time. It is at least a tenth of
// the total, and at most nearly all of it.
func (a *answerTime) of(total time.Duration) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return min(max(a.current(total), total/10), nearlyAll(total))
}

// current is the estimate, or the first estimate. The caller holds a.mu.
func (a *answerTime) current(total time.Duration) time.Duration {
	if a.estimate == 0 {
		return min(firstAnswerTime, total/2)
	}
	return a.estimate
}

// nearlyAll returns the time that a request has if it does not wait. The rest of the
// total is enough for a limiter that lets the request go at once. A request with so
// much time tells nothing about waiting.
func nearlyAll(total time.Duration) time.Duration { return total - total/50 }

// sendBy returns the latest time at which k may send a request after a wait.
func (k *call) sendBy() time.Time { return k.deadline.Add(-k.answerTime.of(k.total)) }

// fits reports whether a wait leaves time for the answer.
func (k *call) fits(ctx context.Context, wait time.Duration) bool {
	return ctx.Err() == nil && wait < time.Until(k.sendBy())
}

// waitContext returns a context for one wait of k. It ends at until. The wait of a probe
// lasts at least until half of the call's time has passed.
func (k *call) waitContext(ctx context.Context, until time.Time) (context.Context, context.CancelFunc) {
	if probe := k.deadline.Add(-k.total / 2); k.probe && until.Before(probe) {
		until = probe
	}
	return context.WithDeadline(ctx, until)
}

// waitForCredential returns the key to sign with.
func (k *call) waitForCredential(ctx context.Context) (credential.Key, error) {
	if key, ok := k.credential.Ready(); ok {
		return key, nil
	}
	waiting, cancel := k.waitContext(ctx, k.sendBy())
	defer cancel()
	key, err := k.credential.Resolve(waiting)
	switch ended := waiting.Err(); {
	case err == nil:
		return key, nil
	case ended != nil:
		return credential.Key{}, contextError(ended, false, "waiting for the credential provider")
	}
	return credential.Key{}, newOutcomeError(&noCredential, "", err)
}

// waitForLimiter waits until the limiter lets the request go. From then on the request
// is under way, and the caller calls endRequest when the request has ended.
//
// If no request is under way, the call is a probe: it may wait even if the estimate
// leaves no time for a wait. So an estimate that is too high falls again, even
// behind a limiter that needs a round trip to another machine.
func (k *call) waitForLimiter(ctx context.Context) error {
	granted := false
	if k.probe = k.answerTime.underWay.CompareAndSwap(0, 1); k.probe {
		defer func() {
			if !granted { // even if the limiter panics
				k.endRequest()
			}
		}()
	}
	if k.limiter != nil && !k.ofNobody {
		if err := k.askLimiter(ctx); err != nil {
			return err
		}
	}
	if granted = true; !k.probe {
		k.answerTime.underWay.Add(1)
	}
	return nil
}

func (k *call) endRequest() { k.answerTime.underWay.Add(-1) }

// askLimiter gives the limiter four fifths of the time that the answer does not need. The
// last fifth is for answers that take longer than the estimate.
//
// The estimate may rise while the call waits. What the limiter has granted to a call that
// is then refused is lost. So the call is refused only if the estimate has more than
// doubled: then the service has changed.
func (k *call) askLimiter(ctx context.Context) error {
	answer := k.answerTime.of(k.total)
	keep := min(answer+(k.total-answer)/5, nearlyAll(k.total))
	waiting, cancel := k.waitContext(ctx, k.deadline.Add(-keep))
	defer cancel()
	err := k.limiter.Wait(waiting)
	stable := k.answerTime.of(k.total) <= 2*answer
	enough := k.hasTime() || stable && waiting.Err() == nil
	switch done := k.ended(ctx); {
	case done != nil:
		return contextError(done, false, "waiting for the limiter")
	case err == nil && (enough || k.probe && waiting.Err() == nil):
		return nil
	case err == nil:
		return newOutcomeError(&limiterRefused, "the limiter did not let the request go in time", nil)
	}
	cause := ctxerr.Hide(err) // the caller's time is not up
	switch {
	case errors.Is(err, ErrDailyLimit):
		return newDailyLimitError("the limiter refused", time.Now(), cause)
	case errors.Is(err, ErrUnavailable):
		return newOutcomeError(&limiterFailed, "", cause)
	case errors.Is(err, waiting.Err()):
		return newOutcomeError(&limiterRefused, "the limiter did not let the request go in time", nil)
	}
	return newOutcomeError(&limiterRefused, "the limiter refused", cause)
}

// hasTime reports whether the time left is enough for an answer, or the call has waited
// little.
func (k *call) hasTime() bool {
	return k.timeLeft() >= min(k.answerTime.of(k.total), k.total*4/5)
}

// hasTimeToSend reports whether the request may be sent now that there is a connection.
// connecting is how long the call has waited for connections: another endpoint may have been
// silent, the handshake slow, or the pool of a given transport full. A connection that comes
// at once is no wait. A probe needs half of its time.
func (k *call) hasTimeToSend(connecting time.Duration) bool {
	atOnce := connecting <= k.total-nearlyAll(k.total)
	return atOnce || k.hasTime() || k.ofNobody || k.probe && k.timeLeft() >= k.total/2
}

// Values of call.connected that are no time.
const (
	notConnected = -1 // or the transport does not tell
	tooLate      = -2 // for an answer
)

// sendInTime sends r, unless the connection comes so late that too little time is left for
// the answer: then late is true. It also returns how long the answer took.
func (k *call) sendInTime(ctx context.Context, r transport.Request) (response transport.Response, took time.Duration, late bool) {
	started, before := time.Now(), k.connecting
	k.connected.Store(notConnected)
	r.Sending = func() bool {
		connecting := time.Since(started)
		in := int64(connecting)
		if !k.hasTimeToSend(before + connecting) {
			in = tooLate
		}
		k.connected.CompareAndSwap(notConnected, in) // a transport may ask twice
		if k.connected.Load() == tooLate {
			return false
		}
		k.report(progress.State{Sent: true, MaybeBilled: true})
		return true
	}
	response = k.sender.Send(ctx, r)
	took = time.Since(started)
	in := k.connected.Load()
	switch {
	case in >= 0:
		k.connecting += time.Duration(in)
		took -= time.Duration(in)
	case !response.Sent:
		k.connecting += took
	}
	return response, took, in == tooLate
}

// withTimeout is context.WithTimeout, but its timer does not rely on the context of the
// caller. If parent has an earlier deadline, context.WithTimeout leaves the timer to parent,
// and a context of the caller's own may have no timer.
func withTimeout(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	end := time.Now().Add(d)
	if deadline, ok := parent.Deadline(); ok && deadline.Before(end) {
		end = deadline
	}
	return context.WithDeadline(callersContext{parent}, end)
}

// callersContext is the context of a caller without its deadline. If Done says that the
// context has ended, and Err does not, the error is context.Canceled: package context
// would panic.
type callersContext struct{ context.Context }

// Deadline implements [context.Context].
func (callersContext) Deadline() (time.Time, bool) { return time.Time{}, false }

// Err implements [context.Context].
func (c callersContext) Err() error {
	select {
	case <-c.Done():
		if err := c.Context.Err(); err != nil {
			return err
		}
		return context.Canceled
	default:
		return c.Context.Err()
	}
}

// sleep waits for d. If ctx ends first, sleep returns the error of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
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
