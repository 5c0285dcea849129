// Package sqlstore is a [verdictcache.Store] in one table of SQLite, PostgreSQL,
// MySQL or MariaDB, for any number of processes. It needs database/sql only; you
// choose the driver.
//
//	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
//	…
//	store, err := sqlstore.New(db, sqlstore.PostgreSQL)
//	…
//	err = store.CreateTable(ctx) // makes the table, and checks that it remembers
//	…
//	cache, err := verdictcache.New(client, store, hashKey)
//	…
//	err = cache.Check(ctx) // before the first person
//
// The tests use the drivers github.com/jackc/pgx/v5/stdlib,
// github.com/go-sql-driver/mysql and modernc.org/sqlite. Do not use
// github.com/lib/pq: its queries do not end with their ctx when the server is silent.
//
// The clock of the database decides what has expired. A remembered verdict costs one
// round trip, and a new person costs three. Each statement is a transaction of its own. If
// the database rolls the transaction back because of another transaction, the statement is
// tried again until ctx ends.
//
// SQLite may be opened in any way. In a process, one step reads and one step writes at a
// time. If the file is busy, the step is tried again until ctx ends.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/id2meta/id2meta/verdictcache"
)

// Store is a [verdictcache.Store] in the table id2meta_cache. [New] makes a Store.
type Store struct {
	db       *sql.DB
	grammar  grammar
	reads    chan struct{}        // has room for the step whose turn it is; nil but for SQLite
	writes   chan struct{}        // the same
	prepares atomic.Pointer[bool] // whether statements have to be prepared; nil: not known yet
	prepared sync.Map             // the *sql.Stmt of a text
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
	switch dialect {
	case SQLite:
		s.reads, s.writes = make(chan struct{}, 1), make(chan struct{}, 1)
		s.prepares.Store(new(true)) // to parse a text takes longer than to find a value
	case PostgreSQL:
		s.prepares.Store(new(false)) // pgx prepares statements by itself, as its mode says
	}
	return s, nil
}

// Load implements [verdictcache.Store].
func (s *Store) Load(ctx context.Context, key verdictcache.Key) (value []byte, err error) {
	err = s.step(ctx, "load", s.reads, func() error {
		load, err := s.statement(ctx, s.grammar.load)
		if err != nil {
			return err
		}
		err = load.QueryRowContext(ctx, key[:]).Scan(&value)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return value, err
}

// CompareAndSwap implements [verdictcache.Store].
func (s *Store) CompareAndSwap(ctx context.Context, key verdictcache.Key, old, new []byte, ttl time.Duration) (swapped bool, err error) {
	var changed int64
	switch {
	case new == nil:
		changed, err = s.exec(ctx, "remove", s.grammar.remove, key[:], old)
	case old != nil:
		changed, err = s.exec(ctx, "swap", s.grammar.swap, new, ttl.Milliseconds(), key[:], old)
	default:
		for _, statement := range s.grammar.write {
			changed, err = s.exec(ctx, "write", statement, new, ttl.Milliseconds(), key[:])
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
func (s *Store) exec(ctx context.Context, name, query string, args ...any) (changed int64, err error) {
	err = s.step(ctx, name, s.writes, func() error {
		statement, err := s.statement(ctx, query)
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
	return changed, err
}

// step waits for its turn, takes a step, and takes it again after a conflict.
func (s *Store) step(ctx context.Context, name string, turn chan struct{}, f func() error) error {
	if turn != nil {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-ctx.Done():
			return fmt.Errorf("sqlstore: %s: %w", name, ctx.Err())
		}
	}
	if err := again(ctx, f); err != nil {
		return fmt.Errorf("sqlstore: %s: %w", name, err)
	}
	return nil
}
