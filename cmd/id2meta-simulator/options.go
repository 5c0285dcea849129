package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
)

// options are the values of the flags.
type options struct {
	listen   string
	people   string // a file, or empty
	matchAll bool
	cert     string
	key      string // a file, or empty
	fault    faultPlan
	latency  latency
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
	flags.IntVar(&o.fault.every, "every", 10, "with -fault, how often: every `n`-th request")
	flags.Var(&o.latency, "latency", "how long an answer takes: a `time` such as 300ms, or two such as 300ms..2s")
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
	everySet := false
	flags.Visit(func(f *flag.Flag) { everySet = everySet || f.Name == "every" })
	if err := checkLoopback(o.listen); err != nil {
		return options{}, err
	}
	if o.cert == "" {
		return options{}, errors.New("-cert: it needs a file")
	}
	if o.cert == o.key {
		return options{}, errors.New("-key: it needs a file of its own, not that of -cert")
	}
	return o, o.fault.check(everySet)
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
		host, _, _ := net.SplitHostPort(address)
		return nil, fmt.Errorf("-listen: %w; -listen %s takes a free port", err, net.JoinHostPort(host, "0"))
	}
	return listener, nil
}
