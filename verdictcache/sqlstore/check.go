package sqlstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/id2meta/id2meta/verdictcache"
)

// CreateTable creates the table id2meta_cache and its index, and does nothing where
// they exist. Then CreateTable calls [Store.Check]. So it returns an error if the database
// is read-only, if the user has not all rights, or if the table has other columns.
//
// Several processes may call CreateTable at the same time. If your own migrations make the
// table, take the statements from the README of this package, and call Check.
func (s *Store) CreateTable(ctx context.Context) error {
	for n := 1; ; n++ {
		err := s.createTable(ctx)
		// A connection to SQLite does not see the new table if it wants to look while another
		// process makes it.
		if err == nil || n == 10 || !strings.Contains(err.Error(), "no such table") {
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

func (s *Store) createTable(ctx context.Context) error {
	err := s.step(ctx, "create table", s.writes, func() (failed error) {
		for statement := range strings.SplitSeq(strings.TrimSpace(s.grammar.schema), ";\n") {
			_, err := s.db.ExecContext(ctx, statement)
			failed = errors.Join(failed, err)
		}
		return failed
	})
	// The statements may fail where the table exists: the user may not have the right, or
	// another process was faster. What counts is whether the table can be used.
	if unusable := s.Check(ctx); unusable != nil {
		return errors.Join(err, unusable)
	}
	return nil
}

// Check reports whether the table remembers: it writes, replaces, reads and removes a value
// under a random key, which stands for nobody. The value is read on another connection than
// it was written on, unless db has no other connection to spare. Check refuses MySQL without
// autocommit, which would keep nothing. [verdictcache.Cache.Check] calls this method.
func (s *Store) Check(ctx context.Context) error {
	if err := s.checkCommits(ctx, s.db); err != nil {
		return fmt.Errorf("sqlstore: check: %w", err)
	}
	var key verdictcache.Key
	rand.Read(key[:])
	first, second := []byte("check 1"), []byte("check 2")
	if _, err := s.CompareAndSwap(ctx, key, nil, first, time.Minute); err != nil {
		return err
	}
	if _, err := s.CompareAndSwap(ctx, key, first, second, time.Minute); err != nil {
		return err
	}
	found, err := s.loadElsewhere(ctx, key)
	if err != nil {
		return err
	}
	if !bytes.Equal(found, second) {
		return errors.New("sqlstore: check: the database has not kept a value, or shows it to one connection only")
	}
	removed, err := s.CompareAndSwap(ctx, key, second, nil, 0)
	if err == nil && !removed {
		err = errors.New("sqlstore: check: the database has lost a value")
	}
	return err
}

// loadElsewhere loads while it holds the connection that was used last, since package sql
// hands out that connection first.
func (s *Store) loadElsewhere(ctx context.Context, key verdictcache.Key) ([]byte, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: check: %w", err)
	}
	defer conn.Close()
	if stats := s.db.Stats(); stats.InUse == stats.MaxOpenConnections {
		conn.Close() // there is no other
	}
	return s.Load(ctx, key)
}

// checkCommits returns an error if MySQL does not commit each statement.
func (s *Store) checkCommits(ctx context.Context, on interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}) error {
	commits := true
	if s.grammar.autocommit != "" {
		if err := on.QueryRowContext(ctx, s.grammar.autocommit).Scan(&commits); err != nil {
			return err
		}
	}
	if !commits {
		return errors.New("autocommit is off, so no value would be kept: add autocommit=1 to the address")
	}
	return nil
}
