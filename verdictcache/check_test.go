package verdictcache_test

import (
	"context"
	"encoding/hex"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

func TestCheckComparesHashKeys(t *testing.T) {
	previous, account := verdictcache.WithPreviousHashKeys, verdictcache.WithAccount
	check := func(t *testing.T, store verdictcache.Store, key []byte, opts ...verdictcache.Option) error {
		return cacheWith(t, &service{}, store, key, opts...).Check(t.Context())
	}
	type step struct {
		key     []byte
		opt     verdictcache.Option
		another bool // Check says that the hashKey is another one
	}
	none := account("")
	for sentence, steps := range map[string][]step{
		"the same hashKey again":  {{hashKey, none, false}, {hashKey, none, false}},
		"another hashKey is told": {{oldKey, none, false}, {hashKey, none, true}},
		"a rotation passes in both orders, and then the old hashKey is told": {
			{oldKey, none, false}, {oldKey, previous(hashKey), false}, {hashKey, previous(oldKey), false},
			{oldKey, previous(hashKey), false}, {hashKey, previous(oldKey), false}, {hashKey, none, false}, {oldKey, none, true},
		},
		"a second account in the same store": {
			{oldKey, none, false}, {hashKey, account("second"), false}, {oldKey, account("second"), true},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			store := newFaulty()
			for i, s := range steps {
				err := check(t, store, s.key, s.opt)
				if !s.another {
					require.NoError(t, err, "step %d", i)
					continue
				}
				require.ErrorContains(t, err, "another hashKey", "step %d", i)
				require.NotErrorIs(t, err, id2meta.ErrUnavailable, "waiting does not help")
				require.NotContains(t, err.Error(), string(s.key))
			}
		})
	}
	t.Run("a fingerprint that was changed is an error, and one that was deleted is written again", func(t *testing.T) {
		for _, value := range [][]byte{{}, {0}, []byte("no fingerprint"), make([]byte, 1<<20)} {
			store := newBare()
			require.NoError(t, check(t, store, hashKey))
			require.Len(t, store.values, 1)
			for key := range store.values {
				store.plant(key, value)
				err := check(t, store, hashKey)
				require.ErrorContains(t, err, "another hashKey")
				require.ErrorContains(t, err, hex.EncodeToString(key[:]), "it says what to delete")
				require.NoError(t, cacheWith(t, &service{}, store, hashKey).ForgetKeys(t.Context(), key))
			}
			require.NoError(t, check(t, store, hashKey))
			require.ErrorContains(t, check(t, store, oldKey), "another hashKey")
		}
	})
	t.Run("another process with another hashKey is faster", func(t *testing.T) {
		store, first := newBare(), newBare()
		require.NoError(t, check(t, first, oldKey))
		store.before = func(context.Context) error {
			if len(store.steps) == 8 { // the next step writes the fingerprint
				maps.Copy(store.values, first.values)
			}
			return nil
		}
		require.ErrorContains(t, check(t, store, hashKey), "another hashKey")
	})
	t.Run("100 replicas at once", func(t *testing.T) {
		store := newFaulty()
		var replicas sync.WaitGroup
		for range 100 {
			replicas.Go(func() {
				if err := check(t, store, hashKey); err != nil {
					t.Error(err)
				}
			})
		}
		replicas.Wait()
	})
}

// checker is a Store with a Check of its own.
type checker struct {
	*bare
	err error
}

func (c checker) Check(context.Context) error { return c.err }

// forgetful takes every step, and keeps nothing.
type forgetful struct{ *bare }

func (forgetful) CompareAndSwap(context.Context, verdictcache.Key, []byte, []byte, time.Duration) (bool, error) {
	return true, nil
}

func TestCheckFindsAStoreThatDoesNotRemember(t *testing.T) {
	t.Run("a store that keeps nothing", func(t *testing.T) {
		err := cacheWith(t, &service{}, forgetful{newBare()}, hashKey).Check(t.Context())
		require.ErrorIs(t, err, id2meta.ErrUnavailable)
		require.ErrorContains(t, err, "does not remember")
	})
	t.Run("a store that refuses to write", func(t *testing.T) {
		require.ErrorContains(t, cacheWith(t, &service{}, stubborn{newBare()}, hashKey).Check(t.Context()), "does not remember")
	})
	t.Run("a store that finds its own fault", func(t *testing.T) {
		require.ErrorIs(t, cacheWith(t, &service{}, checker{newBare(), errStore}, hashKey).Check(t.Context()), errStore)
		require.NoError(t, cacheWith(t, &service{}, checker{newBare(), nil}, hashKey).Check(t.Context()))
	})
	for _, f := range faults {
		for n := 1; n <= 9; n++ { // three writes, each read again, a removal, and the fingerprint
			synctest.Test(t, func(t *testing.T) {
				store, step := newBare(), 0
				store.before = func(ctx context.Context) error {
					if step++; step == n {
						return f.fault(ctx)
					}
					return nil
				}
				c := newCache(t, &service{}, store)
				began := time.Now()
				err := c.Check(t.Context())
				require.ErrorIs(t, err, id2meta.ErrUnavailable, "step %d %s", n, f.sentence)
				require.NotErrorIs(t, err, context.DeadlineExceeded)
				require.LessOrEqual(t, time.Since(began), 3*time.Second)
				require.EqualValues(t, 1, c.Stats().StoreFailures)
				require.NoError(t, c.Check(t.Context()))
			})
		}
	}
	t.Run("nobody stays in the store but the fingerprint", func(t *testing.T) {
		store := newBare()
		require.NoError(t, cacheWith(t, &service{}, store, hashKey).Check(t.Context()))
		require.Len(t, store.values, 1)
	})
	t.Run("a context of 10 ms", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := newFaulty()
			store.load.set(hangs)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			began := time.Now()
			require.Error(t, newCache(t, &service{}, store).Check(ctx))
			require.LessOrEqual(t, time.Since(began), 10*time.Millisecond)
		})
	})
}

func TestParseHashKey(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 4)
	want, _ := hex.DecodeString(text)
	for _, good := range []string{text, text + "\n", " \t" + strings.ToUpper(text) + "\r\n"} {
		key, err := verdictcache.ParseHashKey(good)
		require.NoError(t, err)
		require.Equal(t, want, key)
	}
	for _, bad := range []string{"", text[1:], text + "00", "\"" + text + "\"", strings.Repeat("gh", 32), text[:32] + " " + text[32:]} {
		key, err := verdictcache.ParseHashKey(bad)
		require.ErrorContains(t, err, "hex digit")
		require.NotContains(t, err.Error(), "0123456789")
		require.Nil(t, key)
	}
	for _, undecoded := range []string{text, strings.ToUpper(text)} {
		_, err := verdictcache.New(&service{}, newBare(), []byte(undecoded))
		require.ErrorContains(t, err, "ParseHashKey")
		_, err = verdictcache.New(&service{}, newBare(), hashKey, verdictcache.WithPreviousHashKeys([]byte(undecoded)))
		require.ErrorContains(t, err, "ParseHashKey")
	}
	_, err := verdictcache.New(&service{}, newBare(), []byte(text[:63]+"g"))
	require.NoError(t, err)
}

func TestKeysFindAPersonLater(t *testing.T) {
	next, store := &service{answer: always(match, nil)}, newBare()
	c := newCache(t, next, store, verdictcache.WithPreviousHashKeys(oldKey))
	keys, err := c.Keys(id2meta.Param{UserName: " 张三", IdentifyNum: zhang.IdentifyNum})
	require.NoError(t, err)
	require.Equal(t, []verdictcache.Key{verdictcache.KeyOf(hashKey, zhang), verdictcache.KeyOf(oldKey, zhang)}, keys)
	require.Empty(t, store.steps)

	for _, place := range [][]byte{hashKey, oldKey} {
		mustVerify(t, cacheWith(t, next, store, place), zhang, match)
		require.NoError(t, c.ForgetKeys(t.Context(), keys...))
		require.Empty(t, store.values)
	}
	t.Run("10,000 Keys that are not there", func(t *testing.T) {
		many := make([]verdictcache.Key, 10_000)
		for i := range many {
			many[i][0], many[i][1] = byte(i), byte(i>>8)
		}
		require.NoError(t, c.ForgetKeys(t.Context(), many...))
		require.NoError(t, c.ForgetKeys(t.Context()))
	})
	t.Run("the current Key comes last", func(t *testing.T) {
		order := newBare()
		require.NoError(t, newCache(t, next, order).ForgetKeys(t.Context(), keys...))
		require.Equal(t, []verdictcache.Key{keys[1], keys[0]}, order.deleted)
	})
}

func TestWait(t *testing.T) {
	t.Run("with nothing on its way it ends at once, whatever its context", func(t *testing.T) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, newCache(t, &service{}, newBare()).Wait(ended))
	})
	t.Run("a verdict whose caller has left is saved", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := newFaulty()
			store.save.set(func(context.Context) error { time.Sleep(time.Second); return nil })
			next := &service{answer: after(10*time.Second, match, nil)}
			c := newCache(t, next, store)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.ErrorIs(t, (<-start(ctx, c, zhang)).err, id2meta.ErrMaybeBilled)
			require.NoError(t, c.Wait(t.Context()))
			mustVerify(t, newCache(t, next, store), zhang, match)
			require.Equal(t, 1, next.asked())
		})
	})
}

// timed is a Verifier with a timeout, as a Client is.
type timed struct {
	*service
	timeout time.Duration
}

func (v timed) Timeout() time.Duration { return v.timeout }

func TestTheLeaseFollowsTheTimeout(t *testing.T) {
	for _, c := range []struct{ timeout, lease, bound time.Duration }{
		{3 * time.Second, 0, 4050 * time.Millisecond},
		{10 * time.Second, 0, 13500 * time.Millisecond},
		{0, 0, 13500 * time.Millisecond},
		{3 * time.Second, 3 * time.Second, 2700 * time.Millisecond},
		{3 * time.Second, time.Minute, 54 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			var opts []verdictcache.Option
			if c.lease > 0 {
				opts = append(opts, verdictcache.WithLease(c.lease))
			}
			next := timed{&service{answer: after(time.Hour, match, nil)}, c.timeout}
			o := <-start(t.Context(), newCache(t, next, newFaulty(), opts...), zhang)
			require.ErrorIs(t, o.err, context.DeadlineExceeded)
			require.Equal(t, c.bound, o.after)
		})
	}
	_, err := verdictcache.New(timed{&service{}, 3 * time.Second}, newBare(), hashKey, verdictcache.WithLease(2*time.Second))
	require.ErrorContains(t, err, "WithLease: 2s is shorter than the timeout")
	_, err = verdictcache.New(timed{&service{}, 1<<63 - 1}, newBare(), hashKey)
	require.NoError(t, err)
}

// Whoever reads the Store cannot tell a match from a mismatch by the time when it expires.
func TestEveryVerdictIsKeptEquallyLong(t *testing.T) {
	for _, c := range []struct {
		opts []verdictcache.Option
		ttl  time.Duration
	}{
		{nil, 180 * 24 * time.Hour},
		{[]verdictcache.Option{verdictcache.WithMatchTTL(time.Hour)}, 24 * time.Hour},
	} {
		for _, verdict := range []id2meta.Result{match, mismatch, noRecord} {
			synctest.Test(t, func(t *testing.T) {
				store := newBare()
				mustVerify(t, newCache(t, &service{answer: always(verdict, nil)}, store, c.opts...), zhang, verdict)
				require.Equal(t, []time.Duration{45 * time.Second, c.ttl}, store.ttls, "a claim lives for three leases")
			})
		}
	}
}

func TestTheTimeOfAVerdict(t *testing.T) {
	then := time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)
	at := func(d time.Duration) id2meta.Result {
		return id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: "1", Time: then.Add(d)}
	}
	for _, c := range []struct {
		sentence   string
		given, got id2meta.Result
	}{
		{"the time of the service is remembered", at(-time.Hour), at(-time.Hour)},
		{"a time in another zone is the same in UTC", id2meta.Result{BizCode: "1", RequestID: "1", Time: then.In(time.FixedZone("", 3600))}, at(0)},
		{"a Verifier that sets no time", id2meta.Result{BizCode: "1", RequestID: "1"}, at(0)},
		{"a Verifier whose clock is fast", at(time.Hour), at(0)},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			next := &service{answer: always(c.given, nil)}
			cache := newCache(t, next, newBare())
			cache.SetClock(func() time.Time { return then })
			for range 2 {
				result, err := cache.Verify(t.Context(), zhang)
				require.NoError(t, err)
				require.Equal(t, c.got, result)
			}
			require.Equal(t, 1, next.asked())
		})
	}
	t.Run("a verdict from before all times is not remembered", func(t *testing.T) {
		next := &service{answer: always(id2meta.Result{BizCode: "1", Time: time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)}, nil)}
		cache := newCache(t, next, newBare())
		for range 2 {
			_, err := cache.Verify(t.Context(), zhang)
			require.NoError(t, err)
		}
		require.Equal(t, 2, next.asked())
	})
}
