package e2e

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/testserver"
	"github.com/id2meta/id2meta/verdictcache"
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
// reason that anybody is left without a verdict. When it is back, it remembers.
func TestStoreThatIsAwayDelaysNobody(t *testing.T) {
	for name, d := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits more than it works
			dsn, server := d.ready(t)
			persons := 40 // in each phase
			if server == nil {
				persons = 8 // each of them waits until the time for the step has passed
			}
			service := newService(t, 10*persons)
			client, err := id2meta.New(service.Options()...)
			require.NoError(t, err)
			t.Cleanup(client.CloseIdleConnections)
			cache := newCache(t, client, d.opened(t, dsn), verdictcache.WithLogger(slog.New(slog.DiscardHandler)))
			ask := func(from, to int) (asked int) {
				before := len(service.Calls())
				require.NoError(t, askAll(cache, from, to))
				return len(service.Calls()) - before
			}
			askWhile := func(from, to int, change func()) {
				done := make(chan error, 1)
				go func() { done <- askAll(cache, from, to) }()
				time.Sleep(10 * time.Millisecond)
				change()
				require.NoError(t, <-done)
			}

			first := 0 // of the persons that nobody has asked about yet
			for how, outage := range outages(t, dsn, server) {
				t.Run(how, func(t *testing.T) {
					known, leaving, away, back := first, first+persons, first+2*persons, first+3*persons
					first += 4 * persons
					ask(known, leaving)
					askWhile(leaving, away, outage.begin)
					require.Equal(t, persons, ask(away, back))
					if server != nil { // a lock to write leaves SQLite readable
						require.Equal(t, persons, ask(known, leaving), "the store is away")
					}
					askWhile(back, first, outage.end)

					// go-redis, for one, does not try again for a second.
					require.Eventually(t, func() bool { return ask(known, first) == 0 }, 20*time.Second, 100*time.Millisecond)
				})
			}
		})
	}
}

const (
	// callers is how many persons are asked about at the same time.
	callers = 2 * maxConns
	// answerTime is what a caller waits at most.
	answerTime = 20 * time.Second
)

// askAll asks about the persons with these numbers. An answer that is not the person's verdict
// is an error.
func askAll(cache *verdictcache.Cache, from, to int) error {
	return atOnce(to-from, callers, func(i int) error {
		ctx, cancel := context.WithTimeout(context.Background(), answerTime)
		defer cancel()
		return newPerson(from+i).ask(ctx, cache)
	})
}
