package transport

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inBubble runs f with three endpoints and a clock that goes on only when
// everybody sleeps.
func inBubble(t *testing.T, name string, f func(t *testing.T, e *Endpoints)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := NewEndpoints([]string{"a.example", "b.example", "c.example"})
			time.Sleep(time.Hour) // a Client may be old
			f(t, e)
		})
	})
}

// fresh is what a call has tried that has just begun.
func fresh(e *Endpoints) []int { return make([]int, e.Len()) }

// order returns which endpoints one call asks in n attempts.
func order(e *Endpoints, n int) (asked []int) {
	tried := fresh(e)
	for range n {
		i := e.Next(tried)
		tried[i]++
		asked = append(asked, i)
	}
	return asked
}

func TestNextEndpoint(t *testing.T) {
	inBubble(t, "a call asks in the order of preference, and then again from the first", func(t *testing.T, e *Endpoints) {
		assert.Equal(t, []int{0, 1, 2, 0, 1, 2, 0}, order(e, 7))
	})
	inBubble(t, "every call begins with the first", func(t *testing.T, e *Endpoints) {
		assert.Equal(t, 0, e.Next(fresh(e)))
		assert.Equal(t, 0, e.Next(fresh(e)))
	})
	inBubble(t, "an endpoint that is cooling down is passed over", func(t *testing.T, e *Endpoints) {
		e.CoolDown(0)
		assert.Equal(t, []int{1, 2, 1, 2, 1}, order(e, 5))
	})
	inBubble(t, "an endpoint is passed over until its cooldown ends", func(t *testing.T, e *Endpoints) {
		e.CoolDown(1)
		time.Sleep(Cooldown - time.Nanosecond)
		assert.Equal(t, []int{0, 2, 0}, order(e, 3))
		time.Sleep(time.Nanosecond)
		assert.Equal(t, []int{0, 1, 2}, order(e, 3))
	})
	inBubble(t, "all are still asked in turn when all are cooling down", func(t *testing.T, e *Endpoints) {
		for i := range e.Len() {
			e.CoolDown(i)
		}
		assert.Equal(t, []int{0, 1, 2, 0, 1}, order(e, 5))
	})
	inBubble(t, "the first that works again is preferred when all are cooling down", func(t *testing.T, e *Endpoints) {
		for i := range e.Len() {
			e.CoolDown(i)
		}
		e.Works(2)
		assert.Equal(t, []int{2, 2, 2}, order(e, 3))
	})
	inBubble(t, "after the cooldown one call probes the endpoint, and after the connect budget the next call", func(t *testing.T, e *Endpoints) {
		e.CoolDown(0)
		time.Sleep(Cooldown)
		assert.Equal(t, 0, e.Next(fresh(e)))
		assert.Equal(t, 1, e.Next(fresh(e)))
		time.Sleep(ConnectBudget - time.Nanosecond)
		assert.Equal(t, 1, e.Next(fresh(e)))
		time.Sleep(time.Nanosecond) // whoever tried it was perhaps cancelled
		assert.Equal(t, 0, e.Next(fresh(e)))
		assert.Equal(t, 1, e.Next(fresh(e)))
	})
	inBubble(t, "all calls get an endpoint that works again", func(t *testing.T, e *Endpoints) {
		e.CoolDown(0)
		time.Sleep(Cooldown)
		assert.Equal(t, 0, e.Next(fresh(e)))
		e.Works(0)
		assert.Equal(t, 0, e.Next(fresh(e)))
		assert.Equal(t, 0, e.Next(fresh(e)))
	})
	inBubble(t, "an endpoint that fails the probe gets the whole cooldown again", func(t *testing.T, e *Endpoints) {
		e.CoolDown(0)
		time.Sleep(Cooldown)
		assert.Equal(t, 0, e.Next(fresh(e)))
		e.CoolDown(0)
		time.Sleep(Cooldown - time.Nanosecond)
		assert.Equal(t, 1, e.Next(fresh(e)))
		time.Sleep(time.Nanosecond)
		assert.Equal(t, 0, e.Next(fresh(e)))
	})
	inBubble(t, "an endpoint that works and was not cooling down stays as it is", func(t *testing.T, e *Endpoints) {
		e.Works(0)
		assert.Zero(t, e.coolUntil[0].Load())
		assert.Equal(t, 0, e.Next(fresh(e)))
	})
	t.Run("the only one is always asked", func(t *testing.T) {
		e := NewEndpoints([]string{"a.example"})
		assert.Equal(t, []int{0, 0}, order(e, 2))
		e.CoolDown(0)
		assert.Equal(t, []int{0, 0}, order(e, 2))
	})
}

// Among callers at once exactly one probes an endpoint whose cooldown has ended.
func TestOneOfManyCallersProbesAnEndpoint(t *testing.T) {
	const callers, rounds = 4, 20_000
	for range rounds {
		e := NewEndpoints([]string{"a.example", "b.example", "c.example"})
		// No bubble, whose goroutines might take turns: let the hour pass.
		e.CoolDown(0)
		e.CoolDown(1)
		e.start = e.start.Add(-time.Hour)

		var got [callers]int
		var ready atomic.Int32
		var all sync.WaitGroup
		for caller := range callers {
			all.Go(func() {
				tried := fresh(e)
				for ready.Add(1); ready.Load() < callers; { // closer together than a channel
					runtime.Gosched()
				}
				got[caller] = e.Next(tried)
			})
		}
		all.Wait()

		slices.Sort(got[:])
		require.Equal(t, [callers]int{0, 1, 2, 2}, got, "one caller each for those that were cooling down")
	}
}
