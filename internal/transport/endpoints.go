package transport

import (
	"sync/atomic"
	"time"
)

// How long an endpoint may keep a call waiting for a connection, and what it
// costs an endpoint to give none.
const (
	// ConnectBudget is the longest time that one endpoint gets to give a connection.
	ConnectBudget = 3 * time.Second
	// Cooldown is how long an endpoint that gave no connection is passed over.
	Cooldown = 30 * time.Second
)

// Endpoints are the hosts to call, in the order of preference. They are made by
// [NewEndpoints] and safe for concurrent use.
type Endpoints struct {
	hosts []string
	// coolUntil is when the cooldown of each host ends, as time since start. 0
	// means that the host is not cooling down.
	coolUntil []atomic.Int64
	start     time.Time
}

// NewEndpoints returns the Endpoints of some hosts.
func NewEndpoints(hosts []string) *Endpoints {
	return &Endpoints{hosts: hosts, coolUntil: make([]atomic.Int64, len(hosts)), start: time.Now()}
}

// Len returns the number of endpoints.
func (e *Endpoints) Len() int { return len(e.hosts) }

// Host returns endpoint i as it was given to NewEndpoints.
func (e *Endpoints) Host(i int) string { return e.hosts[i] }

// Next returns the index of the endpoint for a call's next attempt. Among the
// endpoints that are not cooling down, Next returns the first that this call has
// tried least often. If all are cooling down, Next chooses among all. tried counts
// the call's attempts at each endpoint.
//
// When the cooldown of an endpoint ends, one call gets the endpoint as a half-open
// probe. The other calls go on without the endpoint until the probe has a
// connection, or ConnectBudget has passed.
func (e *Endpoints) Next(tried []int) int {
	for {
		now := int64(time.Since(e.start))
		best, bestUntil := -1, int64(0)
		for i := range e.coolUntil {
			until := e.coolUntil[i].Load()
			if until <= now && (best < 0 || tried[i] < tried[best]) {
				best, bestUntil = i, until
			}
		}
		switch {
		case best < 0:
			return leastTried(tried)
		case bestUntil == 0:
			return best
		case e.coolUntil[best].CompareAndSwap(bestUntil, now+int64(ConnectBudget)):
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

// Works notes that endpoint i gave a connection, and ends its cooldown.
func (e *Endpoints) Works(i int) {
	if e.coolUntil[i].Load() != 0 { // a plain Store would make all callers write to one cache line
		e.coolUntil[i].Store(0)
	}
}

// CoolDown notes that endpoint i gave no connection, and starts its cooldown.
func (e *Endpoints) CoolDown(i int) { e.coolUntil[i].Store(int64(time.Since(e.start) + Cooldown)) }
