package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/id2meta/id2meta"
)

const scope = "github.com/id2meta/id2meta/examples/tracing"

// instrument returns a Verifier that asks next under a span of its own, and records the
// outcome. No attribute holds a part of the person. Param.ParamType is no attribute
// either, because a caller with three strings in the wrong order puts a name there.
func instrument(next id2meta.Verifier, traces trace.TracerProvider, metrics metric.MeterProvider) (id2meta.Verifier, error) {
	tracer, meter := traces.Tracer(scope), metrics.Meter(scope)
	duration, err := meter.Float64Histogram("id2meta.verify.duration",
		metric.WithUnit("s"), metric.WithDescription("Duration of Verify calls, by outcome"))
	if err != nil {
		return nil, err
	}
	return id2meta.VerifierFunc(func(ctx context.Context, param id2meta.Param) (id2meta.Result, error) {
		ctx, span := tracer.Start(ctx, "id2meta.Verify")
		defer span.End()
		started := time.Now()
		result, err := next.Verify(ctx, param)

		attributes := []attribute.KeyValue{
			attribute.String("id2meta.outcome", outcome(result, err)),
			// No verdict, but perhaps a bill: worth an alarm of its own.
			attribute.Bool("id2meta.maybe_billed", errors.Is(err, id2meta.ErrMaybeBilled)),
		}
		duration.Record(ctx, time.Since(started).Seconds(), metric.WithAttributes(attributes...))
		span.SetAttributes(attributes...)
		span.SetAttributes(attribute.String("id2meta.request_id", requestID(result, err)))
		if err != nil {
			// The library keeps the person and the secrets out of its errors.
			span.SetStatus(codes.Error, err.Error())
		}
		return result, err
	}), nil
}

// outcome is one of a dozen words, because it is a label of a metric: a verdict, or what
// to do about an error. Alarm on "operator".
func outcome(result id2meta.Result, err error) string {
	switch {
	case err == nil:
		return result.BizCode.String()
	case errors.Is(err, context.Canceled):
		return "canceled" // the caller left
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, id2meta.ErrThrottled):
		return "throttled"
	}
	return id2meta.RemedyOf(err).String()
}

// requestID is what the vendor's support asks for. It is empty if no answer came.
func requestID(result id2meta.Result, err error) string {
	if failed, ok := errors.AsType[*id2meta.APIError](err); ok {
		return failed.RequestID
	}
	return result.RequestID
}

// traceRequests is for id2meta.WithTransportWrapper. It makes a span of each request.
// By default, otelhttp sends the trace and the baggage, which may name a user, to the
// vendor. The empty propagator prevents that.
func traceRequests(traces trace.TracerProvider, metrics metric.MeterProvider) func(base http.RoundTripper) http.RoundTripper {
	return func(base http.RoundTripper) http.RoundTripper {
		return otelhttp.NewTransport(base,
			otelhttp.WithTracerProvider(traces),
			otelhttp.WithMeterProvider(metrics),
			otelhttp.WithPropagators(propagation.NewCompositeTextMapPropagator()),
			otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return "POST " + r.URL.Host }),
		)
	}
}
