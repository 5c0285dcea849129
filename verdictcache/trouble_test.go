package verdictcache_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

// The ways in which a step goes wrong.
var faults = []struct {
	sentence string
	fault    func(context.Context) error
	hangs    bool
}{
	{"fails", fails, false},
	{"panics", panics, false},
	{"fails with the error of another context", looksLikeOurs, false},
	{"hangs", hangs, true},
}

// faultsOf are those of some steps.
type faultsOf []*fault

func (f faultsOf) set(do func(context.Context) error) {
	for _, step := range f {
		step.set(do)
	}
}

func everyStep(s *faulty) faultsOf {
	return faultsOf{&s.load, &s.claim, &s.save, &s.release, &s.delete}
}

// A caller waits for a step that hangs a quarter of its time, between 0.5 s and 3 s.
func TestAStoreInTrouble(t *testing.T) {
	steps := map[string]func(*faulty) faultsOf{
		"Load":       func(s *faulty) faultsOf { return faultsOf{&s.load} },
		"claim":      func(s *faulty) faultsOf { return faultsOf{&s.claim} },
		"every step": everyStep,
		"save":       func(s *faulty) faultsOf { return faultsOf{&s.save} },
	}
	for name, of := range steps {
		for _, f := range faults {
			for _, budget := range []struct{ time, share time.Duration }{
				{2 * time.Second, time.Second / 2}, {8 * time.Second, 2 * time.Second}, {time.Hour, 3 * time.Second},
			} {
				sentence := fmt.Sprintf("%s %s, within %v", name, f.sentence, budget.time)
				takes := time.Duration(0)
				if f.hangs {
					takes = budget.share
				}
				t.Run(sentence+": the service is asked, once for all callers", func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						var log logBuffer
						store := newFaulty()
						of(store).set(f.fault)
						next := &service{answer: after(100*time.Millisecond, match, nil)}
						c := newCache(t, next, store, log.option())
						ctx := within(t, budget.time)
						one, other := start(ctx, c, zhang), start(ctx, c, zhang)
						want := outcome{result: match, after: 100*time.Millisecond + takes}
						require.Equal(t, want, <-one)
						require.Equal(t, want, <-other)
						require.Equal(t, 1, next.asked())
						require.NoError(t, c.Wait(t.Context()))
						stats := c.Stats()
						require.EqualValues(t, 1, stats.Asked)
						require.EqualValues(t, 1, stats.Shared)
						require.NotZero(t, stats.StoreFailures)
						require.Contains(t, log.String(), "level=WARN")
						require.Contains(t, log.String(), "the store failed")

						// When it is well again all is as before.
						time.Sleep(time.Minute)
						of(store).set(nil)
						mustVerify(t, c, zhang, match)
						mustVerify(t, c, zhang, match)
						require.LessOrEqual(t, next.asked(), 2)
						require.Equal(t, stats.StoreFailures, c.Stats().StoreFailures)
					})
				})
				t.Run(sentence+": WithFailClosed it is not asked", func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						store := newFaulty()
						of(store).set(f.fault)
						next := &service{answer: always(match, nil)}
						c := newCache(t, next, store, verdictcache.WithFailClosed())
						o := <-start(within(t, budget.time), c, zhang)
						require.Equal(t, takes, o.after)
						require.NoError(t, c.Wait(t.Context()))
						require.NotZero(t, c.Stats().StoreFailures)
						if name == "save" {
							require.Equal(t, outcome{result: match, after: takes}, o, "it was asked, so it is given")
							return
						}
						require.Zero(t, o.result)
						require.ErrorContains(t, o.err, "the store failed")
						require.Equal(t, id2meta.RemedyTryLater, id2meta.RemedyOf(o.err))
						require.NotErrorIs(t, o.err, context.DeadlineExceeded, "it is not the caller's context that has ended")
						require.NotErrorIs(t, o.err, context.Canceled)
						require.Equal(t, f.sentence == "fails", errors.Is(o.err, errStore))
						require.Zero(t, next.asked())
						of(store).set(nil)
						mustVerify(t, c, zhang, match)
					})
				})
			}
		}
	}
}

func TestACallerWhoseContextEndsInTheStore(t *testing.T) {
	for _, opts := range [][]verdictcache.Option{nil, {verdictcache.WithFailClosed()}} {
		for name, of := range map[string]func(*faulty) *fault{
			"load":  func(s *faulty) *fault { return &s.load },
			"claim": func(s *faulty) *fault { return &s.claim },
		} {
			t.Run(fmt.Sprintf("%s, fail closed: %v", name, opts != nil), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store := newFaulty()
					next := &service{answer: always(match, nil)}
					c := newCache(t, next, store, opts...)
					of(store).set(hangs)
					ctx, cancel := context.WithCancel(t.Context())
					time.AfterFunc(time.Second, cancel)
					o := <-start(ctx, c, zhang)
					require.ErrorIs(t, o.err, context.Canceled)
					require.NotErrorIs(t, o.err, id2meta.ErrMaybeBilled)
					require.Equal(t, time.Second, o.after)
					require.NoError(t, c.Wait(t.Context()))
					require.Zero(t, next.asked())
					require.Zero(t, c.Stats().StoreFailures, "it is not the store's fault")
				})
			})
		}
	}
}

func TestAStoreThatFailsWhileAnotherProcessAsks(t *testing.T) {
	for _, failClosed := range []bool{false, true} {
		t.Run(fmt.Sprintf("fail closed: %v", failClosed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var opts []verdictcache.Option
				if failClosed {
					opts = append(opts, verdictcache.WithFailClosed())
				}
				next, store := &service{answer: after(5*time.Second, match, nil)}, newFaulty()
				asks := start(t.Context(), newCache(t, next, store.Store), zhang)
				synctest.Wait()
				waits := start(t.Context(), newCache(t, next, store, opts...), zhang)
				time.Sleep(time.Second)
				store.load.set(fails)
				o := <-waits
				require.Equal(t, failClosed, errors.Is(o.err, errStore))
				require.Equal(t, !failClosed, o.result == match)
				require.Equal(t, match, (<-asks).result)
				require.Equal(t, failClosed, next.asked() == 1)
			})
		})
	}
}

// A caller in a hurry does not take a slow Store for one that hangs: each such caller
// would be billed.
func TestASlowStoreRemembersForACallerInAHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaulty()
		store.load.set(func(context.Context) error { time.Sleep(40 * time.Millisecond); return nil })
		next := &service{answer: always(match, nil)}
		c := newCache(t, next, store)
		require.Equal(t, match, (<-start(t.Context(), c, zhang)).result)
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
			require.Equal(t, outcome{result: match, after: 40 * time.Millisecond}, <-start(ctx, c, zhang))
			cancel()
		}
		require.Equal(t, verdictcache.Stats{Asked: 1, Remembered: 3}, c.Stats())
	})
}

// A step that was taken although the Store failed, or denies it, is recognised: the
// person is asked about once.
func TestAStepThatWasTakenUnheard(t *testing.T) {
	for _, says := range []error{nil, errStore} {
		for name, of := range map[string]func(*faulty) faultsOf{
			"a claim": func(s *faulty) faultsOf { return faultsOf{&s.claim} },
			"a save":  func(s *faulty) faultsOf { return faultsOf{&s.save} },
		} {
			t.Run(fmt.Sprintf("%s, the store says %v", name, says), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var log logBuffer
					store := newDeaf(of, says)
					next := &service{answer: after(10*time.Second, match, nil)}
					here, there := newCache(t, next, store, log.option()), newCache(t, next, store)
					asks := start(t.Context(), here, zhang)
					time.Sleep(time.Second)
					waits := start(t.Context(), there, zhang)
					require.Equal(t, match, (<-asks).result)
					require.Equal(t, match, (<-waits).result)
					mustVerify(t, there, zhang, match)
					require.Equal(t, 1, next.asked())
					require.Equal(t, says != nil, here.Stats().StoreFailures > 0)
					require.NotContains(t, log.String(), "not remembered")
				})
			})
		}
	}
	t.Run("a claim that failed closed is given up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			next := &service{answer: always(match, nil)}
			store := newDeaf(func(s *faulty) faultsOf { return faultsOf{&s.claim} }, errStore)
			store.load.set(failsOnce(2))
			_, err := newCache(t, next, store, verdictcache.WithFailClosed()).Verify(t.Context(), li)
			require.ErrorIs(t, err, errStore)
			require.Zero(t, next.asked())
			require.Equal(t, outcome{result: match}, <-start(t.Context(), newCache(t, next, store.faulty), li))
		})
	})
}

// failsOnce is a fault of the step number n.
func failsOnce(n int) func(context.Context) error {
	return func(context.Context) error {
		if n--; n == 0 {
			return errStore
		}
		return nil
	}
}

// A process that stood still after it had claimed does not ask: its lease is over.
func TestAProcessThatStoodStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, next, step := newBare(), &service{answer: always(match, nil)}, 0
		store.before = func(context.Context) error {
			if step++; step == 2 {
				time.Sleep(14 * time.Second)
			}
			return nil
		}
		o := <-start(t.Context(), newCache(t, next, store), zhang)
		require.ErrorIs(t, o.err, id2meta.ErrUnavailable)
		require.NotErrorIs(t, o.err, id2meta.ErrMaybeBilled)
		require.Zero(t, next.asked())
	})
}

// If a claim fails because another process was faster, the Store is not away.
func TestAClaimThatFailsWhileAnotherProcessIsFaster(t *testing.T) {
	for _, f := range faults {
		for _, opts := range [][]verdictcache.Option{nil, {verdictcache.WithFailClosed()}} {
			t.Run(fmt.Sprintf("it %s, fail closed: %v", f.sentence, opts != nil), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					next := &service{answer: after(5*time.Second, match, nil)}
					store := newFaulty()
					// Both wait until the claim of a dead process has expired.
					key := verdictcache.KeyOf(hashKey, zhang)
					swapped, err := store.CompareAndSwap(t.Context(), key, nil, verdictcache.SealClaim(hashKey, key, [16]byte{1}), time.Hour)
					require.NoError(t, err)
					require.True(t, swapped)
					here, there := newCache(t, next, store, opts...), newCache(t, next, store.Store)
					store.claim.set(func(ctx context.Context) error {
						store.claim.set(nil)
						time.Sleep(2 * time.Second)
						return f.fault(ctx)
					})
					waits := start(t.Context(), here, zhang)
					time.Sleep(time.Second)
					faster := start(t.Context(), there, zhang)
					require.Equal(t, match, (<-waits).result)
					require.Equal(t, match, (<-faster).result)
					require.Equal(t, 1, next.asked())
					require.Equal(t, verdictcache.Stats{Shared: 1, StoreFailures: 1}, here.Stats())
				})
			})
		}
	}
}

// deaf takes some swaps, and does not say so.
type deaf struct {
	*faulty
	steps faultsOf
	says  error // nil: that it has not swapped
}

func newDeaf(of func(*faulty) faultsOf, says error) *deaf {
	s := newFaulty()
	return &deaf{s, of(s), says}
}

func (d *deaf) CompareAndSwap(ctx context.Context, key verdictcache.Key, old, new []byte, ttl time.Duration) (bool, error) {
	swapped, err := d.faulty.CompareAndSwap(ctx, key, old, new, ttl)
	if slices.Contains(d.steps, d.faultOf(key, new)) {
		return false, d.says
	}
	return swapped, err
}

// A request ID that is too long is left out, and not the verdict.
func TestRequestIDsThatNoServiceSends(t *testing.T) {
	for _, c := range []struct{ given, remembered string }{
		{string(make([]byte, 128)), string(make([]byte, 128))}, {string(make([]byte, 129)), ""},
		{"a\x00b", "a\x00b"}, {"\xff", "\xff"}, {"", ""},
	} {
		next := &service{answer: always(id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: c.given}, nil)}
		cache := newCache(t, next, newMemory(t, 10))
		mustVerify(t, cache, zhang, id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: c.given})
		mustVerify(t, cache, zhang, id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: c.remembered})
		require.Equal(t, 1, next.asked())
	}
}
