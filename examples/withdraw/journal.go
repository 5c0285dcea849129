package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"regexp"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

// What else than a verdict can come of a question.
const (
	answerFailed      = "failed"       // no verdict, and no bill
	answerMaybeBilled = "maybe billed" // id2meta.ErrMaybeBilled
)

// journal is an id2meta.Verifier that writes each question down before it is asked,
// and what came of it. What is left without an answer was under way when its replica
// died. It stands behind the cache, so that only real questions are seen.
type journal struct {
	next    id2meta.Verifier
	store   *store
	hash    hasher
	logger  *slog.Logger
	metrics *metrics
}

// Verify asks nothing that cannot be written down.
func (j *journal) Verify(ctx context.Context, person id2meta.Param) (id2meta.Result, error) {
	id := rand.Text()
	if err := j.store.noteQuestion(ctx, id, j.hash.person(person)); err != nil {
		return id2meta.Result{}, j.store.fault(err)
	}
	started := time.Now()
	result, err := j.next.Verify(ctx, person)
	answer := answerOf(result, err)
	j.metrics.question(answer, time.Since(started))
	j.logger.Info("asked", "question", id, "answer", answer, "request_id", result.RequestID)
	failed := j.store.patiently(context.WithoutCancel(ctx), func(ctx context.Context) error {
		return j.store.noteAnswer(ctx, id, answer, result.RequestID)
	})
	if failed != nil {
		j.logger.Warn("an answer could not be written down", "question", id, "err", failed)
	}
	if err != nil {
		return id2meta.Result{}, serviceError{err}
	}
	return result, nil
}

func answerOf(result id2meta.Result, err error) string {
	switch result.BizCode {
	case id2meta.BizCodeMatch, id2meta.BizCodeMismatch, id2meta.BizCodeNoRecord:
		if err == nil {
			return result.BizCode.String()
		}
	}
	if err != nil && !errors.Is(err, id2meta.ErrMaybeBilled) {
		return answerFailed
	}
	return answerMaybeBilled
}

// serviceError is an error of the service, and not of the cache before it.
type serviceError struct{ error }

func (e serviceError) Unwrap() error { return e.error }

func (s *store) noteQuestion(ctx context.Context, id string, person []byte) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	_, err := s.db.ExecContext(ctx, s.dialect.sql(`INSERT INTO questions (id, person, asked_at) VALUES (?, ?, {now})`), id, person)
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

// patientStore saves verdicts although the database is away for a moment: they are
// billed, and would be asked for again.
type patientStore struct {
	verdictcache.Store
	store *store
}

func (s patientStore) Save(ctx context.Context, key verdictcache.Key, claimer verdictcache.Claimer, verdict id2meta.Result, lifetime time.Duration) (saved bool, err error) {
	err = s.store.patiently(ctx, func(ctx context.Context) (err error) {
		saved, err = s.Store.Save(ctx, key, claimer, verdict, lifetime)
		return err
	})
	return saved, err
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
