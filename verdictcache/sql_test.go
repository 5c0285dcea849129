package verdictcache_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

// That the statements do what they should, the tests against real servers say; here
// a driver misbehaves as those seldom do.

// fakeDB is a driver whose SQLite holds the right table and knows nobody. Before it
// answers it does what it is told.
type fakeDB struct {
	columns string // of the table, or else the right ones
	before  func(ctx context.Context, query string) error
	queries atomic.Int32 // but for those about the columns
}

const rightColumns = "id BLOB primary key,claimer BLOB,biz_code TEXT,request_id TEXT,expires_at INTEGER"

func (f *fakeDB) open(t *testing.T) *sql.DB {
	db := sql.OpenDB(f)
	t.Cleanup(func() { db.Close() })
	return db
}

func (f *fakeDB) Connect(context.Context) (driver.Conn, error) { return f, nil }
func (f *fakeDB) Driver() driver.Driver                        { return nil }
func (f *fakeDB) Prepare(query string) (driver.Stmt, error)    { return &fakeStmt{f, query}, nil }
func (f *fakeDB) Begin() (driver.Tx, error)                    { return nil, errors.New("nobody should begin") }
func (f *fakeDB) Close() error                                 { return nil }

func (f *fakeDB) QueryContext(ctx context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	if strings.Contains(query, "pragma_table_info") {
		columns := rightColumns
		if f.columns != "" {
			columns = f.columns
		}
		return &fakeRows{strings.Split(columns, ",")}, nil
	}
	return &fakeRows{}, f.do(ctx, query)
}

func (f *fakeDB) ExecContext(ctx context.Context, query string, _ []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), f.do(ctx, query)
}

func (f *fakeDB) do(ctx context.Context, query string) error {
	f.queries.Add(1)
	if f.before == nil {
		return nil
	}
	return f.before(ctx, query)
}

// fakeStmt passes on what a statement is asked that was prepared.
type fakeStmt struct {
	db    *fakeDB
	query string
}

func (s *fakeStmt) Close() error  { return nil }
func (s *fakeStmt) NumInput() int { return -1 }

func (s *fakeStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.db.QueryContext(ctx, s.query, args)
}

func (s *fakeStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.db.ExecContext(ctx, s.query, args)
}

func (s *fakeStmt) Query([]driver.Value) (driver.Rows, error)  { return nil, errNoContext }
func (s *fakeStmt) Exec([]driver.Value) (driver.Result, error) { return nil, errNoContext }

var errNoContext = errors.New("nobody should ask without a context")

type fakeRows struct{ rows []string }

func (r *fakeRows) Columns() []string { return []string{"column"} }
func (r *fakeRows) Close() error      { return nil }

func (r *fakeRows) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	dest[0], r.rows = r.rows[0], r.rows[1:]
	return nil
}

func TestSQLInTrouble(t *testing.T) {
	for _, c := range []struct {
		sentence string
		load     func(ctx context.Context) error
		after    time.Duration
	}{
		{"the database hangs", hangs, 500 * time.Millisecond},
		{"the driver does not end with its context", hangsOn, 500 * time.Millisecond},
		{"the driver panics", panics, 0},
		{"the database fails", fails, 0},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := &fakeDB{before: func(ctx context.Context, query string) error {
					if strings.HasPrefix(query, "SELECT") {
						return c.load(ctx)
					}
					return nil
				}}
				next := &service{answer: always(match, nil)}
				pool := sql.OpenDB(db)
				cache := newCache(t, next, verdictcache.NewSQL(pool, verdictcache.SQLite))
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				require.Equal(t, outcome{result: match, after: c.after}, <-start(ctx, cache, zhang))
				require.EqualValues(t, 1, cache.Stats().StoreFailures)
				time.Sleep(2 * time.Minute) // for what was left behind
				require.NoError(t, pool.Close())
			})
		})
	}
}

func TestANewPersonCostsThreeQueries(t *testing.T) {
	db := &fakeDB{}
	cache := newCache(t, &service{answer: always(match, nil)}, verdictcache.NewSQL(db.open(t), verdictcache.SQLite))
	mustVerify(t, cache, zhang, match)
	require.EqualValues(t, 3, db.queries.Load())
}

func TestSQLTriesAgainAfterConflicts(t *testing.T) {
	conflict := errors.New("database is locked (5) (SQLITE_BUSY)")
	for _, c := range []struct {
		sentence  string
		conflicts int32
		err       error
		tries     int32
	}{
		{"there is none", 0, nil, 1},
		{"there are some", 4, nil, 5},
		{"there is no end to them", 1000, conflict, 10},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			db := &fakeDB{}
			db.before = func(context.Context, string) error {
				if db.queries.Load() <= c.conflicts {
					return conflict
				}
				return nil
			}
			granted, err := verdictcache.NewSQL(db.open(t), verdictcache.SQLite).
				Claim(t.Context(), verdictcache.Key{}, verdictcache.Claimer{}, time.Second)
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.err == nil, granted)
			require.Equal(t, c.tries, db.queries.Load())
		})
	}
	t.Run("another error is none", func(t *testing.T) {
		db := &fakeDB{before: func(context.Context, string) error { return errStore }}
		_, err := verdictcache.NewSQL(db.open(t), verdictcache.SQLite).Load(t.Context(), verdictcache.Key{})
		require.ErrorIs(t, err, errStore)
		require.EqualValues(t, 1, db.queries.Load())
	})
	t.Run("the context ends", func(t *testing.T) {
		db := &fakeDB{before: func(context.Context, string) error { return conflict }}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err := verdictcache.NewSQL(db.open(t), verdictcache.SQLite).Load(ctx, verdictcache.Key{})
		require.Error(t, err)
		require.Less(t, time.Since(began), 2*time.Second)
	})
}

func TestATableOfAnotherShape(t *testing.T) {
	for sentence, columns := range map[string]string{
		"a column more":       rightColumns + ",more TEXT",
		"a column less":       strings.TrimSuffix(rightColumns, ",expires_at INTEGER"),
		"no primary key":      strings.Replace(rightColumns, " primary key", "", 1),
		"another type":        strings.Replace(rightColumns, "id BLOB", "id TEXT", 1),
		"a table of somebody": "id INTEGER primary key,name TEXT",
	} {
		t.Run(sentence, func(t *testing.T) {
			db := &fakeDB{columns: columns}
			store := verdictcache.NewSQL(db.open(t), verdictcache.SQLite)
			require.ErrorContains(t, store.CreateTable(t.Context()), "another version or shape")
			_, err := store.Load(t.Context(), verdictcache.Key{})
			require.ErrorContains(t, err, "another version or shape")
			_, err = store.Claim(t.Context(), verdictcache.Key{}, verdictcache.Claimer{}, time.Second)
			require.ErrorContains(t, err, "another version or shape")
			_, err = store.Renew(t.Context(), verdictcache.Key{}, verdictcache.Claimer{}, time.Second)
			require.ErrorContains(t, err, "another version or shape")
			_, err = store.Save(t.Context(), verdictcache.Key{}, verdictcache.Claimer{}, id2meta.Result{}, time.Second)
			require.ErrorContains(t, err, "another version or shape")
			require.ErrorContains(t, store.Release(t.Context(), verdictcache.Key{}, verdictcache.Claimer{}), "another version or shape")
			require.ErrorContains(t, store.Delete(t.Context(), verdictcache.Key{}), "another version or shape")
			require.Zero(t, db.queries.Load(), "nothing was written")
		})
	}
	t.Run("the right one in another order and case", func(t *testing.T) {
		db := &fakeDB{columns: "EXPIRES_AT integer,REQUEST_ID text,ID blob primary key,BIZ_CODE text,CLAIMER blob"}
		require.NoError(t, verdictcache.NewSQL(db.open(t), verdictcache.SQLite).CreateTable(t.Context()))
		require.Zero(t, db.queries.Load())
	})
}

func TestSQLThatCannotBeUsed(t *testing.T) {
	for _, store := range []*verdictcache.SQL{
		nil, verdictcache.NewSQL(nil, verdictcache.MySQL), verdictcache.NewSQL(new(fakeDB).open(t), 0), verdictcache.NewSQL(new(fakeDB).open(t), 4),
	} {
		require.ErrorContains(t, store.CreateTable(t.Context()), "verdictcache: NewSQL")
		_, err := store.Load(t.Context(), verdictcache.Key{})
		require.ErrorContains(t, err, "verdictcache: NewSQL")
		_, err = verdictcache.New(&service{}, store, hashKey)
		require.Error(t, err)
	}
}
