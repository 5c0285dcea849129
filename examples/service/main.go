// Command service is an HTTP service that verifies people. Copy this example first. By
// default it starts a simulator and asks the simulator. With -live it asks Alibaba
// Cloud, which bills each call.
//
//	go run ./examples/service
//	curl -d '{"name":"张三","id_number":"11010519491231002X"}' 127.0.0.1:8080/verify
//
// The service has no sign-in and no TLS. Put it behind a gateway that has both.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"net"
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

// run serves until ctx ends, and then waits for the requests under way.
func run(ctx context.Context, addr string, live bool, log *slog.Logger) error {
	options := []id2meta.Option{
		id2meta.WithTimeout(3 * time.Second),
		id2meta.WithLimiter(rate.NewLimiter(45, 4)), // for one process; for several processes use package redislimiter
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
	// Memory is for one process. Several processes need package sqlstore or redisstore,
	// and one secret hashKey that stays the same.
	hashKey := []byte(rand.Text() + rand.Text())
	store, err := verdictcache.NewMemory(100_000)
	if err != nil {
		return err
	}
	verifier, err := verdictcache.New(client, store, hashKey, verdictcache.WithLogger(log))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	log.Info("listening", "address", listener.Addr().String(), "live", live)

	server := &http.Server{Handler: handler(verifier, log), ReadTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}

// answer is the body of an answer. Error is a Chinese sentence for the user.
type answer struct {
	Match   bool   `json:"match"`
	Verdict string `json:"verdict,omitempty"`
	Error   string `json:"error,omitempty"`
}

// handler serves POST /verify. It depends on the interface Verifier, so that its tests
// need no network.
func handler(verifier id2meta.Verifier, log *slog.Logger) http.Handler {
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
			reply(w, status(id2meta.RemedyOf(err)), answer{Error: textFor(err)})
			return
		}
		reply(w, http.StatusOK, answer{Match: result.Match(), Verdict: result.BizCode.String()})
	})
	return mux
}

func status(remedy id2meta.Remedy) int {
	switch remedy {
	case id2meta.RemedyCorrectInput:
		return http.StatusUnprocessableEntity
	case id2meta.RemedyNotThisPerson:
		return http.StatusTooManyRequests
	case id2meta.RemedyTryLater:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func textFor(err error) string {
	if e, ok := errors.AsType[*id2meta.ParamError](err); ok {
		return e.Chinese()
	}
	return id2meta.RemedyOf(err).Chinese()
}

func reply(w http.ResponseWriter, status int, a answer) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(a)
}
