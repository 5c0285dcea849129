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

	"github.com/stretchr/testify/assert"
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
	before        func(ctx context.Context, query string) error
	wantsPrepared bool // like go-sql-driver/mysql without interpolateParams
	noAutocommit  bool

	mu       sync.Mutex
	sent     []string // what was executed
	prepared atomic.Int32
}

func (f *fakeDB) open(t *testing.T) *sql.DB {
	db := sql.OpenDB(f)
	t.Cleanup(func() { db.Close() })
	return db
}

func (f *fakeDB) Connect(context.Context) (driver.Conn, error) { return f, nil }
func (f *fakeDB) Driver() driver.Driver                        { return nil }
func (f *fakeDB) Close() error                                 { return nil }
func (f *fakeDB) Begin() (driver.Tx, error)                    { return nil, errUnwanted }

func (f *fakeDB) Prepare(query string) (driver.Stmt, error) {
	f.prepared.Add(1)
	return &fakeStmt{f, query}, nil
}

func (f *fakeDB) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if f.wantsPrepared && len(args) > 0 {
		return nil, driver.ErrSkip
	}
	return f.query(ctx, query)
}

func (f *fakeDB) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if f.wantsPrepared && len(args) > 0 {
		return nil, driver.ErrSkip
	}
	return driver.RowsAffected(1), f.do(ctx, query)
}

func (f *fakeDB) query(ctx context.Context, query string) (driver.Rows, error) {
	switch query {
	case "SELECT @@autocommit":
		return &oneRow{value: !f.noAutocommit}, nil
	case "SELECT ?":
		return &oneRow{value: int64(1)}, nil
	}
	return &oneRow{end: true}, f.do(ctx, query)
}

func (f *fakeDB) do(ctx context.Context, query string) error {
	f.mu.Lock()
	f.sent = append(f.sent, query)
	f.mu.Unlock()
	if f.before != nil {
		return f.before(ctx, query)
	}
	return nil
}

// take returns what was sent since the last take.
func (f *fakeDB) take() (sent []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	sent, f.sent = f.sent, nil
	return sent
}

// fakeStmt passes on what a prepared statement is asked.
type fakeStmt struct {
	db   *fakeDB
	text string
}

func (s *fakeStmt) Close() error  { return nil }
func (s *fakeStmt) NumInput() int { return -1 }

func (s *fakeStmt) QueryContext(ctx context.Context, _ []driver.NamedValue) (driver.Rows, error) {
	return s.db.query(ctx, s.text)
}

func (s *fakeStmt) ExecContext(ctx context.Context, _ []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), s.db.do(ctx, s.text)
}

func (s *fakeStmt) Query([]driver.Value) (driver.Rows, error)  { return nil, errUnwanted }
func (s *fakeStmt) Exec([]driver.Value) (driver.Result, error) { return nil, errUnwanted }

var errUnwanted = errors.New("nobody should begin a transaction, or ask without a context")

// oneRow is a result of one row, or of none after its end.
type oneRow struct {
	value driver.Value
	end   bool
}

func (r *oneRow) Columns() []string { return []string{"value"} }
func (r *oneRow) Close() error      { return nil }

func (r *oneRow) Next(row []driver.Value) error {
	if r.end {
		return io.EOF
	}
	row[0], r.end = r.value, true
	return nil
}

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

func TestEachReadmeShowsEachSchema(t *testing.T) {
	for _, file := range []string{"README.md", "README.zh-CN.md"} {
		readme, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, dialect := range all {
			schema, err := os.ReadFile(string(dialect) + ".sql")
			require.NoError(t, err)
			require.Contains(t, string(readme), "```sql\n"+string(schema)+"```\n", "%s in %s", dialect, file)
		}
	}
}

// A remembered verdict is one query, and a new person three. A statement is prepared once, and
// only where the driver would prepare it each time, or SQLite would parse it.
func TestANewPersonCostsThreeQueries(t *testing.T) {
	for name, c := range map[string]struct {
		dialect       sqlstore.Dialect
		wantsPrepared bool
		prepared      int32
	}{
		"SQLite":                       {sqlstore.SQLite, false, 3},
		"PostgreSQL":                   {sqlstore.PostgreSQL, false, 0},
		"MySQL":                        {sqlstore.MySQL, true, 3},
		"MySQL with interpolateParams": {sqlstore.MySQL, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := &fakeDB{wantsPrepared: c.wantsPrepared}
				next := id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
					return id2meta.Result{BizCode: id2meta.BizCodeMatch}, nil
				})
				cache, err := verdictcache.New(next, newStore(t, db, c.dialect), []byte("32 bytes that nobody keeps secret"))
				require.NoError(t, err)
				for n := range 3 {
					_, err = cache.Verify(t.Context(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
					require.NoError(t, err)
					synctest.Wait() // a Cache may remember a verdict after Verify has returned
					require.Len(t, db.take(), 3, "question %d", n)
				}
				require.Equal(t, c.prepared, db.prepared.Load())
			})
		})
	}
}

// Without Check, too, a value that nobody commits is no silent loss.
func TestWithoutAutocommitEachStepIsAnError(t *testing.T) {
	db := &fakeDB{noAutocommit: true}
	store := newStore(t, db, sqlstore.MySQL)
	for range 2 {
		_, err := store.Load(t.Context(), verdictcache.Key{})
		require.ErrorContains(t, err, "autocommit is off")
		_, err = store.CompareAndSwap(t.Context(), verdictcache.Key{}, nil, []byte("new"), time.Minute)
		require.ErrorContains(t, err, "autocommit is off")
	}
	require.Empty(t, db.take())
}

// A pool that has one connection, or no connection to spare, does not stop Check.
func TestCheckNeedsNoSecondConnection(t *testing.T) {
	for _, conns := range []int{1, 2, 3} {
		t.Run(fmt.Sprint(conns), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := new(fakeDB).open(t)
				db.SetMaxOpenConns(conns)
				store, err := sqlstore.New(db, sqlstore.PostgreSQL)
				require.NoError(t, err)
				var group sync.WaitGroup
				for range 20 {
					group.Go(func() {
						err := store.Check(t.Context())
						require.ErrorContains(t, err, "has not kept a value") // the fake holds nothing
					})
				}
				group.Wait() // otherwise synctest reports a deadlock
			})
		})
	}
}

func TestCheckReportsTheStepThatFails(t *testing.T) {
	refused := errors.New("refused")
	for _, step := range []string{"INSERT", "UPDATE", "SELECT"} {
		db := &fakeDB{before: func(_ context.Context, query string) error {
			if strings.HasPrefix(query, step) {
				return refused
			}
			return nil
		}}
		for _, dialect := range all {
			store := newStore(t, db, dialect)
			require.ErrorIs(t, store.Check(t.Context()), refused, step)
			require.ErrorIs(t, store.CreateTable(t.Context()), refused, step)
		}
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
		t.Run(fmt.Sprint(c.dialect, " after ", c.err), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const failures = 20
				var queries atomic.Int32
				db := &fakeDB{before: func(context.Context, string) error {
					if queries.Add(1) <= failures {
						return c.err
					}
					return nil
				}}
				swapped, err := newStore(t, db, c.dialect).CompareAndSwap(t.Context(), verdictcache.Key{}, nil, []byte("new"), time.Minute)
				if c.again {
					require.NoError(t, err)
					require.EqualValues(t, failures+1, queries.Load())
				} else {
					require.ErrorIs(t, err, c.err)
					require.EqualValues(t, 1, queries.Load())
				}
				require.Equal(t, c.again, swapped)
			})
		})
	}
	t.Run("every step, until its context ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			errLocked := errors.New("database is locked (5) (SQLITE_BUSY)")
			store := newStore(t, &fakeDB{before: func(context.Context, string) error { return errLocked }}, sqlstore.SQLite)
			for _, step := range []func(ctx context.Context) error{
				func(ctx context.Context) error { _, err := store.Load(ctx, verdictcache.Key{}); return err },
				func(ctx context.Context) error { return store.Delete(ctx, verdictcache.Key{}) },
				func(ctx context.Context) error { _, err := store.DeleteExpired(ctx, 1); return err },
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				began := time.Now()
				err := step(ctx)
				cancel()
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.ErrorIs(t, err, errLocked)
				require.Equal(t, 3*time.Second, time.Since(began))
			}
		})
	})
}

func TestStepsOfSQLiteTakeTurns(t *testing.T) {
	swap := func(ctx context.Context, store *sqlstore.Store) (bool, error) {
		return store.CompareAndSwap(ctx, verdictcache.Key{1}, nil, []byte("new"), time.Minute)
	}
	// Not in virtual time: package sql holds a lock while a driver works.
	t.Run("in a process one step writes and one step reads at a time, and reads do not wait for writes", func(t *testing.T) {
		var writes, reads atomic.Int32
		var write, read sync.Once
		writing, reading := make(chan struct{}), make(chan struct{})
		store := newStore(t, &fakeDB{before: func(ctx context.Context, query string) error {
			n := &reads
			if strings.HasPrefix(query, "INSERT") {
				n = &writes
				write.Do(func() { close(writing) })
			} else {
				read.Do(func() { close(reading) })
			}
			assert.EqualValues(t, 1, n.Add(1))
			defer n.Add(-1)
			select {
			case <-reading:
				time.Sleep(time.Millisecond)
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}, sqlstore.SQLite)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				swapped, err := swap(ctx, store)
				assert.NoError(t, err)
				assert.True(t, swapped)
			})
		}
		<-writing
		for range 20 {
			group.Go(func() {
				_, err := store.Load(ctx, verdictcache.Key{})
				assert.NoError(t, err)
			})
		}
		group.Wait()
	})
	t.Run("who waits for the turn leaves when its context ends, and does not write any more", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var inserts atomic.Int32
			store := newStore(t, &fakeDB{before: func(_ context.Context, query string) error {
				if strings.HasPrefix(query, "INSERT") {
					inserts.Add(1)
					time.Sleep(10 * time.Second)
				}
				return nil
			}}, sqlstore.SQLite)
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
}
