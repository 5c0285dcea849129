// Command verify checks whether a name and an ID number belong to the same person. By
// default it starts a simulator and asks the simulator. With -live it asks Alibaba
// Cloud, which bills the call.
//
// The exit code is 0 for a match, 1 for a mismatch or no record, and 2 for an error. go run
// makes 1 of every exit code but 0: build the program to tell 1 from 2.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// The person whom the simulator knows. The number is the sample of GB 11643.
const (
	sampleName   = "张三"
	sampleNumber = "11010519491231002X"
)

const (
	exitMatch   = 0
	exitNoMatch = 1
	exitFailed  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// options are the values of the flags.
type options struct {
	name, id string
	live     bool
	endpoint string
}

func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("verify", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	flags.StringVar(&o.name, "name", sampleName, "the person's name")
	flags.StringVar(&o.id, "id", sampleNumber, "the person's ID number")
	flags.BoolVar(&o.live, "live", false, "ask Alibaba Cloud, with the credential of the provider chain; the call is billed")
	flags.StringVar(&o.endpoint, "endpoint", "", "with -live, the endpoint to ask (default: the general one, then Shanghai, then Beijing)")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(stdout, "Usage of verify:")
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return options{}, err
	case err != nil && unknownFlag.MatchString(err.Error()):
		return options{}, fmt.Errorf("%w; -h lists the flags", err)
	case err != nil: // err may repeat a name or a number
		return options{}, errors.New("a flag is unknown, or its value is missing or unusable; -h lists the flags")
	case flags.NArg() > 0:
		// The argument may be a name or a number, so the error does not repeat it.
		return options{}, errors.New("unexpected argument; name and number go behind -name and -id")
	case o.endpoint != "" && !o.live:
		return options{}, errors.New("-endpoint needs -live: the simulator has its own")
	}
	return o, nil
}

// unknownFlag is an error that names a flag, and no name or number behind a hyphen.
var unknownFlag = regexp.MustCompile(`^flag provided but not defined: -[a-z-]{1,20}$`)

// run runs the program and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return exitMatch
	}
	if err != nil {
		fmt.Fprintln(stderr, "verify:", err)
		return exitFailed
	}
	where := id2meta.EndpointDefault + " or its substitutes"
	var opts []id2meta.Option
	switch {
	case !o.live:
		simulator := id2metatest.NewServer()
		defer simulator.Close()
		simulator.AddPerson(sampleName, sampleNumber)
		where = simulator.Endpoint() + " (the simulator; -live asks the real service, which bills the call)"
		opts = simulator.Options()
	case o.endpoint != "":
		where = o.endpoint
		opts = []id2meta.Option{id2meta.WithEndpoints(o.endpoint)}
	}
	client, err := id2meta.New(opts...)
	if err != nil {
		fmt.Fprintln(stderr, "verify: -endpoint:", err)
		return exitFailed
	}
	defer client.CloseIdleConnections()

	started := time.Now()
	result, err := client.Verify(ctx, id2meta.Param{UserName: o.name, IdentifyNum: o.id})
	took := time.Since(started)
	if err != nil {
		// The errors of the library hold neither the name nor the number.
		fmt.Fprintf(stderr, "verify: %v (what to do: %v; docs/errors.md says more)\n", err, id2meta.RemedyOf(err))
		return exitFailed
	}
	print := func(name, value string) { fmt.Fprintf(stdout, "%-12s %s\n", name, value) }
	print("endpoint", where)
	print("verdict", fmt.Sprintf("%s (BizCode %s)", result.BizCode, string(result.BizCode)))
	print("request ID", result.RequestID)
	print("time taken", took.Round(10*time.Microsecond).String())
	if !result.Match() {
		return exitNoMatch
	}
	return exitMatch
}
