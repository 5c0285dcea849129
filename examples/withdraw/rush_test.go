package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
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

// The rate of an Alibaba Cloud account, as limits keeps to it, and of those who come.
const accountRate, rushRate = 47, 2 * accountRate

// Twice as many users come as the account has calls for. Who is told to try again
// comes again, as Retry-After says.
func TestRush(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as -rush")
	}
	simulator := id2metatest.NewServer(id2metatest.WithLatency(1200*time.Millisecond, 1200*time.Millisecond))
	t.Cleanup(simulator.Close)
	people := int(2 * rushRate * rushFlag.Seconds())
	for n := range people {
		simulator.AddPerson(demoName, idNumber(n))
	}
	asked, err := id2meta.New(append(simulator.Options(), id2meta.WithTimeout(askTimeout), id2meta.WithLimiter(rate.NewLimiter(accountRate, 4)))...)
	require.NoError(t, err)
	t.Cleanup(asked.CloseIdleConnections)
	s := openService(t, asked, startPostgreSQL(t).newDatabase(t))

	var (
		started      = time.Now()
		arrivals     = rate.NewLimiter(rushRate, rushRate)
		users        int
		again        = make(chan int, 10*people) // users who come before new ones
		group        sync.WaitGroup
		mu           sync.Mutex
		paid         []time.Duration // since the start
		took         []time.Duration // of the payments
		refusedAfter []time.Duration
	)
	for time.Since(started) < *rushFlag && arrivals.Wait(t.Context()) == nil {
		user := users
		select {
		case user = <-again:
		default:
			users++
		}
		group.Go(func() {
			came := time.Now()
			got := s.post(withdrawalOf{user: fmt.Sprint("u", user), number: idNumber(user), key: "k"})
			now := time.Now()
			seconds, _ := strconv.Atoi(got.Header().Get("Retry-After"))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case got.Code == 201:
				paid, took = append(paid, now.Sub(started)), append(took, now.Sub(came))
			case got.Code == 503 && seconds > 0:
				refusedAfter = append(refusedAfter, now.Sub(came))
				time.AfterFunc(time.Duration(seconds)*time.Second+rand.N(time.Second), func() { again <- user })
			default:
				t.Errorf("%d %s", got.Code, got.Body)
			}
		})
	}
	group.Wait()
	require.NotEmpty(t, refusedAfter, "or it was no rush")
	billed := 0
	for n := range users {
		billed += simulator.Billed(demoName, idNumber(n))
	}
	var halves [2]float64 // paid, as a share of the account's rate
	for _, at := range paid {
		if at < *rushFlag {
			halves[2*at / *rushFlag] += 1 / (accountRate * rushFlag.Seconds() / 2)
		}
	}
	t.Logf("%d users came: %d paid, %d told to try again; slowest payment %v, slowest refusal %v", users, len(paid), len(refusedAfter),
		slices.Max(took).Round(time.Millisecond), slices.Max(refusedAfter).Round(time.Millisecond))
	t.Logf("goodput as a share of the account's rate: %.3f in the first half, %.3f in the second half", halves[0], halves[1])
	t.Logf("billed %d, %.2f %% of them without a verdict", billed, 100*float64(billed-len(paid))/float64(billed))
	require.Greater(t, halves[1], 0.5, "in the second half")
	require.LessOrEqual(t, float64(billed-len(paid)), 0.2*float64(billed), "generous, for busy machines: without early refusals it is most of them")

	before := time.Now()
	s.mustPost(t, 201, withdrawalOf{user: "late", number: idNumber(people - 1)})
	t.Logf("after the rush a withdrawal takes %v", time.Since(before).Round(time.Millisecond))
}
