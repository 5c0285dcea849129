// Command service is an HTTP service that verifies people. Copy this example first. It
// asks a simulator, or with -live Alibaba Cloud, which bills each call.
//
//	go run ./examples/service
//	curl -d '{"name":"张三","id_number":"11010519491231002X"}' 127.0.0.1:8080/verify
//
// The service has no sign-in and no TLS. Put it behind a gateway that has both.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/verdictcache"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	live := flag.Bool("live", false, "ask Alibaba Cloud, with the credential of the provider chain; each call is billed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr, *live, slog.Default()); err != nil {
		slog.Error("service", "error", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, and then waits for what is under way.
func run(ctx context.Context, addr string, live bool, log *slog.Logger) error {
	options := []id2meta.Option{
		id2meta.WithTimeout(3 * time.Second),
		id2meta.WithLimiter(rate.NewLimiter(45, 4)), // for one process; for several processes use package redislimiter
		id2meta.WithDailyLimit(10_000),              // a loop or a guesser costs no more than this
		id2meta.WithLogger(log),
	}
	if !live {
		simulator := id2metatest.NewServer()
		defer simulator.Close()
		simulator.AddPerson("张三", "11010519491231002X")
		options = append(options, simulator.Options()...)
	}
	client, err := id2meta.New(options...)
	if err != nil {
		return err
	}
	if err := client.Check(ctx); err != nil { // a wrong key is told now, and not by the first user
		return err
	}
	// Several processes need package sqlstore or redisstore, and a secret for ParseHashKey.
	store, err := verdictcache.NewMemory(100_000)
	if err != nil {
		return err
	}
	cache, err := verdictcache.New(client, store, []byte(rand.Text()+rand.Text()), verdictcache.WithLogger(log))
	if err != nil {
		return err
	}
	mux := handler(cache, log)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { // ask it once in ten seconds
		if err := errors.Join(cache.Check(r.Context()), client.Check(r.Context())); err != nil {
			log.Warn("not ready", "error", err, "remedy", id2meta.RemedyOf(err).String())
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) { // alarm on client.MaybeBilled
		json.NewEncoder(w).Encode(map[string]any{"client": client.Stats(), "cache": cache.Stats()})
	})
	server := &http.Server{Addr: addr, Handler: mux, ReadTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		// A user who has left has been paid for: Wait lets the verdict arrive and be remembered.
		ended <- errors.Join(server.Shutdown(ctx), cache.Wait(ctx))
	})
	log.Info("listening", "address", addr, "live", live)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-ended
}

type answer struct {
	Match   bool   `json:"match"`
	Verdict string `json:"verdict,omitempty"`
	Error   string `json:"error,omitempty"` // a Chinese sentence for the user
}

// handler serves POST /verify. Its tests need no network, since Verifier is an interface.
func handler(verifier id2meta.Verifier, log *slog.Logger) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /verify", func(w http.ResponseWriter, r *http.Request) {
		var person struct {
			Name   string `json:"name"`
			Number string `json:"id_number"`
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&person); err != nil {
			reply(w, http.StatusBadRequest, answer{Error: "请求应为 JSON，name 和 id_number 都是字符串。"}) // err may repeat the person
			return
		}
		result, err := verifier.Verify(r.Context(), id2meta.Param{UserName: person.Name, IdentifyNum: person.Number})
		if err != nil {
			log.Warn("no verdict", "error", err, "remedy", id2meta.RemedyOf(err).String()) // err holds no personal data
			status, text := refusal(err)
			reply(w, status, answer{Error: text})
			return
		}
		reply(w, http.StatusOK, answer{Match: result.Match(), Verdict: result.BizCode.String()})
	})
	return mux
}

// refusal is a status, and a Chinese sentence for the user.
func refusal(err error) (status int, text string) {
	remedy := id2meta.RemedyOf(err)
	text = remedy.Chinese()
	if e, ok := errors.AsType[*id2meta.ParamError](err); ok {
		text = e.Chinese()
	}
	statuses := map[id2meta.Remedy]int{
		id2meta.RemedyCorrectInput:  http.StatusUnprocessableEntity,
		id2meta.RemedyNotThisPerson: http.StatusTooManyRequests,
		id2meta.RemedyTryLater:      http.StatusServiceUnavailable,
	}
	return cmp.Or(statuses[remedy], http.StatusInternalServerError), text
}

func reply(w http.ResponseWriter, status int, a answer) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(a)
}
