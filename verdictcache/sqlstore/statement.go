package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// statement is a prepared *sql.Stmt, or a text.
type statement interface {
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, args ...any) *sql.Row
}

// text is a statement that the driver sends as it likes.
type text struct {
	db    *sql.DB
	query string
}

func (t text) ExecContext(ctx context.Context, args ...any) (sql.Result, error) {
	return t.db.ExecContext(ctx, t.query, args...)
}

func (t text) QueryRowContext(ctx context.Context, args ...any) *sql.Row {
	return t.db.QueryRowContext(ctx, t.query, args...)
}

// statement returns the statement of a text. A statement that has to be prepared is prepared
// once. Package sql prepares it again for each new connection, and closes it with the
// connection.
func (s *Store) statement(ctx context.Context, query string) (statement, error) {
	prepares, err := s.mustPrepare(ctx)
	if err != nil {
		return nil, err
	}
	if !prepares {
		return text{s.db, query}, nil
	}
	if prepared, ok := s.prepared.Load(query); ok {
		return prepared.(*sql.Stmt), nil
	}
	prepared, err := s.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	first, loaded := s.prepared.LoadOrStore(query, prepared)
	if loaded {
		prepared.Close() // another was faster
	}
	return first.(*sql.Stmt), nil
}

// mustPrepare reports whether statements have to be prepared. For MySQL it asks the driver once.
func (s *Store) mustPrepare(ctx context.Context) (bool, error) {
	if known := s.prepares.Load(); known != nil {
		return *known, nil
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	if err := s.checkCommits(ctx, conn); err != nil { // nobody may have called Check
		return false, err
	}
	var must bool
	err = conn.Raw(func(c any) (err error) {
		must, err = driverPrepares(ctx, c)
		return err
	})
	if err != nil {
		return false, err
	}
	s.prepares.Store(&must)
	return must, nil
}

// driverPrepares reports whether a driver would prepare a statement with arguments for each
// step. go-sql-driver/mysql does, but not with interpolateParams=true, which is for proxies
// without prepared statements.
func driverPrepares(ctx context.Context, conn any) (bool, error) {
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
