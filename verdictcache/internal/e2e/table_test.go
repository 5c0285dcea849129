package e2e

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/sqlstore"
)

// sqlDrivers are the drivers of the databases that have a table.
var sqlDrivers = map[string]struct {
	driver  string
	dialect sqlstore.Dialect
	bytes   string // the type of a key
}{
	"SQLite":     {"sqlite", sqlstore.SQLite, "BLOB"},
	"PostgreSQL": {"pgx", sqlstore.PostgreSQL, "BYTEA"},
	"MariaDB":    {"mysql", sqlstore.MySQL, "BINARY(32)"},
}

// TestTable runs the tests of a table on each database that has one. Each test begins
// without a table.
func TestTable(t *testing.T) {
	tests := map[string]func(t *testing.T, name string, db *sql.DB){
		"CreateTable":                          testCreateTable,
		"a table of the old name is untouched": testOldTable,
		"an odd row is no value":               testOddRow,
		"a table of another shape is an error": testAnotherShape,
		"DeleteExpired":                        testDeleteExpired,
	}
	for name, sqlDriver := range sqlDrivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn, _ := databases[name].start(t)
			for what, test := range tests {
				t.Run(what, func(t *testing.T) {
					db := openSQL(t, sqlDriver.driver, dsn)
					t.Cleanup(func() { db.Exec("DROP TABLE IF EXISTS id2meta_cache") })
					test(t, name, db)
				})
			}
		})
	}
}

func mustExec(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func newSQLStore(t *testing.T, name string, db *sql.DB) *sqlstore.Store {
	t.Helper()
	store, err := sqlstore.New(db, sqlDrivers[name].dialect)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// write writes a value where there is none.
func write(t *testing.T, store verdictcache.Store, key verdictcache.Key, value string, ttl time.Duration) {
	t.Helper()
	if swapped, err := store.CompareAndSwap(t.Context(), key, nil, []byte(value), ttl); err != nil || !swapped {
		t.Fatalf("write: %v, %v", swapped, err)
	}
}

func wantValue(t *testing.T, store verdictcache.Store, key verdictcache.Key, want string) {
	t.Helper()
	if value, err := store.Load(t.Context(), key); err != nil || string(value) != want {
		t.Errorf("load: %q, %v, want %q", value, err, want)
	}
}

func testCreateTable(t *testing.T, name string, db *sql.DB) {
	store := newSQLStore(t, name, db)
	key := verdictcache.Key{1}
	t.Run("without a table every step is an error that names it", func(t *testing.T) {
		_, load := store.Load(t.Context(), key)
		_, swap := store.CompareAndSwap(t.Context(), key, nil, []byte("value"), time.Hour)
		_, expired := store.DeleteExpired(t.Context(), 1)
		for step, err := range map[string]error{"load": load, "swap": swap, "delete": store.Delete(t.Context(), key), "expired": expired} {
			if err == nil || !strings.Contains(err.Error(), "id2meta_cache") {
				t.Errorf("%s: %v", step, err)
			}
		}
	})
	t.Run("many may create it at the same time", func(t *testing.T) {
		const many = 30
		errs := make([]error, many)
		start := make(chan struct{})
		var group sync.WaitGroup
		for i := range many {
			store := newSQLStore(t, name, db)
			group.Go(func() {
				<-start
				errs[i] = store.CreateTable(t.Context())
			})
		}
		close(start)
		group.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
	})
	t.Run("where it exists nothing is done", func(t *testing.T) {
		write(t, store, key, "value", time.Hour)
		if err := newSQLStore(t, name, db).CreateTable(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantValue(t, store, key, "value")
	})
}

// A table of the old name, as version 0 of this package had it, is neither read nor
// changed.
func testOldTable(t *testing.T, name string, db *sql.DB) {
	bytes := sqlDrivers[name].bytes
	mustExec(t, db, "CREATE TABLE id2meta_verdicts (id "+bytes+" NOT NULL PRIMARY KEY, claimer "+strings.ReplaceAll(bytes, "32", "16")+
		", biz_code VARCHAR(8), request_id VARCHAR(128), expires_at BIGINT NOT NULL)")
	key := strings.Repeat("k", 32)
	mustExec(t, db, "INSERT INTO id2meta_verdicts (id, biz_code, request_id, expires_at) VALUES ('"+key+"', '1', 'old', 9999999999999)")
	mustExec(t, db, "INSERT INTO id2meta_verdicts (id, biz_code, request_id, expires_at) VALUES ('"+strings.ToUpper(key)+"', '1', 'older', 1)")
	before := rowsOf(t, db, "id2meta_verdicts", "")

	store := newSQLStore(t, name, db)
	if err := store.CreateTable(t.Context()); err != nil {
		t.Fatal(err)
	}
	k := verdictcache.Key([]byte(key))
	wantValue(t, store, k, "")
	write(t, store, k, "new", time.Millisecond)
	time.Sleep(50 * time.Millisecond)
	write(t, store, k, "newer", time.Hour)
	if err := store.Delete(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	if _, err := store.DeleteExpired(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	if after := rowsOf(t, db, "id2meta_verdicts", ""); !slices.Equal(after, before) || len(after) != 7 {
		t.Errorf("the old table had %q and has %q", before, after)
	}
}

// What another program wrote into the table is no value if it cannot be one, does not
// leave the database, and keeps nobody from being asked about.
func testOddRow(t *testing.T, name string, db *sql.DB) {
	store := newSQLStore(t, name, db)
	if err := store.CreateTable(t.Context()); err != nil {
		t.Fatal(err)
	}
	odd := map[string]string{"empty": "''"}
	switch sqlDrivers[name].dialect {
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
			if swapped, err := store.CompareAndSwap(t.Context(), key, []byte("value"), []byte("new"), time.Hour); err != nil || swapped {
				t.Errorf("swap: %v, %v", swapped, err)
			}
			write(t, store, key, "another", time.Hour)
			wantValue(t, store, key, "another")
		})
	}
}

// A table of that name that another program made, with other columns, is left as it
// is, and is an error.
func testAnotherShape(t *testing.T, name string, db *sql.DB) {
	bytes := sqlDrivers[name].bytes
	for shape, columns := range map[string]string{
		"another program's": "id INTEGER PRIMARY KEY, name VARCHAR(20)",
		"a column less":     "id " + bytes + " PRIMARY KEY, value VARCHAR(128)",
	} {
		t.Run(shape, func(t *testing.T) {
			mustExec(t, db, "CREATE TABLE id2meta_cache ("+columns+")")
			t.Cleanup(func() { db.Exec("DROP TABLE id2meta_cache") })
			value := "'1'"
			if strings.HasPrefix(columns, "id INTEGER") {
				value = "1"
			}
			mustExec(t, db, fmt.Sprintf("INSERT INTO id2meta_cache (id) VALUES (%s)", value))
			before := rowsOf(t, db, "id2meta_cache", shape)

			store := newSQLStore(t, name, db)
			key := verdictcache.Key{1}
			create := store.CreateTable(t.Context())
			_, load := store.Load(t.Context(), key)
			_, write := store.CompareAndSwap(t.Context(), key, nil, []byte("new"), time.Hour)
			_, replace := store.CompareAndSwap(t.Context(), key, []byte("old"), []byte("new"), time.Hour)
			_, remove := store.CompareAndSwap(t.Context(), key, []byte("old"), nil, 0)
			_, expired := store.DeleteExpired(t.Context(), 10)
			for step, err := range map[string]error{"create": create, "load": load, "write": write, "replace": replace,
				"remove": remove, "expired": expired} {
				if err == nil {
					t.Errorf("%s has no error", step)
				}
			}
			if after := rowsOf(t, db, "id2meta_cache", shape); !slices.Equal(after, before) {
				t.Errorf("the table had %q and has %q", before, after)
			}
		})
	}
}

func testDeleteExpired(t *testing.T, name string, db *sql.DB) {
	store := newSQLStore(t, name, db)
	if err := store.CreateTable(t.Context()); err != nil {
		t.Fatal(err)
	}
	const expired, live = 25, 10
	for i := range expired {
		write(t, store, verdictcache.Key{1, byte(i)}, "expired", time.Millisecond)
	}
	for i := range live {
		write(t, store, verdictcache.Key{2, byte(i)}, "live", time.Hour)
	}
	time.Sleep(50 * time.Millisecond)
	for _, want := range []int64{10, 10, 5, 0} {
		if deleted, err := store.DeleteExpired(t.Context(), 10); err != nil || deleted != want {
			t.Errorf("deleted %d, %v, want %d", deleted, err, want)
		}
	}
	var rows int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM id2meta_cache").Scan(&rows); err != nil || rows != live {
		t.Errorf("%d rows are left, %v, want %d", rows, err, live)
	}
	for i := range live {
		wantValue(t, store, verdictcache.Key{2, byte(i)}, "live")
	}
	for _, limit := range []int{0, -1} {
		if _, err := store.DeleteExpired(t.Context(), limit); err == nil {
			t.Errorf("a limit of %d is no error", limit)
		}
	}
}

// rowsOf returns the columns and the rows of a table.
func rowsOf(t *testing.T, db *sql.DB, table, shape string) []string {
	t.Helper()
	// The comment keeps pgx from the plan that it made for another shape.
	rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+table+" /* "+strings.ReplaceAll(shape, "'", "")+" */")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values := make([]any, len(all))
	for rows.Next() {
		pointers := make([]any, len(values))
		for i := range values {
			pointers[i] = &values[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprint(values...))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
