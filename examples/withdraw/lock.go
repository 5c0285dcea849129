package main

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

const (
	// migrateTimeout is how long a replica works on the schema, or waits for another
	// replica that does.
	migrateTimeout = 5 * time.Minute
	unlockTimeout  = 5 * time.Second
)

// A locker makes this process the only one that works on the schema. The function
// that it returns ends that; err is what came of the work.
type locker func(ctx context.Context, db *sql.DB) (unlock func(err error) error, err error)

// alone runs work while no other replica works on the schema. All that work reads, it
// reads under the lock.
func alone(ctx context.Context, db *sql.DB, lock locker, work func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	unlock, err := lock(ctx, db)
	if err != nil {
		return err
	}
	return unlock(work(ctx))
}

// lockSQLite begins a transaction. The pool has one connection, so all statements are
// part of the transaction until unlock ends it.
func lockSQLite(ctx context.Context, db *sql.DB) (func(error) error, error) {
	for {
		_, err := db.ExecContext(ctx, `BEGIN IMMEDIATE`)
		if err == nil {
			break
		}
		if !isBusy(err) || ctx.Err() != nil {
			return nil, err
		}
	}
	return func(err error) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTimeout)
		defer cancel()
		end := `COMMIT`
		if err != nil {
			end = `ROLLBACK`
		}
		_, failed := db.ExecContext(ctx, end)
		return errors.Join(err, failed)
	}, nil
}

// lockPostgres asks again and again: a statement that waits for the lock would keep a
// snapshot, and CREATE INDEX CONCURRENTLY would wait for that.
func lockPostgres(ctx context.Context, db *sql.DB) (func(error) error, error) {
	return lockSession(ctx, db, func(conn *sql.Conn) error {
		for {
			var granted bool
			err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock(4097083626)`).Scan(&granted)
			if granted || err != nil {
				return err
			}
			sleep(ctx, 20*time.Millisecond)
		}
	}, `SELECT pg_advisory_unlock(4097083626)`)
}

func lockMySQL(ctx context.Context, db *sql.DB) (func(error) error, error) {
	return lockSession(ctx, db, func(conn *sql.Conn) error {
		var granted sql.NullInt64
		err := conn.QueryRowContext(ctx, `SELECT GET_LOCK('withdraw_schema', ?)`, int(migrateTimeout/time.Second)).Scan(&granted)
		if err == nil && granted.Int64 != 1 {
			err = errors.New("another replica is still migrating the schema")
		}
		return err
	}, `DO RELEASE_LOCK('withdraw_schema')`)
}

// lockSession takes a lock that belongs to a connection: the server frees it when the
// connection ends.
func lockSession(ctx context.Context, db *sql.DB, lock func(*sql.Conn) error, unlock string) (func(error) error, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if err := lock(conn); err != nil {
		conn.Close()
		return nil, err
	}
	return func(err error) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTimeout)
		defer cancel()
		_, failed := conn.ExecContext(ctx, unlock)
		return errors.Join(err, failed, conn.Close())
	}, nil
}

// sleep returns early when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
