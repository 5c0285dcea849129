package e2e

import (
	"context"
	"crypto/sha256"
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

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/sqlstore"
)

// matching is a service that knows everybody.
var matching = id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
	return id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: "473469C7-AA6F-4DC5-B3DB-A3DC0DE3C83E"}, nil
})

// sealedSize is about as long as a sealed verdict.
const sealedSize = 90

// bare returns a function that reads one row, or key, of the size of a verdict
// through a connection of its own: the least that remembering can cost.
func bare(b *testing.B, name, dsn string) func() error {
	b.Helper()
	key := sha256.Sum256(nil)
	if name == "Redis" {
		opts, err := redis.ParseURL(dsn)
		if err != nil {
			b.Fatal(err)
		}
		client := redis.NewClient(opts)
		b.Cleanup(func() { client.Close() })
		id := fmt.Sprintf("bare:%x", key)
		if err := client.Set(b.Context(), id, make([]byte, sealedSize), time.Hour).Err(); err != nil {
			b.Fatal(err)
		}
		return func() error { return client.Get(b.Context(), id).Err() }
	}

	dialect := map[string]struct{ driver, bytes, value, placeholder string }{
		"SQLite":     {"sqlite", "blob", "blob", "?"},
		"PostgreSQL": {"pgx", "bytea", "bytea", "$1"},
		"MariaDB":    {"mysql", "binary(32)", "varbinary(1024)", "?"},
	}[name]
	db, err := sql.Open(dialect.driver, dsn)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	if _, err := db.Exec("create table bare (id " + dialect.bytes +
		" primary key, value " + dialect.value + " not null)"); err != nil {
		b.Fatal(err)
	}
	values := map[string]string{"?": "(?, ?)", "$1": "($1, $2)"}[dialect.placeholder]
	if _, err := db.Exec("insert into bare values "+values, key[:], make([]byte, sealedSize)); err != nil {
		b.Fatal(err)
	}
	query, err := db.Prepare("select value from bare where id = " + dialect.placeholder)
	if err != nil {
		b.Fatal(err)
	}
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
			store, closeStore, err := d.open(dsn)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(closeStore)
			cache, err := verdictcache.New(matching, store, hashKey)
			if err != nil {
				b.Fatal(err)
			}
			param := newPerson(0).param
			remembered := func() error { _, err := cache.Verify(b.Context(), param); return err }
			roundTrip := bare(b, name, dsn)

			key := verdictcache.Key{1}
			if _, err := store.CompareAndSwap(b.Context(), key, nil, make([]byte, sealedSize), time.Hour); err != nil {
				b.Fatal(err)
			}
			load := func() error { _, err := store.Load(b.Context(), key); return err }

			var took [3][]time.Duration
			for i := 0; b.Loop(); i++ {
				for j, f := range []func() error{roundTrip, load, remembered} {
					start := time.Now()
					if err := f(); err != nil {
						b.Fatal(err)
					}
					took[j] = append(took[j], time.Since(start))
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
	if err != nil {
		b.Fatal(err)
	}
	var sent queries
	config.Tracer = &sent
	db := stdlib.OpenDB(*config)
	defer db.Close()
	db.SetMaxOpenConns(callers)
	db.SetMaxIdleConns(callers)

	connect(b, db, callers)

	for b.Loop() {
		b.StopTimer()
		if _, err := db.ExecContext(b.Context(), "drop table if exists id2meta_cache"); err != nil {
			b.Fatal(err)
		}
		store, err := sqlstore.New(db, sqlstore.PostgreSQL)
		if err != nil {
			b.Fatal(err)
		}
		if err := store.CreateTable(b.Context()); err != nil { // as at the start of a service
			b.Fatal(err)
		}
		cache, err := verdictcache.New(matching, store, hashKey,
			verdictcache.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, nil))))
		if err != nil {
			b.Fatal(err)
		}
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
