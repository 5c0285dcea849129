package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testenv"
)

// The Client's own connection pool trusts the simulator then.
func TestMain(m *testing.M) { os.Exit(testenv.Run(m)) }

var sample = id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"}

// fixture is an instrumented Client of a simulator, and what a collector would get.
type fixture struct {
	simulator *id2metatest.Server
	verifier  id2meta.Verifier
	exporter  *tracetest.InMemoryExporter
	reader    *sdkmetric.ManualReader
}

// newFixture returns a Client that asks the endpoints before, and then the simulator.
func newFixture(t *testing.T, before ...string) *fixture {
	t.Helper()
	f := &fixture{simulator: id2metatest.NewServer(), exporter: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader()}
	t.Cleanup(f.simulator.Close)
	f.simulator.AddPerson(sample.UserName, sample.IdentifyNum)
	traces := sdktrace.NewTracerProvider(sdktrace.WithSyncer(f.exporter))
	metrics := sdkmetric.NewMeterProvider(sdkmetric.WithReader(f.reader))
	client, err := id2meta.New(
		id2meta.WithEndpoints(append(before, f.simulator.Endpoint())...),
		id2meta.WithAccessKey(id2meta.AccessKey{ID: id2metatest.AccessKeyID, Secret: id2metatest.AccessKeySecret}),
		id2meta.WithTransportWrapper(traceRequests(traces, metrics)),
	)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	f.verifier, err = instrument(client, traces, metrics)
	require.NoError(t, err)
	return f
}

// attributes are those of the span of the call, and requests the names of the spans below.
func (f *fixture) spans(t *testing.T) (attributes map[attribute.Key]string, requests []string) {
	t.Helper()
	attributes = map[attribute.Key]string{}
	all := f.exporter.GetSpans()
	call := all[len(all)-1] // it ends last
	require.Equal(t, "id2meta.Verify", call.Name)
	for _, a := range call.Attributes {
		attributes[a.Key] = a.Value.String()
	}
	for _, span := range all[:len(all)-1] {
		assert.Equal(t, call.SpanContext.SpanID(), span.Parent.SpanID(), "%s is not below the call", span.Name)
		requests = append(requests, span.Name)
	}
	return attributes, requests
}

func deadEndpoint(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

func TestACallHasASpanAndBelowItOneForEachRequest(t *testing.T) {
	dead := deadEndpoint(t)
	for _, test := range []struct {
		name           string
		before         []string
		fault          id2metatest.Fault
		param          id2meta.Param
		outcome, maybe string
		requests       int
	}{
		{"a match", nil, id2metatest.Fault{}, sample, "match", "false", 1},
		{"a dead endpoint, and then one that answers", []string{dead}, id2metatest.Fault{}, sample, "match", "false", 2},
		{"throttled, and then answered", nil, id2metatest.Throttle(time.Millisecond), sample, "match", "false", 2},
		{"sent and not answered is not retried, and may be billed", nil, id2metatest.Drop(), sample, "try later", "true", 1},
		{"a key that is refused", nil, id2metatest.Status(404, "InvalidAccessKeyId.NotFound", ""), sample, "operator", "false", 1},
		{"an invalid number is not sent", nil, id2metatest.Fault{}, id2meta.Param{UserName: "张三", IdentifyNum: "1"}, "correct the input", "false", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, test.before...)
			f.simulator.Inject(test.fault)
			result, err := f.verifier.Verify(t.Context(), test.param)
			attributes, requests := f.spans(t)
			assert.Equal(t, test.outcome, attributes["id2meta.outcome"])
			assert.Equal(t, test.maybe, attributes["id2meta.maybe_billed"])
			assert.Equal(t, requestID(result, err), attributes["id2meta.request_id"])
			assert.Len(t, requests, test.requests)
			if test.requests > 0 {
				assert.Equal(t, "POST "+f.simulator.Endpoint(), requests[test.requests-1])
			}
		})
	}
	t.Run("a caller who leaves", func(t *testing.T) {
		f := newFixture(t)
		ctx, leave := context.WithCancel(t.Context())
		leave()
		f.verifier.Verify(ctx, sample)
		attributes, _ := f.spans(t)
		assert.Equal(t, "canceled", attributes["id2meta.outcome"])
	})
}

// A service that traces well carries a baggage. It is nobody else's business.
func TestNothingOfTheTraceIsSentToTheService(t *testing.T) {
	before := otel.GetTextMapPropagator()
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	defer otel.SetTextMapPropagator(before)
	member, err := baggage.NewMember("user", "4711")
	require.NoError(t, err)
	bag, err := baggage.New(member)
	require.NoError(t, err)

	exporter := tracetest.NewInMemoryExporter()
	var sent http.Header
	traced := traceRequests(sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter)), sdkmetric.NewMeterProvider())(
		roundTripper(func(r *http.Request) (*http.Response, error) {
			sent = r.Header.Clone()
			return nil, errors.New("not sent")
		}))
	request, err := http.NewRequestWithContext(baggage.ContextWithBaggage(t.Context(), bag), http.MethodPost, "https://127.0.0.1:1/", nil)
	require.NoError(t, err)
	traced.RoundTrip(request)
	require.Len(t, exporter.GetSpans(), 1, "the request was not traced")
	assert.Empty(t, sent)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestNoPersonIsInASpanOrAMetric(t *testing.T) {
	f := newFixture(t, deadEndpoint(t))
	masked, err := id2meta.MD5Param(sample.UserName, sample.IdentifyNum)
	require.NoError(t, err)
	for _, param := range []id2meta.Param{
		sample, masked,
		{UserName: "李四", IdentifyNum: sample.IdentifyNum},
		{UserName: sample.IdentifyNum, IdentifyNum: sample.UserName},                               // swapped
		{ParamType: id2meta.ParamType(sample.UserName), UserName: sample.IdentifyNum},              // shifted
		{UserName: sample.UserName, IdentifyNum: strings.ToLower(sample.IdentifyNum)},              // as typed
		{UserName: sample.UserName, IdentifyNum: strings.ReplaceAll(sample.IdentifyNum, "X", "1")}, // mistyped
	} {
		echo := "illegal: " + param.UserName + " " + param.IdentifyNum
		for _, fault := range []id2metatest.Fault{
			{}, id2metatest.Answer("401", echo), id2metatest.Status(403, "Forbidden."+param.UserName, echo),
			id2metatest.Raw(200, "<html>"+echo), id2metatest.Drop(),
		} {
			if param.Validate() == nil {
				f.simulator.Inject(fault)
			}
			f.verifier.Verify(t.Context(), param)
		}
	}
	var metrics metricdata.ResourceMetrics
	require.NoError(t, f.reader.Collect(t.Context(), &metrics))
	for what, collected := range map[string]any{"spans": f.exporter.GetSpans(), "metrics": metrics} {
		text, err := json.Marshal(collected)
		require.NoError(t, err)
		require.Contains(t, string(text), "id2meta.outcome", "this is not all of the "+what)
		for _, secret := range []string{"张", "李四", url.QueryEscape("张三"), "19491231", "110105", masked.UserName[:32], masked.IdentifyNum[6:38], id2metatest.AccessKeySecret} {
			assert.False(t, bytes.Contains(text, []byte(secret)), "%s hold %q", what, secret)
		}
	}
}

func TestRun(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	assert.Contains(t, out.String(), "id2meta.outcome=match")
	assert.Contains(t, out.String(), "id2meta.maybe_billed=true")
	assert.NotContains(t, out.String(), "19491231")
}
