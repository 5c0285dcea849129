package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// run verifies o.in into o.out.
func run(ctx context.Context, o options, stdout io.Writer, stderr *os.File) (tally, error) {
	client, closeClient, err := newClient(o)
	if err != nil {
		return nil, err
	}
	defer closeClient()
	temp, removeTemp, err := makeTemp(o.out)
	if err != nil {
		return nil, err
	}
	defer removeTemp()
	in, err := openTable(ctx, o, temp)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be verified: %w", o.in, err)
	}
	defer in.close()
	known, err := openMemory(ctx, o, client)
	if err != nil {
		return nil, err
	}
	defer known.db.Close()
	if err := mayReplace(o.out, known.isOutput); err != nil {
		return nil, err
	}
	s, err := takeSurvey(ctx, in, known)
	if err := cmp.Or(err, hasRoom(temp)); err != nil {
		return nil, fmt.Errorf("%s cannot be verified: %w", o.in, err)
	}
	s.print(stderr, in, o)
	if !o.live && !o.simulator {
		return nil, errors.New("nobody was asked about: add -live (the real service), or -simulator (a rehearsal)")
	}
	out, err := newOutput(o, temp, in.excel, s.rows)
	if err != nil {
		return nil, err
	}
	defer out.close()

	counts, done := tally{}, 0
	started := time.Now()
	bar := newBar(stderr, s.rows)
	err = verifyAll(ctx, known, o.parallel, in.people(), func(rec record) error {
		counts[rec.verdict]++
		done++
		bar.Add(1)
		return out.write(rec.fields())
	})
	fmt.Fprintln(stderr) // below the bar
	saving, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err = errors.Join(err, known.Wait(saving))
	if err == nil && done != s.rows { // excelize takes a failed read for the end of a sheet
		err = fmt.Errorf("%s cannot be read to its end: %d of %d rows", o.in, done, s.rows)
	}
	if err == nil {
		err = out.publish(known)
	}
	c := client.Stats()
	fmt.Fprintf(stdout, "%d of %d rows: %v\n", done, s.rows, counts)
	fmt.Fprintf(stdout, "asked about %d people in %v; other rows were known, repeated or invalid\n", known.Stats().Asked, time.Since(started).Round(100*time.Millisecond))
	fmt.Fprintf(stdout, "the service answered: match %d, mismatch %d, no record %d; perhaps billed without an answer: %d\n", c.Match, c.Mismatch, c.NoRecord, c.MaybeBilled)
	if id2meta.RemedyOf(err) == id2meta.RemedyOperator {
		err = fmt.Errorf("%w\nCorrect this, and start again with the same arguments to continue", err)
	}
	return counts, err
}

// newBar returns a progress bar, which shows itself only on a terminal.
func newBar(w *os.File, rows int) *progressbar.ProgressBar {
	return progressbar.NewOptions(max(rows, 1),
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetVisibility(term.IsTerminal(int(w.Fd()))),
		progressbar.OptionThrottle(200*time.Millisecond),
		progressbar.OptionShowCount(),
		progressbar.OptionFullWidth())
}

// newClient returns a Client of the service that the options name.
func newClient(o options) (client *id2meta.Client, stop func(), err error) {
	// The timeout of a call includes the wait for the limiter, in which all the other
	// rows may be ahead; and each row may need it three times.
	timeout := 10*time.Second + time.Duration(float64(3*o.parallel)/o.rate*float64(time.Second))
	opts := []id2meta.Option{id2meta.WithLimiter(rate.NewLimiter(rate.Limit(o.rate), 1)), id2meta.WithTimeout(timeout)}
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
