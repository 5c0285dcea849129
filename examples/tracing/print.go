package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// printSpans prints the spans below parent as a tree.
func printSpans(out io.Writer, spans tracetest.SpanStubs, parent trace.SpanID, indent string) {
	for _, span := range spans {
		if span.Parent.SpanID() != parent {
			continue
		}
		fmt.Fprintf(out, "%-48s %9v\n", indent+span.Name, span.EndTime.Sub(span.StartTime).Round(10*time.Microsecond))
		fmt.Fprintf(out, "%s    %s\n", indent, pairs(span.Attributes))
		if span.Status.Code == codes.Error && span.Status.Description != "" {
			fmt.Fprintf(out, "%s    error: %s\n", indent, span.Status.Description)
		}
		printSpans(out, spans, span.SpanContext.SpanID(), indent+"  ")
	}
}

func printMetrics(ctx context.Context, out io.Writer, reader sdkmetric.Reader) error {
	var collected metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &collected); err != nil {
		return err
	}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			histogram, ok := m.Data.(metricdata.Histogram[float64])
			if !ok {
				continue
			}
			for _, point := range histogram.DataPoints {
				mean := time.Duration(point.Sum / float64(point.Count) * float64(time.Second))
				fmt.Fprintf(out, "%-28s %3d times, %8v in the mean  %s\n",
					m.Name, point.Count, mean.Round(10*time.Microsecond), pairs(point.Attributes.ToSlice()))
			}
		}
	}
	return nil
}

// pairs leaves out the attributes that are the same for each request.
func pairs(attributes []attribute.KeyValue) string {
	var words []string
	for _, a := range attributes {
		switch a.Key {
		case "http.request.method", "network.protocol.name", "network.protocol.version", "url.scheme":
			continue
		}
		if value := a.Value.String(); value != "" {
			words = append(words, fmt.Sprintf("%s=%q", a.Key, value))
		}
	}
	return strings.Join(words, " ")
}
