package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
)

// queue is where steps of SQLite wait for their turn. Readers take turns, so that they do
// not open hundreds of connections. Writers who wait share one transaction, since each
// transaction waits for the disk.
type queue struct {
	reads   chan struct{} // holds one item while somebody reads
	writes  chan struct{} // holds one item while somebody writes
	mu      sync.Mutex
	waiting []*write
}

func newQueue() *queue {
	return &queue{reads: make(chan struct{}, 1), writes: make(chan struct{}, 1)}
}

// read calls f when it is its turn.
func (q *queue) read(ctx context.Context, f func() error) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case q.reads <- struct{}{}:
		defer func() { <-q.reads }()
		return f()
	}
}

type write struct {
	ctx     context.Context
	text    string
	args    []any
	changed int64
	err     error
	done    chan struct{}
}

// errGivenUp is the error of writers whose shared transaction was rolled back because the
// ctx of the writer who ran it had ended. They try again.
var errGivenUp = errors.New("the transaction was given up")

// write waits for its turn, and then writes for all who wait; or another writer does it first.
func (s *Store) write(ctx context.Context, text string, args ...any) (int64, error) {
	w := &write{ctx: ctx, text: text, args: args, done: make(chan struct{})}
	q := s.queue
	q.mu.Lock()
	q.waiting = append(q.waiting, w)
	q.mu.Unlock()
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case q.writes <- struct{}{}:
		defer func() { <-q.writes }()
		s.writeAll(ctx)
	case <-w.done:
	}
	return w.changed, w.err
}

func (s *Store) writeAll(ctx context.Context) {
	s.queue.mu.Lock()
	batch := s.queue.waiting
	s.queue.waiting = nil
	s.queue.mu.Unlock()
	err := errGivenUp // if the driver panics
	defer func() {
		for _, w := range batch {
			if err != nil {
				w.changed, w.err = 0, err
			}
			close(w.done)
		}
	}()
	if len(batch) > 0 {
		err = s.writeBatch(ctx, batch)
	}
}

// writeBatch does not use sql.Tx. BEGIN IMMEDIATE waits for other writers before anything
// is written. A COMMIT that readers block is tried again, and meanwhile SQLite lets no new
// readers in.
func (s *Store) writeBatch(ctx context.Context, batch []*write) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return orGivenUp(ctx, err)
	}
	defer conn.Close()
	clean := false // the connection has no transaction
	defer func() {
		if !clean {
			conn.Raw(func(any) error { return driver.ErrBadConn }) // closes the connection
		}
	}()

	_, err = conn.ExecContext(ctx, "BEGIN IMMEDIATE")
	if err != nil && ctx.Err() == nil {
		clean = true // the file is busy, and there is no transaction
		return err
	}
	if err == nil {
		err = writeEach(ctx, conn, batch)
	}
	committing := err == nil
	if committing {
		err = again(ctx, func() error { _, err := conn.ExecContext(ctx, "COMMIT"); return err })
	}
	if err == nil {
		clean = true
		return nil
	}
	_, none := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	clean = none == nil
	if committing && !clean { // there is no transaction any more: it may have been committed
		return fmt.Errorf("nobody knows whether the transaction was committed: %w", err)
	}
	return orGivenUp(ctx, err)
}

func writeEach(ctx context.Context, conn *sql.Conn, batch []*write) error {
	for _, w := range batch {
		if w.err = w.ctx.Err(); w.err != nil {
			continue
		}
		result, err := conn.ExecContext(ctx, w.text, w.args...)
		if err == nil {
			w.changed, err = result.RowsAffected()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// orGivenUp returns errGivenUp for an error that came because ctx had ended.
func orGivenUp(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errGivenUp
	}
	return err
}
