package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// verifyFile does what the command line says with a file.
func verifyFile(ctx context.Context, o options, stdout io.Writer, stderr *os.File) (tally, error) {
	if o.simulator {
		server := newSimulator()
		defer server.Close()
		fmt.Fprintln(stderr, "batch: a rehearsal: the embedded simulator answers, and nothing is billed")
		return verifyWith(ctx, o, server.Options(), stdout, stderr)
	}
	var service []id2meta.Option
	if o.endpoints != "" {
		service = append(service, id2meta.WithEndpoints(strings.Split(o.endpoints, ",")...))
	}
	counts, err := verifyWith(ctx, o, service, stdout, stderr)
	return counts, advise(err)
}

// verifyWith asks the service that the options make a Client for.
func verifyWith(ctx context.Context, o options, service []id2meta.Option, stdout io.Writer, stderr *os.File) (tally, error) {
	client, err := newClient(ctx, o, service)
	if err != nil {
		return tally{}, err
	}
	defer client.CloseIdleConnections()
	return process(ctx, o, client, stdout, stderr)
}

// newClient returns a Client that keeps to the rate, and sends nothing any more
// once ctx is done.
func newClient(ctx context.Context, o options, service []id2meta.Option) (*id2meta.Client, error) {
	limit := rate.Limit(o.rate)
	timeout := 10 * time.Second
	if limit != rate.Inf {
		// The timeout of a call includes the wait for the limiter, in which
		// all the other rows may be ahead; and each row may need it three
		// times.
		timeout += time.Duration(float64(3*o.parallel) / float64(limit) * float64(time.Second))
	}
	return id2meta.New(append(service,
		id2meta.WithLimiter(stoppable{rate.NewLimiter(limit, 1), ctx}),
		id2meta.WithTimeout(timeout))...)
}

func (o options) source() string {
	if o.simulator {
		return sourceSimulator
	}
	return sourceLive
}

// newSimulator returns a simulator that knows the people of the sample.
func newSimulator() *id2metatest.Server {
	server := id2metatest.NewServer()
	server.AddPerson("张三", "11010519491231002X")
	server.AddPerson("李四", "440524188001010014")
	server.AddPerson("欧阳娜娜", "110105194912310046")
	return server
}
