package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/sqlstore"
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
	query, err := openSQL(b, sqlDrivers[name].driver, dsn).Prepare("select value from id2meta_cache where id = " + placeholder)
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

// connect opens n connections, since on a busy machine so many at once may take
// longer than the time that a Cache gives its store.
func connect(b *testing.B, db *sql.DB, n int) {
	b.Helper()
	conns := make([]*sql.Conn, n)
	for i := range conns {
		var err error
		if conns[i], err = db.Conn(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	for _, conn := range conns {
		conn.Close()
	}
}

func median(durations []time.Duration) time.Duration {
	slices.Sort(durations)
	return durations[len(durations)/2]
}

// queries counts what pgx sends.
type queries struct{ n atomic.Int64 }

func (q *queries) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	q.n.Add(1)
	return ctx
}

func (q *queries) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// BenchmarkNewPersonsPostgreSQL asks about 10,000 persons, each once, from 64
// callers, and counts what that costs the database.
func BenchmarkNewPersonsPostgreSQL(b *testing.B) {
	const persons, callers = 10_000, 64
	dsn, _ := databases["PostgreSQL"].ready(b)
	config, err := pgx.ParseConfig(dsn)
	require.NoError(b, err)
	var sent queries
	config.Tracer = &sent
	db := stdlib.OpenDB(*config)
	defer db.Close()
	db.SetMaxOpenConns(callers)
	db.SetMaxIdleConns(callers)

	connect(b, db, callers)

	for b.Loop() {
		b.StopTimer()
		_, err := db.ExecContext(b.Context(), "drop table if exists id2meta_cache")
		require.NoError(b, err)
		store, err := sqlstore.New(db, sqlstore.PostgreSQL)
		require.NoError(b, err)
		if err := store.CreateTable(b.Context()); err != nil { // as at the start of a service
			b.Fatal(err)
		}
		cache := newCache(b, new(counting), store, verdictcache.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, nil))))
		sent.n.Store(0)
		b.StartTimer()

		var next atomic.Int64
		var group sync.WaitGroup
		for range callers {
			group.Go(func() {
				for i := next.Add(1); i <= persons; i = next.Add(1) {
					if _, err := cache.Verify(b.Context(), newPerson(int(i)).param); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		group.Wait()
		if stats := cache.Stats(); stats.Asked != persons || stats.StoreFailures != 0 {
			b.Fatalf("not all were asked about once: %+v", stats)
		}
		b.ReportMetric(float64(sent.n.Load())/persons, "queries/person")
	}
}
