package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// options is what the command line says.
type options struct {
	in, out     string
	live        bool
	simulator   bool
	endpoints   string
	rate        rateFlag
	parallel    int
	encoding    string
	sheet       string
	keep        []string
	remember    string
	retryFailed bool
	giveUp      int
	progress    time.Duration
}

const usage = `batch verifies a file of people (name,id_number) into a file of verdicts. Both may
be CSV files or .xlsx workbooks.

  batch                                            a sample, against the embedded simulator
  batch -simulator -in people.csv -out trial.csv   a rehearsal: nothing is sent or billed
  batch -live -in people.xlsx -out verdicts.xlsx   the real service: every verdict is billed

Stopped at any moment and started again with the same arguments, it continues.

Exit status: 0 every row has a verdict; 1 some rows are invalid or failed;
2 stopped before the end, or refused to start.

`

func parseOptions(args []string, stderr io.Writer) (options, error) {
	o := options{rate: 45}
	f := flag.NewFlagSet("batch", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprint(stderr, usage)
		f.PrintDefaults()
	}
	f.StringVar(&o.in, "in", "", "the CSV or .xlsx `file` to verify; without it a sample runs")
	f.StringVar(&o.out, "out", "", "the CSV or .xlsx `file` for the verdicts; its journal is kept beside it")
	f.StringVar(&o.sheet, "sheet", "", "the `name` of the workbook's sheet to verify (default: the first that is not hidden)")
	f.Func("keep", "`columns` of the input to carry into the output, by their titles, separated by commas", func(s string) error {
		o.keep = strings.Split(s, ",")
		return nil
	})
	f.StringVar(&o.remember, "remember", "", "the SQLite `file` that remembers verdicts, so that each person is asked about once; it needs "+hashKeyVariable)
	f.BoolVar(&o.live, "live", false, "ask the real service, with the default credential chain; it is billed")
	f.BoolVar(&o.simulator, "simulator", false, "ask the embedded simulator, which knows only the people of the sample")
	f.StringVar(&o.endpoints, "endpoint", "", "with -live: `hosts` to ask instead of the default ones, separated by commas")
	f.Var(&o.rate, "rate", "at most this `many` requests a second, or unlimited; the account's limit is 50 for all its machines")
	f.IntVar(&o.parallel, "parallel", 20, "how many rows are asked about at the same time")
	f.StringVar(&o.encoding, "encoding", "auto", "of a CSV input: auto, utf-8 or gb18030 (which includes GBK)")
	f.BoolVar(&o.retryFailed, "retry-failed", false, "ask again about the rows whose verdict is failed")
	f.IntVar(&o.giveUp, "give-up", 100, "stop when this many rows in a row have failed; 0 is never")
	f.DurationVar(&o.progress, "progress", 10*time.Second, "how often to write a line where there is no terminal")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return options{}, err
		}
		return options{}, errors.New("see batch -h")
	}
	if f.NArg() > 0 {
		return options{}, fmt.Errorf("%q is no flag; see batch -h", f.Arg(0))
	}
	return o, o.check()
}

func (o options) check() error {
	switch {
	case o.parallel < 1 || o.parallel > maxParallel:
		return fmt.Errorf("-parallel must be between 1 and %d", maxParallel)
	case o.giveUp < 0:
		return errors.New("-give-up must not be negative")
	case o.progress <= 0:
		return errors.New("-progress must be positive")
	case o.encoding != "auto" && o.encoding != encodingUTF8 && o.encoding != encodingGB18030:
		return errors.New("-encoding must be auto, utf-8 or gb18030")
	case slices.ContainsFunc(o.keep, func(title string) bool { return plainTitle(title) == "" }):
		return errors.New("-keep has an empty title")
	case o.in == "" && (o.out != "" || o.live || o.remember != ""):
		return errors.New("-in is missing: the file to verify")
	case o.in == "":
		return nil
	case o.out == "":
		return errors.New("-out is missing: the file for the verdicts")
	case o.live == o.simulator:
		// Without this a forgotten -live would leave a file of verdicts that
		// look real.
		return errors.New("say either -live (the real service, billed) or -simulator (a rehearsal)")
	case o.endpoints != "" && !o.live:
		return errors.New("-endpoint needs -live")
	}
	if o.remember != "" {
		if _, err := o.hashKey(); err != nil {
			return err
		}
	}
	return o.checkFiles()
}

// checkFiles keeps the verdicts from overwriting the people, and one output from
// overwriting another.
func (o options) checkFiles() error {
	a, err := os.Stat(o.in)
	if err != nil {
		return err
	}
	if !a.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file; it is read more than once, so a pipe will not do", o.in)
	}
	outputs := []string{o.out, recordsPath(o.out), journalPath(o.out), previousPath(o.out)}
	for _, path := range append(outputs, o.remember) {
		if b, err := os.Stat(path); err == nil && os.SameFile(a, b) {
			return errors.New("-in and an output are the same file")
		}
	}
	if slices.ContainsFunc(outputs, func(path string) bool { return samePath(path, o.remember) }) {
		return errors.New("-out and -remember are the same file")
	}
	return nil
}

// samePath reports whether two paths lead to one file, which need not be there.
func samePath(a, b string) bool {
	if x, err := os.Stat(a); err == nil {
		y, err := os.Stat(b)
		return err == nil && os.SameFile(x, y)
	}
	return b != "" && filepath.Clean(a) == filepath.Clean(b)
}

// rateFlag is requests a second; infinite is written "unlimited".
type rateFlag rate.Limit

func (r *rateFlag) String() string {
	if rate.Limit(*r) == rate.Inf {
		return "unlimited"
	}
	return strconv.FormatFloat(float64(*r), 'g', -1, 64)
}

func (r *rateFlag) Set(s string) error {
	if strings.EqualFold(s, "unlimited") {
		*r = rateFlag(rate.Inf)
		return nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= 0.01 && v <= 1e6) {
		return errors.New("it must be a number from 0.01 to 1000000, or unlimited")
	}
	*r = rateFlag(v)
	return nil
}
