package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
)

// statement is a prepared *sql.Stmt, or a text.
type statement interface {
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, args ...any) *sql.Row
}

// text is a statement that the driver sends as it likes, on an *sql.DB or an *sql.Tx.
type text struct {
	on interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	}
	query string
}

func (t text) ExecContext(ctx context.Context, args ...any) (sql.Result, error) {
	return t.on.ExecContext(ctx, t.query, args...)
}

func (t text) QueryRowContext(ctx context.Context, args ...any) *sql.Row {
	return t.on.QueryRowContext(ctx, t.query, args...)
}

// mode is how statements have to be sent.
type mode struct {
	prepared     bool // prepared once, since the driver would prepare them for each step
	transactions bool // each in a transaction
}

// run gives the statement to f, and commits what f does.
func (s *Store) run(ctx context.Context, query string, f func(statement) error) error {
	m, err := s.findMode(ctx)
	if err != nil {
		return err
	}
	if !m.transactions {
		err := s.runAlone(ctx, query, m.prepared, f)
		if err == nil || !strings.Contains(err.Error(), "Error 1665") {
			return err
		}
		// With binlog_format=STATEMENT, MySQL writes only at REPEATABLE READ.
		s.mode.Store(&mode{transactions: true})
	}
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	if err := f(text{tx, query}); err != nil {
		return err
	}
	return tx.Commit()
}

func (s *Store) runAlone(ctx context.Context, query string, prepared bool, f func(statement) error) error {
	if !prepared {
		return f(text{s.db, query})
	}
	statement, err := s.prepare(ctx, query)
	if err != nil {
		return err
	}
	return f(statement)
}

// prepare prepares each statement once. Package sql does so again for each new
// connection, and closes the statement with the connection.
func (s *Store) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if prepared, ok := s.statements.Load(query); ok {
		return prepared.(*sql.Stmt), nil
	}
	prepared, err := s.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	first, loaded := s.statements.LoadOrStore(query, prepared)
	if loaded {
		prepared.Close() // another was faster
	}
	return first.(*sql.Stmt), nil
}

// findMode asks MySQL once how statements have to be sent.
func (s *Store) findMode(ctx context.Context) (mode, error) {
	if known := s.mode.Load(); known != nil {
		return *known, nil
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return mode{}, err
	}
	defer conn.Close()
	var found mode
	if err := conn.QueryRowContext(ctx, "SELECT NOT @@autocommit").Scan(&found.transactions); err != nil {
		return mode{}, err
	}
	err = conn.Raw(func(c any) (err error) {
		found.prepared, err = mustPrepare(ctx, c)
		return err
	})
	if err != nil {
		return mode{}, err
	}
	s.mode.Store(&found)
	return found, nil
}

// mustPrepare reports whether a driver has to prepare a statement with arguments.
// go-sql-driver/mysql does not, with interpolateParams=true.
func mustPrepare(ctx context.Context, conn any) (bool, error) {
	direct, ok := conn.(driver.QueryerContext)
	if !ok {
		return true, nil
	}
	rows, err := direct.QueryContext(ctx, "SELECT ?", []driver.NamedValue{{Ordinal: 1, Value: int64(1)}})
	if errors.Is(err, driver.ErrSkip) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, rows.Close()
}
