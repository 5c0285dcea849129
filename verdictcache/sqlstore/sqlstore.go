// Package sqlstore is a [verdictcache.Store] in one table of SQLite, PostgreSQL,
// MySQL or MariaDB, for any number of processes. It needs database/sql only; you
// choose the driver.
//
//	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
//	…
//	store, err := sqlstore.New(db, sqlstore.PostgreSQL)
//	…
//	err = store.CreateTable(ctx)
//
// The tests use the drivers github.com/jackc/pgx/v5/stdlib,
// github.com/go-sql-driver/mysql and modernc.org/sqlite. Do not use
// github.com/lib/pq: its queries do not end with their ctx when the server is silent.
//
// The clock of the database decides what has expired. A remembered verdict costs one
// round trip, and a new person costs three. Each statement is a transaction of its own,
// and works at every isolation level. If the database rolls the transaction back because
// of another transaction, the statement is tried again until ctx ends.
//
// SQLite may be opened in any way. Callers who write at the same time share one
// transaction. If the file is busy, the step is tried again until ctx ends.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/internal/swap"
)

// Store is a [verdictcache.Store] in the table id2meta_cache. [New] makes a Store.
type Store struct {
	db         *sql.DB
	grammar    grammar
	queue      *queue   // for SQLite
	statements sync.Map // the prepared *sql.Stmt of a text
}

var _ verdictcache.Store = (*Store)(nil)

// New returns a Store that keeps its values in db. New does not use db yet. The caller
// closes db.
func New(db *sql.DB, dialect Dialect) (*Store, error) {
	if db == nil {
		return nil, errors.New("sqlstore: the database is nil")
	}
	grammar, err := dialect.grammar()
	if err != nil {
		return nil, fmt.Errorf("sqlstore: the dialect %q is none of SQLite, PostgreSQL and MySQL", dialect)
	}
	s := &Store{db: db, grammar: grammar}
	if dialect == SQLite {
		s.queue = newQueue()
	}
	return s, nil
}

// CreateTable creates the table id2meta_cache and its index, and does nothing where
// they exist. Several processes may call CreateTable at the same time. If your own
// migrations make the table, take the statements from the README of this package.
func (s *Store) CreateTable(ctx context.Context) error {
	err := s.step(ctx, "create table", func() (failed error) {
		for statement := range strings.SplitSeq(strings.TrimSpace(s.grammar.schema), ";\n") {
			_, err := s.db.ExecContext(ctx, statement)
			failed = errors.Join(failed, err)
		}
		return failed
	})
	// PostgreSQL may return an error if another process was faster. What counts is
	// whether the table can be used: a table with other columns cannot.
	if _, unusable := s.Load(ctx, verdictcache.Key{}); unusable != nil {
		return errors.Join(err, unusable)
	}
	return nil
}

// Load implements [verdictcache.Store].
func (s *Store) Load(ctx context.Context, key verdictcache.Key) (value []byte, err error) {
	load := func() error {
		statement, err := s.prepare(ctx, s.grammar.load)
		if err != nil {
			return err
		}
		err = statement.QueryRowContext(ctx, key[:]).Scan(&value)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	}
	err = s.step(ctx, "load", func() error {
		if s.queue != nil {
			return s.queue.read(ctx, load)
		}
		return load()
	})
	if err != nil {
		return nil, err
	}
	return value, nil
}

// CompareAndSwap implements [verdictcache.Store].
func (s *Store) CompareAndSwap(ctx context.Context, key verdictcache.Key, old, new []byte, ttl time.Duration) (swapped bool, err error) {
	if err := swap.Check(old, new, ttl); err != nil {
		return false, fmt.Errorf("sqlstore: %w", err)
	}
	var changed int64
	switch {
	case new == nil:
		changed, err = s.exec(ctx, "remove", s.grammar.remove, key[:], old)
	case old != nil:
		changed, err = s.exec(ctx, "swap", s.grammar.swap, new, swap.Milliseconds(ttl), key[:], old)
	default:
		for _, statement := range s.grammar.write {
			changed, err = s.exec(ctx, "write", statement, new, swap.Milliseconds(ttl), key[:])
			if changed > 0 || err != nil {
				break
			}
		}
	}
	return changed > 0, err
}

// Delete implements [verdictcache.Store].
func (s *Store) Delete(ctx context.Context, key verdictcache.Key) error {
	_, err := s.exec(ctx, "delete", s.grammar.delete, key[:])
	return err
}

// DeleteExpired deletes at most limit expired rows, and returns how many it deleted.
// An expired row counts as no value, but stays in the table until DeleteExpired deletes
// it, or until somebody asks about the same person again. Once a day or so, call
// DeleteExpired until it deletes fewer than limit rows. A limit of 1000 keeps each
// transaction short. Several processes may call DeleteExpired at the same time.
func (s *Store) DeleteExpired(ctx context.Context, limit int) (deleted int64, err error) {
	if limit <= 0 {
		return 0, fmt.Errorf("sqlstore: delete expired: the limit is %d, and has to be positive", limit)
	}
	return s.exec(ctx, "delete expired", s.grammar.expired, limit)
}

// exec returns the number of rows that the statement changed, or 0 with an error.
func (s *Store) exec(ctx context.Context, name, text string, args ...any) (changed int64, err error) {
	err = s.step(ctx, name, func() (err error) {
		if s.queue != nil {
			changed, err = s.write(ctx, text, args...)
			return err
		}
		statement, err := s.prepare(ctx, text)
		if err != nil {
			return err
		}
		result, err := statement.ExecContext(ctx, args...)
		if err != nil {
			return err
		}
		changed, err = result.RowsAffected()
		return err
	})
	if err != nil {
		return 0, err
	}
	return changed, nil
}

// step takes a step, and takes it again after a conflict.
func (s *Store) step(ctx context.Context, name string, f func() error) error {
	if err := again(ctx, f); err != nil {
		return fmt.Errorf("sqlstore: %s: %w", name, err)
	}
	return nil
}

// statement is an *sql.Stmt, or a text that the driver prepares as it likes.
type statement interface {
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, args ...any) *sql.Row
}

type unprepared struct {
	db   *sql.DB
	text string
}

func (u unprepared) ExecContext(ctx context.Context, args ...any) (sql.Result, error) {
	return u.db.ExecContext(ctx, u.text, args...)
}

func (u unprepared) QueryRowContext(ctx context.Context, args ...any) *sql.Row {
	return u.db.QueryRowContext(ctx, u.text, args...)
}

// prepare prepares each statement once. Package sql does so again for each new
// connection, and closes the statement with the connection.
func (s *Store) prepare(ctx context.Context, text string) (statement, error) {
	if !s.grammar.prepared {
		return unprepared{s.db, text}, nil
	}
	if prepared, ok := s.statements.Load(text); ok {
		return prepared.(*sql.Stmt), nil
	}
	prepared, err := s.db.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	first, loaded := s.statements.LoadOrStore(text, prepared)
	if loaded {
		prepared.Close() // another was faster
	}
	return first.(*sql.Stmt), nil
}
