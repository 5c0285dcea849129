package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"github.com/id2meta/id2meta"
)

// What can come of a question besides a verdict.
const (
	answerRefused     = "refused"      // it was never put: the limit of the account or the database did not let it
	answerFailed      = "failed"       // no verdict, and no bill
	answerMaybeBilled = "maybe billed" // id2meta.ErrMaybeBilled
)

// journal is an id2meta.Verifier that writes each question down before it is put to
// the service, and what came of it. A question that is left without an answer was
// under way when its replica died. The journal stands behind the cache, so it sees
// only real questions.
//
// A question is written down at the last moment, by noteOnceGranted: in a rush most
// questions are refused before they are sent, and those leave no row.
type journal struct {
	next    id2meta.Verifier
	store   *store
	hash    hasher
	logger  *slog.Logger
	metrics *metrics

	questions underWay
}

// question is one call of the service. It travels in the context.
type question struct {
	write  func(ctx context.Context) error
	isNote bool  // it is written down
	err    error // why it could not be written down
}

type questionKey struct{}

// noteOnceGranted is the Limiter of the Client behind the journal. The Client asks its
// Limiter right before it sends a request.
type noteOnceGranted struct{ limiter id2meta.Limiter }

// queueTimeout is the longest that a question waits for the limit of the account. In a
// rush the queue is always that long, so it is what a user waits at most to be refused.
const queueTimeout = 3 * time.Second

// Wait lets no request be sent that cannot be written down.
func (l noteOnceGranted) Wait(ctx context.Context) error {
	queue, cancel := context.WithTimeout(ctx, queueTimeout)
	defer cancel()
	if err := l.limiter.Wait(queue); err != nil {
		return err
	}
	q, ok := ctx.Value(questionKey{}).(*question)
	if !ok {
		return errors.New("this is no question of the journal")
	}
	if q.isNote { // this is another attempt
		return nil
	}
	q.err = q.write(ctx)
	q.isNote = q.err == nil
	return q.err
}

func (j *journal) Verify(ctx context.Context, person id2meta.Param) (id2meta.Result, error) {
	id := rand.Text()
	if !j.questions.begin(id, person) {
		return id2meta.Result{}, serviceError{fmt.Errorf("%w: this replica is shutting down", id2meta.ErrUnavailable)}
	}
	defer j.questions.end(id)
	q := &question{write: func(ctx context.Context) error {
		return j.store.noteQuestion(ctx, id, j.hash.person(person))
	}}
	started := time.Now()
	result, err := j.next.Verify(context.WithValue(ctx, questionKey{}, q), person)
	answer := answerRefused
	if q.isNote {
		answer = answerOf(result, err)
		j.noteAnswer(ctx, id, answer, requestIDOf(result, err), err)
	}
	j.metrics.question(answer, time.Since(started))
	switch {
	case q.err != nil:
		return id2meta.Result{}, j.store.fault(q.err)
	case err != nil:
		return id2meta.Result{}, serviceError{err}
	case !q.isNote:
		return id2meta.Result{}, errors.New("a verdict came of a question that is not written down")
	}
	return result, nil
}

// noteAnswer logs our own trouble as an error: perhaps nobody waits for it any more.
func (j *journal) noteAnswer(ctx context.Context, id, answer, requestID string, failure error) {
	level, attrs := slog.LevelInfo, []any{"question", id, "answer", answer, "request_id", requestID}
	if failure != nil {
		attrs = append(attrs, "err", failure)
	}
	if remedy := id2meta.RemedyOf(failure); remedy == id2meta.RemedyOperator || remedy == id2meta.RemedyReport {
		level = slog.LevelError
	}
	j.logger.Log(ctx, level, "asked", attrs...)
	err := j.store.patiently(context.WithoutCancel(ctx), func(ctx context.Context) error {
		return j.store.noteAnswer(ctx, id, answer, requestID)
	})
	if err != nil {
		j.logger.Warn("an answer could not be written down", "question", id, "err", err)
	}
}

func answerOf(result id2meta.Result, err error) string {
	switch {
	case err == nil && result.BizCode.Valid():
		return result.BizCode.String()
	case err == nil || errors.Is(err, id2meta.ErrMaybeBilled):
		return answerMaybeBilled
	}
	return answerFailed
}

// requestIDOf finds the ID by which the vendor's support finds the call.
func requestIDOf(result id2meta.Result, err error) string {
	if api, ok := errors.AsType[*id2meta.APIError](err); ok {
		return api.RequestID
	}
	return result.RequestID
}

// serviceError is an error of the service, and not of the cache before it.
type serviceError struct{ error }

func (e serviceError) Unwrap() error { return e.error }

// noteQuestion refuses a question about a person about whom too many were lost. The
// cache lets only one question about a person be under way.
func (s *store) noteQuestion(ctx context.Context, id string, person []byte) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	lost, err := s.lost(ctx, s.db, person)
	if err != nil {
		return err
	}
	if lost >= maxQuestions {
		return refusal{status: http.StatusTooManyRequests, Code: "asked_too_often", retryAfter: retryAfterRepeated,
			Message: id2meta.RemedyNotThisPerson.Chinese()}
	}
	_, err = s.db.ExecContext(ctx, s.dialect.sql(`INSERT INTO questions (id, person, asked_at) VALUES (?, ?, {now})`), id, person)
	return err
}

// requestIDForm is what every database takes. The service's are UUIDs.
var requestIDForm = regexp.MustCompile(`^[!-~]{0,128}$`)

func (s *store) noteAnswer(ctx context.Context, id, answer, requestID string) error {
	if !requestIDForm.MatchString(requestID) {
		requestID = ""
	}
	_, err := s.db.ExecContext(ctx, s.dialect.sql(`UPDATE questions SET answer = ?, request_id = ? WHERE id = ?`), answer, requestID, id)
	return err
}

// patiently tries f for as long as the database is away, but not longer than others
// wait for a question, and returns the last error.
func (s *store) patiently(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, lease)
	defer cancel()
	for {
		err := f(ctx)
		if err == nil || s.dialect.trouble(err) == mistake || ctx.Err() != nil {
			return err
		}
		sleep(ctx, 100*time.Millisecond)
	}
}
