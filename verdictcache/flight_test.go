package verdictcache_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/progress"
	"github.com/id2meta/id2meta/internal/testenv"
	"github.com/id2meta/id2meta/verdictcache"
)

// outcome is what a Verify returned, or panicked with, and when.
type outcome struct {
	result   id2meta.Result
	err      error
	panicked any
	after    time.Duration
}

var onItsWay = progress.State{Sent: true, MaybeBilled: true}

// start calls Verify in a goroutine of its own.
func start(ctx context.Context, c *verdictcache.Cache, p id2meta.Param) <-chan outcome {
	done := make(chan outcome, 1)
	began := time.Now()
	go func() {
		var o outcome
		defer func() {
			o.panicked = recover()
			o.after = time.Since(began)
			done <- o
		}()
		o.result, o.err = c.Verify(ctx, p)
		o.result = withoutTime(o.result)
	}()
	return done
}

func TestCallersInOneProcessShareOneQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &service{answer: after(time.Second, match, nil)}
		c := newCache(t, next, newMemory(t, 10))
		var all []<-chan outcome
		for range 64 {
			all = append(all, start(t.Context(), c, zhang))
		}
		time.Sleep(time.Second / 2)
		late := start(t.Context(), c, zhang)
		other := start(t.Context(), c, li)
		for _, done := range all {
			require.Equal(t, outcome{result: match, after: time.Second}, <-done)
		}
		require.Equal(t, outcome{result: match, after: time.Second / 2}, <-late)
		require.Equal(t, outcome{result: match, after: time.Second}, <-other)
		require.Equal(t, 2, next.asked())
		require.Equal(t, verdictcache.Stats{Asked: 2, Shared: 64}, c.Stats())
	})
}

func TestErrorsAreSharedAndNotRemembered(t *testing.T) {
	for _, c := range []struct {
		sentence string
		answer   func(context.Context, int32) (id2meta.Result, error)
		is       error
	}{
		{"an error of the service", after(time.Second, id2meta.Result{}, id2meta.ErrOverdue), id2meta.ErrOverdue},
		{"an error beside a verdict", after(time.Second, match, id2meta.ErrUnavailable), id2meta.ErrUnavailable},
		{"the error of a context of the service's", after(time.Second, id2meta.Result{}, context.DeadlineExceeded), context.DeadlineExceeded},
		{"neither verdict nor error", after(time.Second, id2meta.Result{}, nil), id2meta.ErrUnexpectedResponse},
		{"a verdict that is none", after(time.Second, id2meta.Result{BizCode: "4"}, nil), id2meta.ErrUnexpectedResponse},
		{"a match with white space", after(time.Second, id2meta.Result{BizCode: "1 "}, nil), id2meta.ErrMaybeBilled},
		{"a goroutine that ends", func(context.Context, int32) (id2meta.Result, error) {
			time.Sleep(time.Second)
			runtime.Goexit()
			return match, nil
		}, id2meta.ErrMaybeBilled},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				next := &service{answer: c.answer}
				cache := newCache(t, next, newFaulty())
				one, other := start(t.Context(), cache, zhang), start(t.Context(), cache, zhang)
				for _, done := range []<-chan outcome{one, other} {
					o := <-done
					require.ErrorIs(t, o.err, c.is)
					require.Zero(t, o.result)
					require.Equal(t, time.Second, o.after)
				}
				require.Equal(t, 1, next.asked())
				require.Zero(t, cache.Stats())

				next.answer = always(match, nil)
				began := time.Now()
				mustVerify(t, cache, zhang, match)
				require.Equal(t, 2, next.asked())
				require.Zero(t, time.Since(began), "the claim was given up")
			})
		})
	}
}

func TestAPanicReachesTheCallers(t *testing.T) {
	for _, value := range []any{"a bug", errors.New("a bug"), http.ErrAbortHandler} {
		synctest.Test(t, func(t *testing.T) {
			var log logBuffer
			next := &service{answer: func(context.Context, int32) (id2meta.Result, error) {
				time.Sleep(time.Second)
				panic(value)
			}}
			c := newCache(t, next, newFaulty(), log.option())
			one, other := start(t.Context(), c, zhang), start(t.Context(), c, zhang)
			require.Equal(t, value, (<-one).panicked)
			require.Equal(t, value, (<-other).panicked)
			require.Contains(t, log.String(), "flight_test.go", "where it came from is not lost")
			next.answer = always(match, nil)
			began := time.Now()
			mustVerify(t, c, zhang, match)
			require.Zero(t, time.Since(began), "the claim was given up")
			require.Equal(t, verdictcache.Stats{Asked: 1}, c.Stats())
		})
	}
}

// What becomes of a call when its only caller leaves after 2 s.
func TestTheLastCallerLeaves(t *testing.T) {
	refused := progress.State{}
	for _, c := range []struct {
		sentence    string
		call        func(ctx context.Context) error // what happens before the verdict comes
		maybeBilled bool
		remembered  bool
	}{
		{"a Verifier that reports nothing goes on", func(ctx context.Context) error {
			return sleep(ctx, 10*time.Second)
		}, true, true},
		{"a request that waits to be sent is given up", func(ctx context.Context) error {
			progress.Start(ctx)
			return hangs(ctx)
		}, false, false},
		{"a request that is on its way goes on", func(ctx context.Context) error {
			report := progress.Start(ctx)
			time.Sleep(time.Second)
			report(onItsWay)
			return sleep(ctx, 10*time.Second)
		}, true, true},
		{"a request that failed after that is not repeated", func(ctx context.Context) error {
			report := progress.Start(ctx)
			report(onItsWay)
			time.Sleep(3 * time.Second)
			report(refused)
			return sleep(ctx, 3*time.Second)
		}, true, false},
		// A Verifier that asks a second Client if the first has failed, or does not wait for it.
		{"the first request was not answered, and the second waits to be sent", func(ctx context.Context) error {
			first := progress.Start(ctx)
			first(onItsWay)
			time.Sleep(time.Second)
			first(progress.State{MaybeBilled: true})
			progress.Start(ctx)
			return hangs(ctx)
		}, true, false},
		{"the first request was refused, and the second waits to be sent", func(ctx context.Context) error {
			first := progress.Start(ctx)
			first(onItsWay)
			first(refused)
			progress.Start(ctx)
			return hangs(ctx)
		}, false, false},
		{"the first request is on its way, and the second waits to be sent", func(ctx context.Context) error {
			progress.Start(ctx)(onItsWay)
			progress.Start(ctx)
			return sleep(ctx, 10*time.Second)
		}, true, true},
	} {
		for _, caches := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, %d Caches", c.sentence, caches), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					next := &service{answer: func(ctx context.Context, call int32) (id2meta.Result, error) {
						if call == 1 {
							if err := c.call(ctx); err != nil {
								return id2meta.Result{}, err
							}
						}
						return match, nil
					}}
					began, inner := time.Now(), newCache(t, next, newFaulty())
					cache := inner
					if caches == 2 {
						cache = newCache(t, inner, newFaulty())
					}
					o := <-start(within(t, 2*time.Second), cache, zhang)
					require.ErrorIs(t, o.err, context.DeadlineExceeded)
					require.Zero(t, o.result)
					require.Equal(t, 2*time.Second, o.after)
					require.Equal(t, c.maybeBilled, errors.Is(o.err, id2meta.ErrMaybeBilled))

					require.NoError(t, cache.Wait(t.Context()))
					require.NoError(t, inner.Wait(t.Context()))
					if !c.maybeBilled {
						require.Equal(t, 2*time.Second, time.Since(began), "it is given up at once")
					}
					require.Equal(t, outcome{result: match}, <-start(t.Context(), cache, zhang))
					require.Equal(t, c.remembered, next.asked() == 1)
				})
			})
		}
	}
}

// within returns a context of a caller who waits for d.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestCallersLeave(t *testing.T) {
	t.Run("the question goes on for those who stay, and for those who come", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			next := &service{answer: after(10*time.Second, match, nil)}
			c := newCache(t, next, newMemory(t, 10))
			first := start(within(t, time.Second), c, zhang)
			leaves := start(within(t, 2*time.Second), c, zhang)
			require.ErrorIs(t, (<-first).err, context.DeadlineExceeded)
			require.Equal(t, 2*time.Second, (<-leaves).after)
			time.Sleep(time.Second)
			require.Equal(t, outcome{result: match, after: 7 * time.Second}, <-start(t.Context(), c, zhang))
			require.Equal(t, 1, next.asked())
			require.Equal(t, verdictcache.Stats{Asked: 1}, c.Stats(), "one Verify gave a verdict")
		})
	})
	t.Run("a caller who leaves while the claim is made asks nobody", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := newFaulty()
			store.claim.set(func(context.Context) error { time.Sleep(2 * time.Second); return nil })
			next := &service{answer: always(match, nil)}
			c := newCache(t, next, store)
			_, err := c.Verify(within(t, time.Second), zhang)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, id2meta.ErrMaybeBilled)
			time.Sleep(5 * time.Second)
			require.Zero(t, next.asked())
			store.claim.set(nil)
			require.Equal(t, outcome{result: match}, <-start(t.Context(), c, zhang), "the claim was given up")
		})
	})
	t.Run("a Verifier that never answers holds nobody for longer than a lease", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			end := make(chan struct{})
			next := &service{answer: func(_ context.Context, call int32) (id2meta.Result, error) {
				if call == 1 {
					<-end
				}
				return match, nil
			}}
			store := newFaulty()
			here, there := newCache(t, next, store), newCache(t, next, store)
			asks := start(t.Context(), here, zhang)
			synctest.Wait()
			require.ErrorIs(t, here.Wait(within(t, time.Second)), context.DeadlineExceeded)
			waits := start(t.Context(), there, zhang)
			require.NoError(t, here.Wait(t.Context()))
			o := <-asks
			require.ErrorIs(t, o.err, id2meta.ErrMaybeBilled)
			require.Equal(t, 15*time.Second, o.after)
			o = <-waits
			require.Equal(t, match, o.result)
			require.LessOrEqual(t, o.after, 15*time.Second)
			mustVerify(t, here, zhang, match)
			require.Equal(t, 2, next.asked())
			close(end)
		})
	})
	t.Run("the call has the values of the context, and a deadline of the lease", func(t *testing.T) {
		type trace struct{}
		next := &service{answer: func(ctx context.Context, _ int32) (id2meta.Result, error) {
			require.Equal(t, "span", ctx.Value(trace{}))
			deadline, ok := ctx.Deadline()
			require.True(t, ok)
			require.InDelta(t, 13.5, time.Until(deadline).Seconds(), 0.5)
			return match, nil
		}}
		c := newCache(t, next, newMemory(t, 10))
		_, err := c.Verify(context.WithValue(within(t, time.Minute), trace{}, "span"), zhang)
		require.NoError(t, err)
	})
}

// Two Caches with one Store are two processes.
func TestProcessesShareOneQuestion(t *testing.T) {
	two := func(t *testing.T, next id2meta.Verifier, store verdictcache.Store, opts ...verdictcache.Option) (here, there *verdictcache.Cache) {
		return newCache(t, next, store, opts...), newCache(t, next, store, opts...)
	}
	t.Run("which one asks", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			next := &service{answer: after(13*time.Second, match, nil)}
			here, there := two(t, next, newFaulty())
			asks := start(t.Context(), here, zhang)
			synctest.Wait()
			waits, waitsToo := start(t.Context(), there, zhang), start(t.Context(), there, zhang)
			require.Equal(t, outcome{result: match, after: 13 * time.Second}, <-asks)
			for _, done := range []<-chan outcome{waits, waitsToo} {
				o := <-done
				require.Equal(t, match, o.result)
				require.Less(t, o.after, 13*time.Second+501*time.Millisecond)
			}
			require.Equal(t, 1, next.asked())
			require.Equal(t, verdictcache.Stats{Asked: 1}, here.Stats())
			require.Equal(t, verdictcache.Stats{Shared: 2}, there.Stats())
		})
	})
	t.Run("the others look soon, and then more seldom", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			next := &service{answer: after(10*time.Second, match, nil)}
			store := newFaulty()
			here, there := two(t, next, store)
			asks := start(t.Context(), here, zhang)
			synctest.Wait()
			var looks []time.Time
			store.load.set(func(context.Context) error { looks = append(looks, time.Now()); return nil })
			waits := start(t.Context(), there, zhang)
			<-asks
			<-waits
			require.InDelta(t, 30, len(looks), 6)
			for i := range looks[1:] {
				gap := looks[i+1].Sub(looks[i])
				require.GreaterOrEqual(t, gap, 20*time.Millisecond)
				require.LessOrEqual(t, gap, 500*time.Millisecond)
			}
			require.Less(t, looks[1].Sub(looks[0]), 30*time.Millisecond)
			require.Greater(t, looks[len(looks)-1].Sub(looks[len(looks)-2]), 350*time.Millisecond)
		})
	})
	t.Run("after an error another asks at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			next := &service{answer: func(ctx context.Context, call int32) (id2meta.Result, error) {
				if call == 1 {
					return after(3*time.Second, id2meta.Result{}, id2meta.ErrUnavailable)(ctx, call)
				}
				return match, nil
			}}
			here, there := two(t, next, newFaulty())
			asks := start(t.Context(), here, zhang)
			synctest.Wait()
			waits := start(t.Context(), there, zhang)
			require.ErrorIs(t, (<-asks).err, id2meta.ErrUnavailable)
			o := <-waits
			require.Equal(t, match, o.result)
			require.Less(t, o.after, 3501*time.Millisecond)
			require.Equal(t, verdictcache.Stats{Asked: 1}, there.Stats())
		})
	})
	t.Run("after a crash another asks, a lease later", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			dies := newFaulty()
			next := &service{answer: func(ctx context.Context, call int32) (id2meta.Result, error) {
				if call == 1 { // the process is gone: it does not answer
					dies.save.set(fails)
					dies.release.set(fails)
					progress.Start(ctx)
					<-ctx.Done()
					return id2meta.Result{}, ctx.Err()
				}
				return match, nil
			}}
			here, there := newCache(t, next, dies), newCache(t, next, dies.Store)
			ctx, cancel := context.WithCancel(t.Context())
			crashed := start(ctx, here, zhang)
			synctest.Wait()
			o := <-start(t.Context(), there, zhang)
			require.Equal(t, match, o.result)
			require.Greater(t, o.after, 14*time.Second)
			require.Less(t, o.after, 15*time.Second*3/2)
			require.Equal(t, 2, next.asked())
			cancel()
			<-crashed
		})
	})
}

// people are 张三 with other birthdays.
func people(n int) []id2meta.Param {
	var persons []id2meta.Param
	for day := time.Date(1949, 12, 31, 0, 0, 0, 0, time.UTC); len(persons) < n; day = day.AddDate(0, 0, 1) {
		persons = append(persons, id2meta.Param{UserName: "张三", IdentifyNum: testenv.IDNumber(day)})
	}
	return persons
}

// broken panics at every record.
type broken struct{ slog.Handler }

func (broken) Enabled(context.Context, slog.Level) bool  { return true }
func (broken) Handle(context.Context, slog.Record) error { panic("a bug of the logger") }

// panicking is an error whose text cannot be had.
type panicking struct{}

func (panicking) Error() string { panic("a bug of the error") }
func (panicking) Is(error) bool { panic("a bug of the error") }

// evil is a context whose values cannot be had.
type evil struct{ context.Context }

func (evil) Value(any) any { panic("a bug of the context") }

// Foreign code runs in the goroutines of a Cache. Its panic ends the call, and not the process.
func TestForeignCodeThatPanics(t *testing.T) {
	logger := verdictcache.WithLogger(slog.New(broken{}))
	t.Run("the logger, while the store fails", func(t *testing.T) {
		store := newFaulty()
		everyStep(store).set(fails)
		c := newCache(t, &service{answer: always(match, nil)}, store, logger)
		mustVerify(t, c, zhang, match)
		require.NotZero(t, c.Stats().StoreFailures)
	})
	t.Run("the logger, while the Verifier panics", func(t *testing.T) {
		next := &service{answer: func(context.Context, int32) (id2meta.Result, error) { panic("a bug") }}
		require.Equal(t, "a bug", (<-start(t.Context(), newCache(t, next, newFaulty(), logger), zhang)).panicked)
	})
	t.Run("the text of the store's error", func(t *testing.T) {
		store := newFaulty()
		everyStep(store).set(func(context.Context) error { return panicking{} })
		mustVerify(t, newCache(t, &service{answer: always(match, nil)}, store), zhang, match)
	})
	t.Run("the store's error, if it is given to the caller", func(t *testing.T) {
		store := newFaulty()
		store.claim.set(func(context.Context) error { return panicking{} })
		c := newCache(t, &service{}, store, verdictcache.WithFailClosed())
		require.Equal(t, "a bug of the error", (<-start(t.Context(), c, zhang)).panicked)
	})
	t.Run("a value of the caller's context", func(t *testing.T) {
		store := newFaulty()
		store.load.set(func(context.Context) error { store.load.set(nil); return errStore })
		next := &service{answer: func(ctx context.Context, _ int32) (id2meta.Result, error) {
			ctx.Value("a key")
			return match, nil
		}}
		o := <-start(evil{t.Context()}, newCache(t, next, store), zhang)
		require.True(t, o.panicked != nil || o.err != nil)
	})
}
