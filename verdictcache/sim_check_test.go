package verdictcache_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/id2meta/id2meta"
)

// needlessLocked returns why nobody needs the new call, or nothing. A call whose claim was
// forgotten while it waited for its turn cannot know that.
func (s *simService) needlessLocked(new *call) string {
	if s.w.forgottenLocked(new) {
		return ""
	}
	for _, c := range s.calls {
		switch {
		case c.person != new.person || s.w.forgottenLocked(c):
		case c.ended.IsZero() && !c.hangs && !c.lost:
			return "while it was being asked about"
		case (c.ok || c.wasted) && !c.lost && new.asked.Sub(c.asked) < c.ttl()-time.Second:
			return "although there was a verdict"
		}
	}
	return ""
}

// forgottenLocked reports whether somebody forgot the person after the call had its claim,
// or tried to, or tries to.
func (w *world) forgottenLocked(c *call) bool {
	for _, f := range w.forgets {
		if f.person == c.person && (!f.ended || !c.claimed.After(f.done)) {
			return true
		}
	}
	return false
}

// countNeedlessLocked checks that the needless calls about a person are excused. While
// clocks are wrong by a day there is no bound: the processes do not agree on what has
// expired.
func (s *simService) countNeedlessLocked(p *process, person int, why string) {
	w := s.w
	w.incidents = append(w.incidents, incident{time.Now(), person, -1, 0})
	if w.excusedLocked(person) < 0 && !w.clocks {
		w.problemLocked("asked without need: process %d asks about person %d %s", p.id, person, why)
	}
	for _, c := range s.calls { // the fault that excuses this call has lost their claims and verdicts, too
		if c.person == person {
			c.lost = true
		}
	}
}

// checkVerdict checks that a Verify that began then may return this verdict.
func (w *world) checkVerdict(person int, result id2meta.Result, began time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var c *call
	for _, candidate := range w.service.calls {
		if candidate.id == result.RequestID {
			c = candidate
		}
	}
	switch {
	case c == nil:
		w.problemLocked("wrong verdict: nobody gave %v", result)
		return
	case c.person != person || c.verdict != result.BizCode || !c.ok:
		w.problemLocked("wrong verdict: person %d got %v", person, result)
		return
	case !w.clocks && began.Sub(c.ended) > c.ttl()+time.Millisecond: // Result.Time is when the answer arrived
		w.problemLocked("wrong verdict: person %d got one that is %v old", person, began.Sub(c.ended))
	}
	if w.tampering || w.clocks {
		return // whoever writes the Store can bring back what was forgotten, until it expires
	}
	// A question that is under way during Forget is shared until its flight has landed.
	landed := c.ended.Add(simLease + simMaxFreeze + 10*time.Second)
	for _, f := range w.forgets {
		if f.person == person && f.ended && !f.failed && c.asked.Before(f.began) && f.done.Before(began) && landed.Before(began) {
			w.problemLocked("wrong verdict: person %d got a forgotten one, %s", person, c.id)
		}
	}
}

// checkError checks that there was a reason for an error.
func (w *world) checkError(err error, ctx context.Context) {
	storeFails := w.storeErrors+w.storeUnsaid+w.storeHangs > 0 || w.tampering || w.shortFreezes || w.longFreezes
	switch {
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
	case w.serviceErrors > 0 && errors.Is(err, errService):
	case (w.hasLateCall() || w.shortFreezes || w.longFreezes) && errors.Is(err, id2meta.ErrMaybeBilled):
	case (w.serviceErrors > 0 || storeFails) && errors.Is(err, errNotSent) && errors.Is(err, context.DeadlineExceeded):
	case w.longFreezes && strings.Contains(err.Error(), "this process stood still"):
	case w.failClosed && (storeFails || w.serviceHangs > 0) && !errors.Is(err, id2meta.ErrMaybeBilled):
	default:
		w.problem("an error without a reason: %v", err)
	}
}

// hasLateCall reports whether the lease of a call ended before its verdict came.
func (w *world) hasLateCall() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.service.calls, func(c *call) bool { return c.late || c.hangs })
}

// checkTime checks that a Verify ended in time.
func (w *world) checkTime(person int, began time.Time, timeout time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	const question = simLease + time.Second // a call ends with its lease
	allowed := question
	for _, c := range w.service.calls {
		if c.person == person && c.asked.After(began) {
			allowed += question
		}
	}
	if timeout > 0 {
		allowed = timeout + 2*simMaxStep
	}
	for _, i := range w.incidents {
		if (i.person == person || i.person == everybody) && i.at.After(began.Add(-10*time.Minute)) {
			allowed += i.delay
		}
	}
	if took := time.Since(began); took > allowed {
		w.problemLocked("late: a Verify of person %d took %v, and %v was allowed", person, took, allowed)
	}
}

// checkStats checks that each verdict was counted once.
func (w *world) checkStats() {
	for _, p := range w.all {
		s := p.cache.Stats()
		if counted := int(s.Asked + s.Shared + s.Remembered); counted != p.given && !p.dead {
			w.problem("process %d gave %d verdicts and counted %d", p.id, p.given, counted)
		}
	}
}
