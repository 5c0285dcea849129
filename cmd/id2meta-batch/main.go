// Command id2meta-batch verifies a file of names and ID numbers, and writes a file of
// verdicts. It remembers the verdicts, so that it asks about nobody twice, however often
// it is stopped and started again.
//
// See README.md, and id2meta-batch -h.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// What the program exits with.
const (
	exitComplete = 0 // every row has a verdict
	exitPartial  = 1 // the output is written, but some of its rows are invalid or failed
	exitStopped  = 2 // no output was written
)

func main() { os.Exit(command(os.Args[1:], os.Stdout, os.Stderr)) }

func command(args []string, stdout io.Writer, stderr *os.File) int {
	o, err := parseOptions(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitComplete
	}
	// From the first signal on, signals do what they do to any program, so that a second
	// Ctrl-C ends it at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	var counts tally
	switch {
	case err != nil:
	case o.forget:
		err = forget(o.verdicts, stdout)
	default:
		counts, err = run(ctx, o, stdout, stderr)
	}
	switch {
	case err != nil:
		if ctx.Err() != nil {
			err = errors.New("stopped, and no output was written; start again with the same arguments to continue")
		}
		fmt.Fprintln(stderr, "id2meta-batch:", err)
		return exitStopped
	case counts[verdictInvalid]+counts[verdictFailed] > 0:
		return exitPartial
	}
	return exitComplete
}
