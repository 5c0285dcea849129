package e2e

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

// Whoever can write the store can make a person be asked about again. They can never
// make a match, whatever they write and wherever they have it from. All that can be
// written is in verdictcache's TestAValueThatCannotBeOpenedCountsAsNone; here stand the
// values that an attacker finds in a real store.
func TestWhoeverWritesTheStoreMakesNoMatch(t *testing.T) {
	onEach(t, func(t *testing.T, name string, d database) {
		dsn, _ := d.ready(t)
		store := d.opened(t, dsn)
		matching, mismatching := newPerson(0).param, newPerson(1).param
		asked := 0
		next := id2meta.VerifierFunc(func(_ context.Context, p id2meta.Param) (id2meta.Result, error) {
			asked++
			if p == matching {
				return id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: "of the match"}, nil
			}
			return id2meta.Result{BizCode: id2meta.BizCodeMismatch, RequestID: "of the mismatch"}, nil
		})
		cache := newCache(t, next, store)
		// The same person under another hashKey, where the service says match.
		lenient, err := verdictcache.New(new(counting), store, []byte("another 32 bytes that are no secret"))
		require.NoError(t, err)

		// verify wants a verdict, and returns how often the service was asked for it.
		verify := func(t *testing.T, cache *verdictcache.Cache, p id2meta.Param, want id2meta.BizCode) int {
			t.Helper()
			before := asked
			got, err := cache.Verify(t.Context(), p)
			require.NoError(t, err)
			require.Equal(t, want, got.BizCode)
			return asked - before
		}
		keyOf := func(cache *verdictcache.Cache, p id2meta.Param) verdictcache.Key {
			keys, err := cache.Keys(p)
			require.NoError(t, err)
			return keys[0]
		}
		stored := func(cache *verdictcache.Cache, p id2meta.Param) []byte {
			value, err := store.Load(t.Context(), keyOf(cache, p))
			require.NoError(t, err)
			require.NotEmpty(t, value, "or nothing would be tested")
			return value
		}
		// forge replaces the value of the person who does not match, for a year.
		forge := func(t *testing.T, value []byte) {
			t.Helper()
			require.NoError(t, store.Delete(t.Context(), keyOf(cache, mismatching)))
			swapped, err := store.CompareAndSwap(t.Context(), keyOf(cache, mismatching), nil, value, 365*24*time.Hour)
			require.True(t, swapped && err == nil, err)
		}
		verify(t, cache, mismatching, id2meta.BizCodeMismatch)
		verify(t, cache, matching, id2meta.BizCodeMatch)
		verify(t, lenient, mismatching, id2meta.BizCodeMatch)
		genuine, ofMatch, ofAccomplice := stored(cache, mismatching), stored(cache, matching), stored(lenient, mismatching)
		flipped := bytes.Clone(genuine)
		flipped[len(flipped)/2] ^= 1

		for what, value := range map[string][]byte{
			"the sealed match of another person":           ofMatch,
			"a match sealed under another hashKey":         ofAccomplice,
			"a verdict in plain text":                      []byte("1"),
			"zeros":                                        make([]byte, len(genuine)),
			"1024 bytes":                                   make([]byte, 1024),
			"the genuine value, cut short":                 genuine[:len(genuine)-1],
			"the genuine value, and one byte more":         slices.Concat(genuine, []byte{0}),
			"the genuine value with the match's beginning": slices.Concat(ofMatch[:20], genuine[20:]),
			"the genuine value with a bit flipped":         flipped,
		} {
			t.Run(what, func(t *testing.T) {
				rejected := cache.Stats().Rejected
				forge(t, value)
				assert.Equal(t, 1, verify(t, cache, mismatching, id2meta.BizCodeMismatch), "the service is asked once more")
				assert.Greater(t, cache.Stats().Rejected, rejected)
				assert.Zero(t, verify(t, cache, mismatching, id2meta.BizCodeMismatch), "the new verdict has replaced it")
			})
		}
		t.Run("an old value of the same person is the same verdict, until its TTL", func(t *testing.T) {
			forge(t, genuine)
			assert.Zero(t, verify(t, cache, mismatching, id2meta.BizCodeMismatch))
			// The store keeps it for a year. The time in the sealed value decides.
			shorter := newCache(t, next, store, verdictcache.WithNegativeTTL(time.Millisecond))
			time.Sleep(2 * time.Millisecond)
			assert.Equal(t, 1, verify(t, shorter, mismatching, id2meta.BizCodeMismatch))
		})
	})
}
