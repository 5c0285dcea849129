package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache/sqlstore"
)

const (
	// storeTimeout bounds each visit to the database.
	storeTimeout = 5 * time.Second
	// maxAttempts is how many people a user may claim to be in a day. It leaves room for
	// typing errors, and none for guessing whose number it is at our expense.
	maxAttempts = 5
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

// store remembers who a user is, and payments; and no person. Any number of processes may
// use the same database: each change is one statement.
type store struct {
	db       *sql.DB
	dialect  sqlstore.Dialect
	name     string          // of the database, for people
	verdicts *sqlstore.Store // on persons, whoever's they are
}

var (
	errDatabase    error = refusal{status: http.StatusServiceUnavailable, Code: "try_again", retryAfter: retryAfterOutage, Message: id2meta.RemedyTryLater.Chinese()}
	errOtherPerson error = refusal{status: http.StatusConflict, Code: "verified_as_another_person"}
	errOtherUse    error = refusal{status: http.StatusConflict, Code: "idempotency_key_was_used"}
	// errNotVerified: whether the user is this person is to be asked.
	errNotVerified = errors.New("the user is not verified")
)

// pay makes the payment, unless one with its Idempotency-Key was made before: then it
// returns that one. Without a match in the database it makes none.
//
// The payment is a row here. To send it to a bank, let a worker go through the rows
// and pass their id on as the bank's own idempotency key.
func (s *store) pay(ctx context.Context, p payment) (payment, error) {
	p.ID = rand.Text()
	// Whatever the code around it does: without a match in the database there is no
	// payment, and with one Idempotency-Key no second one.
	n, err := s.exec(ctx, `INSERT INTO withdrawals (id, user_id, person, amount, idempotency_key, paid_at, verified_at, request_id)
		SELECT ?, user_id, person, ?, ?, ?, verified_at, request_id FROM users WHERE user_id = ? AND person = ? ON CONFLICT DO NOTHING`,
		p.ID, p.Amount, p.idempotencyKey, time.Now().UnixMilli(), p.User, p.person)
	if err != nil || n == 1 {
		return p, err
	}
	var person []byte
	err = s.get(ctx, `SELECT person FROM users WHERE user_id = ?`, []any{p.User}, &person)
	switch {
	case errors.Is(err, sql.ErrNoRows) || err == nil && person == nil:
		return payment{}, errNotVerified
	case err != nil:
		return payment{}, err
	case !bytes.Equal(person, p.person):
		return payment{}, errOtherPerson
	}
	before := payment{User: p.User, repeated: true}
	err = s.get(ctx, `SELECT id, amount, person FROM withdrawals WHERE user_id = ? AND idempotency_key = ?`,
		[]any{p.User, p.idempotencyKey}, &before.ID, &before.Amount, &before.person)
	switch {
	case errors.Is(err, sql.ErrNoRows): // another request has verified the user meanwhile
		return payment{}, errNotVerified
	case err != nil:
		return payment{}, err
	case before.Amount != p.Amount || !bytes.Equal(before.person, p.person):
		return payment{}, errOtherUse
	}
	return before, nil
}

// attempt counts that a user claims to be a person, or refuses a user who has used up the
// day's attempts. To claim the same thing again costs nothing: a client may repeat it.
func (s *store) attempt(ctx context.Context, p payment) error {
	if _, err := s.exec(ctx, `INSERT INTO users (user_id) VALUES (?) ON CONFLICT DO NOTHING`, p.User); err != nil {
		return err
	}
	day, untilTomorrow := today(time.Now())
	n, err := s.exec(ctx, `UPDATE users SET attempts = CASE WHEN day <> ? THEN 1 WHEN claimed = ? THEN attempts ELSE attempts + 1 END, claimed = ?, day = ?
		WHERE user_id = ? AND (day <> ? OR claimed = ? OR attempts < ?)`, day, p.person, p.person, day, p.User, day, p.person, maxAttempts)
	if err == nil && n == 0 {
		return refusal{status: http.StatusTooManyRequests, Code: "too_many_people", retryAfter: untilTomorrow}
	}
	return err
}

// today counts the days of the People's Republic, which knows no summer time.
func today(now time.Time) (day int64, untilTomorrow time.Duration) {
	const whole = 24 * time.Hour
	since := time.Duration(now.UnixMilli())*time.Millisecond + 8*time.Hour
	return int64(since / whole), whole - since%whole
}

// countAgain makes the next attempt cost one more: the last one may be on the bill, and
// there is no verdict.
func (s *store) countAgain(ctx context.Context, p payment) error {
	_, err := s.exec(ctx, `UPDATE users SET claimed = NULL WHERE user_id = ? AND claimed = ?`, p.User, p.person)
	return err
}

// requestIDForm is what every database takes. The service's are UUIDs.
var requestIDForm = regexp.MustCompile(`^[!-~]{0,128}$`)

// bind makes the user the person who was found to match. It refuses a user who has
// become another person while this one was asked about. One person may be several users.
func (s *store) bind(ctx context.Context, p payment, result id2meta.Result) error {
	if !requestIDForm.MatchString(result.RequestID) {
		result.RequestID = ""
	}
	n, err := s.exec(ctx, `UPDATE users SET person = ?, verified_at = ?, request_id = ? WHERE user_id = ? AND (person IS NULL OR person = ?)`,
		p.person, result.Time.UnixMilli(), result.RequestID, p.User, p.person)
	if err == nil && n == 0 {
		return errOtherPerson
	}
	return err
}

// migrate makes the tables that are not there.
func (s *store) migrate(ctx context.Context) error {
	for statement := range strings.SplitSeq(strings.TrimSpace(s.sql(schema)), ";\n") {
		if _, err := s.db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("database %s: %w", s.name, err)
		}
	}
	return s.verdicts.CreateTable(ctx)
}

// checkTables finds out whether migrate has made the tables.
func (s *store) checkTables(ctx context.Context) error {
	var n int
	return s.get(ctx, `SELECT (SELECT COUNT(verified_at) FROM withdrawals WHERE id = '') + (SELECT COUNT(claimed) FROM users WHERE user_id = '')`, nil, &n)
}

// keepTidy deletes expired verdicts, more of them than the account's calls can make, until
// ctx ends. Any number of replicas may do so.
func (s *store) keepTidy(ctx context.Context, logger *slog.Logger) {
	for {
		if _, err := s.verdicts.DeleteExpired(ctx, 3000); err != nil && ctx.Err() == nil {
			logger.Warn("expired verdicts could not be deleted", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Minute):
		}
	}
}

// exec returns the number of rows that a statement has changed, or left as they are.
func (s *store) exec(ctx context.Context, statement string, args ...any) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	done, err := s.db.ExecContext(ctx, s.sql(statement), args...)
	if err != nil {
		return 0, fmt.Errorf("database: %w: %v", errDatabase, err)
	}
	return done.RowsAffected()
}

// get scans one row. Its error may be sql.ErrNoRows.
func (s *store) get(ctx context.Context, query string, args []any, into ...any) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := s.db.QueryRowContext(ctx, s.sql(query), args...).Scan(into...)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("database: %w: %v", errDatabase, err)
	}
	return err
}
