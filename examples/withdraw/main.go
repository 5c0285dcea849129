// Withdraw is an HTTP service in which a withdrawal is paid only to a verified
// person. The README says how to run it and how to take it into production.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/id2meta/id2meta"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the next one kills: for those who cannot wait.
	context.AfterFunc(ctx, stop)

	if err := run(ctx, parse()); err != nil {
		fmt.Fprintln(os.Stderr, "withdraw:", err)
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
	if c.db == "" {
		dir, err := os.MkdirTemp("", "withdraw-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		c.db, c.temporary = filepath.Join(dir, "withdraw.db"), true
	}
	client, err := newClient(c, logger)
	if err != nil {
		return err
	}
	store, err := openStore(ctx, c.db, os.Getenv(dbPasswordVariable))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.db.Close()) }()
	if c.migrate || c.temporary {
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
	c.banner(listener.Addr(), store.name)
	go store.keepTidy(ctx, logger)
	err = serve(ctx, listener, service.handler(), logger)
	// Whoever has left has paid for the verdict: it is to be remembered.
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), verdictTimeout)
	defer cancel()
	return errors.Join(err, service.cache.Wait(wait))
}

// The one person whom the simulator knows. The number is GB 11643's own sample.
const (
	demoName   = "张三"
	demoNumber = "11010519491231002X"
)

func (c config) banner(address net.Addr, database string) {
	mode, try := "LIVE: the real service is asked, and bills each call.", ""
	if !c.live {
		mode = "SIMULATOR: nobody real is asked, and nothing is billed. -live asks the real service."
		try = fmt.Sprintf("\nThe simulator knows one person. In another terminal, twice (only the first asks):\n\n"+
			`curl -i http://%s/withdrawals -H 'Content-Type: application/json' -d '{"user":"alice","amount":10000,"name":"%s","id_number":"%s"}'`+"\n\n",
			address, demoName, demoNumber)
	}
	fmt.Printf("%s\nServing http://%s, database %s\n%s", mode, address, database, try)
}
