package verdictcache

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/id2meta/id2meta"
)

// SQL is a Store in one table of a database, id2meta_verdicts, for any number of
// processes. It is made by [NewSQL]. The table is made by [SQL.CreateTable], or by
// your own migrations from the statement at [Dialect].
//
// Times are measured by the database's clock. A remembered verdict costs one round
// trip; a new person three: to look, to claim, to save. Each statement is a
// transaction of its own, which works at every isolation level.
//
// The table grows by about 150 bytes for each person and claim, and rows that are
// over stay until somebody asks about the same person again. A job of yours may
// delete them at any time; [Dialect] has the statement.
type SQL struct {
	db      *sql.DB
	dialect Dialect
	checked atomic.Bool // the table is what it should be
	loader  atomic.Pointer[sql.Stmt]
}

// NewSQL returns a Store in db, by whichever driver it was opened. It does not use
// the database yet. A nil db or an unknown dialect is an error of [New], and of
// every method.
func NewSQL(db *sql.DB, dialect Dialect) *SQL { return &SQL{db: db, dialect: dialect} }

// endsWithContext reports whether a query of the driver is known to end when its ctx
// does, also if the server is silent; github.com/lib/pq's, for one, does not.
func (s *SQL) endsWithContext() bool {
	if s.misuse() != nil {
		return false
	}
	driver := reflect.TypeOf(s.db.Driver())
	if driver == nil {
		return false
	}
	if driver.Kind() == reflect.Pointer {
		driver = driver.Elem()
	}
	return slices.Contains([]string{
		"github.com/jackc/pgx/v5/stdlib", "github.com/go-sql-driver/mysql", "modernc.org/sqlite",
	}, driver.PkgPath())
}

func (s *SQL) misuse() error {
	switch {
	case s == nil || s.db == nil:
		return errors.New("verdictcache: NewSQL: the database is nil")
	case s.dialect.grammar() == nil:
		return errors.New("verdictcache: NewSQL: the dialect is none of SQLite, PostgreSQL and MySQL")
	}
	return nil
}

// CreateTable creates the table id2meta_verdicts where there is none, and does
// nothing where there is. A table of that name and of another shape, as another
// version of this package may have, is an error, and nothing is changed. Several
// processes may call it at the same time.
func (s *SQL) CreateTable(ctx context.Context) error {
	if err := s.misuse(); err != nil {
		return err
	}
	exists, err := s.check(ctx)
	if exists || err != nil {
		return err
	}
	_, failed := s.db.ExecContext(ctx, s.dialect.grammar().create)
	exists, err = s.check(ctx) // PostgreSQL may say that another was faster
	switch {
	case exists:
		return nil
	case failed != nil:
		return fmt.Errorf("verdictcache: creating the table %s: %w", table, failed)
	case err != nil:
		return err
	}
	return errNoTable
}

var errNoTable = errors.New("verdictcache: there is no table " + table + "; CreateTable makes it")

// check compares the table with what this version of the package works with, and
// reports whether it exists.
func (s *SQL) check(ctx context.Context) (exists bool, err error) {
	g := s.dialect.grammar()
	rows, err := s.db.QueryContext(ctx, g.columns)
	if err != nil {
		return false, fmt.Errorf("verdictcache: looking at the table %s: %w", table, err)
	}
	defer rows.Close()
	var columns []string
	for rows.Next() {
		var column string
		if err := rows.Scan(&column); err != nil {
			return false, fmt.Errorf("verdictcache: looking at the table %s: %w", table, err)
		}
		columns = append(columns, strings.ToLower(column))
	}
	if err := rows.Err(); err != nil {
		return false, fmt.Errorf("verdictcache: looking at the table %s: %w", table, err)
	}
	if len(columns) == 0 {
		return false, nil
	}
	slices.Sort(columns)
	if !slices.Equal(columns, g.shape) {
		return true, fmt.Errorf("verdictcache: the table %s is of another version or shape: it has %s, and should have %s",
			table, strings.Join(columns, ", "), strings.Join(g.shape, ", "))
	}
	s.checked.Store(true)
	return true, nil
}

// enter comes before each statement. The first time it looks at the table: what
// another version wrote is not to be read, nor written over.
func (s *SQL) enter(ctx context.Context) (*grammar, error) {
	if err := s.misuse(); err != nil {
		return nil, err
	}
	if !s.checked.Load() {
		switch exists, err := s.check(ctx); {
		case err != nil:
			return nil, err
		case !exists:
			return nil, errNoTable
		}
	}
	return s.dialect.grammar(), nil
}

// Load implements [Store].
func (s *SQL) Load(ctx context.Context, key Key) (Entry, error) {
	g, err := s.enter(ctx)
	if err != nil {
		return Entry{}, err
	}
	var entry Entry
	err = s.again(ctx, "load", func() error {
		row, err := s.loadRow(ctx, g, key)
		if err != nil {
			return err
		}
		var bizCode, requestID sql.NullString
		err = row.Scan(&entry.Claimed, &bizCode, &requestID)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err == nil && !entry.Claimed {
			entry.Verdict = id2meta.Result{BizCode: id2meta.BizCode(bizCode.String), RequestID: requestID.String}
		}
		return err
	})
	if err != nil {
		return Entry{}, err
	}
	return entry, nil
}

// loadRow runs the statement that counts: the one of remembered verdicts. Where the
// driver would send it, or SQLite parse it, anew each time, it is prepared, once for
// each connection; package sql sees to that, and to its end with the connection.
func (s *SQL) loadRow(ctx context.Context, g *grammar, key Key) (*sql.Row, error) {
	if g.prepared == "" {
		return s.db.QueryRowContext(ctx, g.load, key[:]), nil
	}
	loader := s.loader.Load()
	if loader == nil {
		var err error
		if loader, err = s.db.PrepareContext(ctx, g.prepared); err != nil {
			return nil, err
		}
		if !s.loader.CompareAndSwap(nil, loader) {
			loader.Close() // another was faster
			loader = s.loader.Load()
		}
	}
	return loader.QueryRowContext(ctx, key[:]), nil
}

// Claim implements [Store].
func (s *SQL) Claim(ctx context.Context, key Key, claimer Claimer, lease time.Duration) (bool, error) {
	g, err := s.enter(ctx)
	if err != nil {
		return false, err
	}
	for _, statement := range g.claim { // the first is enough for a new person
		granted, err := s.exec(ctx, "claim", statement, key[:], claimer[:], milliseconds(lease))
		if granted || err != nil {
			return granted, err
		}
	}
	return false, nil
}

// Renew implements [Store].
func (s *SQL) Renew(ctx context.Context, key Key, claimer Claimer, lease time.Duration) (bool, error) {
	g, err := s.enter(ctx)
	if err != nil {
		return false, err
	}
	return s.exec(ctx, "renew", g.renew, key[:], claimer[:], milliseconds(lease))
}

// Save implements [Store].
func (s *SQL) Save(ctx context.Context, key Key, claimer Claimer, verdict id2meta.Result, lifetime time.Duration) (bool, error) {
	g, err := s.enter(ctx)
	if err != nil {
		return false, err
	}
	return s.exec(ctx, "save", g.save, key[:], claimer[:], milliseconds(lifetime), string(verdict.BizCode), verdict.RequestID)
}

// Release implements [Store].
func (s *SQL) Release(ctx context.Context, key Key, claimer Claimer) error {
	g, err := s.enter(ctx)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, "release", g.release, key[:], claimer[:])
	return err
}

// Delete implements [Store].
func (s *SQL) Delete(ctx context.Context, key Key) error {
	g, err := s.enter(ctx)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, "delete", g.delete, key[:])
	return err
}

// exec reports whether the statement changed the row.
func (s *SQL) exec(ctx context.Context, step, statement string, args ...any) (changed bool, err error) {
	query, args := s.dialect.grammar().bind(statement, args...)
	err = s.again(ctx, step, func() error {
		result, err := s.db.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		changed = n > 0
		return err
	})
	return changed && err == nil, err
}

// maxTries is how often a statement is tried that was in the way of another.
const maxTries = 10

// again calls f, and again while the database says that two transactions were in
// each other's way: a deadlock, a conflict of serializable transactions, a locked
// SQLite file. Each step may be taken twice by the same claimer.
func (s *SQL) again(ctx context.Context, step string, f func() error) error {
	for try := 1; ; try++ {
		err := f()
		if err == nil {
			return nil
		}
		if try == maxTries || !isConflict(err) || sleep(ctx, rand.N(time.Duration(try)*10*time.Millisecond)) != nil {
			return fmt.Errorf("verdictcache: table %s: %s: %w", table, step, err)
		}
	}
}

// isConflict goes by the text, since the drivers, of which none is imported here,
// have an error type each.
func isConflict(err error) bool {
	text := strings.ToLower(err.Error())
	return slices.ContainsFunc([]string{
		"deadlock",                           // MySQL 1213, PostgreSQL 40P01
		"could not serialize",                // PostgreSQL 40001
		"record has changed since last read", // MariaDB 1020, with innodb_snapshot_isolation
		"database is locked",                 // SQLite 5
		"database table is locked",           // SQLite 6
	}, func(part string) bool { return strings.Contains(text, part) })
}

// milliseconds rounds up, so that no time is shorter than it was said to be.
func milliseconds(d time.Duration) int64 {
	ms := d.Milliseconds()
	if d%time.Millisecond > 0 {
		ms++
	}
	return ms
}
