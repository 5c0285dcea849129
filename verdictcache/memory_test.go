package verdictcache_test

import (
	"encoding/binary"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/storetest"
)

func TestMemoryIsAStore(t *testing.T) {
	store := verdictcache.NewMemory(100_000)
	storetest.Run(t, func(*testing.T) verdictcache.Store { return store })
}

func TestMemoryIsBounded(t *testing.T) {
	next := &service{answer: always(match, nil)}
	c := newCache(t, next, verdictcache.NewMemory(2))
	persons := people(3)
	mustVerify(t, c, persons[0], match)
	mustVerify(t, c, persons[1], match)
	mustVerify(t, c, persons[0], match) // looked at last
	mustVerify(t, c, persons[2], match) // the other makes room
	require.Equal(t, 3, next.asked())
	mustVerify(t, c, persons[0], match)
	mustVerify(t, c, persons[2], match)
	require.Equal(t, 3, next.asked())
	mustVerify(t, c, persons[1], match)
	require.Equal(t, 4, next.asked())
}

// However little the memory remembers, nobody is asked about twice at a time.
func TestMemoryDropsNoClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &service{answer: after(time.Second, match, nil)}
		store := verdictcache.NewMemory(1)
		here, there := newCache(t, next, store), newCache(t, next, store)
		persons := people(100)
		var all []<-chan outcome
		for _, c := range []*verdictcache.Cache{here, there} {
			for _, p := range persons {
				all = append(all, start(t.Context(), c, p))
			}
			time.Sleep(time.Second / 2)
		}
		require.Equal(t, len(persons), next.asked())
		for _, done := range all {
			require.Equal(t, match, (<-done).result)
		}
	})
}

// Claims that nobody turns into a verdict do not pile up.
func TestMemoryForgetsClaimsThatAreOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := verdictcache.NewMemory(1)
		before := heapInUse()
		for i := range 200_000 {
			var key verdictcache.Key
			binary.BigEndian.PutUint64(key[:], uint64(i))
			_, err := store.Claim(t.Context(), key, verdictcache.Claimer{1}, time.Second)
			require.NoError(t, err)
			time.Sleep(10 * time.Millisecond)
		}
		require.Less(t, int64(heapInUse()-before), int64(2<<20))
		runtime.KeepAlive(store)
	})
}

func TestMemoryWithoutRoomIsAnError(t *testing.T) {
	for _, store := range []verdictcache.Store{verdictcache.NewMemory(0), verdictcache.NewMemory(-5)} {
		_, err := store.Load(t.Context(), verdictcache.Key{})
		require.ErrorContains(t, err, "maxEntries")
		_, err = store.Claim(t.Context(), verdictcache.Key{}, verdictcache.Claimer{}, time.Second)
		require.ErrorContains(t, err, "maxEntries")
		require.ErrorContains(t, store.Delete(t.Context(), verdictcache.Key{}), "maxEntries")
	}
}
