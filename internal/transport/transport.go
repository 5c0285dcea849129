// Package transport sends one signed request at a time to an RPC gateway of Alibaba
// Cloud and tells how far the request came. It keeps the connections, and what it
// learns of the endpoints. It does not know what a request asks, about whom, or what
// an answer means.
//
// A connection of HTTP/1.1 carries one answer after another, and nothing but their order
// tells which answer belongs to which request. A proxy that loses count can give one
// person the verdict of another. The package closes a connection on which something
// arrives unasked, but it cannot see a wrong answer that comes in time. Behind such a
// proxy connections must not be reused: give an [http.Transport] with
// DisableKeepAlives.
package transport

import (
	"context"
	"errors"
	"net/http"
	"time"
)

const (
	// maxHead is far more than the few hundred bytes of an answer's head.
	maxHead = 64 << 10
	// maxBody is far more than the few hundred bytes of an answer's body.
	maxBody = 1 << 20
	// fairTime is what a healthy endpoint at the other end of the country may
	// need for a connection.
	fairTime = 100 * time.Millisecond
	// lateTime is how long Send waits for a given transport that its context has
	// ended. A transport that ends with its context needs microseconds. A transport
	// that does not may still bring a verdict that is paid for.
	lateTime = 100 * time.Millisecond
)

// Request is one request, and how long it may take.
type Request struct {
	Host       string // host or host:port
	Action     string
	Version    string // of the API
	Form       string // the parameters, encoded
	UserAgent  string
	Credential Credential
	Connect    time.Duration // to get a connection
	Answer     time.Duration // for everything; 0: as long as the context lets it
	// Sending is called before the first byte of the request may reach the
	// service, or is nil. After the call the context is looked at once more, and
	// nothing is sent if it has ended. Sending may be called more than once.
	Sending func()
}

// Credential is what a Request is signed with.
type Credential struct {
	Type            string // "bearer", "id_token", or an access key
	AccessKeyID     string
	AccessKeySecret string
	SecurityToken   string
	BearerToken     string
}

// Outcome is what became of a Request.
type Outcome struct {
	// Status and Header are those of the answer's head, even if the body broke off
	// or the time ended while it was read. Status is 0 if there was no head.
	Status int
	Header http.Header
	Body   []byte // nil if it is not whole, or longer than 1 MiB
	// Err is why there is no whole answer. Or it is why the answer came too late:
	// then the answer may be what a server says to a client that it saw leave.
	Err error
	// Sent tells that the service may have seen the request; see exchange.
	Sent bool
	// Dead tells that the endpoint gave no connection. It is false if the caller
	// left, or left the endpoint hardly any time.
	Dead bool
}

// Why an attempt was given up although the caller still waits.
var (
	errNoConnection = errors.New("no connection in the time allowed for it")
	errNoAnswer     = errors.New("no answer in the time allowed for one attempt")
)

// Sender sends Requests. It is made by [NewSender] or [NewWrappedSender] and safe for
// concurrent use.
type Sender struct {
	client *http.Client
	pool   *http.Transport // the pool of our own, or nil
	own    bool            // nothing but the pool of our own is asked
}

// NewSender returns a Sender that uses a copy of client. If client is nil, the Sender
// has a connection pool of its own.
//
// The limit of 64 KiB for an answer's head is that of the own pool. A given
// [http.Transport] has its own MaxResponseHeaderBytes, which is 10 MiB by default. It
// is not changed or cloned: others may use it, too.
func NewSender(client *http.Client) *Sender {
	if client == nil {
		pool := newPool()
		return &Sender{client: restrict(http.Client{Transport: pool}), pool: pool, own: true}
	}
	return &Sender{client: restrict(*client)}
}

// NewWrappedSender returns a Sender with a connection pool of its own inside what
// wrap returns, for instrumentation.
func NewWrappedSender(wrap func(base http.RoundTripper) http.RoundTripper) (*Sender, error) {
	pool := newPool()
	wrapped := wrap(pool)
	if wrapped == nil {
		return nil, errors.New("the function returned no RoundTripper")
	}
	return &Sender{client: restrict(http.Client{Transport: wrapped}), pool: pool}, nil
}

// restrict returns a client that follows no redirect, which would take the person and
// the signature to another host, and keeps no cookies.
func restrict(client http.Client) *http.Client {
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Jar = nil
	return &client
}

// CloseIdleConnections closes the connections that no Request is using.
func (s *Sender) CloseIdleConnections() {
	s.client.CloseIdleConnections()
	if s.pool != nil {
		s.pool.CloseIdleConnections() // a wrapper may have no such method
	}
}

// Send makes one request and reads the answer to its end. caller must have a deadline.
//
// Send returns when caller ends, whatever the transport does. A given transport that
// goes on for longer keeps a goroutine until it returns.
func (s *Sender) Send(caller context.Context, r Request) Outcome {
	ctx, cancel := context.WithCancelCause(caller)
	defer cancel(nil)
	if r.Answer > 0 {
		timer := time.AfterFunc(r.Answer, func() { cancel(errNoAnswer) })
		defer timer.Stop()
	}
	started := time.Now()
	x := newExchange(ctx, s, r, func() { cancel(errNoConnection) })
	defer x.budget.Stop()

	var o Outcome
	switch request, err := x.prepare(r); {
	case err != nil:
		o.Err = err
	case s.own:
		o = x.do(request)
	default:
		o = x.doInBackground(request)
	}
	if cause := context.Cause(ctx); cause != nil {
		o.Err = cause
	}
	o.Sent = o.Status != 0 || x.maySent()
	hasty := (o.Err == errNoConnection || ended(caller)) && time.Since(started) < fairTime
	o.Dead = !o.Sent && x.gotNoConnection() && !hasty && caller.Err() != context.Canceled
	return o
}

// ended reports whether ctx has ended. It also finds a deadline that has passed and
// whose timer has not fired yet.
func ended(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && time.Until(deadline) <= 0
}
