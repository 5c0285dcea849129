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
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the next one kills: for those who cannot wait.
	context.AfterFunc(ctx, stop)

	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
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
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) (err error) {
	c, err := parse(args, stderr)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(stderr, nil))

	key, err := parseHashKey(getenv(hashKeyVariable), c.live)
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
	limiter, closeLimiter, err := newLimiter(c.redis, getenv(redisPasswordVariable), logger)
	if err != nil {
		return err
	}
	defer closeLimiter()
	client, closeClient, err := newClient(c, limiter, logger)
	if err != nil {
		return err
	}
	defer closeClient()
	source := "simulator"
	if c.live {
		source = "service"
	}
	hash := newHasher(key, source)
	store, err := openStore(ctx, c.db, getenv(dbPasswordVariable), hash.check())
	if err != nil {
		return err
	}
	var tidying sync.WaitGroup
	untidy, stop := context.WithCancel(ctx)
	tidying.Go(func() { store.keepTidy(untidy, logger) })
	// All handlers have returned when this runs.
	defer func() {
		stop()
		tidying.Wait()
		err = errors.Join(err, store.close())
	}()

	service, err := newServer(client, store, hash, logger)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return err
	}
	c.banner(stdout, listener.Addr(), store.name)
	err = serve(ctx, listener, guard(service.handler(), listener.Addr(), c.hosts), logger)
	service.drain(context.WithoutCancel(ctx))
	return err
}

// newClient asks the service, or a simulator that ends with the client.
func newClient(c config, limiter id2meta.Limiter, logger *slog.Logger) (client *id2meta.Client, closeAll func(), err error) {
	options := []id2meta.Option{id2meta.WithLogger(logger), id2meta.WithLimiter(noteOnceGranted{limiter}), id2meta.WithTimeout(questionTimeout)}
	closeSimulator := func() {}
	switch {
	case !c.live:
		simulator := id2metatest.NewServer()
		simulator.AddPerson(demoName, demoNumber)
		options = append(options, simulator.Options()...)
		closeSimulator = simulator.Close
	case c.endpoint != "":
		options = append(options, id2meta.WithEndpoints(c.endpoint))
	}
	client, err = id2meta.New(options...)
	if err != nil {
		closeSimulator()
		return nil, nil, err
	}
	return client, func() {
		client.CloseIdleConnections()
		closeSimulator()
	}, nil
}

// The one person whom the simulator knows. The number is GB 11643's own sample.
const (
	demoName   = "张三"
	demoNumber = "11010519491231002X"
)

func (c config) banner(w io.Writer, address net.Addr, database string) {
	if c.live {
		fmt.Fprintf(w, "LIVE: the real service is asked, and bills each question.\n"+
			"Serving http://%s, database %s\n", address, database)
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

`, address, database, kept, demoName, demoNumber)
}
