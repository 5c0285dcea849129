package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/id2meta/id2meta/internal/simulator"
)

// options are what the flags say.
type options struct {
	listen string
	people string // a file, or empty
	cert   string
	fault  faultPlan
}

func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("simulator", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8443", "loopback address to listen on; port 0 takes a free one")
	flags.StringVar(&o.people, "people", "", "CSV file of the people who exist: name,id_number")
	flags.StringVar(&o.cert, "cert", "cert.pem", "certificate; it is made, with its key beside it, if it is not there")
	flags.StringVar(&o.fault.name, "fault", "", "what goes wrong: throttle, drop, hang, 500 or 402")
	flags.IntVar(&o.fault.every, "every", 10, "with -fault, how often: every n-th request")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(stdout, "Usage of simulator:")
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return options{}, err
	case err != nil: // it repeats the value, which may be a person's
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
	return o, o.fault.check(everySet)
}

// checkLoopback keeps the simulator on this machine: its secret is public, what
// it answers to a wrong signature repeats the person, and its certificate is
// valid for loopback only.
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

// faultPlan is what goes wrong, and how often.
type faultPlan struct {
	name  string // empty: nothing
	every int
}

// maxEvery is what nobody needs, and less than any ID number, since an odd value
// is printed nowhere but a good one is.
const maxEvery = 1_000_000

// retryAfter is what a throttled client is told to wait.
const retryAfter = time.Second

// fault reports false for an unknown name.
func (p faultPlan) fault() (simulator.Fault, bool) {
	switch p.name {
	case "throttle":
		return simulator.Throttle(retryAfter), true
	case "drop":
		return simulator.Drop(), true
	case "hang":
		return simulator.Hang(), true
	case "500":
		return simulator.Answer("500", "系统错误"), true
	case "402":
		return simulator.Answer("402", "权威源服务异常"), true
	}
	return simulator.Fault{}, false
}

func (p faultPlan) check(everySet bool) error {
	if p.name == "" {
		if everySet {
			return errors.New("-every: it says how often, and -fault what; there is no -fault")
		}
		return nil
	}
	if _, ok := p.fault(); !ok {
		return errors.New("-fault: it is throttle, drop, hang, 500 or 402")
	}
	if p.every < 1 || p.every > maxEvery {
		return fmt.Errorf("-every: it is from 1 to %d", maxEvery)
	}
	return nil
}

// next returns the simulator's NextFault. It is called for one request at a time.
func (p faultPlan) next() func() simulator.Fault {
	if p.name == "" {
		return nil
	}
	fault, _ := p.fault()
	n := 0
	return func() simulator.Fault {
		n++
		if n%p.every != 0 {
			return simulator.Fault{}
		}
		n = 0
		return fault
	}
}

func (p faultPlan) String() string {
	switch {
	case p.name == "":
		return "none"
	case p.every == 1:
		return p.name + ", every request"
	}
	return fmt.Sprintf("%s, one request in %d", p.name, p.every)
}
