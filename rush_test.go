package id2meta_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
)

// A rush is a stream of calls through a limiter of 47 calls a second, to a service
// whose times follow a profile.
type rush struct {
	profile
	timeout   time.Duration
	perSecond int           // calls, not verdicts
	roundTrip time.Duration // of the limiter
}

const allowed = 47 // calls a second

// profile says how long the service takes.
type profile struct {
	name string
	// takes returns the time of one answer in a call with a timeout, some time after
	// the start of the rush.
	takes func(timeout, since time.Duration, random *rand.Rand) time.Duration
	// changes are the times at which the service changes. A rush is not measured in
	// the five seconds after a change.
	changes []time.Duration
	// out are the times between which the service gives no answer. Nothing is
	// measured between them.
	out [2]time.Duration
}

const neverAnswers = time.Duration(math.MaxInt64) // the time of an answer that does not come

func fixed(percent int) profile {
	return profile{name: fmt.Sprintf("always %d %% of the timeout", percent),
		takes: func(timeout, _ time.Duration, _ *rand.Rand) time.Duration {
			return timeout * time.Duration(percent) / 100
		}}
}

func twoSpeeds(percent int) profile {
	return profile{name: fmt.Sprintf("7 %% of the timeout, and 87 %% in %d %% of the cases", percent),
		takes: func(timeout, _ time.Duration, random *rand.Rand) time.Duration {
			if random.IntN(100) < percent {
				return timeout * 87 / 100
			}
			return timeout * 7 / 100
		}}
}

func lognormal(sigma float64) profile {
	return profile{name: fmt.Sprintf("lognormal, median 10 %% of the timeout, sigma %.1f", sigma),
		takes: func(timeout, _ time.Duration, random *rand.Rand) time.Duration {
			return time.Duration(float64(timeout) / 10 * math.Exp(sigma*random.NormFloat64()))
		}}
}

func slowForAWhile() profile {
	from, to := 10*time.Second, 30*time.Second
	return profile{name: "7 % of the timeout, but 67 % for 20 s", changes: []time.Duration{from, to},
		takes: func(timeout, since time.Duration, _ *rand.Rand) time.Duration {
			if from <= since && since < to {
				return timeout * 67 / 100
			}
			return timeout * 7 / 100
		}}
}

func outForAWhile() profile {
	out := [2]time.Duration{10 * time.Second, 30 * time.Second}
	return profile{name: "7 % of the timeout, but no answer for 20 s", changes: out[:], out: out,
		takes: func(timeout, since time.Duration, _ *rand.Rand) time.Duration {
			if out[0] <= since && since < out[1] {
				return neverAnswers
			}
			return timeout * 7 / 100
		}}
}

func firstHangs() profile {
	return profile{name: "7 % of the timeout, but the first request hangs", changes: []time.Duration{0},
		takes: func(timeout, since time.Duration, _ *rand.Rand) time.Duration {
			if since == 0 {
				return neverAnswers
			}
			return timeout * 7 / 100
		}}
}

func oneInFiftyHangs() profile {
	return profile{name: "7 % of the timeout, but one request in fifty hangs",
		takes: func(timeout, _ time.Duration, random *rand.Rand) time.Duration {
			if random.IntN(50) == 0 {
				return neverAnswers
			}
			return timeout * 7 / 100
		}}
}

// rushReport is what became of the calls that ended while the rush was measured.
type rushReport struct {
	calls, verdicts, refused int
	hanging                  int     // sent, and the service never answers
	forNothing               int     // billed without a verdict, beside those that hang
	seconds                  float64 // how long the rush was measured
	start                    [10]int // verdicts of the first seconds
	startForNothing          int     // before the rush is measured
}

// goodput is the number of verdicts over the number that is possible.
func (r rushReport) goodput(rush rush) float64 {
	if rush.perSecond > allowed {
		return float64(r.verdicts) / (allowed * r.seconds)
	}
	return float64(r.verdicts) / float64(r.calls)
}

func (r rushReport) share() float64 {
	return float64(r.forNothing) / float64(max(1, r.verdicts+r.forNothing+r.hanging))
}

const rushFor = 45 * time.Second

// measured reports whether what ends at a time counts.
func (r rush) measured(at time.Duration) bool {
	if at < max(10*time.Second, 3*r.timeout) || at >= rushFor || r.out[0] <= at && at < r.out[1] {
		return false
	}
	for _, change := range r.changes {
		if change <= at && at < change+5*time.Second {
			return false
		}
	}
	return true
}

// run makes the calls. The caller is in a synctest bubble.
func (r rush) run(t *testing.T) rushReport {
	var mu sync.Mutex
	var report rushReport
	start, random := time.Now(), rand.New(rand.NewPCG(1, 2))
	service := roundTripper(func(request *http.Request) (*http.Response, error) {
		io.Copy(io.Discard, request.Body) // a request whose body nobody reads was not sent
		mu.Lock()
		takes := r.takes(r.timeout, time.Since(start), random)
		mu.Unlock()
		if takes == neverAnswers {
			*request.Context().Value(hungKey{}).(*bool) = true
			return silent(request)
		}
		if err := sleepUntil(request.Context(), takes); err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(verdict))}, nil
	})
	limit := rate.NewLimiter(allowed, 4)
	opts := []id2meta.Option{
		id2meta.WithTimeout(r.timeout), withSimulatorKey(),
		id2meta.WithHTTPClient(&http.Client{Transport: service}),
	}
	opts = append(opts, id2meta.WithLimiter(limiterFunc(func(ctx context.Context) error {
		if err := sleepUntil(ctx, r.roundTrip); err != nil {
			return err
		}
		return limit.Wait(ctx)
	})))
	client := newClient(t, []string{"service.example"}, opts...)

	var calls sync.WaitGroup
	for at := range int(rushFor/time.Second) * r.perSecond {
		time.Sleep(time.Until(start.Add(time.Second * time.Duration(at) / time.Duration(r.perSecond))))
		calls.Go(func() {
			var hung bool
			_, err := client.Verify(context.WithValue(t.Context(), hungKey{}, &hung), zhangSan)
			mu.Lock()
			defer mu.Unlock()
			report.add(r, time.Since(start), err, hung)
		})
	}
	calls.Wait()
	for at := range rushFor / (100 * time.Millisecond) {
		if r.measured(at * 100 * time.Millisecond) {
			report.seconds += 0.1
		}
	}
	return report
}

// hungKey is the key of a bool that tells whether a request of the call hung.
type hungKey struct{}

func (r *rushReport) add(rush rush, at time.Duration, err error, hung bool) {
	if second := int(at / time.Second); err == nil && second < len(r.start) {
		r.start[second]++
	}
	billed := errors.Is(err, id2meta.ErrMaybeBilled)
	if !rush.measured(at) {
		if billed {
			r.startForNothing++
		}
		return
	}
	r.calls++
	switch {
	case err == nil:
		r.verdicts++
	case billed && hung:
		r.hanging++
	case billed:
		r.forNothing++
	default:
		r.refused++
	}
}

// TestRush is the promise: in a rush of twice the account's rate, what is sent is answered,
// and nearly every call that the account is allowed gives a verdict, whatever the service's
// times are. docs/benchmarks.md has the figures.
func TestRush(t *testing.T) {
	for _, test := range []struct {
		profile
		goodput    float64 // at least
		forNothing float64 // at most
	}{
		{fixed(7), 0.97, 0.01},
		{fixed(40), 0.97, 0.01},
		{fixed(67), 0.97, 0.01},
		{fixed(87), 0.90, 0.01},
		{fixed(92), 0.90, 0.01},
		{fixed(96), 0.80, 0.03},
		{twoSpeeds(2), 0.90, 0.01},
		{twoSpeeds(5), 0.90, 0.01},
		{twoSpeeds(10), 0.90, 0.01},
		{lognormal(0.3), 0.90, 0.01},
		{lognormal(0.5), 0.90, 0.01},
		{lognormal(0.8), 0.80, 0.01},
		{slowForAWhile(), 0.90, 0.03},
		{outForAWhile(), 0.90, 0.03},
		{firstHangs(), 0.90, 0.03},
		{oneInFiftyHangs(), 0.90, 0.03},
	} {
		check := func(name string, r rush, goodput, forNothing float64) {
			t.Run(name+": "+test.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					report := r.run(t)
					t.Logf("goodput %.2f, for nothing %.4f; before: verdicts %v, for nothing %d",
						report.goodput(r), report.share(), report.start, report.startForNothing)
					assert.GreaterOrEqual(t, report.goodput(r), goodput, "goodput")
					assert.LessOrEqual(t, report.share(), forNothing, "billed without a verdict")
				})
			})
		}
		check("a rush, timeout 3s", rush{profile: test.profile, timeout: 3 * time.Second, perSecond: 2 * allowed}, test.goodput, test.forNothing)
		if test.forNothing > 0.01 {
			continue // one measurement is enough for the other profiles
		}
		// With ten seconds, some hundred calls wait. When the estimate rises, they are all
		// refused, and what the limiter had granted to them is lost.
		check("a rush, timeout 10s", rush{profile: test.profile, timeout: 10 * time.Second, perSecond: 2 * allowed},
			min(test.goodput, 0.65), max(test.forNothing, 0.02))
		check("behind a limiter of 50 ms",
			rush{profile: test.profile, timeout: 3 * time.Second, perSecond: 2 * allowed, roundTrip: 50 * time.Millisecond}, test.goodput, test.forNothing)
		check("no rush", rush{profile: test.profile, timeout: 3 * time.Second, perSecond: 20}, 0.97, test.forNothing)
	}
}
