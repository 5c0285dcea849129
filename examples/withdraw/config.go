package main

import (
	"flag"
	"fmt"
	"os"
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

// parse reads the command line. If it is wrong, the program ends.
func parse() config {
	var c config
	flag.BoolVar(&c.live, "live", false, "ask the real service, which bills each call, with the credential\n"+
		"of the provider chain; without it, an embedded simulator answers")
	flag.BoolVar(&c.migrate, "migrate", false, "make the tables in -db, and end")
	flag.StringVar(&c.listen, "listen", "127.0.0.1:8080", "serve HTTP on this `address`")
	flag.StringVar(&c.db, "db", "", "keep verdicts and payments in this `database`: a file (SQLite),\n"+
		"postgres://user@host:5432/name or mysql://user@tcp(host:3306)/name\n"+
		"(default: a temporary file; -live and -migrate need one)")
	flag.StringVar(&c.redis, "redis", "", "share both limits with all that use this `redis`://host:6379/0,\n"+
		"or by TLS rediss:// (default: this process keeps to them alone)")
	flag.IntVar(&c.dailyLimit, "daily-limit", 10_000, "send at most this many requests a day")
	flag.StringVar(&c.endpoint, "endpoint", "", "with -live, ask this `host` (default: the library's)")
	flag.Usage = func() {
		fmt.Fprint(os.Stderr, usage)
		flag.PrintDefaults()
	}
	flag.Parse()
	wrong := ""
	switch {
	case flag.NArg() > 0:
		wrong = "it takes flags only; see -h"
	case (c.live || c.migrate) && c.db == "":
		wrong = "-live and -migrate need -db"
	}
	if wrong != "" {
		fmt.Fprintln(os.Stderr, "withdraw:", wrong)
		os.Exit(2)
	}
	return c
}
