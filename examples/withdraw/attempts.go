package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"net/http"
	"time"

	"github.com/id2meta/id2meta"
)

const (
	// maxQuestions is how many questions a user may cause within questionWindow. It
	// leaves room for typing errors, and none for guessing whose number it is at our
	// expense. A person costs a user one question. If questions about the person were
	// lost within questionWindow, the person costs as many questions as were lost.
	maxQuestions   = 5
	questionWindow = 24 * time.Hour
	// abandonedAfter is when a question without an answer counts as lost: its replica
	// has died.
	abandonedAfter = time.Minute
)

// attempt is one person whom a user has claimed to be.
type attempt struct {
	person  []byte
	allowed int   // questions that the user may cause
	lost    int   // questions, whoever's, that may have been billed and gave no verdict
	at      int64 // Unix, in ms
}

// cost is how many of the user's questions the attempt has used up.
func (a attempt) cost() int { return max(a.allowed, a.lost) }

// admit reserves a question about the person for a user who is locked, or refuses a
// user who has used up all questions. A person whose verdict is remembered, or who is
// being asked about, costs nothing more. The clock is the database's.
func (s *store) admit(ctx context.Context, tx *sql.Tx, p payment) error {
	attempts, now, err := s.attempts(ctx, tx, p.User)
	if err != nil {
		return err
	}
	var used int
	var before attempt // of this person
	oldest := now
	for _, a := range attempts {
		used += a.cost()
		oldest = min(oldest, a.at)
		if bytes.Equal(a.person, p.person) {
			before = a
		}
	}
	switch {
	case before.allowed > before.lost:
		return s.rely(ctx, tx, p)
	case used >= maxQuestions:
		again := time.Duration(oldest-now)*time.Millisecond + questionWindow
		return refusal{status: http.StatusTooManyRequests, Code: "too_many_people", retryAfter: again}
	case before.allowed > 0:
		return s.allow(ctx, tx, p, before.lost+1)
	}
	_, err = tx.ExecContext(ctx, s.dialect.sql(`INSERT INTO attempts (user_id, person, asked_at, allowed, pending) VALUES (?, ?, {now}, 1, 1)`),
		p.User, p.person)
	return err
}

// attempts returns whom a user has claimed to be within questionWindow, and the time.
func (s *store) attempts(ctx context.Context, tx *sql.Tx, user string) (attempts []attempt, now int64, err error) {
	err = tx.QueryRowContext(ctx, s.dialect.sql(`SELECT {now}`)).Scan(&now)
	if err != nil {
		return nil, 0, err
	}
	start := now - questionWindow.Milliseconds()
	_, err = tx.ExecContext(ctx, s.dialect.sql(`DELETE FROM attempts WHERE user_id = ? AND asked_at <= ?`), user, start)
	if err != nil {
		return nil, 0, err
	}
	rows, err := tx.QueryContext(ctx, s.dialect.sql(`SELECT person, allowed, asked_at, (SELECT COUNT(*) FROM questions
			WHERE questions.person = attempts.person AND questions.asked_at > ?
			AND (answer = ? OR answer = '' AND questions.asked_at < ?))
		FROM attempts WHERE user_id = ?`), start, answerMaybeBilled, now-abandonedAfter.Milliseconds(), user)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var a attempt
		if err := rows.Scan(&a.person, &a.allowed, &a.at, &a.lost); err != nil {
			return nil, 0, err
		}
		attempts = append(attempts, a)
	}
	return attempts, now, rows.Err()
}

// rely notes that one more request relies on a question that is allowed.
func (s *store) rely(ctx context.Context, tx *sql.Tx, p payment) error {
	_, err := tx.ExecContext(ctx, s.dialect.sql(`UPDATE attempts SET pending = pending + 1 WHERE user_id = ? AND person = ?`), p.User, p.person)
	return err
}

// allow allows another question about a person whom the user has claimed to be before.
func (s *store) allow(ctx context.Context, tx *sql.Tx, p payment, questions int) error {
	_, err := tx.ExecContext(ctx, s.dialect.sql(`UPDATE attempts SET asked_at = {now}, allowed = ?, pending = pending + 1
		WHERE user_id = ? AND person = ?`), questions, p.User, p.person)
	return err
}

// costsNothing reports whether err says that no question was billed. A caller who has
// left does not know what came of the question: that counts.
func costsNothing(err error) bool {
	_, ofService := errors.AsType[serviceError](err)
	_, ofDatabase := errors.AsType[databaseFault](err)
	return (ofService || ofDatabase) && !errors.Is(err, id2meta.ErrMaybeBilled)
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
