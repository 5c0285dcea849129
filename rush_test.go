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

// rushReport is what became of the calls that were sent or refused while the rush was
// measured.
type rushReport struct {
	calls, verdicts int
	hanging         int     // sent, and the service never answers
	forNothing      int     // billed without a verdict, beside those that hang
	seconds         float64 // how long the rush was measured
	start           [10]int // verdicts of the first seconds
	startForNothing int     // before the rush is measured
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

// length is how long calls come. A service that does not change needs less.
func (r rush) length() time.Duration {
	if len(r.changes) > 0 || r.timeout > 3*time.Second {
		return 45 * time.Second
	}
	return 25 * time.Second
}

// measured reports whether what is sent at a time, or refused, counts.
func (r rush) measured(at time.Duration) bool {
	if at < max(10*time.Second, 3*r.timeout) || at >= r.length() || r.out[0] <= at && at < r.out[1] {
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
	start := time.Now()
	service := roundTripper(func(request *http.Request) (*http.Response, error) {
		io.Copy(io.Discard, request.Body) // a request whose body nobody reads was not sent
		call := request.Context().Value(rushCallKey{}).(*rushCall)
		call.sent = time.Since(start)
		takes := r.takes(r.timeout, call.sent, call.random)
		if call.hung = takes == neverAnswers; call.hung {
			return silent(request)
		}
		if err := sleepUntil(request.Context(), takes); err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(verdict))}, nil
	})
	limit := rate.NewLimiter(allowed, 4)
	limiter := limiterFunc(func(ctx context.Context) error {
		if err := sleepUntil(ctx, r.roundTrip); err != nil {
			return err
		}
		return limit.Wait(ctx)
	})
	client := newClient(t, []string{"service.example"}, id2meta.WithTimeout(r.timeout),
		id2meta.WithHTTPClient(&http.Client{Transport: service}), id2meta.WithLimiter(limiter))

	var calls sync.WaitGroup
	for at := range int(r.length()/time.Second) * r.perSecond {
		time.Sleep(time.Until(start.Add(time.Second * time.Duration(at) / time.Duration(r.perSecond))))
		calls.Go(func() {
			call := &rushCall{random: rand.New(rand.NewPCG(1, uint64(at)))}
			_, err := client.Verify(context.WithValue(t.Context(), rushCallKey{}, call), zhangSan)
			mu.Lock()
			defer mu.Unlock()
			report.add(r, call, time.Since(start), err)
		})
	}
	calls.Wait()
	for at := range r.length() / (100 * time.Millisecond) {
		if r.measured(at * 100 * time.Millisecond) {
			report.seconds += 0.1
		}
	}
	return report
}

// rushCall is one call of a rush, and the value of rushCallKey in its context.
type rushCall struct {
	random *rand.Rand    // each call has numbers of its own, so that they do not depend on the order of the calls
	sent   time.Duration // when the request was sent; 0 if it was not
	hung   bool          // the service does not answer the call
}

type rushCallKey struct{}

func (r *rushReport) add(rush rush, call *rushCall, ended time.Duration, err error) {
	at := call.sent
	if at == 0 {
		at = ended
	}
	if second := int(ended / time.Second); err == nil && second < len(r.start) {
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
	case billed && call.hung:
		r.hanging++
	case billed:
		r.forNothing++
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
		check := func(name string, r rush, goodput float64) {
			r.profile = test.profile
			t.Run(name+": "+test.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					report := r.run(t)
					t.Logf("goodput %.2f, for nothing %.4f; before: verdicts %v, for nothing %d",
						report.goodput(r), report.share(), report.start, report.startForNothing)
					assert.GreaterOrEqual(t, report.goodput(r), goodput, "goodput")
					assert.LessOrEqual(t, report.share(), test.forNothing, "billed without a verdict")
				})
			})
		}
		for _, timeout := range []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, 3 * time.Second, 10 * time.Second} {
			check(fmt.Sprintf("a rush, timeout %v", timeout), rush{timeout: timeout, perSecond: 2 * allowed}, test.goodput)
		}
		// Round trips of more than a fiftieth of the timeout look like waits: in such a
		// Client a service that needs nearly all of the time, or that hangs again and again,
		// gets one request at a time.
		for _, trip := range []time.Duration{1, 5, 20, 50} {
			check(fmt.Sprintf("behind a limiter of %d ms", trip),
				rush{timeout: 3 * time.Second, perSecond: 2 * allowed, roundTrip: trip * time.Millisecond}, test.goodput)
		}
		for _, perSecond := range []int{5, 20} {
			check(fmt.Sprintf("no rush, %d calls a second", perSecond), rush{timeout: 3 * time.Second, perSecond: perSecond}, 0.97)
		}
	}
}
