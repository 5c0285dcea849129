// Command simulator serves a simulated Id2MetaVerify on this machine until it is
// interrupted, for services in any language that need one to develop against. It
// costs nothing and needs no account. The README says how to point an SDK at it.
//
// It exits with 0 when it was interrupted, and 2 if it cannot start.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/simulator"
)

// The person whom it always knows. The number is the sample of GB 11643.
const (
	sampleName   = "张三"
	sampleNumber = "11010519491231002X"
)

const (
	exitDone   = 0
	exitFailed = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for anything
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program; it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	switch err := start(ctx, args, stdout); {
	case errors.Is(err, flag.ErrHelp), err == nil:
		return exitDone
	default:
		fmt.Fprintln(stderr, "simulator:", err)
		return exitFailed
	}
}

// start reads everything that can be wrong before it listens, and serves until
// ctx ends.
func start(ctx context.Context, args []string, stdout io.Writer) error {
	o, err := parse(args, stdout)
	if err != nil {
		return err
	}
	people, err := readPeople(o.people)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("-listen: %w", err)
	}
	defer listener.Close()
	pair, err := loadOrCreateCertificate(o.cert)
	if err != nil {
		return err
	}

	journal := &journal{out: stdout}
	sim := simulator.New(simulator.Config{NextFault: o.fault.next(), Record: journal.record})
	sim.AddCredential(id2metatest.AccessKeyID, id2metatest.AccessKeySecret, "")
	sim.AddPerson(sampleName, sampleNumber)
	for _, p := range people {
		sim.AddPerson(p.UserName, p.IdentifyNum)
	}

	printSettings(stdout, o, listener.Addr(), sim.SM2PublicKey(), len(people))
	journal.heading()
	err = serve(ctx, listener, pair, sim, journal)
	journal.summary()
	return err
}

// printSettings tells what a client needs. The names of the people stay out of
// it, invented as they are: the habit of printing none is worth keeping.
func printSettings(w io.Writer, o options, addr net.Addr, sm2PublicKey string, people int) {
	print := func(name, value string) { fmt.Fprintf(w, "%-18s %s\n", name, value) }
	cert := o.cert
	if absolute, err := filepath.Abs(cert); err == nil {
		cert = absolute
	}
	known := "the sample person"
	if o.people != "" {
		known += fmt.Sprintf(" and %d of %s", people, o.people)
	}
	fmt.Fprintln(w, "A simulated Id2MetaVerify. Ctrl-C ends it.")
	fmt.Fprintln(w)
	print("endpoint", addr.String())
	print("access key ID", id2metatest.AccessKeyID)
	print("access key secret", id2metatest.AccessKeySecret)
	print("certificate", cert)
	print("SM2 public key", sm2PublicKey)
	print("people", known)
	print("fault", o.fault.String())
	fmt.Fprintln(w)
}
