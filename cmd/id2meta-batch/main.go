// Command batch verifies a CSV file of names and ID numbers into a CSV file of
// verdicts. It can be stopped at any moment and started again.
//
// See README.md, and batch -h.
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
	exitPartial  = 1 // every row is done, but some are invalid or failed
	exitStopped  = 2 // not every row is done; start again to continue
)

func main() { os.Exit(command(os.Args[1:], os.Stdout, os.Stderr)) }

func command(args []string, stdout io.Writer, stderr *os.File) int {
	o, err := parseOptions(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitComplete
	case err != nil:
		fmt.Fprintln(stderr, "batch:", err)
		return exitStopped
	}

	// The first signal lets the rows that have been asked about finish, since
	// they may be billed already. From then on signals do what they do to any
	// program, so that a second Ctrl-C ends it at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	if o.in == "" {
		err = demo(ctx, o, stdout, stderr)
		if err != nil {
			fmt.Fprintln(stderr, "batch:", err)
			return exitStopped
		}
		return exitComplete
	}
	counts, err := verifyFile(ctx, o, stdout, stderr)
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "batch:", err)
		return exitStopped
	case counts.invalid+counts.failed > 0:
		return exitPartial
	}
	return exitComplete
}
