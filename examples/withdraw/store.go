package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite"

	"github.com/id2meta/id2meta"
)

const (
	// rememberRefusal is how long a mismatch or a missing record counts before
	// the same question may be asked again: sources are updated. A match counts
	// for ever.
	rememberRefusal = 24 * time.Hour
	// maxPeople is about how many persons a user may make us ask within
	// peopleWindow. It leaves room for typing errors, and none for guessing
	// whose number it is at our expense.
	maxPeople    = 5
	peopleWindow = 24 * time.Hour
)

// schema keeps the two promises that money hangs on. The index: a user is one
// person. The key of withdrawals: an Idempotency-Key is paid once (SQLite takes
// each NULL for a different one).
const schema = `
CREATE TABLE IF NOT EXISTS hash_key (
	id          INTEGER PRIMARY KEY CHECK (id = 1),
	key_check   BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS verdicts (
	user        TEXT NOT NULL,
	person      BLOB NOT NULL,            -- keyed hash
	verdict     TEXT NOT NULL DEFAULT '', -- BizCode; empty: asked, no answer (yet)
	request_id  TEXT NOT NULL DEFAULT '', -- of the service
	asked_at    INTEGER NOT NULL,         -- Unix, in ms
	PRIMARY KEY (user, person)
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS one_person_per_user ON verdicts (user) WHERE verdict = '1';
CREATE TABLE IF NOT EXISTS withdrawals (
	id              TEXT PRIMARY KEY,
	user            TEXT NOT NULL,
	person          BLOB NOT NULL,    -- keyed hash
	amount          INTEGER NOT NULL, -- in fen
	idempotency_key BLOB,             -- keyed hash
	paid_at         INTEGER NOT NULL, -- Unix, in ms
	UNIQUE (user, idempotency_key)
) STRICT;`

// payment is a withdrawal as it is stored and answered.
type payment struct {
	ID     string `json:"id"`
	User   string `json:"user"`
	Amount int64  `json:"amount"`

	person         []byte // keyed hash
	idempotencyKey []byte // keyed hash, or nil
	repeated       bool   // it was made by an earlier request
}

// store remembers verdicts and payments in SQLite, and no person.
type store struct{ db *sql.DB }

// openStore opens the database, or makes one that only this user can read. It
// refuses one whose hashes were made with another key: every user in it would
// seem to have become another person.
func openStore(ctx context.Context, path string, keyCheck []byte) (*store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	file.Close()

	address := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: url.Values{
		// In full: a payment that was answered survives a power failure.
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)"},
		"_txlock": {"immediate"},
	}.Encode()}
	db, err := sql.Open("sqlite", address.String())
	if err != nil {
		return nil, err
	}
	// SQLite writes one at a time anyway; here nobody meets SQLITE_BUSY.
	db.SetMaxOpenConns(1)
	s := &store{db}
	if err := s.prepare(ctx, keyCheck); err != nil {
		db.Close()
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	return s, nil
}

func (s *store) prepare(ctx context.Context, keyCheck []byte) error {
	if _, err := s.db.ExecContext(ctx, schema); err != nil {
		return err
	}
	if _, err := s.db.ExecContext(ctx, `INSERT INTO hash_key VALUES (1, ?) ON CONFLICT DO NOTHING`, keyCheck); err != nil {
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

// recall returns the verdict on a user who says to be person. If there is none
// it notes that the question is being asked, and returns "". It refuses a user
// who is verified as another person, or has tried too many.
func (s *store) recall(ctx context.Context, user string, person []byte, now time.Time) (id2meta.BizCode, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return "", err
	}
	defer tx.Rollback() // does nothing after a commit

	verdict, err := recallIn(ctx, tx, user, person, now)
	if err != nil || verdict != "" {
		return verdict, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO verdicts (user, person, asked_at) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET verdict = '', request_id = '', asked_at = excluded.asked_at`,
		user, person, now.UnixMilli())
	if err != nil {
		return "", err
	}
	return "", tx.Commit()
}

func recallIn(ctx context.Context, tx *sql.Tx, user string, person []byte, now time.Time) (id2meta.BizCode, error) {
	var verified []byte
	err := tx.QueryRowContext(ctx, `SELECT person FROM verdicts WHERE user = ? AND verdict = '1'`, user).Scan(&verified)
	switch {
	case err == nil && bytes.Equal(verified, person):
		return id2meta.BizCodeMatch, nil
	case err == nil:
		return "", errOtherPerson
	case !errors.Is(err, sql.ErrNoRows):
		return "", err
	}

	var verdict id2meta.BizCode
	err = tx.QueryRowContext(ctx, `SELECT verdict FROM verdicts WHERE user = ? AND person = ? AND asked_at > ?`,
		user, person, now.Add(-rememberRefusal).UnixMilli()).Scan(&verdict)
	if err == nil && verdict != "" {
		return verdict, nil
	} else if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", err
	}

	// The oldest of the last maxPeople others, if there are so many.
	var oldest int64
	err = tx.QueryRowContext(ctx, `SELECT asked_at FROM verdicts WHERE user = ? AND person <> ? AND asked_at > ?
		ORDER BY asked_at DESC LIMIT 1 OFFSET ?`,
		user, person, now.Add(-peopleWindow).UnixMilli(), maxPeople-1).Scan(&oldest)
	if err == nil {
		again := time.UnixMilli(oldest).Add(peopleWindow)
		return "", refusal{status: http.StatusTooManyRequests, Code: "too_many_people", retryAfter: again.Sub(now)}
	} else if !errors.Is(err, sql.ErrNoRows) {
		return "", err
	}
	return "", nil
}

var errOtherPerson error = refusal{status: http.StatusConflict, Code: "verified_as_another_person"}

// remember keeps a verdict. It refuses the match of a user who has become
// another person while this one was asked about.
func (s *store) remember(ctx context.Context, user string, person []byte, result id2meta.Result) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	// OR IGNORE: what the index one_person_per_user forbids changes no row.
	done, err := s.db.ExecContext(ctx, `UPDATE OR IGNORE verdicts SET verdict = ?, request_id = ? WHERE user = ? AND person = ?`,
		string(result.BizCode), result.RequestID, user, person)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return errOtherPerson
	}
	return nil
}

// pay makes the payment, unless one with its Idempotency-Key was made before:
// then it returns that one. The payment is a row here. To send it to a bank, let
// a worker go through the rows and pass their id on as the bank's own
// idempotency key.
func (s *store) pay(ctx context.Context, p payment, now time.Time) (payment, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	p.ID = rand.Text()
	// Whatever the code above does: without a match in the database, no payment.
	done, err := s.db.ExecContext(ctx, `INSERT INTO withdrawals (id, user, person, amount, idempotency_key, paid_at)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6
		WHERE EXISTS (SELECT 1 FROM verdicts WHERE user = ?2 AND person = ?3 AND verdict = '1')
		ON CONFLICT (user, idempotency_key) DO NOTHING`,
		p.ID, p.User, p.person, p.Amount, p.idempotencyKey, now.UnixMilli())
	if err != nil {
		return payment{}, err
	}
	if n, err := done.RowsAffected(); err != nil {
		return payment{}, err
	} else if n == 1 {
		return p, nil
	}
	return s.paid(ctx, p)
}

// paid returns the payment that was made with p's Idempotency-Key.
func (s *store) paid(ctx context.Context, p payment) (payment, error) {
	before := p
	before.repeated = true
	err := s.db.QueryRowContext(ctx, `SELECT id, amount, person FROM withdrawals WHERE user = ? AND idempotency_key = ?`,
		p.User, p.idempotencyKey).Scan(&before.ID, &before.Amount, &before.person)
	if err != nil {
		return payment{}, err
	}
	if before.Amount != p.Amount || !bytes.Equal(before.person, p.person) {
		return payment{}, refusal{status: http.StatusConflict, Code: "idempotency_key_was_used"}
	}
	return before, nil
}
