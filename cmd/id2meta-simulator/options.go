package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/id2meta/id2meta/internal/simulator"
)

// options are the values of the flags.
type options struct {
	listen   string
	people   string // a file, or empty
	matchAll bool
	cert     string
	key      string // a file, or empty
	fault    faultPlan
	latency  string               // as given, or empty
	wait     func() time.Duration // the latency of one answer, or nil
}

func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet(programName, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8443", "loopback `address` to listen on; port 0 takes a free one")
	flags.StringVar(&o.people, "people", "", "CSV `file` of the people who exist: name,id_number or name,id_number,fault")
	flags.BoolVar(&o.matchAll, "match-all", false, "every valid person is a match")
	flags.StringVar(&o.cert, "cert", "cert.pem", "`file` to write the certificate to; it is new at each start")
	flags.StringVar(&o.key, "key", "", "`file` of the certificate's key: keeps the certificate from start to start")
	flags.StringVar(&o.fault.name, "fault", "", "what goes wrong; one of "+faultNames())
	flags.IntVar(&o.fault.every, "every", defaultEvery, "with -fault, how often: every `n`-th request")
	flags.Func("latency", "how long an answer takes: a `time` such as 300ms, or two such as 300ms..2s", o.setLatency)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(stdout, "Usage of %s:\n", programName)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return options{}, err
	case err != nil: // err repeats the value, which may be a person's
		return options{}, errors.New("a flag is unknown or its value unusable; -h lists the flags")
	case flags.NArg() > 0:
		return options{}, errors.New("unexpected argument; people go into the file of -people")
	}
	if err := checkLoopback(o.listen); err != nil {
		return options{}, err
	}
	if o.cert == "" {
		return options{}, errors.New("-cert: it needs a file")
	}
	if o.cert == o.key {
		return options{}, errors.New("-key: it needs a file of its own, not that of -cert")
	}
	return o, o.fault.check()
}

// setLatency reads the flag -latency.
func (o *options) setLatency(text string) error {
	first, last, two := strings.Cut(text, "..")
	if !two {
		last = first
	}
	shortest, err1 := time.ParseDuration(first)
	longest, err2 := time.ParseDuration(last)
	if err1 != nil || err2 != nil || shortest < 0 || longest < shortest {
		return errors.New("not a latency")
	}
	o.latency, o.wait = text, simulator.Between(shortest, longest)
	return nil
}

// checkLoopback keeps the simulator on this machine. The access key is public, the
// answer to a wrong signature repeats the person, and the certificate is valid for
// loopback only.
func checkLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return errors.New("-listen: it needs host:port, such as 127.0.0.1:8443")
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return errors.New("-listen: the host must be localhost, 127.0.0.1 or ::1; the simulator is for this machine only")
	}
	return nil
}

// listen listens on address. Its error says how to choose another port.
func listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("-listen: %w; -listen 127.0.0.1:0 takes a free port", err)
	}
	return listener, nil
}
