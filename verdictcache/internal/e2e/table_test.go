package e2e

import (
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/sqlstore"
)

// TestTable runs the tests of a table on each database that has one. Each test begins
// without a table.
func TestTable(t *testing.T) {
	tests := map[string]func(t *testing.T, dialect sqlstore.Dialect, db *sql.DB){
		"CreateTable":            testCreateTable,
		"an odd row is no value": testOddRow,
		"DeleteExpired":          testDeleteExpired,
	}
	for name, d := range databases {
		if d.driver == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn, _ := d.start(t)
			for what, test := range tests {
				t.Run(what, func(t *testing.T) {
					db := openSQL(t, d.driver, dsn)
					t.Cleanup(func() { db.Exec("DROP TABLE IF EXISTS id2meta_cache") })
					test(t, d.dialect, db)
				})
			}
		})
	}
}

func mustExec(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), statement)
	require.NoError(t, err)
}

func newSQLStore(t testing.TB, db *sql.DB, dialect sqlstore.Dialect) *sqlstore.Store {
	t.Helper()
	store, err := sqlstore.New(db, dialect)
	require.NoError(t, err)
	return store
}

// newTable makes the table, and returns a store that uses it.
func newTable(t testing.TB, db *sql.DB, dialect sqlstore.Dialect) *sqlstore.Store {
	t.Helper()
	store := newSQLStore(t, db, dialect)
	require.NoError(t, store.CreateTable(t.Context()))
	return store
}

// write writes a value where there is none.
func write(t *testing.T, store verdictcache.Store, key verdictcache.Key, value string, ttl time.Duration) {
	t.Helper()
	swapped, err := store.CompareAndSwap(t.Context(), key, nil, []byte(value), ttl)
	require.NoError(t, err)
	require.True(t, swapped)
}

func wantValue(t *testing.T, store verdictcache.Store, key verdictcache.Key, want string) {
	t.Helper()
	value, err := store.Load(t.Context(), key)
	assert.NoError(t, err)
	assert.Equal(t, want, string(value))
}

func testCreateTable(t *testing.T, dialect sqlstore.Dialect, db *sql.DB) {
	store := newSQLStore(t, db, dialect)
	key := verdictcache.Key{1}
	t.Run("without a table every step is an error that names it", func(t *testing.T) {
		_, load := store.Load(t.Context(), key)
		_, swap := store.CompareAndSwap(t.Context(), key, nil, []byte("value"), time.Hour)
		_, expired := store.DeleteExpired(t.Context(), 1)
		for step, err := range map[string]error{"load": load, "swap": swap, "delete": store.Delete(t.Context(), key), "expired": expired} {
			assert.ErrorContains(t, err, "id2meta_cache", step)
		}
	})
	t.Run("many may create it at the same time", func(t *testing.T) {
		const many = 30
		errs := make([]error, many)
		start := make(chan struct{})
		var group sync.WaitGroup
		for i := range many {
			store := newSQLStore(t, db, dialect)
			group.Go(func() {
				<-start
				errs[i] = store.CreateTable(t.Context())
			})
		}
		close(start)
		group.Wait()
		assert.NoError(t, errors.Join(errs...))
	})
	t.Run("where it exists nothing is done", func(t *testing.T) {
		write(t, store, key, "value", time.Hour)
		require.NoError(t, newSQLStore(t, db, dialect).CreateTable(t.Context()))
		wantValue(t, store, key, "value")
	})
}

// What another program wrote into the table is no value if it cannot be one, does not
// leave the database, and keeps nobody from being asked about.
func testOddRow(t *testing.T, dialect sqlstore.Dialect, db *sql.DB) {
	store := newTable(t, db, dialect)
	odd := map[string]string{"empty": "''"}
	switch dialect {
	case sqlstore.PostgreSQL:
		odd["5 MB"] = "convert_to(repeat('v', 5000000), 'UTF8')"
		odd["1025 bytes"] = "convert_to(repeat('v', 1025), 'UTF8')"
	case sqlstore.SQLite:
		odd["5 MB"] = "zeroblob(5000000)"
		odd["1025 bytes"] = "zeroblob(1025)"
		odd["a text"] = "'text'"
		odd["a number"] = "17"
		odd["a fraction"] = "0.5"
	}
	n := byte(0)
	for what, value := range odd {
		t.Run(what, func(t *testing.T) {
			n++
			key := verdictcache.Key{n}
			write(t, store, key, "value", time.Hour)
			mustExec(t, db, "UPDATE id2meta_cache SET value = "+value+" WHERE length(value) = 5")
			wantValue(t, store, key, "")
			swapped, err := store.CompareAndSwap(t.Context(), key, []byte("value"), []byte("new"), time.Hour)
			assert.NoError(t, err)
			assert.False(t, swapped)
			write(t, store, key, "another", time.Hour)
			wantValue(t, store, key, "another")
		})
	}
}

func testDeleteExpired(t *testing.T, dialect sqlstore.Dialect, db *sql.DB) {
	store := newTable(t, db, dialect)
	const expired, live = 25, 10
	for i := range expired {
		write(t, store, verdictcache.Key{1, byte(i)}, "expired", time.Millisecond)
	}
	for i := range live {
		write(t, store, verdictcache.Key{2, byte(i)}, "live", time.Hour)
	}
	time.Sleep(50 * time.Millisecond)
	for _, want := range []int64{10, 10, 5, 0} {
		deleted, err := store.DeleteExpired(t.Context(), 10)
		assert.NoError(t, err)
		assert.Equal(t, want, deleted)
	}
	var rows int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM id2meta_cache").Scan(&rows))
	assert.Equal(t, live, rows)
	for i := range live {
		wantValue(t, store, verdictcache.Key{2, byte(i)}, "live")
	}
	for _, limit := range []int{0, -1} {
		_, err := store.DeleteExpired(t.Context(), limit)
		assert.Error(t, err, "a limit of %d", limit)
	}
}
