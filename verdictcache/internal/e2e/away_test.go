package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testserver"
)

// outage is a way to take a database away, and to bring it back.
type outage struct{ begin, end func() }

// outages returns what can happen to a database: its server is stopped or killed.
// SQLite has none; there another program begins to write, and does not end.
func outages(t *testing.T, dsn string, server *testserver.Server) map[string]outage {
	if server != nil {
		return map[string]outage{"stopped": {server.Stop, server.Start}, "killed": {server.Kill, server.Start}}
	}
	db := openSQL(t, "sqlite", "file:"+dsn+"?_pragma=busy_timeout(10000)")
	db.SetMaxOpenConns(1)
	return map[string]outage{"locked": {
		begin: func() { mustExec(t, db, "BEGIN IMMEDIATE") },
		end:   func() { mustExec(t, db, "ROLLBACK") },
	}}
}

// By default a store that goes away in the middle, stays away and comes back is no
// reason that anybody is left without a verdict.
func TestStoreThatIsAwayDelaysNobody(t *testing.T) {
	for name, d := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits more than it works
			dsn, server := d.ready(t)
			persons := 40 // in each phase
			if server == nil {
				persons = 8 // each of them waits until the time for the step has passed
			}
			o, service := ordersFor(t, name, dsn, 5*time.Second, 10*persons)
			f := newFleet(t, processes, o)

			first := 0 // of the persons that nobody has asked about yet
			for how, outage := range outages(t, dsn, server) {
				t.Run(how, func(t *testing.T) {
					known, leaving, away, back := sequence(first, first+persons), sequence(first+persons, first+2*persons),
						sequence(first+2*persons, first+3*persons), sequence(first+3*persons, first+4*persons)
					first += 4 * persons
					wantRight(t, f.askAll(known))

					f.ask(leaving)
					time.Sleep(10 * time.Millisecond)
					outage.begin()
					wantRight(t, f.await())

					before := len(service.Calls())
					wantRight(t, f.askAll(slices.Concat(away, known)))
					lost := len(away) + len(known)
					if server == nil {
						lost = len(away) // a lock to write leaves SQLite readable
					}
					if asked := len(service.Calls()) - before; asked < lost {
						t.Errorf("the service was asked %d times about %d persons: the store was not away", asked, lost)
					}

					f.ask(back)
					outage.end()
					wantRight(t, f.await())

					f.askUntilRemembered(t, service, slices.Concat(known, leaving, away, back))
				})
			}
		})
	}
}

// recoveryTime is what clients need at most to find out that a server is back.
// go-redis, for one, does not try again for a second.
const recoveryTime = 20 * time.Second

// askUntilRemembered asks until the service is asked about nobody any more.
func (f *fleet) askUntilRemembered(t *testing.T, service *id2metatest.Server, persons []int) {
	t.Helper()
	for deadline := time.Now().Add(recoveryTime); ; time.Sleep(100 * time.Millisecond) {
		before := len(service.Calls())
		wantRight(t, f.askAll(persons))
		asked := len(service.Calls()) - before
		if asked == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the store has been back for %v, and %d are asked about again", recoveryTime, asked)
		}
	}
}
