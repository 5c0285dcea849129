// Withdraw is an HTTP service in which a withdrawal is paid only to a verified
// person. The README says how to run it and how to take it into production.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the next one kills: for those who cannot wait.
	context.AfterFunc(ctx, stop)

	err := run(ctx, os.Args[1:], os.Getenv(hashKeyVariable), os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage): // the flag package has told the reason
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "withdraw:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("wrong command line")

// run is the program: it serves until ctx is done.
func run(ctx context.Context, args []string, hashKey string, stdout, stderr io.Writer) (err error) {
	c, err := parse(args, stderr)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(stderr, nil))

	key, err := parseHashKey(hashKey, c.live)
	if err != nil {
		return err
	}
	if c.db == "" {
		dir, err := os.MkdirTemp("", "withdraw-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		c.db, c.temporary = filepath.Join(dir, "withdraw.db"), true
	}
	source := "simulator"
	if c.live {
		source = "service"
	}
	hash := newHasher(key, source)
	store, err := openStore(ctx, c.db, hash.check())
	if err != nil {
		return err
	}
	// All handlers have returned when this runs.
	defer func() { err = errors.Join(err, store.close()) }()

	options := []id2meta.Option{id2meta.WithLogger(logger)}
	if !c.live {
		simulator := id2metatest.NewServer()
		defer simulator.Close()
		simulator.AddPerson(demoName, demoNumber)
		options = append(options, simulator.Options()...)
	}
	client, err := id2meta.New(options...)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()

	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return err
	}
	c.banner(stdout, listener.Addr())
	return serve(ctx, listener, newServer(client, store, hash, logger), logger)
}

type config struct {
	live      bool
	listen    string
	db        string
	temporary bool // db ends with the program
}

func parse(args []string, stderr io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("withdraw", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&c.live, "live", false, "ask the real service, which bills each question, with the credential\n"+
		"of the provider chain; without it, an embedded simulator answers")
	flags.StringVar(&c.listen, "listen", "127.0.0.1:8080", "serve HTTP on this `address`")
	flags.StringVar(&c.db, "db", "", "keep verdicts and payments in this SQLite `file`\n"+
		"(default: withdraw.db with -live, otherwise a temporary file)")
	flags.Usage = func() {
		fmt.Fprint(stderr, "Usage: withdraw [flags]\n\n"+
			"POST /withdrawals pays a withdrawal, only to a verified person.\n\n"+
			"Environment:\n  "+hashKeyVariable+"\n    \tkey of the hashes by which people are remembered: 64 or more hex\n"+
			"    \tdigits (openssl rand -hex 32). Needed with -live.\n\nFlags:\n")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return config{}, err
	} else if err != nil {
		return config{}, errUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintln(stderr, "withdraw: it takes flags only; see -h")
		return config{}, errUsage
	}
	if c.live && c.db == "" {
		c.db = "withdraw.db"
	}
	return c, nil
}

// The one person whom the simulator knows. The number is GB 11643's own sample.
const (
	demoName   = "张三"
	demoNumber = "11010519491231002X"
)

func (c config) banner(w io.Writer, address net.Addr) {
	if c.live {
		fmt.Fprintf(w, "LIVE: the real service is asked, and bills each question.\n"+
			"Serving http://%s, database %s\n", address, c.db)
		return
	}
	kept := ""
	if c.temporary {
		kept = " (deleted at the end; -db keeps one)"
	}
	fmt.Fprintf(w, `SIMULATOR: nobody real is asked, and nothing is billed. -live asks the real service.
Serving http://%s, database %s%s

The simulator knows one person. In another terminal, twice (only the first asks):

curl -i http://%[1]s/withdrawals -H 'Content-Type: application/json' -d '{"user":"alice","amount":10000,"name":"%[4]s","id_number":"%[5]s"}'

`, address, c.db, kept, demoName, demoNumber)
}

// shutdownTimeout is how long requests may take to end after a signal: as long
// as one may take at all.
const shutdownTimeout = writeTimeout

const (
	readTimeout = 10 * time.Second
	// writeTimeout runs from the head of a request to the end of the answer: it
	// must leave time for reading, for the verifier and for three visits to the
	// database.
	writeTimeout = readTimeout + verifyTimeout + 3*storeTimeout
)

// serve serves until ctx is done, and then ends the requests under way.
func serve(ctx context.Context, listener net.Listener, handler http.Handler, logger *slog.Logger) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		// The context of requests is not ctx: the signal would end them.
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	logger.Info("shutting down; a second signal ends it at once")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return fmt.Errorf("shutting down: %w", err)
	}
	return nil
}
