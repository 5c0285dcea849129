package id2meta

import (
	"sync/atomic"
	"time"
)

// asideFor is how long an endpoint that gave no connection is passed over.
const asideFor = 30 * time.Second

// endpoint is one host of the service.
type endpoint struct {
	host string
	// aside is when the endpoint may be tried again, as time since
	// endpoints.start; 0 means that it is not set aside.
	aside atomic.Int64
}

// endpoints are the hosts to ask, in the order of preference. All calls of a
// Client share them.
type endpoints struct {
	list     []endpoint
	start    time.Time
	asideFor time.Duration
}

func newEndpoints(hosts []string) *endpoints {
	e := &endpoints{list: make([]endpoint, len(hosts)), start: time.Now(), asideFor: asideFor}
	for i, host := range hosts {
		e.list[i].host = host
	}
	return e
}

// next returns the index of the endpoint to ask: of those that are not set
// aside, or of all if every one is, the first that this call has tried least
// often. tried counts the call's attempts at each endpoint.
//
// An endpoint whose time aside is over is given to one call, which finds out
// how it is; until then the others go on without it.
func (e *endpoints) next(tried []int) int {
	for {
		now := int64(time.Since(e.start))
		best, bestAside := -1, int64(0)
		for i := range e.list {
			aside := e.list[i].aside.Load()
			if aside <= now && (best < 0 || tried[i] < tried[best]) {
				best, bestAside = i, aside
			}
		}
		switch {
		case best < 0:
			return leastTried(tried)
		case bestAside == 0:
			return best
		case e.list[best].aside.CompareAndSwap(bestAside, now+int64(connectBudget)):
			return best
		}
	}
}

func leastTried(tried []int) int {
	best := 0
	for i := range tried {
		if tried[i] < tried[best] {
			best = i
		}
	}
	return best
}

// works notes that endpoint i gave a connection.
func (e *endpoints) works(i int) {
	if e.list[i].aside.Load() != 0 {
		e.list[i].aside.Store(0)
	}
}

// setAside notes that endpoint i gave no connection.
func (e *endpoints) setAside(i int) {
	e.list[i].aside.Store(int64(time.Since(e.start) + e.asideFor))
}
