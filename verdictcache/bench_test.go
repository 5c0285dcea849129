package verdictcache_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
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

// 64 callers want to know the same new person. How long after the answer do they
// have it?
func BenchmarkOneQuestion(b *testing.B) {
	const callers = 64
	persons := people(1000)
	var lags []time.Duration
	questions := 0
	for i := range b.N {
		var answered time.Time
		next := &service{answer: func(context.Context, int32) (id2meta.Result, error) {
			time.Sleep(20 * time.Millisecond)
			answered = time.Now()
			return match, nil
		}}
		c := newCache(b, next, newMemory(b, 1000))
		ends := make([]time.Time, callers)
		var wg sync.WaitGroup
		for caller := range callers {
			wg.Go(func() {
				if result, err := c.Verify(b.Context(), persons[i%len(persons)]); err != nil || !result.Match() {
					b.Error(result, err)
				}
				ends[caller] = time.Now()
			})
		}
		wg.Wait()
		for _, end := range ends {
			lags = append(lags, end.Sub(answered))
		}
		questions += next.asked()
	}
	slices.Sort(lags)
	b.ReportMetric(float64(questions)/float64(b.N), "questions/op")
	b.ReportMetric(float64(lags[len(lags)/2].Microseconds()), "µs-median-lag")
	b.ReportMetric(float64(lags[len(lags)-1].Microseconds()), "µs-longest-lag")
}
