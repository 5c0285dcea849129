package transport

import (
	"slices"
	"sync/atomic"
	"time"
)

const (
	// ConnectBudget is the longest time that one attempt waits for a connection.
	ConnectBudget = 3 * time.Second
	// Cooldown is how long calls go to the other endpoints after an endpoint gave no
	// connection.
	Cooldown = 30 * time.Second
)

// Endpoints are the hosts to call, in the order of preference, and their cooldowns.
// Make Endpoints with [NewEndpoints]. Endpoints are safe for concurrent use.
type Endpoints struct {
	hosts []string
	// coolUntil is the end of the cooldown of each host, as time since start. 0
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

// Next returns the index of the endpoint for the next attempt of a call. tried holds
// the number of attempts of the call at each endpoint. Next considers the endpoints
// that are not cooling down, and returns the first with the fewest attempts. If all
// endpoints are cooling down, Next considers all endpoints.
//
// When the cooldown of an endpoint ends, one attempt uses the endpoint as a half-open
// probe. Other attempts do not use the endpoint until [Endpoints.Works] is called, or
// ConnectBudget has passed.
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
			return slices.Index(tried, slices.Min(tried))
		case bestUntil == 0:
			return best
		case e.coolUntil[best].CompareAndSwap(bestUntil, now+int64(ConnectBudget)):
			return best
		}
	}
}

// Works notes that endpoint i gave a connection, and ends its cooldown.
func (e *Endpoints) Works(i int) {
	if e.coolUntil[i].Load() != 0 { // a plain Store would make all callers write to one cache line
		e.coolUntil[i].Store(0)
	}
}

// CoolDown notes that endpoint i gave no connection, and starts its cooldown.
func (e *Endpoints) CoolDown(i int) { e.coolUntil[i].Store(int64(time.Since(e.start) + Cooldown)) }
