// Command tracing shows an id2meta.Client with OpenTelemetry: a span for each Verify,
// below it a span for each request, and a histogram by outcome. Copy verifier.go into
// your service.
//
// Without arguments, the program runs against the simulator, which it makes fail in
// several ways. With -live it asks the real service once. That call is billed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "tracing:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("tracing", flag.ContinueOnError)
	flags.SetOutput(stderr)
	live := flags.Bool("live", false, "ask the REAL service about -name and -id, once; it is billed")
	name := flags.String("name", "", "with -live: the name")
	number := flags.String("id", "", "with -live: the ID number")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if *live && (*name == "" || *number == "") || !*live && *name+*number != "" || flags.NArg() > 0 {
		return errors.New("-live, -name and -id go together, and there are no other arguments")
	}

	t := newTelemetry()
	var err error
	if *live {
		err = verifyOnce(ctx, t, id2meta.Param{UserName: *name, IdentifyNum: *number})
	} else {
		err = demonstrate(ctx, t, stdout)
	}
	// Print the spans even if the call failed: then they matter most.
	return errors.Join(err, t.print(ctx, stdout))
}

// telemetry keeps in memory what a service sends to its collector. In a service, use an
// exporter of go.opentelemetry.io/otel/exporters/otlp.
type telemetry struct {
	spans   *tracetest.InMemoryExporter
	traces  *sdktrace.TracerProvider
	reader  *sdkmetric.ManualReader
	metrics *sdkmetric.MeterProvider
}

func newTelemetry() *telemetry {
	spans, reader := tracetest.NewInMemoryExporter(), sdkmetric.NewManualReader()
	return &telemetry{
		spans:   spans,
		traces:  sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)),
		reader:  reader,
		metrics: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
	}
}

func (t *telemetry) print(ctx context.Context, out io.Writer) error {
	fmt.Fprintln(out, "\nSPANS")
	printSpans(out, t.spans.GetSpans(), trace.SpanID{}, "")
	fmt.Fprintln(out, "\nMETRICS")
	return printMetrics(ctx, out, t.reader)
}

// verifyOnce asks the real service. The spans show the verdict.
func verifyOnce(ctx context.Context, t *telemetry, param id2meta.Param) error {
	client, err := id2meta.New(id2meta.WithTransportWrapper(traceRequests(t.traces, t.metrics)))
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	verifier, err := instrument(client, t.traces, t.metrics)
	if err != nil {
		return err
	}
	_, err = verifier.Verify(ctx, param)
	return err
}

// GB 11643's own sample number.
const (
	sampleName   = "张三"
	sampleNumber = "11010519491231002X"
)

// demonstrate makes calls that go well and calls that do not.
func demonstrate(ctx context.Context, t *telemetry, out io.Writer) error {
	simulator := id2metatest.NewServer()
	defer simulator.Close()
	simulator.AddPerson(sampleName, sampleNumber)
	dead, err := deadEndpoint()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "service  the simulator on %s (free; -live asks the real one, which is billed)\n", simulator.Endpoint())

	// The simulator's HTTP client trusts its certificate. In production there is
	// WithTransportWrapper instead, as in verifyOnce.
	traced := &http.Client{Transport: traceRequests(t.traces, t.metrics)(simulator.Client().Transport)}
	client, err := id2meta.New(append(simulator.Options(),
		id2meta.WithEndpoints(dead, simulator.Endpoint()),
		id2meta.WithHTTPClient(traced))...)
	if err != nil {
		return err
	}
	verifier, err := instrument(client, t.traces, t.metrics)
	if err != nil {
		return err
	}

	sample := id2meta.Param{UserName: sampleName, IdentifyNum: sampleNumber}
	for _, call := range []struct {
		what   string
		faults []id2metatest.Fault
		param  id2meta.Param
	}{
		{"the first endpoint is dead, the second answers", nil, sample},
		{"another name: mismatch", nil, id2meta.Param{UserName: "李四", IdentifyNum: sampleNumber}},
		{"throttled, then answered", []id2metatest.Fault{id2metatest.Throttle(100 * time.Millisecond)}, sample},
		{"sent and not answered: not retried, it may be billed", []id2metatest.Fault{id2metatest.Drop()}, sample},
		{"a number with a wrong check digit: nothing is sent", nil, id2meta.Param{UserName: sampleName, IdentifyNum: "110105194912310021"}},
	} {
		simulator.Inject(call.faults...)
		result, err := verifier.Verify(ctx, call.param)
		fmt.Fprintf(out, "call     %-58s %s\n", call.what, outcome(result, err))
	}
	return nil
}

// deadEndpoint is an address that refuses connections.
func deadEndpoint() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
