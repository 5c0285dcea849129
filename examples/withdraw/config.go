package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// config is what the command line says.
type config struct {
	live      bool
	listen    string
	hosts     []string
	db        string
	temporary bool // db ends with the program
	redis     string
	endpoint  string
}

const usage = `Usage: withdraw [flags]

POST /withdrawals pays a withdrawal, only to a verified person.

Environment:
  ` + hashKeyVariable + `
    	key of the hashes by which people are remembered: 64 or more hex
    	digits (openssl rand -hex 32). Needed with -live.
  ` + dbPasswordVariable + `, ` + redisPasswordVariable + `
    	passwords of the database and of Redis, for those who do not want them
    	on the command line.

Flags:
`

func parse(args []string, stderr io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("withdraw", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&c.live, "live", false, "ask the real service, which bills each question, with the credential\n"+
		"of the provider chain; without it, an embedded simulator answers")
	flags.StringVar(&c.listen, "listen", "127.0.0.1:8080", "serve HTTP on this `address`")
	flags.Func("host", "on a loopback address, also serve this `name`, as a proxy on this machine\n"+
		"passes it on; may be repeated (default: only localhost and loopback addresses)", func(host string) error {
		c.hosts = append(c.hosts, strings.ToLower(host))
		return nil
	})
	flags.StringVar(&c.db, "db", "", "keep verdicts and payments in this `database`: a file (SQLite),\n"+
		"postgres://user@host:5432/name or mysql://user@host:3306/name\n"+
		"(default: withdraw.db with -live, otherwise a temporary file)")
	flags.StringVar(&c.redis, "redis", "", "share the account's 50 calls a second with all that use this\n"+
		"`redis`://host:6379/0, or by TLS rediss:// (default: this process keeps to them alone)")
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
	if flags.NArg() > 0 {
		fmt.Fprintln(stderr, "withdraw: it takes flags only; see -h")
		return config{}, errUsage
	}
	if c.live && c.db == "" {
		c.db = "withdraw.db"
	}
	return c, nil
}
