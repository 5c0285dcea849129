package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

// sqlDrivers are the drivers of the databases that have a table.
var sqlDrivers = map[string]struct {
	driver  string
	dialect verdictcache.Dialect
	bytes   string // the type of a key
}{
	"SQLite":     {"sqlite", verdictcache.SQLite, "BLOB"},
	"PostgreSQL": {"pgx", verdictcache.PostgreSQL, "BYTEA"},
	"MariaDB":    {"mysql", verdictcache.MySQL, "BINARY(32)"},
}

// onEachTable runs a test on each database that has a table, with connections to
// an empty one.
func onEachTable(t *testing.T, test func(t *testing.T, name string, db *sql.DB)) {
	for name, sqlDriver := range sqlDrivers {
		t.Run(name, func(t *testing.T) {
			dsn, _ := databases[name].start(t)
			db, err := sql.Open(sqlDriver.driver, dsn)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			test(t, name, db)
		})
	}
}

func mustExec(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func TestCreateTable(t *testing.T) {
	onEachTable(t, func(t *testing.T, name string, db *sql.DB) {
		store := verdictcache.NewSQL(db, sqlDrivers[name].dialect)
		k, c := verdictcache.Key{1}, verdictcache.Claimer{1}
		verdict := id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: "1"}

		t.Run("without a table every step is an error that says what to do", func(t *testing.T) {
			if _, err := store.Load(t.Context(), k); err == nil || !strings.Contains(err.Error(), "CreateTable") {
				t.Errorf("load: %v", err)
			}
		})
		t.Run("many may create it at the same time", func(t *testing.T) {
			const many = 30
			errs := make([]error, many)
			start := make(chan struct{})
			var group sync.WaitGroup
			for i := range many {
				group.Go(func() {
					<-start
					errs[i] = verdictcache.NewSQL(db, sqlDrivers[name].dialect).CreateTable(t.Context())
				})
			}
			close(start)
			group.Wait()
			for _, err := range errs {
				if err != nil {
					t.Error(err)
				}
			}
		})
		t.Run("where it exists nothing is done", func(t *testing.T) {
			if granted, err := store.Claim(t.Context(), k, c, time.Minute); err != nil || !granted {
				t.Fatalf("claim: %v, %v", granted, err)
			}
			if saved, err := store.Save(t.Context(), k, c, verdict, time.Hour); err != nil || !saved {
				t.Fatalf("save: %v, %v", saved, err)
			}
			if err := verdictcache.NewSQL(db, sqlDrivers[name].dialect).CreateTable(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got, err := store.Load(t.Context(), k); err != nil || got.Verdict != verdict {
				t.Errorf("load: %v, %v", got, err)
			}
		})
	})
}

// A verdict that another hand wrote is never a match, and keeps nobody from being
// asked about.
func TestOddRowIsNoVerdict(t *testing.T) {
	onEachTable(t, func(t *testing.T, name string, db *sql.DB) {
		store := verdictcache.NewSQL(db, sqlDrivers[name].dialect)
		if err := store.CreateTable(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, code := range []string{"''", "NULL", "'0'", "'4'", "'11'", "'1 '", "' 1'", "'true'", "'match'", "'９'"} {
			t.Run(code, func(t *testing.T) {
				asked := 0
				next := id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
					asked++
					return id2meta.Result{BizCode: id2meta.BizCodeMismatch, RequestID: "1"}, nil
				})
				cache, err := verdictcache.New(next, store, make([]byte, 32))
				if err != nil {
					t.Fatal(err)
				}
				param := newPerson(i).param
				if _, err := cache.Verify(t.Context(), param); err != nil {
					t.Fatal(err)
				}
				mustExec(t, db, "UPDATE id2meta_verdicts SET biz_code = "+code+" WHERE biz_code = '2'")
				for range 2 {
					if got, err := cache.Verify(t.Context(), param); err != nil || got.BizCode != id2meta.BizCodeMismatch {
						t.Errorf("the verdict is %v, %v", got, err)
					}
				}
				if asked != 2 {
					t.Errorf("asked %d times, want once more for the odd row", asked)
				}
				mustExec(t, db, "DELETE FROM id2meta_verdicts")
			})
		}
	})
}

// A table of that name that another version or program made is left as it is.
func TestTableOfAnotherShape(t *testing.T) {
	const insert = "INSERT INTO id2meta_verdicts (id) VALUES (%s)"
	onEachTable(t, func(t *testing.T, name string, db *sql.DB) {
		bytes := sqlDrivers[name].bytes
		for shape, columns := range map[string]string{
			"another program's": "id INTEGER PRIMARY KEY, name VARCHAR(20)",
			"a column less":     "id " + bytes + " PRIMARY KEY, claimer " + bytes + ", biz_code VARCHAR(8), request_id VARCHAR(128)",
			"no primary key": "id " + bytes + ", claimer " + bytes +
				", biz_code VARCHAR(8), request_id VARCHAR(128), expires_at BIGINT",
		} {
			t.Run(shape, func(t *testing.T) {
				mustExec(t, db, "CREATE TABLE id2meta_verdicts ("+columns+")")
				t.Cleanup(func() { db.Exec("DROP TABLE id2meta_verdicts") })
				value := "'1'"
				if strings.HasPrefix(columns, "id INTEGER") {
					value = "1"
				}
				mustExec(t, db, fmt.Sprintf(insert, value))
				before := rowsOf(t, db, shape)

				store := verdictcache.NewSQL(db, sqlDrivers[name].dialect)
				if err := store.CreateTable(t.Context()); err == nil || !strings.Contains(err.Error(), "another version or shape") {
					t.Errorf("CreateTable: %v", err)
				}
				k, c := verdictcache.Key{1}, verdictcache.Claimer{1}
				verdict := id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: "1"}
				_, load := store.Load(t.Context(), k)
				_, claim := store.Claim(t.Context(), k, c, time.Minute)
				_, renew := store.Renew(t.Context(), k, c, time.Minute)
				_, save := store.Save(t.Context(), k, c, verdict, time.Hour)
				for step, err := range map[string]error{"load": load, "claim": claim, "renew": renew, "save": save,
					"release": store.Release(t.Context(), k, c), "delete": store.Delete(t.Context(), k)} {
					if err == nil {
						t.Errorf("%s has no error", step)
					}
				}
				if after := rowsOf(t, db, shape); !slices.Equal(after, before) {
					t.Errorf("the table had %q and has %q", before, after)
				}
			})
		}
	})
}

// rowsOf returns the columns and the rows of the table.
func rowsOf(t *testing.T, db *sql.DB, shape string) []string {
	t.Helper()
	// The comment keeps pgx from the plan that it made for another shape.
	rows, err := db.QueryContext(t.Context(), "SELECT * FROM id2meta_verdicts /* "+strings.ReplaceAll(shape, "'", "")+" */")
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
