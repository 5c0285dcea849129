package main

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations
var migrations embed.FS

// migrateTimeout is how long a replica works on the schema, or waits for another
// one that does.
const migrateTimeout = 5 * time.Minute

// migrate brings the schema up to what this program needs. One replica does it, and
// the others wait.
func migrate(ctx context.Context, db *sql.DB, d *dialect) error {
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	dir, err := fs.Sub(migrations, d.migrations)
	if err != nil {
		return err
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithTableName("withdraw_schema")}
	if d.locker != nil {
		options = append(options, goose.WithSessionLocker(d.locker))
	}
	provider, err := goose.NewProvider(d.goose, db, dir, options...)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	// SQLite has no lock that outlives a transaction. Whoever comes second fails at a
	// table that is there, and finds at another look that all is done.
	for try := 0; err != nil && d.locker == nil && try < 5; try++ {
		sleep(ctx, 100*time.Millisecond)
		_, err = provider.Up(ctx)
	}
	if err != nil {
		return fmt.Errorf("migrating the schema: %w", err)
	}
	current, newest, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > newest {
		return fmt.Errorf("its schema has version %d, and this program knows no later one than %d: run a newer withdraw", current, newest)
	}
	return nil
}

func postgresLocker() lock.SessionLocker {
	l, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, uint64(migrateTimeout/time.Second)))
	if err != nil {
		panic(err) // of two constants
	}
	return l
}

// mysqlLocker waits in the server, which frees the lock when the connection ends.
type mysqlLocker struct{}

func (mysqlLocker) SessionLock(ctx context.Context, conn *sql.Conn) error {
	var granted sql.NullInt64
	err := conn.QueryRowContext(ctx, `SELECT GET_LOCK('withdraw_schema', ?)`, int(migrateTimeout/time.Second)).Scan(&granted)
	if err == nil && granted.Int64 != 1 {
		err = errors.New("another replica is still migrating the schema")
	}
	return err
}

func (mysqlLocker) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `DO RELEASE_LOCK('withdraw_schema')`)
	return err
}

// sleep returns early when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
