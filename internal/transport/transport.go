// Package transport sends one signed question at a time to an RPC gateway of Alibaba
// Cloud and tells how far it came; it keeps the connections, and what it learns of
// the endpoints. It does not know what is asked, about whom, or what an answer
// means.
package transport

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

const (
	// maxBody is far more than the few hundred bytes of an answer.
	maxBody = 1 << 20
	// fairTime is what a healthy endpoint at the other end of the country may
	// need for a connection.
	fairTime = 100 * time.Millisecond
)

// Request is one question, and how long it may take.
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
	// service, or is nil. It may be called more than once.
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
	Status int // of HTTP; 0 if there was no answer
	Header http.Header
	Body   []byte // nil if it is not whole, or longer than 1 MiB
	// Err is why there is no whole answer, or why the one that there is came too
	// late: it may be the server's word to a client that it saw leave.
	Err error
	// Sent tells that the service may have seen the request. A transport that tells
	// nothing is taken to have sent it.
	Sent bool
	// Dead tells that there was no connection, for which the endpoint is to blame:
	// not a caller who left, or who left it hardly any time.
	Dead bool
}

// Why an attempt was given up although the caller still waits.
var (
	errNoConnection = errors.New("no connection in the time allowed for it")
	errNoAnswer     = errors.New("no answer in the time allowed for one attempt")
)

// Sender sends Requests. It is made by [NewSender] and safe for concurrent use.
type Sender struct {
	http      *http.Client
	closeIdle func()
}

// NewSender returns a Sender that uses a copy of client, or, if that is nil, a pool
// of connections of its own.
//
// wrap, if it is not nil, wraps the pool; it has no effect on a given client.
func NewSender(client *http.Client, wrap func(http.RoundTripper) http.RoundTripper) (*Sender, error) {
	if client != nil {
		return newSender(client, client.CloseIdleConnections), nil
	}
	pool := newPool()
	client = &http.Client{Transport: pool}
	if wrap != nil {
		if client.Transport = wrap(pool); client.Transport == nil {
			return nil, errors.New("the function returned nil")
		}
	}
	return newSender(client, pool.CloseIdleConnections), nil
}

func newSender(client *http.Client, closeIdle func()) *Sender {
	own := *client
	// A redirect would take the person and the signature to another host.
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	own.Jar = nil
	return &Sender{&own, closeIdle}
}

// CloseIdleConnections closes the connections that no Request is using.
func (s *Sender) CloseIdleConnections() { s.closeIdle() }

// Send makes one request and reads the answer to its end. ctx must have a deadline.
func (s *Sender) Send(caller context.Context, r Request) Outcome {
	ctx, cancel := context.WithCancelCause(caller)
	defer cancel(nil)
	if r.Answer > 0 {
		timer := time.AfterFunc(r.Answer, func() { cancel(errNoAnswer) })
		defer timer.Stop()
	}
	started := time.Now()
	x := exchange{client: s.http}
	ctx, stop := x.trace(ctx, started.Add(r.Connect), r.Sending, cancel)
	defer stop()
	o := x.do(ctx, r)
	if cause := context.Cause(ctx); cause != nil {
		o.Err = cause
	}
	reached := x.reached.Load()
	o.Sent = reached == untraced || reached == connected || o.Status != 0
	hasty := (o.Err == errNoConnection || ended(caller)) && time.Since(started) < fairTime
	o.Dead = !o.Sent && !hasty && caller.Err() != context.Canceled
	return o
}

// ended also finds a deadline that has passed and whose timer has not fired yet.
func ended(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && time.Until(deadline) <= 0
}

// exchange is one request on its way, and how far it came.
type exchange struct {
	client  *http.Client
	reached atomic.Int32 // one of the following
}

// How far an exchange came, as its transport tells.
const (
	untraced   = iota // the transport tells nothing
	connecting        // it wants a connection
	givenUp           // it wanted one for too long
	stale             // it took one that was closed, on which nothing can be sent
	connected         // it has one, so something may be sent
)

// trace returns a context whose transport tells x how far it came, and that is
// cancelled if there is no connection by a time.
func (x *exchange) trace(ctx context.Context, by time.Time, sending func(), cancel context.CancelCauseFunc) (context.Context, func() bool) {
	budget := time.AfterFunc(math.MaxInt64, func() {
		if x.reached.CompareAndSwap(connecting, givenUp) {
			cancel(errNoConnection)
		}
	})
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// The transport asks again for a connection if the one it had turns out
		// to be closed before anything was written to it.
		GetConn: func(string) {
			x.reached.Store(connecting)
			budget.Reset(time.Until(by))
		},
		GotConn: func(info httptrace.GotConnInfo) {
			budget.Stop()
			reached := int32(connected)
			if info.Reused && closeStale(info.Conn) {
				reached = stale
			} else if sending != nil {
				sending()
			}
			if x.reached.CompareAndSwap(connecting, reached) {
				return
			}
			// The budget ran out a moment before, or the transport did not say that
			// it wants a connection.
			if x.reached.Load() != givenUp || !closeOwn(info.Conn) {
				x.reached.Store(connected)
			}
		},
	})
	return context.WithValue(ctx, attemptContext{}, ctx), budget.Stop
}

// do sends r and reads the answer. A connection that was closed before anything
// could be sent on it is gone from the pool afterwards, so the next try gets
// another.
func (x *exchange) do(ctx context.Context, r Request) Outcome {
	request, err := newRequest(ctx, r)
	if err != nil {
		x.reached.Store(connecting)
		return Outcome{Err: err}
	}
	response, err := x.client.Do(request)
	for err != nil && x.reached.Load() == stale && ctx.Err() == nil {
		request.Body, _ = request.GetBody() // of a strings.Reader: it cannot fail
		response, err = x.client.Do(request)
	}
	if err != nil {
		return Outcome{Err: err}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		body = nil
	}
	return Outcome{Status: response.StatusCode, Header: response.Header, Body: body, Err: err}
}
