package verdictcache_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/verdictcache"
)

// A verdict that is remembered in memory, normalization and HMAC included.
func BenchmarkRemembered(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			c := newCache(b, &service{answer: always(match, nil)}, newMemory(b, 1000))
			_, err := c.Verify(b.Context(), zhang)
			require.NoError(b, err)
			b.ReportAllocs()
			b.SetParallelism(callers)
			b.ResetTimer()
			if callers == 1 {
				for range b.N {
					verifyMatch(b, c)
				}
			} else {
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						verifyMatch(b, c)
					}
				})
			}
			b.StopTimer()
			require.EqualValues(b, 1, c.Stats().Asked)
		})
	}
}

func verifyMatch(b *testing.B, c *verdictcache.Cache) {
	if result, err := c.Verify(context.Background(), zhang); err != nil || !result.Match() {
		b.Error(result, err)
	}
}
