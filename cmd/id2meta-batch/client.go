package main

import (
	"context"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// newClient returns a Client of the service that the options name. It sends nothing any more
// once ctx is done.
func newClient(ctx context.Context, o options) (client *id2meta.Client, stop func(), err error) {
	limit := rate.Limit(o.rate)
	timeout := 10 * time.Second
	if limit != rate.Inf {
		// The timeout of a call includes the wait for the limiter, in which all the
		// other rows may be ahead; and each row may need it three times.
		timeout += time.Duration(float64(3*o.parallel) / float64(limit) * float64(time.Second))
	}
	opts := []id2meta.Option{id2meta.WithLimiter(stoppable{rate.NewLimiter(limit, 1), ctx}), id2meta.WithTimeout(timeout)}
	if o.simulator {
		server := newSimulator()
		client, err = id2meta.New(append(opts, server.Options()...)...)
		return client, server.Close, err
	}
	if o.endpoints != "" {
		opts = append(opts, id2meta.WithEndpoints(strings.Split(o.endpoints, ",")...))
	}
	client, err = id2meta.New(opts...)
	return client, client.CloseIdleConnections, err
}

// newSimulator returns a simulator that knows the people of testdata/people.csv.
func newSimulator() *id2metatest.Server {
	server := id2metatest.NewServer()
	server.AddPerson("张三", "11010519491231002X")
	server.AddPerson("李四", "440524188001010014")
	server.AddPerson("欧阳娜娜", "110105194912310046")
	return server
}
