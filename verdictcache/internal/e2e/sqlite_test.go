package e2e

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
			store := d.opened(t, dsn)
			service := new(counting)
			cache := newCache(t, service, store)
			for range 2 {
				errs := make([]error, persons)
				var group sync.WaitGroup
				for i := range persons {
					group.Go(func() { _, errs[i] = cache.Verify(t.Context(), newPerson(i).param) })
				}
				group.Wait()
				require.NoError(t, errors.Join(errs...))
			}
			require.EqualValues(t, persons, service.asked.Load())
			require.Equal(t, verdictcache.Stats{Asked: persons, Remembered: persons}, cache.Stats())
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
			store := databases["SQLite"].opened(t, "file:"+dsn+"?_pragma=busy_timeout(60000)")
			old, added := verdictcache.Key{1}, verdictcache.Key{2}
			write(t, store, old, "value", time.Hour)

			db := openSQL(t, "sqlite", dsn)
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
				assert.ErrorIs(t, take(ctx), context.DeadlineExceeded, step)
				assert.Less(t, time.Since(began), 5*time.Second, step)
				cancel()
			}
			mustExec(t, db, "ROLLBACK")
			wantValue(t, store, old, "value")
			wantValue(t, store, added, "")
			write(t, store, added, "value", time.Hour)
		})
	}
}
