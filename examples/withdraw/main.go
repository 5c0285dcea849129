// Withdraw is an HTTP service in which a withdrawal is paid only to a verified
// person. The README says how to run it and how to take it into production.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/id2meta/id2meta"
)

// config is what the command line says.
type config struct {
	live, migrate               bool
	listen, db, redis, endpoint string
	dailyLimit                  int
}

// parse reads the command line. If it is wrong, the program ends.
func parse() (c config) {
	flag.BoolVar(&c.live, "live", false, "ask the real service, which bills each call, with the credential\n"+
		"of the provider chain and the key in "+hashKeyVariable+";\nwithout -live, an embedded simulator answers")
	flag.BoolVar(&c.migrate, "migrate", false, "make the tables in -db, and end")
	flag.StringVar(&c.listen, "listen", "127.0.0.1:8080", "serve HTTP on this `address`")
	flag.StringVar(&c.db, "db", "", "keep verdicts and payments in this `database`: a file (SQLite),\n"+
		"postgres://user@host:5432/name or mysql://user@tcp(host:3306)/name,\nwith the password in "+dbPasswordVariable+"\n"+
		"(default: a temporary file; -live and -migrate need a database)")
	flag.StringVar(&c.redis, "redis", "", "share both limits with all that use this `redis`://host:6379/0,\n"+
		"or by TLS rediss://, with the password in "+redisPasswordVariable+"\n(default: this process keeps to them alone)")
	flag.IntVar(&c.dailyLimit, "daily-limit", 10_000, "send at most this many requests a day")
	flag.StringVar(&c.endpoint, "endpoint", "", "with -live, ask this `host` (default: the library's)")
	flag.Parse()
	if flag.NArg() > 0 || (c.live || c.migrate) && c.db == "" {
		fmt.Fprintln(os.Stderr, "withdraw: it takes flags only, and -live and -migrate need -db; see -h")
		os.Exit(2)
	}
	return c
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the next one kills: for those who cannot wait.
	context.AfterFunc(ctx, stop)

	if err := run(ctx, parse()); err != nil {
		slog.Error("withdraw", "err", err)
		os.Exit(1)
	}
}

// run serves until ctx is done.
func run(ctx context.Context, c config) (err error) {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	hashKey, err := readHashKey(c)
	if err != nil {
		return err
	}
	client, err := newClient(c, logger)
	if err != nil {
		return err
	}
	temporary := c.db == ""
	if temporary {
		dir, err := os.MkdirTemp("", "withdraw-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		c.db = filepath.Join(dir, "withdraw.db")
	}
	store, err := openStore(ctx, c.db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.db.Close()) }()
	if c.migrate || temporary {
		if err := store.migrate(ctx); err != nil || c.migrate {
			return err
		}
	}
	service, err := newServer(client, store, hashKey, logger)
	if err != nil {
		return err
	}
	if err := service.check(ctx); err != nil {
		return fmt.Errorf("database %s: %w", store.name, err)
	}
	if err := client.Check(ctx); err != nil { // who is verified already is paid all the same
		logger.Error("nobody can be verified now", "err", err, "remedy", id2meta.RemedyOf(err).String())
	}
	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return err
	}
	if !c.live {
		logger.Warn("a simulator answers, which knows one person; nobody real is asked, and nothing is billed")
	}
	logger.Info("serving http://"+listener.Addr().String(), "database", store.name, "live", c.live)
	go store.keepTidy(ctx, logger)
	return serve(ctx, listener, service)
}

const (
	readTimeout = 10 * time.Second
	// writeTimeout runs from the head of a request to the end of the answer: it must leave
	// time for reading, for a verdict and for five visits to the database.
	writeTimeout = readTimeout + verdictTimeout + 5*storeTimeout
)

// serve serves until ctx is done, and then ends what is under way.
func serve(ctx context.Context, listener net.Listener, service *server) error {
	server := &http.Server{
		Handler:      service.handler(),
		ReadTimeout:  readTimeout,
		WriteTimeout: writeTimeout,
		IdleTimeout:  2 * time.Minute,
		ErrorLog:     slog.NewLogLogger(service.logger.Handler(), slog.LevelWarn),
		// The context of requests is not ctx: the signal would end them.
	}
	ended := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		service.logger.Info("shutting down; a second signal ends it at once")
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
		defer cancel()
		// A client who has left has been paid for: Wait lets the verdict arrive and be remembered.
		ended <- errors.Join(server.Shutdown(ctx), service.cache.Wait(ctx))
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-ended
}
