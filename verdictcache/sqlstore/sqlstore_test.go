package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/sqlstore"
)

// Whether the statements do what they should, the tests on real servers say. Here a
// driver misbehaves as real ones seldom do.

// fakeDB is a driver of a database that holds nothing and changes one row with each
// statement. Before it answers, it does what it is told.
type fakeDB struct {
	before func(ctx context.Context, query string) error

	queries, prepared, committed, closed atomic.Int32
}

func (f *fakeDB) open(t *testing.T) *sql.DB {
	db := sql.OpenDB(f)
	t.Cleanup(func() { db.Close() })
	return db
}

func (f *fakeDB) Connect(context.Context) (driver.Conn, error) { return f, nil }
func (f *fakeDB) Driver() driver.Driver                        { return nil }
func (f *fakeDB) Close() error                                 { f.closed.Add(1); return nil }
func (f *fakeDB) Begin() (driver.Tx, error)                    { return nil, errors.New("nobody should begin") }

func (f *fakeDB) Prepare(query string) (driver.Stmt, error) {
	f.prepared.Add(1)
	return &fakeStmt{f, query}, nil
}

func (f *fakeDB) QueryContext(ctx context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	return noRows{}, f.do(ctx, query)
}

func (f *fakeDB) ExecContext(ctx context.Context, query string, _ []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), f.do(ctx, query)
}

func (f *fakeDB) do(ctx context.Context, query string) error {
	f.queries.Add(1)
	if f.before != nil {
		if err := f.before(ctx, query); err != nil {
			return err
		}
	}
	if query == "COMMIT" {
		f.committed.Add(1)
	}
	return nil
}

// fakeStmt passes on what a prepared statement is asked.
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

type noRows struct{}

func (noRows) Columns() []string         { return []string{"value"} }
func (noRows) Close() error              { return nil }
func (noRows) Next([]driver.Value) error { return io.EOF }

func newStore(t *testing.T, db *fakeDB, dialect sqlstore.Dialect) *sqlstore.Store {
	t.Helper()
	store, err := sqlstore.New(db.open(t), dialect)
	require.NoError(t, err)
	return store
}

var all = []sqlstore.Dialect{sqlstore.SQLite, sqlstore.PostgreSQL, sqlstore.MySQL}

func TestNewRefuses(t *testing.T) {
	store, err := sqlstore.New(nil, sqlstore.MySQL)
	require.ErrorContains(t, err, "nil")
	require.Nil(t, store)
	for _, dialect := range []sqlstore.Dialect{"", "oracle", "MySQL", "sqlite.sql", "../sqlstore/sqlite", "*"} {
		store, err := sqlstore.New(new(fakeDB).open(t), dialect)
		require.ErrorContains(t, err, "dialect", dialect)
		require.Nil(t, store)
	}
}

func TestTheReadmeShowsEachSchema(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, dialect := range all {
		schema, err := os.ReadFile(string(dialect) + ".sql")
		require.NoError(t, err)
		require.Contains(t, string(readme), "```sql\n"+string(schema)+"```\n", dialect)
	}
}

// A remembered verdict is one query, and a new person three, after the statements have
// been prepared.
func TestANewPersonCostsThreeQueries(t *testing.T) {
	for _, dialect := range all {
		t.Run(string(dialect), func(t *testing.T) {
			db := &fakeDB{}
			next := id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
				return id2meta.Result{BizCode: id2meta.BizCodeMatch}, nil
			})
			cache, err := verdictcache.New(next, newStore(t, db, dialect), []byte("32 bytes that nobody keeps secret"))
			require.NoError(t, err)
			for n := range 3 {
				db.queries.Store(0)
				_, err = cache.Verify(t.Context(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
				require.NoError(t, err)
				db.waitForIdle()
				want := 3
				if dialect == sqlstore.SQLite {
					want += 4 // to begin and to commit the two writes
				}
				require.EqualValues(t, want, db.queries.Load(), "question %d", n)
			}
			require.LessOrEqual(t, db.prepared.Load(), int32(3), "each statement is prepared once")
		})
	}
}

// waitForIdle waits until nothing has been asked for a while: a Cache may remember a
// verdict after Verify has returned.
func (f *fakeDB) waitForIdle() {
	for before := int32(-1); f.queries.Load() != before; time.Sleep(50 * time.Millisecond) {
		before = f.queries.Load()
	}
}

// stateError is an error of a PostgreSQL driver.
type stateError string

func (e stateError) Error() string    { return "Fehler, auf Deutsch" }
func (e stateError) SQLState() string { return string(e) }

func TestAConflictIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		dialect sqlstore.Dialect
		err     error
		again   bool
	}{
		{sqlstore.PostgreSQL, stateError("40001"), true},
		{sqlstore.PostgreSQL, fmt.Errorf("wrapped: %w", stateError("40P01")), true},
		{sqlstore.PostgreSQL, stateError("23505"), false},
		{sqlstore.MySQL, errors.New("Error 1213 (40001): Deadlock found when trying to get lock; try restarting transaction"), true},
		{sqlstore.MySQL, errors.New("Error 1205 (HY000): Lock wait timeout exceeded; try restarting transaction"), true},
		{sqlstore.MySQL, errors.New("Error 1020 (HY000): Record has changed since last read in table 'id2meta_cache'"), true},
		{sqlstore.MySQL, errors.New("Error 1615 (HY000): Prepared statement needs to be re-prepared"), true},
		{sqlstore.MySQL, errors.New("Error 1146 (42S02): Table 'id2meta_cache' doesn't exist"), false},
		{sqlstore.SQLite, errors.New("database is locked (5) (SQLITE_BUSY)"), true},
		{sqlstore.SQLite, errors.New("database is locked (517) (SQLITE_BUSY_SNAPSHOT)"), true},
		{sqlstore.SQLite, errors.New("database table is locked (262) (SQLITE_LOCKED_SHAREDCACHE)"), true},
		{sqlstore.SQLite, errors.New("SQL logic error: no such table: id2meta_cache (1)"), false},
		{sqlstore.SQLite, errors.New("disk I/O error (10)"), false},
	} {
		for step, take := range map[string]func(*sqlstore.Store, context.Context) (bool, error){
			"Load": func(s *sqlstore.Store, ctx context.Context) (bool, error) {
				_, err := s.Load(ctx, verdictcache.Key{})
				return true, err
			},
			"CompareAndSwap": func(s *sqlstore.Store, ctx context.Context) (bool, error) {
				return s.CompareAndSwap(ctx, verdictcache.Key{}, nil, []byte("new"), time.Minute)
			},
		} {
			t.Run(fmt.Sprint(step, " after ", c.err, " ", c.dialect), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					db := &fakeDB{}
					failures := int32(20)
					db.before = func(context.Context, string) error {
						if db.queries.Load() <= failures {
							return c.err
						}
						return nil
					}
					store := newStore(t, db, c.dialect)
					took, err := take(store, t.Context())
					if c.again {
						require.NoError(t, err)
						require.True(t, took)
						require.GreaterOrEqual(t, db.queries.Load(), failures+1)
					} else {
						require.ErrorIs(t, err, c.err)
						require.EqualValues(t, 1, db.queries.Load())
					}
				})
			})
			if !c.again {
				continue
			}
			t.Run(fmt.Sprint(step, " until its context ends, after ", c.err), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store := newStore(t, &fakeDB{before: func(context.Context, string) error { return c.err }}, c.dialect)
					ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
					defer cancel()
					began := time.Now()
					took, err := take(store, ctx)
					require.ErrorIs(t, err, context.DeadlineExceeded)
					require.ErrorIs(t, err, c.err)
					require.False(t, took && step != "Load")
					require.Equal(t, 3*time.Second, time.Since(began))
				})
			})
		}
	}
}

// Writers of SQLite who come while another waits for the disk share the next
// transaction.
func TestWritersOfSQLiteShareATransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &fakeDB{before: func(_ context.Context, query string) error {
			if query == "COMMIT" {
				time.Sleep(10 * time.Millisecond)
			}
			return nil
		}}
		store := newStore(t, db, sqlstore.SQLite)
		const writers = 200
		began := time.Now()
		var swaps atomic.Int32
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				swapped, err := store.CompareAndSwap(t.Context(), verdictcache.Key{byte(i)}, nil, []byte("new"), time.Minute)
				if err == nil && swapped {
					swaps.Add(1)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, writers, swaps.Load())
		require.LessOrEqual(t, db.committed.Load(), int32(3))
		require.LessOrEqual(t, time.Since(began), 30*time.Millisecond)
	})
}

func TestAWriterOfSQLiteLeavesWithItsContext(t *testing.T) {
	swap := func(ctx context.Context, store *sqlstore.Store) (bool, error) {
		return store.CompareAndSwap(ctx, verdictcache.Key{1}, nil, []byte("new"), time.Minute)
	}
	// hangs is a file that is locked by another program, where the driver waits.
	hangs := func(ctx context.Context, query string) error {
		if strings.HasPrefix(query, "INSERT") {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
	t.Run("who waits for the turn leaves at once, and does not write any more", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var inserts atomic.Int32
			db := &fakeDB{}
			db.before = func(_ context.Context, query string) error {
				if strings.HasPrefix(query, "INSERT") {
					inserts.Add(1)
					time.Sleep(10 * time.Second)
				}
				return nil
			}
			store := newStore(t, db, sqlstore.SQLite)
			go swap(t.Context(), store)
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			_, err := swap(ctx, store)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, time.Second, time.Since(began))
			swapped, err := swap(t.Context(), store)
			require.NoError(t, err)
			require.True(t, swapped)
			require.EqualValues(t, 2, inserts.Load())
		})
	})
	t.Run("the others write when the context of whoever wrote for them ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			db := &fakeDB{before: hangs}
			store := newStore(t, db, sqlstore.SQLite)
			short, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			long, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			var wg sync.WaitGroup
			wg.Go(func() {
				_, err := swap(short, store)
				require.ErrorIs(t, err, context.DeadlineExceeded)
			})
			synctest.Wait()
			began := time.Now()
			for range 5 {
				wg.Go(func() {
					_, err := swap(long, store)
					require.ErrorIs(t, err, context.DeadlineExceeded)
				})
			}
			wg.Wait()
			require.Equal(t, 2*time.Second, time.Since(began))
			db.before = nil
			swapped, err := swap(t.Context(), store)
			require.NoError(t, err)
			require.True(t, swapped)
		})
	})
	t.Run("a driver that panics holds nobody", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			db := &fakeDB{before: func(context.Context, string) error { panic("in the driver") }}
			store := newStore(t, db, sqlstore.SQLite)
			require.Panics(t, func() { swap(t.Context(), store) })
			require.Panics(t, func() { store.Load(t.Context(), verdictcache.Key{}) })
			db.before = nil
			_, err := swap(t.Context(), store)
			require.NoError(t, err)
			_, err = store.Load(t.Context(), verdictcache.Key{})
			require.NoError(t, err)
		})
	})
	t.Run("a commit that readers hold up is tried again, and what was written with it is not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var inserts, commits atomic.Int32
			db := &fakeDB{before: func(_ context.Context, query string) error {
				switch {
				case strings.HasPrefix(query, "INSERT"):
					inserts.Add(1)
				case query == "COMMIT" && commits.Add(1) <= 5:
					return errors.New("database is locked (5) (SQLITE_BUSY)")
				}
				return nil
			}}
			swapped, err := swap(t.Context(), newStore(t, db, sqlstore.SQLite))
			require.NoError(t, err)
			require.True(t, swapped)
			require.EqualValues(t, 1, inserts.Load())
		})
	})
	t.Run("a commit that fails is an error of everybody", func(t *testing.T) {
		full := errors.New("database or disk is full (13)")
		db := &fakeDB{before: func(_ context.Context, query string) error {
			if query == "COMMIT" {
				return full
			}
			return nil
		}}
		swapped, err := swap(t.Context(), newStore(t, db, sqlstore.SQLite))
		require.ErrorIs(t, err, full)
		require.False(t, swapped)
	})
	t.Run("after a commit of which nobody knows whether it was done, the connection is closed", func(t *testing.T) {
		db := &fakeDB{before: func(_ context.Context, query string) error {
			if query == "COMMIT" || query == "ROLLBACK" {
				return errors.New("disk I/O error (10)")
			}
			return nil
		}}
		swapped, err := swap(t.Context(), newStore(t, db, sqlstore.SQLite))
		require.ErrorContains(t, err, "nobody knows")
		require.ErrorContains(t, err, "disk I/O error")
		require.False(t, swapped)
		require.EqualValues(t, 1, db.closed.Load())
	})
	t.Run("after a panic of the driver in a transaction, the connection is closed", func(t *testing.T) {
		db := &fakeDB{before: func(_ context.Context, query string) error {
			if strings.HasPrefix(query, "INSERT") {
				panic("in the driver")
			}
			return nil
		}}
		store := newStore(t, db, sqlstore.SQLite)
		require.Panics(t, func() { swap(t.Context(), store) })
		require.EqualValues(t, 1, db.closed.Load())
	})
}
