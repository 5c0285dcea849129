package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/id2meta/id2meta"
)

// process verifies o.in into o.out with verifier.
func process(ctx context.Context, o options, verifier id2meta.Verifier, stdout io.Writer, stderr *os.File) (tally, error) {
	temp := &tempDir{out: o.out}
	defer temp.remove()
	t, err := openTable(o, temp)
	if err != nil {
		return tally{}, err
	}
	defer t.close()
	s, err := takeSurvey(t)
	if err != nil {
		return tally{}, fmt.Errorf("%s cannot be verified: %w", o.in, err)
	}
	if err := checkBook(o.out, s.rows); err != nil {
		return tally{}, err
	}
	about := t.about()
	titles := newLayout(about.columns)
	out, err := openOutput(recordsPath(o.out), o.identity(about), titles, about.excel, o.retryFailed)
	if err != nil {
		return tally{}, err
	}
	defer out.close()
	temp.removeStale() // the lock is held
	warn(stderr, about, s)

	var known *memory
	if o.remember != "" {
		if known, err = openMemory(ctx, o, verifier); err != nil {
			return tally{}, err
		}
		defer known.close()
		verifier = known
	}
	rows, err := t.rows()
	if err != nil {
		return tally{}, err
	}
	b := &batch{verifier: verifier, parallel: o.parallel, giveUp: o.giveUp, rows: s.rows, input: rows, output: out}
	if err := out.resume(b.input, func(rec record) { b.counts.add(rec.verdict) }); err != nil {
		return tally{}, err
	}
	before := b.counts.rows()
	if before > 0 {
		fmt.Fprintf(stderr, "batch: %s of %s rows are done already\n", thousands(before), thousands(s.rows))
	}
	b.progress = newProgress(stderr, s.rows, before, o.progress)
	started := time.Now()
	err = b.run(ctx)
	summarize(stdout, b, s, known, time.Since(started))
	switch {
	case errors.Is(err, errStopped):
		return b.counts, errors.New("stopped; start again with the same arguments to continue")
	case err == nil && isWorkbookName(o.out):
		return b.counts, writeBook(o.out, titles, temp, stderr)
	}
	return b.counts, err
}

// warn says what the user should know before anybody is asked about.
func warn(w io.Writer, about description, s survey) {
	if about.note != "" {
		fmt.Fprintln(w, "batch:", about.note)
	}
	if s.looksDamaged() {
		fmt.Fprintf(w, "batch: warning: %s of %s ID numbers end in 000. Excel has probably damaged them: it keeps 15 digits of a number and makes the others 0. "+
			"About one in eleven of them passes the check digit, and is asked about as somebody else's. Take the numbers from where they came from, as text\n",
			thousands(s.zeros), thousands(s.numbers))
	}
}

func summarize(w io.Writer, b *batch, s survey, known *memory, took time.Duration) {
	asked := b.counts.asked - known.spared()
	rate := ""
	if took >= time.Second/2 { // in less, the first few make it look faster than it is
		rate = fmt.Sprintf(" (%.1f/s)", perSecond(asked, took))
	}
	fmt.Fprintf(w, "%s of %s rows: %v; asked about %s in %v%s\n",
		thousands(b.counts.rows()), thousands(s.rows), b.counts,
		thousands(asked), took.Round(100*time.Millisecond), rate)
	switch {
	case known != nil:
		fmt.Fprintf(w, "verdicts that were known: %s\n", thousands(known.spared()))
	case s.repeats > 0:
		fmt.Fprintf(w, "rows that repeat an earlier person: about %s; -remember asks about each person once\n", thousands(s.repeats))
	}
}

// identity says what an output of this run belongs to.
func (o options) identity(about description) identity {
	return identity{
		Version:  journalVersion,
		SHA256:   about.sha256,
		Encoding: about.encoding,
		Sheet:    about.sheet,
		Keep:     o.keep,
		Source:   o.source(),
	}
}
