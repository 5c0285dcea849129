// Command id2meta-simulator serves a simulated Id2MetaVerify on this machine, for the
// development and tests of programs in any language. It costs nothing and needs no
// account. It runs until it is interrupted.
//
//	go install github.com/id2meta/id2meta/cmd/id2meta-simulator@latest
//	id2meta-simulator [flags]
//
// The flags are:
//
//	-listen address   loopback address, by default 127.0.0.1:8443; port 0 takes a free one
//	-people file      CSV file of the people who exist: name,id_number or name,id_number,fault
//	-match-all        every valid person is a match
//	-cert file        the file for the certificate, by default cert.pem
//	-key file         the file for the key: with it, the certificate stays the same at each start
//	-fault name       the fault of some requests, such as throttle, 402 or hang; -h lists them
//	-every n          with -fault, every n-th request has the fault; by default 10
//	-latency time     how long an answer takes, such as 300ms, or 300ms..2s for a time at random
//
// The program prints its endpoint, its access key and the file of its certificate,
// and then a line for each request. The README says how to use it with an SDK.
//
// The exit code is 0 after an interrupt, and 2 if the program cannot start.
package main

import (
	"cmp"
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

const programName = "id2meta-simulator"

// The person whom the program always knows. The number is the sample of GB 11643.
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
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run runs the program and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := start(ctx, args, stdout)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(stderr, "%s: %v\n", programName, err)
		return exitFailed
	}
	return exitDone
}

// start checks the flags and the files, and then serves until ctx ends.
func start(ctx context.Context, args []string, stdout io.Writer) error {
	o, err := parse(args, stdout)
	if err != nil {
		return err
	}
	people, err := readPeople(o.people)
	if err != nil {
		return err
	}
	listener, err := listen(o.listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	pair, err := openCertificate(o.cert, o.key)
	if err != nil {
		return err
	}

	journal := &journal{out: stdout, outcomes: map[string]int{}}
	sim := newSimulator(o, people, journal)
	printSettings(stdout, o, listener.Addr(), people)
	journal.heading()
	err = serve(ctx, listener, pair, sim, journal)
	journal.summary()
	return err
}

func newSimulator(o options, people []person, journal *journal) *simulator.Simulator {
	faults := &faults{plan: o.fault, byPerson: map[string]simulator.Fault{}}
	sim := simulator.New(simulator.Config{
		NextFault: faults.next,
		Record:    journal.record,
		MatchAll:  o.matchAll,
		Latency:   o.wait,
	})
	sim.AddCredential(id2metatest.AccessKeyID, id2metatest.AccessKeySecret, "")
	sim.AddPerson(sampleName, sampleNumber)
	for _, p := range people {
		sim.AddPerson(p.UserName, p.IdentifyNum)
		if fault, ok := namedFaults[p.fault]; ok {
			faults.byPerson[sim.Person(p.UserName, p.IdentifyNum)] = fault
		}
	}
	return sim
}

// printSettings prints the settings that a client needs. It prints no name and no number,
// because people copy such output into tickets.
func printSettings(w io.Writer, o options, addr net.Addr, people []person) {
	print := func(name, value string) { fmt.Fprintf(w, "%-18s %s\n", name, value) }
	cert := o.cert
	if absolute, err := filepath.Abs(cert); err == nil {
		cert = absolute
	}
	fmt.Fprintln(w, "A simulated Id2MetaVerify. Ctrl-C ends it.")
	fmt.Fprintln(w)
	print("endpoint", addr.String())
	print("access key ID", id2metatest.AccessKeyID)
	print("access key secret", id2metatest.AccessKeySecret)
	print("certificate", cert)
	print("people", known(o, people))
	print("fault", o.fault.String())
	print("latency", cmp.Or(o.latency, "none"))
	fmt.Fprintln(w)
}

// known says in words which people the simulator knows.
func known(o options, people []person) string {
	text := "the sample person"
	if o.people != "" {
		text += fmt.Sprintf(" and %d of %s", len(people), o.people)
	}
	if o.matchAll {
		text += "; every valid person is a match"
	}
	return text
}
