package e2e

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

// SQLite is opened as people open it, and 50 new persons come at
// once, twice. Each is asked about once, and no step of the store fails. They are not more
// because a step may take 3 s, and each of them waits for the disk, which other tests use, too.
func TestSQLiteOpenedInAnyWay(t *testing.T) {
	for name, d := range map[string]database{
		"by its path":              databases["SQLite"],
		"in WAL mode":              odder["SQLite in WAL mode"],
		"with a shared cache":      odder["SQLite with a shared cache"],
		"with a truncated journal": odder["SQLite, truncated"],
	} {
		t.Run(name, func(t *testing.T) {
			const persons = 50
			dsn, _ := d.ready(t)
			store, closeStore, err := d.open(dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer closeStore()
			var calls atomic.Int32
			next := id2meta.VerifierFunc(func(ctx context.Context, p id2meta.Param) (id2meta.Result, error) {
				calls.Add(1)
				time.Sleep(20 * time.Millisecond)
				return id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: "473469C7-AA6F-4DC5-B3DB-A3DC0DE3C83E"}, nil
			})
			cache, err := verdictcache.New(next, store, hashKey)
			if err != nil {
				t.Fatal(err)
			}
			for round := range 2 {
				began := time.Now()
				errs := make([]error, persons)
				var group sync.WaitGroup
				for i := range persons {
					group.Go(func() { _, errs[i] = cache.Verify(t.Context(), newPerson(i).param) })
				}
				group.Wait()
				if err := errors.Join(errs...); err != nil {
					t.Fatal(err)
				}
				t.Logf("round %d took %v", round+1, time.Since(began).Round(time.Millisecond))
			}
			stats := cache.Stats()
			if calls.Load() != persons || stats.Asked != persons || stats.Remembered != persons || stats.StoreFailures != 0 {
				t.Errorf("%d calls for %d persons: %+v", calls.Load(), persons, stats)
			}
		})
	}
}

// People open SQLite with a busy_timeout of many seconds. A step ends with its context all
// the same, and changes nothing afterwards.
func TestSQLiteStepEndsBeforeTheBusyTimeout(t *testing.T) {
	for name, lock := range map[string][]string{
		"another program writes":       {"BEGIN IMMEDIATE"},
		"another program has the file": {"BEGIN EXCLUSIVE"},
		"another program reads":        {"BEGIN", "SELECT count(*) FROM id2meta_cache"},
	} {
		t.Run(name, func(t *testing.T) {
			dsn, _ := databases["SQLite"].ready(t)
			store, closeStore, err := databases["SQLite"].open("file:" + dsn + "?_pragma=busy_timeout(60000)")
			if err != nil {
				t.Fatal(err)
			}
			defer closeStore()
			old, added := verdictcache.Key{1}, verdictcache.Key{2}
			write(t, store, old, "value", time.Hour)

			db, err := sql.Open("sqlite", dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			db.SetMaxOpenConns(1)
			for _, statement := range lock {
				mustExec(t, db, statement)
			}
			for step, take := range map[string]func(context.Context) error{
				"add": func(ctx context.Context) error {
					_, err := store.CompareAndSwap(ctx, added, nil, []byte("added"), time.Hour)
					return err
				},
				"swap": func(ctx context.Context) error {
					_, err := store.CompareAndSwap(ctx, old, []byte("value"), []byte("swapped"), time.Hour)
					return err
				},
				"delete": func(ctx context.Context) error { return store.Delete(ctx, old) },
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				began := time.Now()
				err := take(ctx)
				if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > 5*time.Second {
					t.Errorf("%s: %v after %v", step, err, took)
				}
				cancel()
			}
			mustExec(t, db, "ROLLBACK")
			wantValue(t, store, old, "value")
			wantValue(t, store, added, "")
			write(t, store, added, "value", time.Hour)
		})
	}
}
