package id2meta

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
func inBubble(t *testing.T, name string, f func(t *testing.T, e *endpoints)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := newEndpoints([]string{"a.example", "b.example", "c.example"})
			e.asideFor = time.Second // shorter than the 3 s that a probe gets
			time.Sleep(time.Hour)    // a Client may be old
			f(t, e)
		})
	})
}

// fresh is what a call has tried that has just begun.
func fresh(e *endpoints) []int { return make([]int, len(e.list)) }

// order returns which endpoints one call asks in n attempts.
func order(e *endpoints, n int) (asked []int) {
	tried := fresh(e)
	for range n {
		i := e.next(tried)
		tried[i]++
		asked = append(asked, i)
	}
	return asked
}

func TestNextEndpoint(t *testing.T) {
	inBubble(t, "a call asks in the order of preference, and then again from the first", func(t *testing.T, e *endpoints) {
		assert.Equal(t, []int{0, 1, 2, 0, 1, 2, 0}, order(e, 7))
	})
	inBubble(t, "every call begins with the first", func(t *testing.T, e *endpoints) {
		assert.Equal(t, 0, e.next(fresh(e)))
		assert.Equal(t, 0, e.next(fresh(e)))
	})
	inBubble(t, "one that is set aside is passed over", func(t *testing.T, e *endpoints) {
		e.setAside(0)
		assert.Equal(t, []int{1, 2, 1, 2, 1}, order(e, 5))
	})
	inBubble(t, "one that is set aside is passed over until its time is over", func(t *testing.T, e *endpoints) {
		e.setAside(1)
		time.Sleep(e.asideFor - time.Nanosecond)
		assert.Equal(t, []int{0, 2, 0}, order(e, 3))
		time.Sleep(time.Nanosecond)
		assert.Equal(t, []int{0, 1, 2}, order(e, 3))
	})
	inBubble(t, "all are still asked in turn when all are set aside", func(t *testing.T, e *endpoints) {
		for i := range e.list {
			e.setAside(i)
		}
		assert.Equal(t, []int{0, 1, 2, 0, 1}, order(e, 5))
	})
	inBubble(t, "the first that works again is preferred when all are set aside", func(t *testing.T, e *endpoints) {
		for i := range e.list {
			e.setAside(i)
		}
		e.works(2)
		assert.Equal(t, []int{2, 2, 2}, order(e, 3))
	})
	inBubble(t, "one whose time is over is given to one call, and to the next after the connect budget", func(t *testing.T, e *endpoints) {
		e.setAside(0)
		time.Sleep(e.asideFor)
		assert.Equal(t, 0, e.next(fresh(e)))
		assert.Equal(t, 1, e.next(fresh(e)))
		time.Sleep(connectBudget - time.Nanosecond)
		assert.Equal(t, 1, e.next(fresh(e)))
		time.Sleep(time.Nanosecond) // whoever tried it was perhaps cancelled
		assert.Equal(t, 0, e.next(fresh(e)))
		assert.Equal(t, 1, e.next(fresh(e)))
	})
	inBubble(t, "one that works again is given to all", func(t *testing.T, e *endpoints) {
		e.setAside(0)
		time.Sleep(e.asideFor)
		assert.Equal(t, 0, e.next(fresh(e)))
		e.works(0)
		assert.Equal(t, 0, e.next(fresh(e)))
		assert.Equal(t, 0, e.next(fresh(e)))
	})
	inBubble(t, "one that fails again is set aside for the whole time again", func(t *testing.T, e *endpoints) {
		e.setAside(0)
		time.Sleep(e.asideFor)
		assert.Equal(t, 0, e.next(fresh(e)))
		e.setAside(0)
		time.Sleep(e.asideFor - time.Nanosecond)
		assert.Equal(t, 1, e.next(fresh(e)))
		time.Sleep(time.Nanosecond)
		assert.Equal(t, 0, e.next(fresh(e)))
	})
	inBubble(t, "one that works and was not set aside stays as it is", func(t *testing.T, e *endpoints) {
		e.works(0)
		assert.Zero(t, e.list[0].aside.Load())
		assert.Equal(t, 0, e.next(fresh(e)))
	})
	t.Run("the only one is always asked", func(t *testing.T) {
		e := newEndpoints([]string{"a.example"})
		assert.Equal(t, []int{0, 0}, order(e, 2))
		e.setAside(0)
		assert.Equal(t, []int{0, 0}, order(e, 2))
	})
	t.Run("the time aside is that of the documentation", func(t *testing.T) {
		assert.Equal(t, 30*time.Second, newEndpoints([]string{"a.example"}).asideFor)
	})
}

// Among callers at once exactly one finds out how an endpoint is.
func TestOneOfManyCallersProbesAnEndpoint(t *testing.T) {
	const callers, rounds = 4, 20_000
	for range rounds {
		e := newEndpoints([]string{"a.example", "b.example", "c.example"})
		// No bubble, whose goroutines might take turns: let the hour pass.
		e.setAside(0)
		e.setAside(1)
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
				got[caller] = e.next(tried)
			})
		}
		all.Wait()

		slices.Sort(got[:])
		require.Equal(t, [callers]int{0, 1, 2, 2}, got, "one caller each for those that were set aside")
	}
}

func TestEndpointsAreSafeForConcurrentUse(t *testing.T) {
	e := newEndpoints([]string{"a.example", "b.example", "c.example"})
	e.asideFor = time.Microsecond
	var all sync.WaitGroup
	for caller := range 16 {
		all.Go(func() {
			for turn := range 500 {
				tried := []int{turn % 2, caller % 3, 1}
				switch i := e.next(tried); (turn + caller) % 3 {
				case 0:
					e.setAside(i)
				case 1:
					e.works(i)
				}
			}
		})
	}
	all.Wait()
	for i := range e.list {
		e.works(i)
	}
	assert.Equal(t, []int{0, 1, 2}, order(e, 3))
}
