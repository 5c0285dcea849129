package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

var rushFlag = flag.Duration("rush", 10*time.Second, "how long TestRush lasts")

// The rate of an Alibaba Cloud account, as newLimiter keeps to it, and of those who
// come.
const accountRate, rushRate = 47, 2 * accountRate

// Twice as many users come as the account has calls for. Who is told to try again
// comes again, as Retry-After says.
func TestRush(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as -rush")
	}
	testRush(t, 1200*time.Millisecond)
}

func testRush(t *testing.T, answersAfter time.Duration) {
	simulator := id2metatest.NewServer()
	t.Cleanup(simulator.Close)
	r := &rush{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}}, simulator: simulator}
	t.Cleanup(r.client.CloseIdleConnections)
	people := int(2 * rushRate * rushFlag.Seconds())
	for n := range people {
		simulator.AddPerson(demoName, idNumber(n))
	}
	simulator.Inject(slices.Repeat([]id2metatest.Fault{id2metatest.Delay(answersAfter)}, people)...)
	asked, err := id2meta.New(append(simulator.Options(), id2meta.WithTimeout(askTimeout), id2meta.WithLimiter(rate.NewLimiter(accountRate, 4)))...)
	require.NoError(t, err)
	t.Cleanup(asked.CloseIdleConnections)
	s := openService(t, asked, startPostgreSQL(t).newDatabase(t))
	r.base = serveForTest(t, s.handler())

	r.run(t.Context(), *rushFlag)
	paid, billed := len(r.paid), 0
	for n := range r.users {
		billed += simulator.Billed(demoName, idNumber(n))
	}
	first, second := r.rate(0, *rushFlag/2), r.rate(*rushFlag/2, *rushFlag)
	t.Logf("%d users came, %d requests: %d paid, %d told to try again; slowest payment %v, slowest refusal %v", r.users, r.requests, paid, r.tryAgain,
		slices.Max(r.took).Round(time.Millisecond), slices.Max(r.refusedAfter).Round(time.Millisecond))
	t.Logf("goodput as a share of the account's rate: %.3f in the first half, %.3f in the second half", first/accountRate, second/accountRate)
	t.Logf("billed %d, %.2f %% of them without a verdict", billed, 100*float64(billed-paid)/float64(billed))

	require.Empty(t, r.odd)
	require.NotZero(t, r.tryAgain, "or it was no rush")
	require.Greater(t, second, 0.5*accountRate, "paid a second, in the second half")
	require.LessOrEqual(t, float64(billed-paid), 0.2*float64(billed), "generous, for busy machines: without early refusals it is most of them")
	started := time.Now()
	status, _, body := send(t, r.base, withdrawalOf{user: "late", number: idNumber(people - 1)})
	require.Equal(t, 201, status, body)
	t.Logf("after the rush a withdrawal takes %v", time.Since(started).Round(time.Millisecond))
}

// rush is the users who come, and what they were answered.
type rush struct {
	base      string
	client    *http.Client
	simulator *id2metatest.Server

	mu           sync.Mutex
	users        int
	requests     int
	again        []int           // users who were told to try again and come next
	paid         []time.Duration // since the start
	took         []time.Duration // of the payments
	refusedAfter []time.Duration
	tryAgain     int
	odd          []string
}

func (r *rush) run(ctx context.Context, lasts time.Duration) {
	started := time.Now()
	var group sync.WaitGroup
	arrivals := rate.NewLimiter(rushRate, rushRate)
	for time.Since(started) < lasts && arrivals.Wait(ctx) == nil {
		user := r.next()
		group.Go(func() { r.withdraw(ctx, started, user) })
	}
	group.Wait()
}

// next returns a user who comes again, or else a new one.
func (r *rush) next() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	if len(r.again) > 0 {
		user := r.again[0]
		r.again = r.again[1:]
		return user
	}
	r.users++
	return r.users - 1
}

func (r *rush) withdraw(ctx context.Context, started time.Time, user int) {
	w := withdrawalOf{user: fmt.Sprint("u", user), number: idNumber(user), key: "k"}
	before := time.Now()
	status, header, body, err := w.send(ctx, r.client, r.base)
	took := time.Since(before)
	seconds, _ := strconv.Atoi(header.Get("Retry-After"))
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil && status == 201:
		r.paid = append(r.paid, time.Since(started))
		r.took = append(r.took, took)
	case err == nil && status == 503 && seconds > 0:
		r.tryAgain++
		r.refusedAfter = append(r.refusedAfter, took)
		time.AfterFunc(time.Duration(seconds)*time.Second+rand.N(time.Second), func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.again = append(r.again, user)
		})
	default:
		r.odd = append(r.odd, fmt.Sprint(status, " ", body, " ", err))
	}
}

// rate returns how many were paid in each second of a part of the rush.
func (r *rush) rate(from, to time.Duration) float64 {
	n := 0
	for _, at := range r.paid {
		if at > from && at <= to {
			n++
		}
	}
	return float64(n) / (to - from).Seconds()
}
