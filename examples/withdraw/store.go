package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"time"

	"github.com/id2meta/id2meta/verdictcache/sqlstore"
)

const (
	// storeTimeout bounds each visit to the database.
	storeTimeout = 5 * time.Second
	// maxTries is how often a transaction is tried that was in another's way.
	maxTries = 10
)

// payment is a withdrawal as it is stored and answered.
type payment struct {
	ID     string `json:"id"`
	User   string `json:"user"`
	Amount int64  `json:"amount"`

	person         []byte // keyed hash
	idempotencyKey []byte // keyed hash, or nil
	repeated       bool   // it was made by an earlier request
}

// store remembers who a user is, whom a user has tried to be, and payments; and no
// person. Any number of processes may use the same database: whoever changes
// anything of a user's locks the user's row first.
type store struct {
	db      *sql.DB
	dialect *dialect
	name    string // of the database, for people
	// verdicts is the table of verdicts on persons, whoever's they are.
	verdicts *sqlstore.Store
	// visits leaves some of the connections to the verdicts, which are billed: in a
	// crowd, database/sql gives a connection to whomever it likes.
	visits chan struct{}
}

// openStore opens the database and brings its schema up to date. It refuses one
// whose hashes were made with another key: every user in it would seem to have
// become another person.
func openStore(ctx context.Context, address, password string, keyCheck []byte) (*store, error) {
	db, dialect, name, err := openDatabase(ctx, address, password)
	if err != nil {
		return nil, err
	}
	verdicts, err := sqlstore.New(db, dialect.verdicts)
	if err != nil {
		db.Close()
		return nil, err
	}
	s := &store{db, dialect, name, verdicts, make(chan struct{}, max(1, db.Stats().MaxOpenConnections*3/5))}
	if err := s.prepare(ctx, keyCheck); err != nil {
		db.Close()
		return nil, fmt.Errorf("database %s: %w", name, oneLine(err))
	}
	return s, nil
}

// prepare makes the tables and checks the key, alone.
func (s *store) prepare(ctx context.Context, keyCheck []byte) error {
	return alone(ctx, s.db, s.dialect.lock, func(ctx context.Context) error {
		if err := migrate(ctx, s.db, s.dialect); err != nil {
			return err
		}
		if err := s.verdicts.CreateTable(ctx); err != nil {
			return err
		}
		return s.checkKey(ctx, keyCheck)
	})
}

// checkKey writes the check of the key into a new database.
func (s *store) checkKey(ctx context.Context, keyCheck []byte) error {
	insert := s.dialect.sql(`{insert} INTO hash_key (id, key_check) VALUES (1, ?) {or ignore}`)
	if _, err := s.db.ExecContext(ctx, insert, keyCheck); err != nil {
		return err
	}
	var written []byte
	if err := s.db.QueryRowContext(ctx, `SELECT key_check FROM hash_key`).Scan(&written); err != nil {
		return err
	}
	if !bytes.Equal(written, keyCheck) {
		return errors.New("it was written with another " + hashKeyVariable + ", or with the simulator")
	}
	return nil
}

func (s *store) close() error { return s.db.Close() }

func (s *store) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	var one int
	return s.db.QueryRowContext(ctx, `SELECT 1 FROM hash_key`).Scan(&one)
}

var (
	errOtherPerson error = refusal{status: http.StatusConflict, Code: "verified_as_another_person"}
	errOtherUser   error = refusal{status: http.StatusConflict, Code: "person_has_another_account"}
	// errNotVerified: whether the user is this person is to be asked, and may be.
	errNotVerified = errors.New("the user is not verified")
)

// pay makes the payment, unless one with its Idempotency-Key was made before: then
// it returns that one. Without a match in the database it makes none: it refuses a
// user who is another person or has used up the day's questions, and otherwise reserves
// a question and returns errNotVerified.
//
// The payment is a row here. To send it to a bank, let a worker go through the rows
// and pass their id on as the bank's own idempotency key.
func (s *store) pay(ctx context.Context, p payment) (payment, error) {
	p.ID = rand.Text()
	made := false
	err := s.again(ctx, func(ctx context.Context) (err error) {
		made, err = s.insert(ctx, s.db, p) // for nearly all withdrawals this is all
		return err
	})
	switch {
	case err != nil:
		return payment{}, err
	case made:
		return p, nil
	}
	var paid payment
	verified := false
	err = s.transact(ctx, func(tx *sql.Tx) error {
		person, err := s.lock(ctx, tx, p.User)
		switch verified = bytes.Equal(person, p.person); {
		case err != nil:
			return err
		case verified:
			paid, err = s.payLocked(ctx, tx, p)
			return err
		case person != nil:
			return errOtherPerson
		}
		return s.admit(ctx, tx, p)
	})
	switch {
	case err != nil:
		return payment{}, err
	case !verified:
		return payment{}, errNotVerified
	}
	return paid, nil
}

// insert makes the payment. Whatever the code around it does: without a match in the
// database there is none, and with one Idempotency-Key no second one.
func (s *store) insert(ctx context.Context, db execer, p payment) (made bool, err error) {
	done, err := db.ExecContext(ctx, s.dialect.sql(`{insert} INTO withdrawals (id, user_id, person, amount, idempotency_key, paid_at)
		SELECT ?, user_id, person, ?, ?, {now} FROM users WHERE user_id = ? AND person = ? {or ignore}`),
		p.ID, p.Amount, p.idempotencyKey, p.User, p.person)
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	return n == 1, err
}

// execer is a database or a transaction.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// lock locks the user until the transaction ends, and returns who it is: nobody
// yet, if nil.
func (s *store) lock(ctx context.Context, tx *sql.Tx, user string) (person []byte, err error) {
	query := s.dialect.sql(`SELECT person FROM users WHERE user_id = ? {for update}`)
	err = tx.QueryRowContext(ctx, query, user).Scan(&person)
	if !errors.Is(err, sql.ErrNoRows) {
		return person, err
	}
	if _, err := tx.ExecContext(ctx, s.dialect.sql(`{insert} INTO users (user_id) VALUES (?) {or ignore}`), user); err != nil {
		return nil, err
	}
	return person, tx.QueryRowContext(ctx, query, user).Scan(&person)
}

// payLocked pays a user who is locked and verified. The payment was made before, or
// the user is verified since insert has looked.
func (s *store) payLocked(ctx context.Context, tx *sql.Tx, p payment) (payment, error) {
	if made, err := s.insert(ctx, tx, p); made || err != nil {
		return p, err
	}
	before := p
	before.repeated = true
	err := tx.QueryRowContext(ctx, s.dialect.sql(`SELECT id, amount, person FROM withdrawals WHERE user_id = ? AND idempotency_key = ?`),
		p.User, p.idempotencyKey).Scan(&before.ID, &before.Amount, &before.person)
	if err == nil && (before.Amount != p.Amount || !bytes.Equal(before.person, p.person)) {
		err = refusal{status: http.StatusConflict, Code: "idempotency_key_was_used"}
	}
	return before, err
}

// bind makes the user the person who was found to match. It refuses a user who has
// become another person while this one was asked about. One person may be several
// users, unless the operator has made users.person unique.
func (s *store) bind(ctx context.Context, user string, person []byte) error {
	return s.again(ctx, func(ctx context.Context) error {
		done, err := s.db.ExecContext(ctx, s.dialect.sql(`UPDATE users SET person = ? WHERE user_id = ? AND (person IS NULL OR person = ?)`),
			person, user, person)
		if s.dialect.isDuplicate(err) {
			return errOtherUser
		}
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		if err == nil && n == 0 {
			return errOtherPerson
		}
		return err
	})
}

// transact runs f in a transaction.
func (s *store) transact(ctx context.Context, f func(*sql.Tx) error) error {
	return s.again(ctx, func(ctx context.Context) error {
		tx, err := s.db.BeginTx(ctx, s.dialect.tx)
		if err != nil {
			return err
		}
		defer tx.Rollback() // does nothing after a commit
		if err := f(tx); err != nil {
			return err
		}
		return tx.Commit()
	})
}

// again runs f, and again if it was in the way of another transaction.
func (s *store) again(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	select {
	case s.visits <- struct{}{}:
		defer func() { <-s.visits }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for try := 1; ; try++ {
		err := f(ctx)
		if err == nil || try == maxTries || s.dialect.trouble(err) != conflict {
			return err
		}
		sleep(ctx, mathrand.N(time.Duration(try)*10*time.Millisecond))
	}
}
