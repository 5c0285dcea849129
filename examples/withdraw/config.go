package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
)

// config is what the command line says.
type config struct {
	live, migrate, temporary bool // temporary: db ends with the program
	listen, db, redis        string
	endpoint                 string
	dailyLimit               int
}

const usage = `Usage: withdraw [flags]

POST /withdrawals pays a withdrawal, only to a verified person.

Environment:
  ` + hashKeyVariable + `
    	key of the hashes by which people are remembered: 64 hex digits
    	(openssl rand -hex 32). Needed with -live.
  ` + dbPasswordVariable + `, ` + redisPasswordVariable + `
    	passwords of the database and of Redis.

Flags:
`

func parse(args []string, stderr io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("withdraw", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&c.live, "live", false, "ask the real service, which bills each call, with the credential\n"+
		"of the provider chain; without it, an embedded simulator answers")
	flags.BoolVar(&c.migrate, "migrate", false, "make the tables in -db, and end")
	flags.StringVar(&c.listen, "listen", "127.0.0.1:8080", "serve HTTP on this `address`")
	flags.StringVar(&c.db, "db", "", "keep verdicts and payments in this `database`: a file (SQLite),\n"+
		"postgres://user@host:5432/name or mysql://user@tcp(host:3306)/name\n"+
		"(default: a temporary file; -live and -migrate need one)")
	flags.StringVar(&c.redis, "redis", "", "share both limits with all that use this `redis`://host:6379/0,\n"+
		"or by TLS rediss:// (default: this process keeps to them alone)")
	flags.IntVar(&c.dailyLimit, "daily-limit", 10_000, "send at most this many requests a day")
	flags.StringVar(&c.endpoint, "endpoint", "", "with -live, ask this `host` (default: the library's)")
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return config{}, err
	} else if err != nil {
		return config{}, errUsage
	}
	wrong := ""
	switch {
	case flags.NArg() > 0:
		wrong = "it takes flags only; see -h"
	case (c.live || c.migrate) && c.db == "":
		wrong = "-live and -migrate need -db"
	}
	if wrong != "" {
		fmt.Fprintln(stderr, "withdraw:", wrong)
		return config{}, errUsage
	}
	return c, nil
}
