package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"
)

// probe is one HEAD request to an endpoint, and when each of its steps ended. A time that
// is zero means that the step did not end.
type probe struct {
	endpoint string
	proxy    *url.URL // nil: none
	err      error    // of the step that did not end

	started, lookedUp, connected, secured, answered time.Time

	asked     bool         // a name server; false for an address
	addresses []net.IPAddr // of the endpoint or the proxy
	remote    string       // the address of the connection
	tls       tls.ConnectionState
	header    http.Header // of the answer
}

// send sends the request. It has no signature and names no API.
func send(ctx context.Context, transport http.RoundTripper, endpoint string) *probe {
	request := &http.Request{
		Method: http.MethodHead,
		URL:    &url.URL{Scheme: "https", Host: endpoint, Path: "/"},
		Header: http.Header{"User-Agent": {"id2meta-check"}},
	}
	seen := probe{endpoint: endpoint, started: time.Now()}
	if t, ok := transport.(*http.Transport); ok && t.Proxy != nil {
		seen.proxy, _ = t.Proxy(request) // net/http takes a proxy that is no URL for none
	}
	var mu sync.Mutex // the transport may still connect when RoundTrip has returned
	note := func(f func()) {
		mu.Lock()
		defer mu.Unlock()
		f()
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { note(func() { seen.asked = true }) },
		DNSDone: func(info httptrace.DNSDoneInfo) {
			note(func() {
				if info.Err == nil {
					seen.lookedUp, seen.addresses = time.Now(), info.Addrs
				}
			})
		},
		ConnectDone: func(_, address string, err error) {
			note(func() {
				if err == nil && seen.connected.IsZero() {
					seen.connected, seen.remote = time.Now(), address
				}
			})
		},
		TLSHandshakeDone: func(state tls.ConnectionState, _ error) { note(func() { seen.tls = state }) },
		GotConn:          func(httptrace.GotConnInfo) { note(func() { seen.secured = time.Now() }) },
	})
	response, err := transport.RoundTrip(request.WithContext(ctx))
	mu.Lock()
	defer mu.Unlock()
	result := seen
	if result.err = err; err == nil {
		response.Body.Close()
		result.answered, result.header = time.Now(), response.Header
	}
	return &result
}

// clockAhead returns how far the clock of this machine is ahead of the Date of the answer.
// A Date has whole seconds.
func (p *probe) clockAhead() (ahead time.Duration, known bool) {
	date, err := http.ParseTime(p.header.Get("Date"))
	if err != nil {
		return 0, false
	}
	middle := p.secured.Add(p.answered.Sub(p.secured) / 2)
	return middle.Sub(date.Add(time.Second / 2)).Round(time.Second), true
}
