package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/verdictcache"
)

// bare returns a function that reads the value of a key through a connection of its
// own: the least that remembering can cost.
func bare(b *testing.B, name, dsn string, key verdictcache.Key) func() error {
	b.Helper()
	if name == "Redis" {
		opts, err := redis.ParseURL(dsn)
		require.NoError(b, err)
		client := redis.NewClient(opts)
		b.Cleanup(func() { client.Close() })
		id := fmt.Sprintf("id2meta:%x", key[:])
		return func() error { return client.Get(b.Context(), id).Err() }
	}
	placeholder := map[string]string{"SQLite": "?", "PostgreSQL": "$1", "MariaDB": "?"}[name]
	query, err := openSQL(b, databases[name].driver, dsn).Prepare("select value from id2meta_cache where id = " + placeholder)
	require.NoError(b, err)
	b.Cleanup(func() { query.Close() })
	return func() error {
		var value []byte
		return query.QueryRowContext(b.Context(), key[:]).Scan(&value)
	}
}

// BenchmarkRemembered compares a verdict that is remembered with one bare round
// trip to the same server, and a Load of the store with both. They take turns; each ratio
// is that of two medians.
func BenchmarkRemembered(b *testing.B) {
	for name, d := range databases {
		b.Run(name, func(b *testing.B) {
			dsn, _ := d.ready(b)
			store := d.opened(b, dsn)
			cache := newCache(b, new(counting), store)
			param := newPerson(0).param
			remembered := func() error { _, err := cache.Verify(b.Context(), param); return err }
			require.NoError(b, remembered())
			keys, err := cache.Keys(param)
			require.NoError(b, err)
			key := keys[0]
			roundTrip := bare(b, name, dsn, key)
			load := func() error { _, err := store.Load(b.Context(), key); return err }

			var took [3][]time.Duration
			for i := 0; b.Loop(); i++ {
				for j, f := range []func() error{roundTrip, load, remembered} {
					start := time.Now()
					err := f()
					took[j] = append(took[j], time.Since(start))
					require.NoError(b, err)
				}
			}
			if stats := cache.Stats(); stats.Asked > 1 || stats.StoreFailures > 0 {
				b.Fatalf("not remembered: %+v", stats)
			}
			floor, loaded, ours := median(took[0]), median(took[1]), median(took[2])
			b.ReportMetric(float64(floor.Nanoseconds()), "bare-ns")
			b.ReportMetric(float64(ours.Nanoseconds()), "remembered-ns")
			b.ReportMetric(float64(loaded)/float64(floor), "load/bare")
			b.ReportMetric(float64(ours)/float64(floor), "remembered/bare")
		})
	}
}

func median(durations []time.Duration) time.Duration {
	slices.Sort(durations)
	return durations[len(durations)/2]
}
