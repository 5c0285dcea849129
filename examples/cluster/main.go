// Command cluster shows several processes that share one account's 50 calls a
// second through Redis, by package redislimiter.
//
// Without arguments it runs the whole thing on this machine: the simulator, a
// redis-server and four worker processes. With -live it is one worker process
// that asks the real service, which is billed.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9/logging"
)

const usage = `Usage:

  go run .                              show it all: simulator, redis-server, 4 worker processes
  go run . -live -redis URL <people.csv one worker process that asks the REAL service, which is billed

people.csv has a line "name,id_number" for each person.

Flags:
`

// config is what the flags say.
type config struct {
	live     bool
	redis    string
	key      string
	whenDown string
	workers  int
	duration time.Duration

	// Of the demonstration only.
	processes int
	stopRedis time.Duration
	endpoint  string // set: this is one of its worker processes
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second Ctrl-C ends it at once
	logging.Disable()            // go-redis reports each failure to connect; the Limiter says it once
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	c, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil)).With("process", os.Getpid())
	switch {
	case c.live:
		return verifyCSV(ctx, c, stdin, stdout, log)
	case c.endpoint != "":
		return verifyAtFullSpeed(ctx, c, log)
	}
	return show(ctx, c, stdout, stderr)
}

func parse(args []string, stderr io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	flags.BoolVar(&c.live, "live", false, "verify the people on standard input at the REAL service")
	flags.StringVar(&c.redis, "redis", "", "address of Redis, redis://user:password@host:6379/0 or rediss://…\n(default: $REDIS_URL; in the demonstration, else a redis-server of its own)")
	flags.StringVar(&c.key, "key", "id2meta", "key in Redis; processes with the same one share the limit")
	flags.StringVar(&c.whenDown, "when-redis-is-down", "closed", "closed: send nothing; open: go on, each process with a limit of its own")
	flags.IntVar(&c.workers, "workers", 4, "concurrent Verify calls in each process")
	flags.DurationVar(&c.duration, "duration", 20*time.Second, "demonstration: how long")
	flags.IntVar(&c.processes, "processes", 4, "demonstration: how many worker processes")
	flags.DurationVar(&c.stopRedis, "stop-redis-after", 0, "demonstration: kill its own redis-server after this time (default: never)")
	flags.StringVar(&c.endpoint, "endpoint", "", "be a worker process of the demonstration whose simulator is here")
	if err := flags.Parse(args); err != nil {
		return config{}, err
	}
	c.redis = cmp.Or(c.redis, os.Getenv("REDIS_URL"))
	switch {
	case flags.NArg() > 0:
		return config{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case c.whenDown != "open" && c.whenDown != "closed":
		return config{}, errors.New("-when-redis-is-down: it must be open or closed")
	case c.workers < 1 || c.processes < 1 || c.duration <= 0:
		return config{}, errors.New("-workers, -processes and -duration must be positive")
	case c.redis == "" && (c.live || c.endpoint != ""):
		return config{}, errors.New("-redis: a worker process needs the Redis that the others use")
	case c.redis != "" && c.stopRedis > 0:
		return config{}, errors.New("-stop-redis-after: it kills only a redis-server that the demonstration started; leave -redis and REDIS_URL out")
	}
	if c.redis != "" {
		client, err := newRedis(c.redis) // an address that cannot be used is an error here, once
		if err != nil {
			return config{}, err
		}
		client.Close()
	}
	return c, nil
}
