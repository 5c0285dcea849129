package verdictcache_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

// A verdict is paid for. While the Store is away, the Cache goes on trying to save it, but no
// caller waits for that.
func TestASaveWhileTheStoreIsAway(t *testing.T) {
	outages := []struct {
		sentence string
		takes    func(s *faulty) faultsOf // the steps that fail
		fault    func(context.Context) error
		lasts    time.Duration
		wait     time.Duration // of each caller
	}{
		{"it refuses connections for 3 s", everyStep, fails, 3 * time.Second, 0},
		{"it refuses connections for 14 s", everyStep, fails, 14 * time.Second, 0},
		{"it hangs for 9 s", everyStep, hangs, 9 * time.Second, 3 * time.Second},
		{"it can be read and not written for 14 s", func(s *faulty) faultsOf {
			return faultsOf{&s.claim, &s.save, &s.release, &s.delete}
		}, fails, 14 * time.Second, 0},
	}
	for _, outage := range outages {
		for _, moment := range []struct {
			sentence string
			asks     time.Duration // how long the service asks before the outage
		}{{"as the verdict comes", 0}, {"while the service is asked", 2 * time.Second}} {
			t.Run(outage.sentence+", "+moment.sentence, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store := newFaulty()
					next := &service{answer: func(context.Context, int32) (id2meta.Result, error) {
						outage.takes(store).set(outage.fault)
						time.AfterFunc(outage.lasts, func() { outage.takes(store).set(nil) })
						time.Sleep(moment.asks)
						return match, nil
					}}
					c := newCache(t, next, store)
					began := time.Now()
					require.Equal(t, outcome{result: match, after: moment.asks + outage.wait}, <-start(t.Context(), c, zhang))
					// Others in this process wait no longer, and the service is not asked.
					require.Equal(t, outcome{result: match, after: outage.wait}, <-start(t.Context(), c, zhang))
					time.Sleep(time.Until(began.Add(outage.lasts + 1100*time.Millisecond + 2*outage.wait)))
					other := newCache(t, next, store)
					mustVerify(t, other, zhang, match)
					require.Equal(t, verdictcache.Stats{Remembered: 1}, other.Stats())
					require.Equal(t, 1, next.asked())
					time.Sleep(time.Minute)
				})
			})
		}
	}
	for _, c := range []struct {
		sentence string
		same     bool
	}{
		{"a person whom this process forgets as it comes back is not remembered", true},
		{"a person whom another process forgets as it comes back is neither remembered nor shared", false},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newFaulty()
				next := goesAwayWith(store, match)
				here := newCache(t, next, store)
				forgets := here
				if !c.same {
					forgets = newCache(t, next, store)
				}
				mustVerify(t, here, zhang, match)
				time.Sleep(5 * time.Second)
				everyStep(store).set(nil)
				require.NoError(t, forgets.Forget(t.Context(), zhang))
				next.answer = always(mismatch, nil)
				mustVerify(t, here, zhang, mismatch)
				require.NoError(t, here.Wait(t.Context()))
				mustVerify(t, here, zhang, mismatch)
				require.Equal(t, 2, next.asked())
			})
		})
	}
	t.Run("a verdict is not shared longer than its TTL", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := newFaulty()
			next := goesAwayWith(store, mismatch)
			c := newCache(t, next, store, verdictcache.WithNegativeTTL(time.Second))
			mustVerify(t, c, zhang, mismatch)
			mustVerify(t, c, zhang, mismatch)
			require.Equal(t, 1, next.asked())
			time.Sleep(time.Second)
			mustVerify(t, c, zhang, mismatch)
			require.Equal(t, 2, next.asked())
			time.Sleep(time.Minute)
		})
	})
	t.Run("after a lease the verdict is given up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var log logBuffer
			store := newFaulty()
			next := goesAwayWith(store, match)
			c := newCache(t, next, store, log.option())
			mustVerify(t, c, zhang, match)
			time.Sleep(16 * time.Second)
			require.Contains(t, log.String(), "not remembered")
			require.LessOrEqual(t, c.Stats().StoreFailures, uint64(50), "it does not try all the time")
			everyStep(store).set(nil)
			next.answer = always(match, nil)
			o := <-start(t.Context(), c, zhang)
			require.Equal(t, match, o.result)
			require.Less(t, o.after, 16*time.Second, "the claim could not be given up, and counts for a lease")
			require.Equal(t, 2, next.asked())
		})
	})
}

// goesAwayWith is a service that answers r, and at that moment the Store goes away.
func goesAwayWith(store *faulty, r id2meta.Result) *service {
	return &service{answer: func(context.Context, int32) (id2meta.Result, error) {
		everyStep(store).set(fails)
		return r, nil
	}}
}
