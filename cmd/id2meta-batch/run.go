package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// run verifies o.in into o.out.
func run(ctx context.Context, o options, stdout io.Writer, stderr *os.File) (tally, error) {
	client, closeClient, err := newClient(ctx, o)
	if err != nil {
		return tally{}, err
	}
	defer closeClient()
	temp, err := newTempDir(o.out)
	if err != nil {
		return tally{}, err
	}
	defer temp.remove()
	in, err := openTable(o, temp.path)
	if err != nil {
		return tally{}, fmt.Errorf("%s cannot be verified: %w", o.in, err)
	}
	defer in.close()
	known, err := openMemory(ctx, o, client)
	if err != nil {
		return tally{}, err
	}
	defer known.close()
	if err := known.mayReplace(o.out); err != nil {
		return tally{}, err
	}
	s, err := takeSurvey(ctx, in, known)
	if err != nil {
		return tally{}, fmt.Errorf("%s cannot be verified: %w", o.in, err)
	}
	s.print(stderr, in, o)
	out, err := newOutput(o.out, temp.path, in, s.rows)
	if err != nil {
		return tally{}, err
	}
	defer out.abandon()
	rows, err := in.rows()
	if err != nil {
		return tally{}, err
	}

	var counts tally
	started := time.Now()
	progress := newProgress(stderr, s.rows, o.progress)
	err = verifyAll(ctx, known, o.parallel, rows.next, func(rec record) error {
		counts.add(rec.verdict)
		progress.show(counts)
		return out.write(rec)
	})
	progress.end(counts)
	err = errors.Join(err, known.finish())
	if err == nil {
		err = out.publish(known)
	}
	asked := known.Stats().Asked
	fmt.Fprintf(stdout, "%s of %s rows: %v\nasked about %s people in %v; other rows were known, repeated or invalid\n",
		thousands(counts.rows()), thousands(s.rows), counts, thousands(int(asked)), time.Since(started).Round(100*time.Millisecond))
	c := client.Stats()
	fmt.Fprintf(stdout, "the service answered: match %s, mismatch %s, no record %s; perhaps billed without an answer: %s\n",
		thousands(int(c.Match)), thousands(int(c.Mismatch)), thousands(int(c.NoRecord)), thousands(int(c.MaybeBilled)))
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return counts, errors.New("stopped, and no output was written; start again with the same arguments to continue")
	}
	return counts, advise(err)
}
