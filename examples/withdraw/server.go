package main

import (
	"context"
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
	// questionTimeout bounds one question, retries of the library included.
	questionTimeout = 10 * time.Second
	// verdictTimeout bounds the wait for a verdict: another replica may be asking,
	// and may have died.
	verdictTimeout = questionTimeout + lease
	// lease is for how long a question is that of a replica which gives no sign of
	// life. It is also for how long a database may be away without a bill for it.
	lease = 15 * time.Second
)

// server pays withdrawals to verified persons.
type server struct {
	cache   id2meta.Verifier // asks about each person once
	journal *journal         // behind the cache
	store   *store
	hash    hasher
	logger  *slog.Logger
	metrics *metrics
}

// newServer puts the cache in front of the verifier. If the database fails, nobody
// is asked: who is verified could not be paid either.
func newServer(verifier id2meta.Verifier, store *store, hash hasher, logger *slog.Logger) (*server, error) {
	metrics := newMetrics()
	journal := &journal{next: verifier, store: store, hash: hash, logger: logger, metrics: metrics}
	cache, err := verdictcache.New(journal, store.verdicts, hash.verdicts(),
		verdictcache.WithLease(lease), verdictcache.WithFailClosed(), verdictcache.WithLogger(logger))
	if err != nil {
		return nil, err
	}
	metrics.watch(cache)
	return &server{cache, journal, store, hash, logger, metrics}, nil
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /withdrawals", s.postWithdrawal)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", s.getReady)
	mux.Handle("GET /metrics", s.metrics.handler())
	return mux
}

// getReady does not ask the service: a question would be billed.
func (s *server) getReady(w http.ResponseWriter, r *http.Request) {
	if err := s.store.ping(r.Context()); err != nil {
		s.logger.Warn("not ready", "err", err)
		http.Error(w, "the database is away", http.StatusServiceUnavailable)
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
		s.logger.Info("the client left before it was paid", "user", request.user)
		if refused.status >= http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
			s.logRefusal(request.user, refused, err) // it may be why the client did not wait
		}
		refused.Code = "client_left"
	default:
		s.logRefusal(request.user, refused, err)
		refused.write(w)
	}
	s.metrics.withdrawal(paid, refused, time.Since(started))
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
	if paid, err := s.pay(ctx, p); !errors.Is(err, errNotVerified) {
		return paid, err
	}
	result, err := s.verdict(ctx, w.person)
	if err != nil {
		if !errors.Is(err, id2meta.ErrMaybeBilled) {
			s.forgive(ctx, p)
		}
		return payment{}, err
	}
	if !result.Match() {
		code := strings.ReplaceAll(result.BizCode.String(), " ", "_") // mismatch, no_record
		return payment{}, refusal{status: http.StatusUnprocessableEntity, Code: code}
	}
	if err := s.store.bind(context.WithoutCancel(ctx), p.User, p.person); err != nil {
		return payment{}, s.store.fault(err)
	}
	return s.pay(ctx, p)
}

// forgive does not let a failure that cost nothing count against the user.
func (s *server) forgive(ctx context.Context, p payment) {
	if err := s.store.forgive(context.WithoutCancel(ctx), p); err != nil {
		s.logger.Warn("an attempt that cost nothing still counts", "user", p.User, "err", oneLine(err))
	}
}

// pay pays nobody who has left: such a client will ask again, and might then be
// paid twice. From here on it is too late to leave.
func (s *server) pay(ctx context.Context, p payment) (payment, error) {
	if err := ctx.Err(); err != nil {
		return payment{}, err
	}
	paid, err := s.store.pay(context.WithoutCancel(ctx), p)
	return paid, s.store.fault(err)
}

// verdict ends when the client leaves. The cache then gives up a question that has not
// been sent; one that has been sent is paid for, goes on, and its verdict is remembered.
func (s *server) verdict(ctx context.Context, person id2meta.Param) (id2meta.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, verdictTimeout)
	defer cancel()
	result, err := s.cache.Verify(ctx, person)
	_, ofService := errors.AsType[serviceError](err)
	if err == nil || ofService || errors.Is(err, id2meta.ErrMaybeBilled) || ctx.Err() != nil {
		return result, err
	}
	return id2meta.Result{}, s.store.fault(err) // the cache refuses for want of its table
}
