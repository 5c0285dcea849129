package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// options is what the command line says.
type options struct {
	in, out   string
	sheet     string
	keep      []string
	live      bool
	simulator bool
	endpoints string
	rate      float64
	parallel  int
	verdicts  string
	forget    bool
}

const (
	maxRate     = 1e6
	maxParallel = 1000
)

const usage = `id2meta-batch verifies a file of names and ID numbers.

  id2meta-batch -in people.xlsx -out verdicts.xlsx         only counts whom to ask about
  id2meta-batch -simulator -in people.csv -out trial.csv   a rehearsal: nothing is billed
  id2meta-batch -live -in people.xlsx -out verdicts.xlsx   each new person may be billed

Stopped at any moment and started again, it asks nobody twice.
Exit status: 0 every row has a verdict; 1 some rows are invalid or failed;
2 stopped, or refused to start: no output was written.

`

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("id2meta-batch", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.in, "in", "", "the `FILE` to verify: CSV, or an .xlsx workbook")
	f.StringVar(&o.out, "out", "", "the `FILE` for the verdicts: CSV, or an .xlsx workbook")
	f.BoolVar(&o.simulator, "simulator", false, "ask the embedded simulator, which knows only the sample's people")
	f.BoolVar(&o.live, "live", false, "ask the real service, with the default credential chain")
	f.StringVar(&o.sheet, "sheet", "", "the `NAME` of a sheet (default: the only one that has the columns)")
	f.Func("keep", "the `TITLES` of columns to carry into the output, separated by commas", func(s string) error { o.keep = strings.Split(s, ","); return nil })
	f.Float64Var(&o.rate, "rate", 45, "at most `N` requests a second (default 45; an account has 50 in all)")
	f.IntVar(&o.parallel, "parallel", 20, "at most `N` people at the same time (default 20)")
	f.StringVar(&o.endpoints, "endpoint", "", "the `HOSTS` that -live asks, separated by commas")
	f.StringVar(&o.verdicts, "verdicts", "", "the `FILE` of known verdicts (default: in the folder of -out)")
	f.BoolVar(&o.forget, "forget", false, "delete the file of -verdicts, and do nothing else")
	f.Usage = func() { // in one line for each flag, so that it fits on a screen
		fmt.Fprint(stderr, usage)
		f.VisitAll(func(entry *flag.Flag) {
			value, text := flag.UnquoteUsage(entry)
			fmt.Fprintf(stderr, "  -%-15s %s\n", entry.Name+" "+value, text)
		})
	}
	if err := f.Parse(args); err != nil {
		return options{}, err
	}
	if f.NArg() > 0 {
		return options{}, fmt.Errorf("%q is no flag; see id2meta-batch -h", f.Arg(0))
	}
	if o.verdicts == "" && o.out != "" {
		o.verdicts = filepath.Join(filepath.Dir(o.out), "id2meta-verdicts.db")
		if o.simulator {
			o.verdicts = filepath.Join(filepath.Dir(o.out), "id2meta-verdicts-simulator.db")
		}
	}
	return o, o.check()
}

func (o options) check() error {
	switch {
	case o.verdicts == "" && o.forget:
		return errors.New("-forget needs -verdicts, the file to delete, or the -out that it stands beside")
	case o.forget:
		return nil
	case o.in == "":
		return errors.New("-in is missing: the file to verify; see id2meta-batch -h")
	case o.out == "":
		return errors.New("-out is missing: the file for the verdicts")
	case filepath.Clean(o.in) == filepath.Clean(o.out):
		return errors.New("-in and -out are the same file")
	case o.live && o.simulator:
		return errors.New("say either -live (the real service, billed) or -simulator (a rehearsal)")
	case o.endpoints != "" && !o.live:
		return errors.New("-endpoint needs -live")
	case !(o.rate >= 0.01 && o.rate <= maxRate): // NaN is neither
		return fmt.Errorf("-rate must be a number from 0.01 to %.0f", maxRate)
	case o.parallel < 1 || o.parallel > maxParallel:
		return fmt.Errorf("-parallel must be between 1 and %d", maxParallel)
	case slices.ContainsFunc(o.keep, func(title string) bool { return plainTitle(title) == "" }):
		return errors.New("-keep has an empty title")
	}
	return nil
}
