package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/id2meta/id2meta"
)

const (
	// verifyTimeout bounds one question, retries of the library included.
	verifyTimeout = 10 * time.Second
	// storeTimeout bounds each visit to the database.
	storeTimeout = 5 * time.Second
)

// server pays withdrawals to verified persons.
type server struct {
	verifier id2meta.Verifier
	store    *store
	hash     hasher
	logger   *slog.Logger
	now      func() time.Time
	flights  singleflight.Group // the questions under way, by user and person
}

func newServer(verifier id2meta.Verifier, store *store, hash hasher, logger *slog.Logger) http.Handler {
	s := &server{verifier: verifier, store: store, hash: hash, logger: logger, now: time.Now}
	return s.handler()
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /withdrawals", s.postWithdrawal)
	mux.HandleFunc("GET /healthz", s.getHealth)
	return mux
}

// getHealth does not ask the service: a question would be billed.
func (s *server) getHealth(w http.ResponseWriter, r *http.Request) {
	if err := s.store.ping(r.Context()); err != nil {
		s.logger.Error("health", "err", err)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func (s *server) postWithdrawal(w http.ResponseWriter, r *http.Request) {
	request, err := readWithdrawal(w, r)
	var paid payment
	if err == nil {
		paid, err = s.withdraw(r.Context(), request)
	}
	switch {
	case err == nil:
		s.logger.Info("paid", "user", paid.User, "amount", paid.Amount, "id", paid.ID, "repeated", paid.repeated)
		writeJSON(w, http.StatusCreated, paid)
	case r.Context().Err() != nil:
		s.logger.Info("the client left before it was paid", "user", request.user)
		if refused := refusalOf(err); refused.status >= http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
			s.logRefusal(request.user, refused, err) // it may be why the client did not wait
		}
	default:
		refused := refusalOf(err)
		s.logRefusal(request.user, refused, err)
		refused.write(w)
	}
}

// logRefusal has the error itself only where it says more than the answer does.
func (s *server) logRefusal(user string, refused refusal, err error) {
	attrs := []any{"user", user, "status", refused.status, "error", refused.Code}
	switch {
	case refused.status == http.StatusInternalServerError:
		s.logger.Error("not paid", append(attrs, "err", err)...)
	case refused.status == http.StatusServiceUnavailable:
		s.logger.Warn("not paid", append(attrs, "err", err)...)
	default:
		s.logger.Info("not paid", attrs...)
	}
}

// withdraw pays, or says why not.
func (s *server) withdraw(ctx context.Context, w withdrawal) (payment, error) {
	p := payment{User: w.user, Amount: w.amount, person: s.hash.person(w.person)}
	if w.idempotencyKey != "" {
		p.idempotencyKey = s.hash.idempotencyKey(w.idempotencyKey)
	}
	verdict, err := s.verdict(ctx, p, w.person)
	if err != nil {
		return payment{}, err
	}
	if verdict != id2meta.BizCodeMatch {
		code := strings.ReplaceAll(verdict.String(), " ", "_") // mismatch, no_record
		return payment{}, refusal{status: http.StatusUnprocessableEntity, Code: code}
	}
	// A client that has left will ask again, and might then be paid twice. From
	// here on it is too late to leave.
	if err := ctx.Err(); err != nil {
		return payment{}, err
	}
	paid, err := s.store.pay(context.WithoutCancel(ctx), p, s.now())
	return paid, ofStore(err)
}

// ofStore says whose error it is. A deadline of the database is our own trouble
// and not the service's, so errors.Is must not find it.
func ofStore(err error) error {
	if _, ok := errors.AsType[refusal](err); ok || err == nil {
		return err
	}
	return fmt.Errorf("database: %v", err)
}

// errNoVerdict is the fault of a Verifier that is not id2meta's.
var errNoVerdict = errors.New("the verifier returned neither a verdict nor an error")

// verdict makes one question of those that are the same and come at the same
// time.
//
// The question does not end when the client that came first leaves: others may
// wait for it, and it is paid for, so its answer is worth remembering. Every
// caller waits for its end, so that at shutdown none is cut off.
func (s *server) verdict(ctx context.Context, p payment, person id2meta.Param) (id2meta.BizCode, error) {
	key := p.User + "/" + hex.EncodeToString(p.person)
	verdict, err, _ := s.flights.Do(key, func() (any, error) {
		return s.remembered(context.WithoutCancel(ctx), p, person)
	})
	if err != nil {
		return "", err
	}
	return verdict.(id2meta.BizCode), nil
}

// remembered asks only if the store does not know the answer. The store hears of
// the question first: if it cannot write, nothing is asked and nothing billed.
func (s *server) remembered(ctx context.Context, p payment, person id2meta.Param) (id2meta.BizCode, error) {
	verdict, err := s.store.recall(ctx, p.User, p.person, s.now())
	if err != nil || verdict != "" {
		return verdict, ofStore(err)
	}
	result, err := s.ask(ctx, person)
	if err != nil {
		return "", err
	}
	switch result.BizCode {
	case id2meta.BizCodeMatch, id2meta.BizCodeMismatch, id2meta.BizCodeNoRecord:
	default:
		return "", errNoVerdict
	}
	s.logger.Info("asked", "user", p.User, "verdict", result.BizCode.String(), "request_id", result.RequestID)
	return result.BizCode, ofStore(s.store.remember(ctx, p.User, p.person, result))
}

func (s *server) ask(ctx context.Context, person id2meta.Param) (id2meta.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	return s.verifier.Verify(ctx, person)
}
