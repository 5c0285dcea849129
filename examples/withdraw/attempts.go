package main

import (
	"bytes"
	"context"
	"database/sql"
	"net/http"
	"time"
)

const (
	// maxQuestions is how many questions a user may cause within questionWindow. It
	// leaves room for typing errors, and none for guessing whose number it is at our
	// expense. A person costs a user one question, and one more for each question about
	// the person that was lost within questionWindow. And no more than maxQuestions are
	// lost about one person, whoever causes them.
	maxQuestions   = 5
	questionWindow = 24 * time.Hour
	// abandonedAfter is when a question without an answer counts as lost: its replica
	// has died.
	abandonedAfter = time.Minute
)

// attempt is one person whom a user has claimed to be.
type attempt struct {
	person []byte
	at     int64 // Unix, in ms
	lost   int   // see lost
}

// admit notes that a user who is locked claims to be a person, or refuses a user who
// has used up all questions. A person whose verdict is remembered, or who is being
// asked about, costs nothing more. The clock is the database's.
func (s *store) admit(ctx context.Context, tx *sql.Tx, p payment) error {
	attempts, now, err := s.attempts(ctx, tx, p.User)
	if err != nil {
		return err
	}
	needed, oldest, known, isFree := 0, now, false, false
	for _, a := range attempts {
		needed += 1 + a.lost
		oldest = min(oldest, a.at)
		if bytes.Equal(a.person, p.person) {
			known, isFree = true, a.lost == 0
		}
	}
	if !known {
		needed++
	}
	if needed > maxQuestions && !isFree {
		again := time.Duration(oldest-now)*time.Millisecond + questionWindow
		return refusal{status: http.StatusTooManyRequests, Code: "too_many_people", retryAfter: again}
	}
	statement := `INSERT INTO attempts (user_id, person, asked_at, pending) VALUES (?, ?, {now}, 1)`
	if known {
		statement = `UPDATE attempts SET pending = pending + 1 WHERE user_id = ? AND person = ?`
	}
	_, err = tx.ExecContext(ctx, s.dialect.sql(statement), p.User, p.person)
	return err
}

// attempts returns whom a user has claimed to be within questionWindow, and the time.
func (s *store) attempts(ctx context.Context, tx *sql.Tx, user string) (attempts []attempt, now int64, err error) {
	err = tx.QueryRowContext(ctx, s.dialect.sql(`SELECT {now}`)).Scan(&now)
	if err != nil {
		return nil, 0, err
	}
	_, err = tx.ExecContext(ctx, s.dialect.sql(`DELETE FROM attempts WHERE user_id = ? AND asked_at <= ?`), user, now-questionWindow.Milliseconds())
	if err != nil {
		return nil, 0, err
	}
	rows, err := tx.QueryContext(ctx, s.dialect.sql(`SELECT person, asked_at FROM attempts WHERE user_id = ?`), user)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var a attempt
		if err := rows.Scan(&a.person, &a.at); err != nil {
			return nil, 0, err
		}
		attempts = append(attempts, a)
	}
	if err := rows.Err(); err != nil {
		return nil, 0, err
	}
	for i := range attempts {
		if attempts[i].lost, err = s.lost(ctx, tx, attempts[i].person); err != nil {
			return nil, 0, err
		}
	}
	return attempts, now, nil
}

// lost returns how many questions about a person, whoever caused them, may have been
// billed within questionWindow and gave no verdict.
func (s *store) lost(ctx context.Context, db querier, person []byte) (n int, err error) {
	err = db.QueryRowContext(ctx, s.dialect.sql(`SELECT COUNT(*) FROM questions WHERE person = ? AND asked_at > {now} - ?
		AND (answer = ? OR answer = '' AND asked_at < {now} - ?)`),
		person, questionWindow.Milliseconds(), answerMaybeBilled, abandonedAfter.Milliseconds()).Scan(&n)
	return n, err
}

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// forgive takes back the attempt of a user whose question cost nothing, unless
// another request of the user's relies on it.
func (s *store) forgive(ctx context.Context, p payment) error {
	return s.transact(ctx, func(tx *sql.Tx) error {
		if _, err := s.lock(ctx, tx, p.User); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, s.dialect.sql(`UPDATE attempts SET pending = pending - 1 WHERE user_id = ? AND person = ?`), p.User, p.person)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, s.dialect.sql(`DELETE FROM attempts WHERE user_id = ? AND person = ? AND pending <= 0`), p.User, p.person)
		return err
	})
}
