package verdictcache_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

// The vectors are from testdata/vectors.mjs, another implementation: all processes and
// all versions of this package must agree on Keys and values.
func TestVectors(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	for _, c := range []struct {
		sentence string
		param    id2meta.Param
		key      string
	}{
		{"张三", zhang, "b9b9be6ce420759c90ad54d918f95a1b5b9d0fe91eec6af2b854676150640797"},
		{"李四", li, "bc4ed2b01d6aacb3112842e4460ac56f5bd13f25a265860c18dadc77a649995c"},
		{"masked", id2meta.Param{UserName: "6499fc7409049355527ef6a2ba5706b8三", IdentifyNum: "110105f8817a477938df5a3e7763cadc5a9abb002X"},
			"07ea5d835c34ea7ffb9793f03bb039452cb6a2a51a4a481fbe39e13eb91170d0"},
	} {
		t.Run("the Key of "+c.sentence, func(t *testing.T) {
			key := verdictcache.KeyOf(secret, c.param)
			require.Equal(t, c.key, hex.EncodeToString(key[:]))
		})
	}
	for _, c := range []struct {
		sentence, sealed string
		want             verdictcache.Opened
	}{
		{"a match", "000102030405060708090a0bbb120e55593eb5843cb903eee029a0d7315722ac674435e2ace34266aec1c0f143421c70197cc36c513234cae0d3e0094f80f03dfe237bb02a9584a7f156e646c4ba",
			verdictcache.Opened{Verdict: id2meta.Result{BizCode: match.BizCode, RequestID: match.RequestID, Time: time.Unix(1700000000, 123456789).UTC()}}},
		{"a claim", "000102030405060708090a0bae133f676a0ae5e1fa813dd44f5f808466dc48c188e954f21fc816c464f278ed00",
			verdictcache.Opened{Owner: [16]byte([]byte("0123456789abcdef"))}},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			sealed, err := hex.DecodeString(c.sealed)
			require.NoError(t, err)
			got, ok := verdictcache.Open(secret, verdictcache.KeyOf(secret, zhang), sealed)
			require.True(t, ok)
			require.Equal(t, c.want, got)
		})
	}
}

func FuzzNoTwoPeopleShareAKey(f *testing.F) {
	f.Add("张三", "11010519491231002X", "张三1", "1010519491231002X")
	f.Add("", "ab", "a", "b")
	f.Add("a\x00", "b", "a", "\x00b")
	f.Fuzz(func(t *testing.T, name, number, otherName, otherNumber string) {
		one := verdictcache.KeyOf(hashKey, id2meta.Param{UserName: name, IdentifyNum: number})
		other := verdictcache.KeyOf(hashKey, id2meta.Param{UserName: otherName, IdentifyNum: otherNumber})
		if same := name == otherName && number == otherNumber; same != (one == other) {
			t.Errorf("same person: %v, same key: %v", same, one == other)
		}
	})
}

func FuzzOpen(f *testing.F) {
	key := verdictcache.KeyOf(hashKey, zhang)
	f.Add([]byte{}, []byte("v1"))
	f.Add(verdictcache.SealVerdict(hashKey, key, match, time.Now()), []byte("v4123456789012"))
	f.Add(verdictcache.SealClaim(hashKey, key, [16]byte{1}), []byte("c"))
	f.Fuzz(func(t *testing.T, sealed, plain []byte) {
		if got, ok := verdictcache.Open(hashKey, key, sealed); ok && !got.Verdict.BizCode.Valid() && got.Owner == [16]byte{} {
			t.Errorf("neither a verdict nor a claim: %+v", got)
		}
		// Whatever was sealed, no other verdict than the three comes out.
		if got, ok := verdictcache.Open(hashKey, key, verdictcache.SealRaw(hashKey, key, plain)); ok && got.Verdict != (id2meta.Result{}) && !got.Verdict.BizCode.Valid() {
			t.Errorf("an invalid verdict: %+v", got)
		}
	})
}

// bare is a Store that anybody can write, and in which nothing expires. It notes what it does.
type bare struct {
	before func(ctx context.Context) error // each step; may be nil

	mu      sync.Mutex
	values  map[verdictcache.Key][]byte
	steps   []string
	ttls    []time.Duration // of the values that were written
	deleted []verdictcache.Key
}

func newBare() *bare { return &bare{values: map[verdictcache.Key][]byte{}} }

func (b *bare) begin(ctx context.Context, step string) (end func(), err error) {
	if b.before != nil {
		if err := b.before(ctx); err != nil {
			return nil, err
		}
	}
	b.mu.Lock()
	b.steps = append(b.steps, step)
	return b.mu.Unlock, nil
}

func (b *bare) Load(ctx context.Context, key verdictcache.Key) ([]byte, error) {
	end, err := b.begin(ctx, "Load")
	if err != nil {
		return nil, err
	}
	defer end()
	return b.values[key], nil
}

func (b *bare) CompareAndSwap(ctx context.Context, key verdictcache.Key, old, new []byte, ttl time.Duration) (bool, error) {
	end, err := b.begin(ctx, "CompareAndSwap")
	if err != nil {
		return false, err
	}
	defer end()
	now, ok := b.values[key]
	switch {
	case ok != (old != nil) || !bytes.Equal(now, old):
		return false, nil
	case new == nil:
		delete(b.values, key)
	default:
		b.values[key] = new
		b.ttls = append(b.ttls, ttl)
	}
	return true, nil
}

func (b *bare) Delete(ctx context.Context, key verdictcache.Key) error {
	end, err := b.begin(ctx, "Delete")
	if err != nil {
		return err
	}
	defer end()
	delete(b.values, key)
	b.deleted = append(b.deleted, key)
	return nil
}

// plant writes a value past every Cache.
func (b *bare) plant(key verdictcache.Key, value []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.values[key] = value
}

func TestStepsOfTheStore(t *testing.T) {
	store := newBare()
	c := newCache(t, &service{answer: always(match, nil)}, store)
	mustVerify(t, c, zhang, match)
	require.Equal(t, []string{"Load", "CompareAndSwap", "CompareAndSwap"}, store.steps, "a new person")
	store.steps = nil
	mustVerify(t, c, zhang, match)
	require.Equal(t, []string{"Load"}, store.steps, "a remembered person")

	meanwhile := &overtaken{bare: newBare()}
	c = newCache(t, &service{}, meanwhile)
	mustVerify(t, c, zhang, match)
	require.NoError(t, c.Wait(t.Context()))
	require.Equal(t, []string{"Load", "CompareAndSwap", "Load"}, meanwhile.steps, "another process was faster")
}

// overtaken is a Store to which another process gives the verdict just before this one claims.
type overtaken struct{ *bare }

func (o *overtaken) CompareAndSwap(ctx context.Context, key verdictcache.Key, old, new []byte, ttl time.Duration) (bool, error) {
	o.plant(key, verdictcache.SealVerdict(hashKey, key, match, time.Now()))
	return o.bare.CompareAndSwap(ctx, key, old, new, ttl)
}

// Whoever can write the Store cannot make a match.
func TestAValueThatCannotBeOpenedCountsAsNone(t *testing.T) {
	key, now := verdictcache.KeyOf(hashKey, zhang), time.Now()
	sealed := verdictcache.SealVerdict(hashKey, key, match, now)
	type planted struct {
		sentence string
		value    []byte
	}
	all := []planted{
		{"no bytes", []byte{}},
		{"the digit of a match", []byte("1")},
		{"a match as an old version wrote it", []byte("1v1D6163397-15C5-419C-9ACC-B7C83E0B4C10")},
		{"a match of another person", verdictcache.SealVerdict(hashKey, verdictcache.KeyOf(hashKey, li), match, now)},
		{"a match under another hashKey", verdictcache.SealVerdict(oldKey, key, match, now)},
		{"a match of the same person under another hashKey", verdictcache.SealVerdict(oldKey, verdictcache.KeyOf(oldKey, zhang), match, now)},
		{"a match and one byte more", append(slices.Clone(sealed), 0)},
		{"a match twice", append(slices.Clone(sealed), sealed...)},
		{"a match with the beginning of another person's", slices.Concat(verdictcache.SealVerdict(hashKey, verdictcache.KeyOf(hashKey, li), match, now)[:20], sealed[20:])},
		{"a long value", bytes.Repeat([]byte("1"), 1024)},
		{"nothing, well sealed", verdictcache.SealRaw(hashKey, key, nil)},
		{"a kind that does not exist, well sealed", verdictcache.SealRaw(hashKey, key, []byte("w1123456789012"))},
		{"a verdict without a time, well sealed", verdictcache.SealRaw(hashKey, key, []byte("v1"))},
		{"verdict 0, well sealed", verdictcache.SealRaw(hashKey, key, []byte("v0\x00\x00\x00\x00\x65\x53\xf1\x00\x00\x00\x00\x00"))},
		{"verdict 4, well sealed", verdictcache.SealRaw(hashKey, key, []byte("v4\x00\x00\x00\x00\x65\x53\xf1\x00\x00\x00\x00\x00"))},
		{"half a claim, well sealed", verdictcache.SealRaw(hashKey, key, []byte("c0123456789abcde"))},
		{"a claim and one byte more, well sealed", verdictcache.SealRaw(hashKey, key, []byte("c0123456789abcdef\x00"))},
	}
	for n := 1; n < len(sealed); n++ {
		all = append(all, planted{fmt.Sprintf("the first %d bytes of a match", n), sealed[:n]})
	}
	for bit := range 8 * len(sealed) {
		flipped := slices.Clone(sealed)
		flipped[bit/8] ^= 1 << (bit % 8)
		all = append(all, planted{fmt.Sprintf("a match whose bit %d is flipped", bit), flipped})
	}
	check := func(t *testing.T, value []byte) {
		var log logBuffer
		store := newBare()
		if len(value) > 0 { // no Store may hold no bytes, but one may return them
			store.plant(key, value)
		}
		next := &service{answer: always(mismatch, nil)}
		c := newCache(t, next, &returns{store, value}, log.option())
		mustVerify(t, c, zhang, mismatch)
		require.Equal(t, verdictcache.Stats{Asked: 1, Rejected: 1}, c.Stats())
		require.Contains(t, log.String(), "level=WARN")
		require.Contains(t, log.String(), "cannot be opened")
		require.NotContains(t, log.String(), fmt.Sprintf("%x", key))
		mustVerify(t, c, zhang, mismatch)
		require.Equal(t, 1, next.asked(), "the verdict has replaced it")
		require.Equal(t, verdictcache.Stats{Asked: 1, Remembered: 1, Rejected: 1}, c.Stats())
	}
	for _, p := range all {
		t.Run(p.sentence, func(t *testing.T) { check(t, p.value) })
	}
	t.Run("but the match itself counts", func(t *testing.T) {
		store := newBare()
		store.plant(key, sealed)
		mustVerify(t, newCache(t, &service{}, store), zhang, match)
	})
}

// returns is a Store whose first Load returns value.
type returns struct {
	*bare
	value []byte
}

func (r *returns) Load(ctx context.Context, key verdictcache.Key) ([]byte, error) {
	value, err := r.bare.Load(ctx, key)
	if r.value != nil {
		value, r.value = r.value, nil
	}
	return value, err
}

// Whoever can write the Store can delay a question for a lease with an old claim, or ask
// for some minutes, if there are many of them.
func TestPlantedClaims(t *testing.T) {
	key := verdictcache.KeyOf(hashKey, zhang)
	t.Run("a claim that does not change is dead after a lease", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := newBare()
			store.plant(key, verdictcache.SealClaim(hashKey, key, [16]byte{1}))
			next := &service{answer: always(match, nil)}
			o := <-start(t.Context(), newCache(t, next, store), zhang)
			require.Equal(t, match, o.result)
			require.GreaterOrEqual(t, o.after, 15*time.Second)
			require.Less(t, o.after, 15*time.Second+time.Second/2)
		})
	})
	t.Run("a flood of claims delays everybody for some minutes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := newBare()
			ctx, cancel := context.WithCancel(t.Context())
			defer time.Sleep(2 * time.Second)
			defer cancel()
			go func() {
				for n := 1; ctx.Err() == nil; n++ {
					store.plant(key, verdictcache.SealClaim(hashKey, key, [16]byte{1, byte(n)}))
					time.Sleep(time.Second)
				}
			}()
			synctest.Wait()
			next := &service{answer: always(match, nil)}
			o := <-start(t.Context(), newCache(t, next, store), zhang)
			require.Equal(t, match, o.result)
			require.Less(t, o.after, 3*time.Minute)

			o = <-start(t.Context(), newCache(t, next, store, verdictcache.WithFailClosed()), zhang)
			require.ErrorContains(t, o.err, "the store failed")
			require.Less(t, o.after, 3*time.Minute)
			require.Equal(t, 1, next.asked())
		})
	})
	t.Run("a store that refuses every claim, and shows nothing, is in trouble", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			next := &service{answer: always(match, nil)}
			c := newCache(t, next, stubborn{newBare()})
			o := <-start(t.Context(), c, zhang)
			require.Equal(t, match, o.result)
			require.Less(t, o.after, 5*time.Second)
			require.Equal(t, verdictcache.Stats{Asked: 1, StoreFailures: 1}, c.Stats())

			_, err := newCache(t, next, stubborn{newBare()}, verdictcache.WithFailClosed()).Verify(t.Context(), zhang)
			require.ErrorContains(t, err, "the store failed")
			require.Equal(t, 1, next.asked())
		})
	})
}

type stubborn struct{ *bare }

func (stubborn) CompareAndSwap(context.Context, verdictcache.Key, []byte, []byte, time.Duration) (bool, error) {
	return false, nil
}

// A Store cannot prolong a verdict, and a TTL that was made shorter counts at once.
func TestHowOldAVerdictMayBe(t *testing.T) {
	key := verdictcache.KeyOf(hashKey, zhang)
	for _, c := range []struct {
		sentence string
		verdict  id2meta.Result
		age      time.Duration
		opts     []verdictcache.Option
		counts   bool
	}{
		{"a match of 179 days", match, 179 * 24 * time.Hour, nil, true},
		{"a match of 180 days", match, 180 * 24 * time.Hour, nil, false},
		{"a mismatch of 23 hours", mismatch, 23 * time.Hour, nil, true},
		{"a mismatch of 24 hours", mismatch, 24 * time.Hour, nil, false},
		{"no record for 23 hours", noRecord, 23 * time.Hour, nil, true},
		{"no record for 24 hours", noRecord, 24 * time.Hour, nil, false},
		{"a match of a week, and matches now last a day", match, 7 * 24 * time.Hour, []verdictcache.Option{verdictcache.WithMatchTTL(24 * time.Hour)}, false},
		{"a mismatch of an hour, and mismatches now last a minute", mismatch, time.Hour, []verdictcache.Option{verdictcache.WithNegativeTTL(time.Minute)}, false},
		{"a match of an hour, and of two lifetimes the last counts", match, time.Hour, []verdictcache.Option{
			verdictcache.WithMatchTTL(time.Minute), verdictcache.WithMatchTTL(61 * time.Minute)}, true},
		{"a mismatch of a day, and mismatches now last for two", mismatch, 24 * time.Hour, []verdictcache.Option{verdictcache.WithNegativeTTL(48 * time.Hour)}, true},
		{"a match of a clock that is fast by 14 minutes", match, -14 * time.Minute, nil, true},
		{"a match of a clock that is fast by a day", match, -24 * time.Hour, nil, false},
		{"a mismatch of a clock that is fast by a day", mismatch, -24 * time.Hour, nil, false},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			store := newBare()
			store.plant(key, verdictcache.SealVerdict(hashKey, key, c.verdict, time.Now().Add(-c.age)))
			next := &service{answer: always(c.verdict, nil)}
			cache := newCache(t, next, store, c.opts...)
			mustVerify(t, cache, zhang, c.verdict)
			mustVerify(t, cache, zhang, c.verdict)
			if c.counts {
				require.Equal(t, verdictcache.Stats{Remembered: 2}, cache.Stats())
			} else {
				require.Equal(t, verdictcache.Stats{Asked: 1, Remembered: 1}, cache.Stats(), "the new verdict replaces the expired one")
			}
		})
	}
}

func TestPreviousHashKeys(t *testing.T) {
	rotated := func(t *testing.T, next id2meta.Verifier, store verdictcache.Store, opts ...verdictcache.Option) *verdictcache.Cache {
		return newCache(t, next, store, append(opts, verdictcache.WithPreviousHashKeys(oldKey))...)
	}
	old := func(t *testing.T, next id2meta.Verifier, store verdictcache.Store) *verdictcache.Cache {
		c, err := verdictcache.New(next, store, oldKey)
		require.NoError(t, err)
		return c
	}
	oldPlace, newPlace := verdictcache.KeyOf(oldKey, zhang), verdictcache.KeyOf(hashKey, zhang)

	t.Run("a verdict is found, moved, and keeps its age", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			next, store := &service{answer: always(mismatch, nil)}, newBare()
			mustVerify(t, old(t, next, store), zhang, mismatch)
			time.Sleep(20 * time.Hour)
			store.steps = nil
			c := rotated(t, next, store)
			mustVerify(t, c, zhang, mismatch)
			require.Equal(t, []string{"Load", "CompareAndSwap", "Load", "CompareAndSwap", "Delete"}, store.steps)
			require.Nil(t, store.values[oldPlace])
			require.NotNil(t, store.values[newPlace])
			require.Equal(t, (180*24-20)*time.Hour, store.ttls[len(store.ttls)-1])
			mustVerify(t, newCache(t, next, store), zhang, mismatch)
			require.Equal(t, 1, next.asked())
			require.Equal(t, verdictcache.Stats{Remembered: 1}, c.Stats())
			time.Sleep(4 * time.Hour)
			mustVerify(t, c, zhang, mismatch)
			require.Equal(t, 2, next.asked(), "a day after it was asked about")
		})
	})
	t.Run("an expired verdict is not moved", func(t *testing.T) {
		next, store := &service{answer: always(match, nil)}, newBare()
		store.plant(oldPlace, verdictcache.SealVerdict(oldKey, oldPlace, mismatch, time.Now().Add(-25*time.Hour)))
		mustVerify(t, rotated(t, next, store), zhang, match)
	})
	t.Run("a store that fails at the second look", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			next, store := &service{answer: always(match, nil)}, newFaulty()
			mustVerify(t, old(t, next, store), zhang, match)
			store.load.set(failsOnce(2))
			_, err := rotated(t, next, store, verdictcache.WithFailClosed()).Verify(t.Context(), zhang)
			require.ErrorIs(t, err, errStore)
			require.Equal(t, 1, next.asked())
			store.load.set(failsOnce(2))
			require.Equal(t, outcome{result: match}, <-start(t.Context(), rotated(t, next, store), zhang), "the claim was given up")
			require.Equal(t, 2, next.asked())
		})
	})
}

// A value that is too long is rejected unread, even if it is well sealed.
func TestAValueThatIsTooLong(t *testing.T) {
	key := verdictcache.KeyOf(hashKey, zhang)
	plain := append([]byte("v1\x00\x00\x00\x00\x65\x53\xf1\x00\x00\x00\x00\x00"), make([]byte, verdictcache.MaxValueSize)...)
	_, ok := verdictcache.Open(hashKey, key, verdictcache.SealRaw(hashKey, key, plain[:verdictcache.MaxValueSize-28]))
	require.True(t, ok)
	long := verdictcache.SealRaw(hashKey, key, plain)
	_, ok = verdictcache.Open(hashKey, key, long)
	require.False(t, ok)
	for _, value := range [][]byte{long, {}} { // no Store accepts such a value as the old one
		store, next := newBare(), &service{answer: always(mismatch, nil)}
		c := newCache(t, next, &returns{store, value})
		mustVerify(t, c, zhang, mismatch)
		require.Equal(t, verdictcache.Stats{Asked: 1, Rejected: 1}, c.Stats())
		require.Equal(t, []string{"Load", "CompareAndSwap", "CompareAndSwap"}, store.steps)
	}
}
