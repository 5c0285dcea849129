package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testenv"
)

// The Client's own connection pool trusts the simulator then.
func TestMain(m *testing.M) { os.Exit(testenv.Run(m)) }

const otherName = "李四"

var sample = id2meta.Param{UserName: sampleName, IdentifyNum: sampleNumber}

// fixture is an instrumented client of a simulator.
type fixture struct {
	*telemetry
	simulator *id2metatest.Server
	verifier  id2meta.Verifier
	dials     atomic.Int64
}

// newFixture returns one that asks the endpoints before and then the simulator.
func newFixture(t *testing.T, before []string, options ...id2meta.Option) *fixture {
	t.Helper()
	f := &fixture{telemetry: newTelemetry(), simulator: id2metatest.NewServer()}
	t.Cleanup(f.simulator.Close)
	f.simulator.AddPerson(sampleName, sampleNumber)

	traced := traceRequests(f.traces, f.metrics)
	client, err := id2meta.New(append([]id2meta.Option{
		id2meta.WithEndpoints(append(before, f.simulator.Endpoint())...),
		id2meta.WithAccessKey(id2meta.AccessKey{ID: id2metatest.AccessKeyID, Secret: id2metatest.AccessKeySecret}),
		id2meta.WithTransportWrapper(func(base http.RoundTripper) http.RoundTripper { return traced(f.counting(base)) }),
	}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	if f.verifier, err = instrument(client, f.traces, f.metrics); err != nil {
		t.Fatal(err)
	}
	return f
}

// counting counts the connections that are made.
func (f *fixture) counting(base http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
			if !got.Reused {
				f.dials.Add(1)
			}
		}})
		return base.RoundTrip(r.WithContext(ctx))
	})
}

// family returns the only span without a parent and the spans below it.
func (f *fixture) family(t *testing.T) (parent tracetest.SpanStub, children tracetest.SpanStubs) {
	t.Helper()
	for _, span := range f.spans.GetSpans() {
		if span.Parent.IsValid() {
			children = append(children, span)
		} else {
			parent = span
		}
	}
	for _, child := range children {
		if child.Parent.SpanID() != parent.SpanContext.SpanID() {
			t.Errorf("span %q is not below the Verify call", child.Name)
		}
	}
	return parent, children
}

func TestSpans(t *testing.T) {
	t.Run("a call has a span, and below it one for its request", func(t *testing.T) {
		f := newFixture(t, nil)
		result, err := f.verifier.Verify(t.Context(), sample)
		if err != nil || !result.Match() {
			t.Fatalf("%v, %v", result, err)
		}
		parent, children := f.family(t)
		if parent.Name != "id2meta.Verify" || len(children) != 1 || children[0].Name != "POST "+f.simulator.Endpoint() {
			t.Errorf("parent %q with %d children", parent.Name, len(children))
		}
		if got := valueOf(parent.Attributes, "id2meta.outcome"); got != "match" {
			t.Errorf("outcome %q", got)
		}
		if got := valueOf(parent.Attributes, "id2meta.maybe_billed"); got != "false" {
			t.Errorf("id2meta.maybe_billed is %q", got)
		}
		if got := valueOf(parent.Attributes, "id2meta.request_id"); got != result.RequestID || got == "" {
			t.Errorf("request ID %q, want %q", got, result.RequestID)
		}
	})
	t.Run("a dead endpoint has a failed span, and the second endpoint answers", func(t *testing.T) {
		dead, err := deadEndpoint()
		if err != nil {
			t.Fatal(err)
		}
		f := newFixture(t, []string{dead})
		result, err := f.verifier.Verify(t.Context(), sample)
		if err != nil || !result.Match() {
			t.Fatalf("%v, %v", result, err)
		}
		parent, children := f.family(t)
		if len(children) != 2 || children[0].Name != "POST "+dead || children[1].Name != "POST "+f.simulator.Endpoint() {
			t.Fatalf("%d spans below the call", len(children))
		}
		if children[0].Status.Code != codes.Error || children[1].Status.Code == codes.Error || parent.Status.Code == codes.Error {
			t.Errorf("status %v, %v, of the call %v", children[0].Status, children[1].Status, parent.Status)
		}
	})
	t.Run("an endpoint that accepts and stays mute is given up in its share of the time", func(t *testing.T) {
		// Only the trace hooks of the transport tell the client that there is
		// no connection yet, so that it may ask the next endpoint.
		f := newFixture(t, []string{muteEndpoint(t)}, id2meta.WithTimeout(9*time.Second))
		started := time.Now()
		result, err := f.verifier.Verify(t.Context(), sample)
		if err != nil || !result.Match() {
			t.Fatalf("after %v: %v, %v", time.Since(started), result, err)
		}
		if _, children := f.family(t); len(children) != 2 {
			t.Errorf("%d spans below the call", len(children))
		}
	})
	t.Run("a throttled request and its retry have a span each", func(t *testing.T) {
		f := newFixture(t, nil)
		f.simulator.Inject(id2metatest.Throttle(10 * time.Millisecond))
		if _, err := f.verifier.Verify(t.Context(), sample); err != nil {
			t.Fatal(err)
		}
		_, children := f.family(t)
		if len(children) != 2 || children[0].Status.Code != codes.Error {
			t.Errorf("%d spans below the call", len(children))
		}
	})
	t.Run("a request that was sent and not answered is not sent again", func(t *testing.T) {
		f := newFixture(t, nil)
		f.simulator.Inject(id2metatest.Drop())
		_, err := f.verifier.Verify(t.Context(), sample)
		if !errors.Is(err, id2meta.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
		parent, children := f.family(t)
		if n := len(f.simulator.Calls()); n != 1 || len(children) != 1 {
			t.Errorf("%d requests arrived, %d have spans", n, len(children))
		}
		if parent.Status.Code != codes.Error {
			t.Errorf("the call's status is %v", parent.Status)
		}
		if got := valueOf(parent.Attributes, "id2meta.maybe_billed"); got != "true" {
			t.Errorf("id2meta.maybe_billed is %q", got)
		}
	})
	t.Run("a parameter that is invalid sends nothing", func(t *testing.T) {
		f := newFixture(t, nil)
		if _, err := f.verifier.Verify(t.Context(), id2meta.Param{}); !errors.Is(err, id2meta.ErrInvalidParam) {
			t.Errorf("error %v", err)
		}
		if _, children := f.family(t); len(children) != 0 {
			t.Errorf("%d spans below the call", len(children))
		}
	})
	t.Run("the call is below the span of its caller", func(t *testing.T) {
		f := newFixture(t, nil)
		ctx, span := f.traces.Tracer("test").Start(t.Context(), "withdrawal")
		if _, err := f.verifier.Verify(ctx, sample); err != nil {
			t.Fatal(err)
		}
		span.End()
		for _, stub := range f.spans.GetSpans() {
			if stub.SpanContext.TraceID() != span.SpanContext().TraceID() {
				t.Errorf("span %q is in another trace", stub.Name)
			}
		}
	})
}

// muteEndpoint accepts connections and never says a word.
func muteEndpoint(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	var mu sync.Mutex
	var accepted []net.Conn
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			accepted = append(accepted, conn)
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, conn := range accepted {
			conn.Close()
		}
	})
	return listener.Addr().String()
}

func valueOf(attributes []attribute.KeyValue, key attribute.Key) string {
	for _, a := range attributes {
		if a.Key == key {
			return a.Value.String()
		}
	}
	return ""
}

// A service that traces well carries a baggage. It is nobody else's business.
func TestNothingOfTheTraceIsSentToTheService(t *testing.T) {
	before := otel.GetTextMapPropagator()
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	defer otel.SetTextMapPropagator(before)
	member, err := baggage.NewMember("user", "4711")
	if err != nil {
		t.Fatal(err)
	}
	bag, err := baggage.New(member)
	if err != nil {
		t.Fatal(err)
	}

	tel := newTelemetry()
	var sent http.Header
	client := &http.Client{Transport: traceRequests(tel.traces, tel.metrics)(roundTripper(func(r *http.Request) (*http.Response, error) {
		sent = r.Header.Clone()
		return nil, errors.New("not sent")
	}))}
	request, _ := http.NewRequestWithContext(baggage.ContextWithBaggage(t.Context(), bag), http.MethodPost, "https://127.0.0.1:1/", nil)
	client.Do(request)
	if len(tel.spans.GetSpans()) != 1 {
		t.Fatal("the request was not traced")
	}
	if len(sent) > 0 {
		t.Errorf("headers %v were added", sent)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestNoPersonalDataInTelemetry(t *testing.T) {
	dead, err := deadEndpoint()
	if err != nil {
		t.Fatal(err)
	}
	masked, err := id2meta.MD5Param(sampleName, sampleNumber)
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, []string{dead})
	outcomes := map[string]bool{}
	for _, param := range []id2meta.Param{
		sample, masked,
		{UserName: otherName, IdentifyNum: sampleNumber},
		{UserName: sampleNumber, IdentifyNum: sampleName},                                  // swapped
		{ParamType: id2meta.ParamType(sampleName), UserName: sampleNumber},                 // shifted
		{UserName: sampleName, IdentifyNum: strings.ToLower(sampleNumber)},                 // as typed
		{UserName: sampleName, IdentifyNum: strings.Replace(sampleNumber, "X", "1", 1)},    // mistyped
		{ParamType: id2meta.ParamTypeMD5, UserName: sampleName, IdentifyNum: sampleNumber}, // not masked
	} {
		echo := "illegal: " + param.UserName + " " + param.IdentifyNum + " " + strings.ToUpper(param.IdentifyNum)
		for _, fault := range []id2metatest.Fault{
			{},
			id2metatest.Answer("401", echo),
			id2metatest.Status(http.StatusForbidden, "Forbidden."+param.UserName, echo),
			id2metatest.Status(http.StatusBadRequest, param.IdentifyNum, echo),
			id2metatest.Raw(http.StatusOK, "<html>"+echo),
			id2metatest.Raw(http.StatusFound, echo),
			id2metatest.Throttle(time.Millisecond),
			id2metatest.Drop(),
			id2metatest.Truncate(),
		} {
			if param.Validate() == nil {
				f.simulator.Inject(fault)
			}
			outcomes[outcome(f.verifier.Verify(t.Context(), param))] = true
		}
	}
	if len(outcomes) < 5 {
		t.Errorf("only %v came about", outcomes)
	}
	spans := f.spans.GetSpans()
	t.Logf("%d spans, outcomes %v", len(spans), outcomes)

	t.Run("in no span", func(t *testing.T) {
		for _, span := range spans {
			reportSecrets(t, span)
		}
	})
	t.Run("in no metric", func(t *testing.T) {
		var collected metricdata.ResourceMetrics
		if err := f.reader.Collect(t.Context(), &collected); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(collected)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte("mismatch")) {
			t.Errorf("this is not all of the metrics: %s", text)
		}
		if secret := secretIn(string(text)); secret != "" {
			t.Errorf("%s holds %s", text, secret)
		}
	})
	t.Run("and each place in a span is looked at", func(t *testing.T) {
		planted := attribute.String("key", "before "+sampleNumber)
		for place, plant := range map[string]func(trace.Span){
			"name":            func(s trace.Span) { s.SetName(sampleName) },
			"attribute":       func(s trace.Span) { s.SetAttributes(planted) },
			"attribute key":   func(s trace.Span) { s.SetAttributes(attribute.String(sampleNumber, "1")) },
			"attribute slice": func(s trace.Span) { s.SetAttributes(attribute.StringSlice("key", []string{masked.UserName})) },
			"event":           func(s trace.Span) { s.AddEvent(url.QueryEscape(sampleName)) },
			"event attribute": func(s trace.Span) { s.AddEvent("event", trace.WithAttributes(planted)) },
			"error":           func(s trace.Span) { s.RecordError(errors.New(masked.IdentifyNum)) },
			"link": func(s trace.Span) {
				s.AddLink(trace.Link{SpanContext: s.SpanContext(), Attributes: []attribute.KeyValue{planted}})
			},
			"status": func(s trace.Span) { s.SetStatus(codes.Error, strings.ToLower(sampleNumber)) },
		} {
			tel := newTelemetry()
			_, span := tel.traces.Tracer("test").Start(t.Context(), "span")
			plant(span)
			span.End()
			if found := secretsOf(tel.spans.GetSpans()[0]); len(found) == 0 {
				t.Errorf("a person in the %s is not found", place)
			}
		}
	})
}

func reportSecrets(t *testing.T, span tracetest.SpanStub) {
	t.Helper()
	for _, found := range secretsOf(span) {
		t.Error(found)
	}
}

// secretsOf looks at everything that a span says.
func secretsOf(span tracetest.SpanStub) (found []string) {
	look := func(place, text string) {
		if secret := secretIn(text); secret != "" {
			found = append(found, fmt.Sprintf("%s of span %q holds %s: %s", place, span.Name, secret, text))
		}
	}
	lookAt := func(place string, attributes []attribute.KeyValue) {
		for _, a := range attributes {
			look(place, string(a.Key))
			look(place+" "+string(a.Key), a.Value.String())
		}
	}
	look("name", span.Name)
	look("status", span.Status.Description)
	look("trace state", span.SpanContext.TraceState().String())
	lookAt("attribute", span.Attributes)
	lookAt("resource", span.Resource.Attributes())
	lookAt("scope", span.InstrumentationScope.Attributes.ToSlice())
	for _, event := range span.Events {
		look("event", event.Name)
		lookAt("event", event.Attributes)
	}
	for _, link := range span.Links {
		lookAt("link", link.Attributes)
	}
	return found
}

// secretIn returns what text must not hold, or "". The birth date stands for
// every part of the number that is longer than it.
func secretIn(text string) string {
	birthDate := sampleNumber[6:14]
	for _, secret := range []string{
		sampleName, otherName, sampleName[:len("张")], sampleNumber, strings.ToLower(sampleNumber), birthDate,
		md5Hex(sampleName), md5Hex(sampleName[:len("张")]), md5Hex(otherName), md5Hex(otherName[:len("李")]),
		md5Hex(sampleNumber), md5Hex(birthDate),
		id2metatest.AccessKeySecret,
	} {
		for _, form := range []string{secret, url.QueryEscape(secret), strings.ToUpper(secret)} {
			if strings.Contains(text, form) {
				return form
			}
		}
	}
	return ""
}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestMetricsCountCallsByOutcome(t *testing.T) {
	f := newFixture(t, nil)
	f.verifier.Verify(t.Context(), sample)
	f.verifier.Verify(t.Context(), sample)
	f.verifier.Verify(t.Context(), id2meta.Param{UserName: otherName, IdentifyNum: sampleNumber})
	f.simulator.Inject(id2metatest.Answer("412", "overdue"))
	f.verifier.Verify(t.Context(), sample)

	var collected metricdata.ResourceMetrics
	if err := f.reader.Collect(t.Context(), &collected); err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != "id2meta.verify.duration" {
				continue
			}
			for _, point := range m.Data.(metricdata.Histogram[float64]).DataPoints {
				got[valueOf(point.Attributes.ToSlice(), "id2meta.outcome")] = point.Count
			}
		}
	}
	for word, want := range map[string]uint64{"match": 2, "mismatch": 1, "operator": 1} {
		if got[word] != want {
			t.Errorf("%s: %d, want %d", word, got[word], want)
		}
	}
	if len(got) != 3 {
		t.Errorf("outcomes %v", got)
	}
}

func TestOutcome(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{&id2meta.ParamError{Field: "UserName"}, "correct the input"},
		{&id2meta.APIError{Code: "401"}, "correct the input"},
		{&id2meta.APIError{Code: "Throttling.User"}, "throttled"},
		{&id2meta.APIError{Code: "402"}, "try later"},
		{&id2meta.APIError{Code: "403"}, "not this person"},
		{&id2meta.APIError{Code: "410"}, "operator"},
		{&id2meta.APIError{Code: "411"}, "operator"},
		{&id2meta.APIError{Code: "412"}, "operator"},
		{&id2meta.APIError{Code: "SignatureDoesNotMatch"}, "operator"},
		{&id2meta.APIError{StatusCode: 503}, "try later"},
		{fmt.Errorf("%w (in attempt 2, after %w)", context.DeadlineExceeded, id2meta.ErrUnavailable), "timeout"},
		{context.Canceled, "canceled"},
		{&id2meta.APIError{StatusCode: 200}, "report"},
	} {
		if got := outcome(id2meta.Result{}, test.err); got != test.want {
			t.Errorf("%v: %q, want %q", test.err, got, test.want)
		}
	}
}

func TestConnectionsAreKept(t *testing.T) {
	f := newFixture(t, nil)
	const callers, rounds = 20, 10
	for range rounds {
		var group sync.WaitGroup
		for range callers {
			group.Go(func() {
				if _, err := f.verifier.Verify(t.Context(), sample); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait() // all connections are idle now, and those over the limit are closed
	}
	t.Logf("%d connections for %d calls", f.dials.Load(), callers*rounds)
	if n := f.dials.Load(); n > 2*callers {
		t.Errorf("%d connections for %d callers", n, callers)
	}
}

func TestRun(t *testing.T) {
	t.Run("the demonstration prints spans and metrics and no person", func(t *testing.T) {
		var out bytes.Buffer
		if err := run(t.Context(), nil, &out, io.Discard); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"SPANS\nid2meta.Verify", `id2meta.outcome="mismatch"`, "connection refused", `http.response.status_code="400"`,
			"METRICS", "id2meta.verify.duration        2 times",
		} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("the output lacks %q:\n%s", want, out.String())
			}
		}
		if secret := secretIn(out.String()); secret != "" {
			t.Errorf("the output holds %s:\n%s", secret, out.String())
		}
	})
	t.Run("a live call needs its person, and a demonstration none", func(t *testing.T) {
		for _, args := range []string{"-live", "-live -name x", "-id x", "-name x -id x", "x"} {
			if err := run(t.Context(), strings.Fields(args), io.Discard, io.Discard); err == nil {
				t.Errorf("%s: no error", args)
			}
		}
	})
}
