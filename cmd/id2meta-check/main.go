// Command id2meta-check says whether this machine is ready to verify people: the
// credential, each endpoint, the clock, the permission, and the Go release. It asks about
// nobody.
//
//	go install github.com/id2meta/id2meta/cmd/id2meta-check@latest
//	id2meta-check [flags]
//
// The flags are:
//
//	-endpoint host  an endpoint to check, as for WithEndpoints; may be given several times; by default the three of the Client
//	-no-request     do not send the signed request
//	-timeout time   how long each check may take, by default 10s
//	-simulator      check an embedded simulator instead of the service
//	-json           print one JSON document
//	-lang en|zh     the language; by default that of LC_ALL, LC_MESSAGES or LANG
//
// The credential is that of the provider chain. The proxy and the trusted certificates are
// those that a Client has by default. To each endpoint the program sends a HEAD request,
// which has no signature and names no API. Then it sends one signed request with an empty
// number, by Client.Check. That request is expected to be refused and not billed. This is
// derived from the vendor's documents; it has not been tried against the live service.
//
// A check is OK, WARN or FAIL. An endpoint that fails is only a WARN if another endpoint
// works, because the Client uses the other. The exit code is 0 if no check failed, 1 if a
// check failed, and 2 if a flag cannot be used.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/credential"
)

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// options are the values of the flags.
type options struct {
	endpoints []string
	noRequest bool
	timeout   time.Duration
	simulator bool
	json      bool
	language  language
}

func parse(args []string, stdout io.Writer) (options, error) {
	o := options{language: languageOfEnvironment()}
	flags := flag.NewFlagSet("id2meta-check", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	flags.Func("endpoint", "`host` or host:port to check; may be given several times (default: general, Shanghai, Beijing)", func(s string) error {
		o.endpoints = append(o.endpoints, s)
		return nil
	})
	flags.BoolVar(&o.noRequest, "no-request", false, "do not send the signed request")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Second, "how long each check may take")
	flags.BoolVar(&o.simulator, "simulator", false, "check an embedded simulator instead of the service")
	flags.BoolVar(&o.json, "json", false, "print one JSON document")
	flags.Func("lang", "`language`: en or zh (default: that of LC_ALL, LC_MESSAGES or LANG)", o.language.set)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(stdout, "Usage of id2meta-check:")
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return options{}, err
	case err != nil: // err repeats the value
		return options{}, errors.New("a flag is unknown or its value unusable; -h lists the flags")
	case flags.NArg() > 0:
		return options{}, errors.New("unexpected argument; -h lists the flags")
	case o.timeout <= 0:
		return options{}, errors.New("-timeout: it must be positive")
	case o.simulator && o.endpoints != nil:
		return options{}, errors.New("-endpoint: the simulator has its own")
	}
	return o, nil
}

// run runs the program and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	var s service
	if err == nil {
		s, err = newService(o)
	}
	if err != nil {
		fmt.Fprintln(stderr, "id2meta-check:", err)
		return exitUsage
	}
	defer s.close()

	r := newReport(o, s.endpoints, stdout)
	c := checker{service: s, language: o.language, timeout: o.timeout}
	usable := c.checkCredential(ctx, r)
	reached := c.checkEndpoints(ctx, r)
	switch {
	case o.noRequest:
	case !usable || !reached:
		r.add(line{Check: "request", Status: warn, Detail: o.language.say(
			"not sent: it needs a credential and an endpoint", "没有发送：需要先有凭据和可用的接入点")})
	default:
		fmt.Fprintln(stderr, c.notice(o.simulator))
		r.add(c.checkRequest(ctx))
	}
	r.add(checkGo(o.language, runtime.Version()))
	return r.end()
}

// checker makes the checks.
type checker struct {
	service
	language
	timeout time.Duration // of each check
}

// service is what is checked.
type service struct {
	endpoints  []string
	options    []id2meta.Option // of a Client
	transport  http.RoundTripper
	credential func(context.Context) (credential.Found, error)
	close      func()
}

func newService(o options) (service, error) {
	if o.simulator {
		return simulator(), nil
	}
	s := service{endpoints: o.endpoints, credential: credential.Find, close: func() {}}
	if s.endpoints == nil { // those of the Client
		s.endpoints = []string{id2meta.EndpointDefault, id2meta.EndpointShanghai, id2meta.EndpointBeijing}
	}
	s.options = []id2meta.Option{id2meta.WithEndpoints(s.endpoints...)}
	// A Client gives its connection pool to a wrapper. So the checks have the proxy and
	// the trusted certificates of a Client.
	_, err := id2meta.New(append(s.options, id2meta.WithTransportWrapper(func(pool http.RoundTripper) http.RoundTripper {
		s.transport = pool
		return pool
	}))...)
	return s, err
}

func simulator() service {
	server := id2metatest.NewServer()
	key := credential.Key{AccessKeyID: id2metatest.AccessKeyID, AccessKeySecret: id2metatest.AccessKeySecret}
	return service{
		endpoints: []string{server.Endpoint()},
		options:   server.Options(),
		transport: server.Client().Transport,
		credential: func(context.Context) (credential.Found, error) {
			return credential.Found{Key: key, Source: "simulator"}, nil
		},
		close: server.Close,
	}
}
