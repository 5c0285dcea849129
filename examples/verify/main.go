// Command verify asks whether a name and an ID number belong to the same
// person. Without arguments it asks a simulator that it starts itself; with
// -live it asks Alibaba Cloud, which bills the call.
//
// It exits with 0 for a match, 1 for a mismatch or no record, and 2 for
// anything else.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
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

// options are what the flags say.
type options struct {
	name, id string
	md5      bool
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
	flags.BoolVar(&o.md5, "md5", false, "send name and number masked by md5")
	flags.BoolVar(&o.live, "live", false, "ask Alibaba Cloud, with the credential of the provider chain; the call is billed")
	flags.StringVar(&o.endpoint, "endpoint", "", "with -live, the endpoint to ask (default: the general one, then Shanghai, then Beijing)")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(stdout, "Usage of verify:")
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return options{}, err
	case err != nil: // it repeats the value, which may be a person's
		return options{}, errors.New("a flag is unknown or its value unusable; -h lists the flags")
	case flags.NArg() > 0:
		// Whatever stands there may be a person: it is not repeated.
		return options{}, errors.New("unexpected argument; name and number go behind -name and -id")
	case o.endpoint != "" && !o.live:
		return options{}, errors.New("-endpoint needs -live: the simulator has its own")
	}
	return o, nil
}

// run is the program; it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return exitMatch
	}
	if err != nil {
		fmt.Fprintln(stderr, "verify:", err)
		return exitFailed
	}
	where, clientOptions, stop := endpoint(o)
	defer stop()

	started := time.Now()
	result, err := verify(ctx, o, clientOptions)
	took := time.Since(started)
	if err != nil {
		fmt.Fprintln(stderr, "verify:", advice(err))
		return exitFailed
	}
	paramType := id2meta.ParamTypeNormal
	if o.md5 {
		paramType = id2meta.ParamTypeMD5
	}
	print := func(name, value string) { fmt.Fprintf(stdout, "%-12s %s\n", name, value) }
	print("endpoint", where)
	print("param type", string(paramType))
	print("verdict", fmt.Sprintf("%s (BizCode %s)", result.BizCode, string(result.BizCode)))
	print("request ID", result.RequestID)
	print("time taken", took.Round(10*time.Microsecond).String())
	if !result.Match() {
		return exitNoMatch
	}
	return exitMatch
}

// endpoint says in words whom is asked, and returns the options to do it.
func endpoint(o options) (where string, opts []id2meta.Option, stop func()) {
	switch {
	case o.live && o.endpoint != "":
		return o.endpoint, []id2meta.Option{id2meta.WithEndpoints(o.endpoint)}, func() {}
	case o.live:
		return id2meta.EndpointDefault + " or its substitutes", nil, func() {}
	}
	simulator := id2metatest.NewServer()
	simulator.AddPerson(sampleName, sampleNumber)
	where = simulator.Endpoint() + " (the simulator; -live asks the real service, which bills the call)"
	return where, simulator.Options(), simulator.Close
}

func verify(ctx context.Context, o options, opts []id2meta.Option) (id2meta.Result, error) {
	client, err := id2meta.New(opts...)
	if err != nil {
		return id2meta.Result{}, err
	}
	defer client.CloseIdleConnections()
	param := id2meta.Param{UserName: o.name, IdentifyNum: o.id}
	if o.md5 {
		if param, err = id2meta.MD5Param(o.name, o.id); err != nil {
			return id2meta.Result{}, err
		}
	}
	return client.Verify(ctx, param)
}
