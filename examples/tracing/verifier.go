package main

import (
	"context"
	"errors"
	"net"
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

// instrument returns a Verifier that asks next, under a span of its own, and
// counts what came of it. No attribute holds anything of the person; not even
// Param.ParamType is one, since three strings in the wrong order put a name there.
func instrument(next id2meta.Verifier, traces trace.TracerProvider, metrics metric.MeterProvider) (id2meta.Verifier, error) {
	tracer, meter := traces.Tracer(scope), metrics.Meter(scope)
	duration, err := meter.Float64Histogram("id2meta.verify.duration",
		metric.WithUnit("s"), metric.WithDescription("Verify calls and how long they took, by outcome"))
	if err != nil {
		return nil, err
	}
	return id2meta.VerifierFunc(func(ctx context.Context, param id2meta.Param) (id2meta.Result, error) {
		ctx, span := tracer.Start(ctx, "id2meta.Verify")
		defer span.End()
		started := time.Now()
		result, err := next.Verify(ctx, param)

		attributes := []attribute.KeyValue{attribute.String("id2meta.outcome", outcome(result, err))}
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

// outcome is one of a handful of words, as the label of a metric must be.
func outcome(result id2meta.Result, err error) string {
	switch {
	case err == nil:
		return result.BizCode.String()
	case errors.Is(err, id2meta.ErrInvalidParam):
		return "invalid parameter"
	case errors.Is(err, id2meta.ErrThrottled):
		return "throttled"
	case errors.Is(err, id2meta.ErrSourceUnavailable):
		return "source unavailable"
	case errors.Is(err, id2meta.ErrRepeatedCall):
		return "repeated call"
	case errors.Is(err, id2meta.ErrNotActivated), errors.Is(err, id2meta.ErrAccessDenied),
		errors.Is(err, id2meta.ErrOverdue), errors.Is(err, id2meta.ErrCredential):
		return "account" // ours to repair: worth an alarm
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, id2meta.ErrUnavailable):
		return "service failed"
	}
	return "other"
}

// requestID is what the vendor's support asks for, or "".
func requestID(result id2meta.Result, err error) string {
	if failed, ok := errors.AsType[*id2meta.APIError](err); ok {
		return failed.RequestID
	}
	return result.RequestID
}

// newTransport returns a connection pool for an instrumented client. It has
// what id2meta's own has: enough idle connections for one host (the default of
// two opens one for nearly every call under load), the 3 s that an endpoint may
// take to give a connection, and HTTP/1.1.
func newTransport() *http.Transport {
	const connect = 3 * time.Second
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: connect, KeepAlive: 15 * time.Second}).DialContext
	transport.TLSHandshakeTimeout = connect
	transport.MaxIdleConns = 0
	transport.MaxIdleConnsPerHost = 128
	transport.IdleConnTimeout = 50 * time.Second
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	return transport
}

// newHTTPClient returns a client for id2meta.WithHTTPClient that makes a span of
// each request it sends over transport.
//
// otelhttp would send the trace, and the baggage in which a service may keep a
// user's name, on to the vendor. The empty propagator stops that.
func newHTTPClient(transport http.RoundTripper, traces trace.TracerProvider, metrics metric.MeterProvider) *http.Client {
	return &http.Client{Transport: otelhttp.NewTransport(transport,
		otelhttp.WithTracerProvider(traces),
		otelhttp.WithMeterProvider(metrics),
		otelhttp.WithPropagators(propagation.NewCompositeTextMapPropagator()),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return "POST " + r.URL.Host }),
	)}
}
