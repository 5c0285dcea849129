// Command tracing shows an id2meta.Client with OpenTelemetry: a span for each Verify,
// below it a span for each request, and a histogram by outcome. Copy verifier.go into
// your service. The program asks a simulator; nothing is billed.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	simulator := id2metatest.NewServer()
	defer simulator.Close()
	simulator.AddPerson("张三", "11010519491231002X")
	simulator.Inject(id2metatest.Throttle(100*time.Millisecond), id2metatest.Fault{}, id2metatest.Drop())

	// In a service: exporters of go.opentelemetry.io/otel/exporters/otlp, a batcher for
	// the spans, and a periodic reader for the metrics.
	spans := tracetest.NewInMemoryExporter()
	traces, metrics := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)), sdkmetric.NewMeterProvider()

	// In a service without the simulator's options.
	client, err := id2meta.New(append(simulator.Options(), id2meta.WithTransportWrapper(traceRequests(traces, metrics)))...)
	if err != nil {
		return err
	}
	verifier, err := instrument(client, traces, metrics)
	if err != nil {
		return err
	}
	for range 2 { // the first call is throttled and answered, the second is not answered
		verifier.Verify(ctx, id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
	}
	for _, span := range spans.GetSpans() {
		fmt.Fprintf(out, "%-22s %8v", span.Name, span.EndTime.Sub(span.StartTime).Round(time.Millisecond/10))
		for _, a := range span.Attributes {
			fmt.Fprintf(out, " %s=%s", a.Key, a.Value.String())
		}
		fmt.Fprintln(out)
	}
	return nil
}
