package transport

import (
	"sync/atomic"
	"time"
)

// Endpoints are the hosts to ask, in the order of preference. They are made by
// [NewEndpoints] and safe for concurrent use.
type Endpoints struct {
	hosts []string
	// aside is when each may be tried again, as time since start; 0 means that it
	// is not set aside.
	aside    []atomic.Int64
	start    time.Time
	asideFor time.Duration
}

// NewEndpoints returns the Endpoints of some hosts. One that gives no connection
// will be passed over for asideFor.
func NewEndpoints(hosts []string, asideFor time.Duration) *Endpoints {
	return &Endpoints{hosts: hosts, aside: make([]atomic.Int64, len(hosts)), start: time.Now(), asideFor: asideFor}
}

// Len returns how many there are.
func (e *Endpoints) Len() int { return len(e.hosts) }

// Host returns endpoint i as it was given.
func (e *Endpoints) Host(i int) string { return e.hosts[i] }

// Next returns the index of the endpoint to ask: of those that are not set
// aside, or of all if every one is, the first that this call has tried least
// often. tried counts the call's attempts at each endpoint.
//
// An endpoint whose time aside is over is given to one call, which finds out
// how it is; until then the others go on without it.
func (e *Endpoints) Next(tried []int) int {
	for {
		now := int64(time.Since(e.start))
		best, bestAside := -1, int64(0)
		for i := range e.aside {
			aside := e.aside[i].Load()
			if aside <= now && (best < 0 || tried[i] < tried[best]) {
				best, bestAside = i, aside
			}
		}
		switch {
		case best < 0:
			return leastTried(tried)
		case bestAside == 0:
			return best
		case e.aside[best].CompareAndSwap(bestAside, now+int64(ConnectBudget)):
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

// Works notes that endpoint i gave a connection.
func (e *Endpoints) Works(i int) {
	if e.aside[i].Load() != 0 {
		e.aside[i].Store(0)
	}
}

// SetAside notes that endpoint i gave no connection.
func (e *Endpoints) SetAside(i int) { e.aside[i].Store(int64(time.Since(e.start) + e.asideFor)) }
