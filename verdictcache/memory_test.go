package verdictcache_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/storetest"
)

func newMemory(t testing.TB, maxEntries int) *verdictcache.Memory {
	t.Helper()
	store, err := verdictcache.NewMemory(maxEntries)
	require.NoError(t, err)
	return store
}

func TestMemoryIsAStore(t *testing.T) {
	store := newMemory(t, 100_000)
	storetest.Run(t, func(*testing.T) verdictcache.Store { return store })
}

func TestMemoryIsBounded(t *testing.T) {
	store := newMemory(t, 2)
	keys := []verdictcache.Key{{1}, {2}, {3}}
	write(t, store, keys[0])
	write(t, store, keys[1])
	require.True(t, has(t, store, keys[0])) // now the other has not been looked at for longer
	write(t, store, keys[2])
	require.True(t, has(t, store, keys[0]))
	require.False(t, has(t, store, keys[1]), "the value that nobody looked at makes room")
	require.True(t, has(t, store, keys[2]))
}

func TestMemoryExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory(t, 10)
		for key, ttl := range map[verdictcache.Key]time.Duration{
			{1}: time.Nanosecond, {2}: time.Second, {3}: 180 * 24 * time.Hour, {4}: math.MaxInt64,
		} {
			swapped, err := store.CompareAndSwap(t.Context(), key, nil, []byte("value"), ttl)
			require.NoError(t, err)
			require.True(t, swapped)
			time.Sleep(min(ttl, 24*time.Hour) - time.Nanosecond)
			require.True(t, has(t, store, key), "%v minus a nanosecond after %v", ttl, ttl)
			if ttl <= time.Hour {
				time.Sleep(time.Nanosecond)
				require.False(t, has(t, store, key), "%v after %v", ttl, ttl)
			}
		}
	})
}

func TestMemoryWithoutRoomIsAnError(t *testing.T) {
	for _, maxEntries := range []int{0, -5, math.MinInt} {
		store, err := verdictcache.NewMemory(maxEntries)
		require.ErrorContains(t, err, "maxEntries")
		require.Nil(t, store)
	}
}

func write(t testing.TB, store verdictcache.Store, key verdictcache.Key) {
	t.Helper()
	swapped, err := store.CompareAndSwap(t.Context(), key, nil, []byte("value"), time.Hour)
	require.NoError(t, err)
	require.True(t, swapped)
}

func has(t testing.TB, store verdictcache.Store, key verdictcache.Key) bool {
	t.Helper()
	value, err := store.Load(t.Context(), key)
	require.NoError(t, err)
	return value != nil
}

// sealedSize is about as long as a sealed verdict with the request ID of the service.
const sealedSize = 90

// What a Memory needs for each verdict that it remembers, just after its map has grown.
func TestMemoryPerPerson(t *testing.T) {
	require.LessOrEqual(t, bytesPerPerson(t, 115_000), 400.0)
}

func bytesPerPerson(t testing.TB, persons int) float64 {
	before := heapInUse()
	store := newMemory(t, persons)
	for i := range persons {
		var key verdictcache.Key
		binary.BigEndian.PutUint64(key[:], uint64(i))
		claim, verdict := bytes.Repeat([]byte{1}, 24), bytes.Repeat([]byte{2}, sealedSize)
		for _, step := range [][2][]byte{{nil, claim}, {claim, verdict}} {
			swapped, err := store.CompareAndSwap(t.Context(), key, step[0], step[1], time.Hour)
			require.NoError(t, err)
			require.True(t, swapped)
		}
	}
	after := heapInUse()
	runtime.KeepAlive(store)
	return float64(after-before) / float64(persons)
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
