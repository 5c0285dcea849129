package verdictcache_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

func TestNew(t *testing.T) {
	next, store := &service{}, newMemory(t, 10)
	for _, c := range []struct {
		sentence string
		next     id2meta.Verifier
		store    verdictcache.Store
		hashKey  []byte
		opts     []verdictcache.Option
		says     string // empty: no error
	}{
		{"all is well", next, store, hashKey, nil, ""},
		{"32 bytes are enough", next, store, hashKey[:32], nil, ""},
		{"a hashKey of 31 bytes is too short", next, store, hashKey[:31], nil, "hashKey: it has 31 bytes"},
		{"no hashKey is too short", next, store, nil, nil, "hashKey: it has 0 bytes"},
		{"a hashKey of zeros", next, store, make([]byte, 32), nil, "hashKey: it is one repeated byte"},
		{"a hashKey of one repeated byte", next, store, bytes.Repeat([]byte("x"), 64), nil, "hashKey: it is one repeated byte"},
		{"a hashKey that differs in its last byte", next, store, append(make([]byte, 31), 1), nil, ""},
		{"next is nil", nil, store, hashKey, nil, "Verifier"},
		{"the Store is nil", next, nil, hashKey, nil, "Store"},
		{"no previous hashKey", next, store, hashKey, []verdictcache.Option{verdictcache.WithPreviousHashKeys()}, ""},
		{"a previous hashKey", next, store, hashKey, []verdictcache.Option{verdictcache.WithPreviousHashKeys(oldKey)}, ""},
		{"a previous hashKey that is too short", next, store, hashKey, []verdictcache.Option{verdictcache.WithPreviousHashKeys(oldKey, oldKey[:8])}, "WithPreviousHashKeys: key 2: it has 8 bytes"},
		{"a previous hashKey of one repeated byte", next, store, hashKey, []verdictcache.Option{verdictcache.WithPreviousHashKeys(make([]byte, 32))}, "WithPreviousHashKeys: key 1: it is one repeated byte"},
		{"a previous hashKey that is the current one", next, store, hashKey, []verdictcache.Option{verdictcache.WithPreviousHashKeys(hashKey)}, "is the current hashKey"},
		{"an option is nil", next, store, hashKey, []verdictcache.Option{nil}, "Option is nil"},
		{"no lifetime of a match", next, store, hashKey, []verdictcache.Option{verdictcache.WithMatchTTL(0)}, "WithMatchTTL"},
		{"a negative lifetime of a match", next, store, hashKey, []verdictcache.Option{verdictcache.WithMatchTTL(-time.Hour)}, "WithMatchTTL"},
		{"no lifetime of a refusal", next, store, hashKey, []verdictcache.Option{verdictcache.WithNegativeTTL(0)}, "WithNegativeTTL"},
		{"no lease", next, store, hashKey, []verdictcache.Option{verdictcache.WithLease(0)}, "WithLease"},
		{"a lease that nobody can measure", next, store, hashKey, []verdictcache.Option{verdictcache.WithLease(time.Microsecond)}, "WithLease"},
		{"the logger is nil", next, store, hashKey, []verdictcache.Option{verdictcache.WithLogger(nil)}, "WithLogger"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			cache, err := verdictcache.New(c.next, c.store, c.hashKey, c.opts...)
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "thirty", "no secret is repeated")
			require.Nil(t, cache)
		})
	}
	require.Zero(t, next.asked())
}

func TestVerdictsAreRemembered(t *testing.T) {
	for _, verdict := range []id2meta.Result{match, mismatch, noRecord, {BizCode: id2meta.BizCodeMatch}} {
		t.Run(verdict.BizCode.String(), func(t *testing.T) {
			next := &service{answer: always(verdict, nil)}
			c := newCache(t, next, newMemory(t, 10))
			mustVerify(t, c, zhang, verdict)
			mustVerify(t, c, zhang, verdict)
			mustVerify(t, c, zhang, verdict)
			require.Equal(t, 1, next.asked())
			require.Equal(t, verdictcache.Stats{Asked: 1, Remembered: 2}, c.Stats())
		})
	}
}

func TestTheLongestTTLAndLeaseDoNotEndAtOnce(t *testing.T) {
	next := &service{answer: always(match, nil)}
	c := newCache(t, next, newMemory(t, 10), verdictcache.WithMatchTTL(math.MaxInt64), verdictcache.WithLease(math.MaxInt64))
	mustVerify(t, c, zhang, match)
	mustVerify(t, c, zhang, match)
	require.Equal(t, 1, next.asked())
}

func TestWhoIsTheSamePerson(t *testing.T) {
	masked, err := id2meta.MD5Param(zhang.UserName, zhang.IdentifyNum)
	require.NoError(t, err)
	for _, c := range []struct {
		sentence string
		param    id2meta.Param
		same     bool
	}{
		{"the same spelling", zhang, true},
		{"another spelling", id2meta.Param{UserName: " 张三\n", IdentifyNum: "１１０１０５１９４９１２３１００２ｘ"}, true},
		{"a ParamType that is named", id2meta.Param{ParamType: id2meta.ParamTypeNormal, UserName: "张三", IdentifyNum: "11010519491231002x"}, true},
		{"another name", li, false},
		{"another number", stranger, false},
		{"the person masked", masked, false},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			next := &service{answer: always(match, nil)}
			cache := newCache(t, next, newMemory(t, 10))
			mustVerify(t, cache, zhang, match)
			mustVerify(t, cache, c.param, match)
			if c.same {
				require.Equal(t, 1, next.asked())
			} else {
				require.Equal(t, 2, next.asked())
			}
		})
	}
	t.Run("whatever becomes of the caller's hashKey", func(t *testing.T) {
		next, store := &service{answer: always(match, nil)}, newMemory(t, 10)
		mine := slices.Clone(hashKey)
		c, err := verdictcache.New(next, store, mine)
		require.NoError(t, err)
		clear(mine)
		mustVerify(t, c, zhang, match)
		mustVerify(t, newCache(t, next, store), zhang, match)
		require.Equal(t, 1, next.asked())
	})
}

// Neither the Store nor the service is used for what cannot be asked.
func TestWhatCannotBeAsked(t *testing.T) {
	used := func(context.Context) error { t.Error("the store was used"); return nil }
	store := newBare()
	store.before = used
	next := &service{answer: always(match, nil)}
	cache := newCache(t, next, store)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	invalid := id2meta.Param{UserName: "张三", IdentifyNum: "110105194912310021"}
	encrypted := id2meta.Param{ParamType: id2meta.ParamTypeSM2, UserName: "BA", IdentifyNum: "BA"}

	methods := map[string]func(c *verdictcache.Cache, ctx context.Context, p id2meta.Param) error{
		"Verify": func(c *verdictcache.Cache, ctx context.Context, p id2meta.Param) error {
			result, err := c.Verify(ctx, p)
			require.Zero(t, result)
			return err
		},
		"Forget": func(c *verdictcache.Cache, ctx context.Context, p id2meta.Param) error { return c.Forget(ctx, p) },
		"ForgetKeys": func(c *verdictcache.Cache, ctx context.Context, _ id2meta.Param) error {
			return c.ForgetKeys(ctx, verdictcache.Key{})
		},
		"Check": func(c *verdictcache.Cache, ctx context.Context, _ id2meta.Param) error { return c.Check(ctx) },
		"Wait":  func(c *verdictcache.Cache, ctx context.Context, _ id2meta.Param) error { return c.Wait(ctx) },
		"Keys": func(c *verdictcache.Cache, _ context.Context, p id2meta.Param) error {
			keys, err := c.Keys(p)
			require.True(t, err == nil || keys == nil)
			return err
		},
	}
	for name, call := range methods {
		t.Run(name, func(t *testing.T) {
			for _, notMade := range []*verdictcache.Cache{nil, {}} {
				require.ErrorContains(t, call(notMade, t.Context(), zhang), "not made by New")
				require.Zero(t, notMade.Stats())
			}
			if name != "Keys" {
				require.ErrorContains(t, call(cache, nil, zhang), "context is nil")
			}
			if name != "Keys" && name != "Wait" { // nothing is on its way, so Wait need not wait
				require.ErrorIs(t, call(cache, ended, zhang), context.Canceled)
			}
			if name != "Verify" && name != "Forget" && name != "Keys" {
				return // no person
			}
			var bad *id2meta.ParamError
			err := call(cache, t.Context(), invalid)
			require.ErrorIs(t, err, id2meta.ErrInvalidParam)
			require.ErrorAs(t, err, &bad)
			require.Equal(t, "IdentifyNum", bad.Field)
			require.NotContains(t, err.Error(), "110105")

			err = call(cache, t.Context(), encrypted)
			require.ErrorIs(t, err, id2meta.ErrInvalidParam)
			require.ErrorAs(t, err, &bad)
			require.Equal(t, "ParamType", bad.Field)
			require.ErrorContains(t, err, "verdictcache.New(sm2param.Verifier(client), …)")
		})
	}
	require.Zero(t, next.asked())
	require.Zero(t, cache.Stats())
}

func TestForget(t *testing.T) {
	t.Run("the next Verify asks, and remembers again", func(t *testing.T) {
		next := &service{answer: always(match, nil)}
		c := newCache(t, next, newMemory(t, 10))
		mustVerify(t, c, zhang, match)
		mustVerify(t, c, li, match)
		require.NoError(t, c.Forget(t.Context(), zhang))
		next.answer = always(mismatch, nil)
		mustVerify(t, c, zhang, mismatch)
		mustVerify(t, c, zhang, mismatch)
		mustVerify(t, c, li, match)
		require.Equal(t, 3, next.asked())
	})
	for _, c := range []struct {
		sentence string
		same     bool
	}{
		{"a question of this process is not remembered", true},
		{"a question of another process is not remembered", false},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				next := &service{answer: func(ctx context.Context, call int32) (id2meta.Result, error) {
					if call == 1 {
						return after(10*time.Second, mismatch, nil)(ctx, call)
					}
					return match, nil
				}}
				var log logBuffer
				store := newMemory(t, 10)
				asks := newCache(t, next, store, log.option())
				forgets := asks
				if !c.same {
					forgets = newCache(t, next, store)
				}
				first := make(chan id2meta.Result)
				go func() {
					r, _ := asks.Verify(t.Context(), zhang)
					first <- withoutTime(r)
				}()
				time.Sleep(4 * time.Second)
				require.NoError(t, forgets.Forget(t.Context(), zhang))
				if c.same {
					mustVerify(t, forgets, zhang, match)
					require.Equal(t, 2, next.asked())
				}
				require.Equal(t, mismatch, <-first, "who waited gets what was asked")
				require.NoError(t, asks.Wait(t.Context()))
				require.Contains(t, log.String(), "a verdict is not remembered")
				mustVerify(t, forgets, zhang, match)
				require.Equal(t, 2, next.asked())
			})
		})
	}
	t.Run("a store that hangs is an error after the time for a step", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := newFaulty()
			store.delete.set(hangs)
			began := time.Now()
			err := newCache(t, &service{}, store).Forget(t.Context(), zhang)
			require.ErrorIs(t, err, id2meta.ErrUnavailable)
			require.NotErrorIs(t, err, context.DeadlineExceeded, "the caller's context has not ended")
			require.Equal(t, 3*time.Second, time.Since(began))
		})
	})
}

func TestNothingIsShown(t *testing.T) {
	secret := []byte("the-hash-key-that-nobody-may-see")
	previous := []byte("the-previous-key-that-nobody-may-see")
	c := cacheWith(t, &service{answer: always(match, nil)}, newMemory(t, 10), secret, verdictcache.WithPreviousHashKeys(previous))
	mustVerify(t, c, zhang, match)
	require.NoError(t, c.Wait(t.Context())) // a copy of a Cache in use would be a data race
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		require.Equal(t, "*verdictcache.Cache", fmt.Sprintf(verb, c))
		// Nobody should copy a Cache; if somebody does and prints it, no secret is
		// in its fields.
		text := fmt.Sprintf(verb, reflect.ValueOf(c).Elem().Interface())
		require.NotEqual(t, "*verdictcache.Cache", text)
		for _, secret := range [][]byte{secret, previous} {
			require.NotContains(t, text, string(secret))
			require.NotContains(t, text, fmt.Sprintf("%x", secret))
			require.NotContains(t, text, strings.Trim(fmt.Sprint(secret), "[]"))
		}
	}
}

// What the Store is given holds nothing of the person, and neither does the log.
func TestTheStoreSeesNoPerson(t *testing.T) {
	var log logBuffer
	store, next := newBare(), &service{answer: always(match, nil)}
	c := newCache(t, next, store, log.option())
	require.NoError(t, c.Check(t.Context()))
	mustVerify(t, c, zhang, match)
	keys, err := c.Keys(zhang)
	require.NoError(t, err)
	require.Contains(t, store.values, keys[0])
	seen := string(keys[0][:])
	for key, value := range store.values {
		seen += string(key[:]) + string(value)
	}
	store.before = fails
	require.ErrorIs(t, c.Forget(t.Context(), zhang), id2meta.ErrUnavailable)
	mustVerify(t, c, zhang, match)
	require.Contains(t, log.String(), errStore.Error())
	require.NotContains(t, log.String(), fmt.Sprintf("%x", keys[0]), "no Key is logged")
	for _, secret := range []string{zhang.UserName, zhang.IdentifyNum, "19491231", zhang.UserName + zhang.IdentifyNum, string(hashKey)} {
		sha, md := sha256.Sum256([]byte(secret)), md5.Sum([]byte(secret))
		for _, form := range []string{secret, string(sha[:]), string(md[:])} {
			for _, form := range []string{form, fmt.Sprintf("%x", form), base64.StdEncoding.EncodeToString([]byte(form))} {
				require.NotContains(t, seen, form)
				require.NotContains(t, log.String(), form)
			}
		}
	}
}
