package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

const (
	// verdictTimeout bounds the wait for a verdict: another replica may be asking, and may
	// have died. Its claim is dead after one and a half times askTimeout.
	verdictTimeout = 3 * askTimeout
	// checkTimeout leaves time for the writes of a check on a disk that others keep busy.
	checkTimeout = 10 * time.Second
)

// server pays withdrawals to verified persons.
type server struct {
	cache   *verdictcache.Cache // asks about each person once
	store   *store
	hashKey []byte
	logger  *slog.Logger
	metrics *metrics
}

// newServer puts the cache in front of the verifier. If the database fails, nobody is
// asked: who is verified could not be paid either.
func newServer(verifier id2meta.Verifier, store *store, hashKey []byte, logger *slog.Logger) (*server, error) {
	cache, err := verdictcache.New(verifier, store.verdicts, hashKey, verdictcache.WithFailClosed(), verdictcache.WithLogger(logger))
	if err != nil {
		return nil, err
	}
	return &server{cache, store, hashKey, logger, newMetrics(verifier, cache)}, nil
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /withdrawals", s.postWithdrawal)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", s.getReady)
	mux.Handle("GET /metrics", s.metrics.handler())
	return http.NewCrossOriginProtection().Handler(mux) // pages of other sites
}

// check reports whether the tables are there and the database can be written, by a
// process that has its hash key.
func (s *server) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if err := s.store.checkTables(ctx); err != nil {
		return fmt.Errorf("run withdraw -migrate before the replicas start: %w", err)
	}
	return s.cache.Check(ctx)
}

func (s *server) getReady(w http.ResponseWriter, r *http.Request) {
	if err := s.check(r.Context()); err != nil {
		s.logger.Warn("not ready", "err", err)
		http.Error(w, "the database cannot be written", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

func (s *server) postWithdrawal(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	request, err := readWithdrawal(w, r)
	var paid payment
	if err == nil {
		paid, err = s.withdraw(r.Context(), request)
	}
	refused := refusalOf(err)
	switch {
	case err == nil:
		s.logger.Info("paid", "user", paid.User, "amount", paid.Amount, "id", paid.ID, "repeated", paid.repeated)
		writeJSON(w, http.StatusCreated, paid)
	case r.Context().Err() != nil:
		s.logger.Info("the client left before it was paid", "user", request.user, "err", err)
		refused.Code = "client_left"
	default:
		level := slog.LevelInfo
		if refused.status == http.StatusInternalServerError {
			level = slog.LevelError
		}
		s.logger.Log(r.Context(), level, "not paid", "user", request.user, "status", refused.status, "error", refused.Code, "err", err)
		refused.write(w)
	}
	s.metrics.withdrawal(paid, refused, time.Since(started))
}

// withdraw pays, or says why not.
func (s *server) withdraw(ctx context.Context, w withdrawal) (payment, error) {
	keys, err := s.cache.Keys(w.person) // hashes of the person
	if err != nil {
		return payment{}, err
	}
	p := payment{User: w.user, Amount: w.amount, person: keys[0][:]}
	if w.idempotencyKey != "" { // a client may put anything into it
		mac := hmac.New(sha256.New, s.hashKey)
		mac.Write([]byte(w.idempotencyKey))
		p.idempotencyKey = mac.Sum(nil)
	}
	if paid, err := s.pay(ctx, p); !errors.Is(err, errNotVerified) {
		return paid, err
	}
	if err := s.store.attempt(ctx, p); err != nil {
		return payment{}, err
	}
	verdict, cancel := context.WithTimeout(ctx, verdictTimeout)
	defer cancel()
	result, err := s.cache.Verify(verdict, w.person)
	afterwards := context.WithoutCancel(ctx)
	if errors.Is(err, id2meta.ErrMaybeBilled) {
		err = errors.Join(err, s.store.countAgain(afterwards, p))
	}
	if err != nil {
		return payment{}, err
	}
	if !result.Match() {
		code := strings.ReplaceAll(result.BizCode.String(), " ", "_") // mismatch, no_record
		return payment{}, refusal{status: http.StatusUnprocessableEntity, Code: code}
	}
	if err := s.store.bind(afterwards, p, result); err != nil {
		return payment{}, err
	}
	return s.pay(ctx, p)
}

// pay pays nobody who has left: such a client will ask again, and might then be
// paid twice. From here on it is too late to leave.
func (s *server) pay(ctx context.Context, p payment) (payment, error) {
	if err := ctx.Err(); err != nil {
		return payment{}, err
	}
	return s.store.pay(context.WithoutCancel(ctx), p)
}
