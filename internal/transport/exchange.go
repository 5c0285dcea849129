package transport

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"
)

// exchange is one request and its state: whether the request was sent. An exchange is
// also the context of its request.
//
// Retries and the bill depend on whether the request was sent. There are two sources for
// that:
//
//   - The own pool counts what is written to its connections; see conn. A request of
//     which a byte was written counts as sent.
//   - Any other transport must read the body of the request to send it, because the body
//     holds all parameters. A request whose body was read counts as sent, whatever
//     happens later. The body can be read once, so one attempt is one request, even if
//     the transport sends requests again by itself. After the end of the context the
//     body cannot be read.
type exchange struct {
	context.Context
	sender  *Sender
	sending func() bool // may be nil
	budget  *time.Timer // ends the wait for a connection

	reached atomic.Int32 // one of the following constants
	read    atomic.Bool  // the transport has read the body

	mayRetry atomic.Bool          // if nothing can be sent on the connection, another one may do
	loan     atomic.Pointer[loan] // of a connection of the own pool, or nil
}

// The states of an exchange.
const (
	untold     = iota // the transport has reported nothing
	connecting        // the transport wants a connection
	givenUp           // the transport got no connection in time
	stale             // the transport took a connection on which nothing can be sent
	refused           // nothing was sent: the context had ended, or the request is bad
	allowed           // the transport has a connection, and may send
)

// newExchange returns an exchange whose context ends with ctx. It calls giveUp if
// there is no connection in the time that r allows.
func newExchange(ctx context.Context, sender *Sender, r Request, giveUp func()) *exchange {
	x := &exchange{sender: sender, sending: r.Sending}
	x.budget = time.AfterFunc(math.MaxInt64, func() {
		if x.reached.CompareAndSwap(connecting, givenUp) {
			giveUp()
		}
	})
	by := time.Now().Add(r.Connect)
	trace := &httptrace.ClientTrace{
		// A transport may ask for several connections. What may have been sent stays sent.
		GetConn: func(string) {
			if reached := x.reached.Load(); reached != allowed && x.reached.CompareAndSwap(reached, connecting) {
				x.budget.Reset(time.Until(by))
			}
		},
		GotConn: x.gotConn,
	}
	if sender.pool != nil {
		trace.WroteHeaders = x.begin
		trace.PutIdleConn = x.end
	}
	x.Context = httptrace.WithClientTrace(ctx, trace)
	return x
}

func (x *exchange) gotConn(info httptrace.GotConnInfo) {
	x.budget.Stop()
	var l *loan
	isBad, mayRetry := false, info.Reused
	if c := poolConn(info.Conn); c != nil {
		l, mayRetry = c.lend(info.Conn, info.Reused)
		isBad = l == nil
	} else {
		isBad = info.Reused && isStale(info.Conn)
	}
	x.mayRetry.Store(mayRetry)
	if isBad {
		x.reached.CompareAndSwap(connecting, stale)
	}
	if isBad || !x.maySend() {
		closeOwn(info.Conn)
		return
	}
	x.loan.Store(l)
}

// begin is called before the request is written to a connection.
func (x *exchange) begin() {
	if l := x.loan.Load(); l != nil && !l.begin() {
		x.reached.CompareAndSwap(allowed, stale)
		l.Close()
	}
}

// end is called when net/http has read the answer to its end, before it reads on.
func (x *exchange) end(error) {
	if l := x.loan.Load(); l != nil {
		l.allow(nothing)
	}
}

// attemptContext is the key of the exchange among the values of its context.
type attemptContext struct{}

// Value implements [context.Context].
func (x *exchange) Value(key any) any {
	if key == (attemptContext{}) {
		return x
	}
	return x.Context.Value(key)
}

// maySend reports whether the request may be sent now.
func (x *exchange) maySend() bool {
	x.budget.Stop()
	next := int32(allowed)
	if ended(x) || x.sending != nil && !x.sending() || ended(x) {
		next = refused
	}
	for {
		reached := x.reached.Load()
		if reached == givenUp {
			return false
		}
		if x.reached.CompareAndSwap(reached, next) {
			return next == allowed
		}
	}
}

// maySent reports whether the service may have seen the request.
func (x *exchange) maySent() bool {
	if x.sender.own {
		l := x.loan.Load()
		return l != nil && l.sent()
	}
	return x.read.Load()
}

// gotNoConnection reports whether the transport wanted a connection and got none that
// could be used.
func (x *exchange) gotNoConnection() bool {
	reached := x.reached.Load()
	return reached == connecting || reached == givenUp || reached == stale
}

// prepare returns the signed HTTP request, without its body.
func (x *exchange) prepare(r Request) (*http.Request, error) {
	request, err := newRequest(x, r)
	if err != nil {
		x.reached.Store(refused)
		return nil, err
	}
	request.GetBody = nil // so nobody below can send the request again
	return request, nil
}

// body returns the body of the request. The own pool gets a type that net/http knows, so
// that it writes head and body together.
func (x *exchange) body(form string) io.ReadCloser {
	body := io.NopCloser(strings.NewReader(form))
	if x.sender.own {
		return body
	}
	return &watchedBody{ReadCloser: body, x: x}
}

// do sends request and reads the answer.
func (x *exchange) do(request *http.Request, form string) Response {
	response, err := x.send(request, form)
	if err != nil {
		return Response{Err: err}
	}
	defer response.Body.Close()
	if l := x.loan.Load(); l != nil && !l.gotHead() {
		l.Close()
		return Response{Err: errUnasked, Unasked: true}
	}
	r := Response{Status: response.StatusCode, Header: response.Header}
	if response.StatusCode == http.StatusSwitchingProtocols {
		return r // after status 101 there is no body, but a connection that does not end with the context
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if r.Err = err; err == nil && len(body) <= maxBody {
		r.Body = body
	}
	return r
}

// send sends request. If the transport takes a connection from its pool that turns out to
// be closed before anything is sent, send sends request again. The pool has dropped that
// connection by then.
func (x *exchange) send(request *http.Request, form string) (*http.Response, error) {
	for {
		request.Body = x.body(form)
		response, err := x.sender.client.Do(request)
		isStale := x.mayRetry.Load() && (x.sender.own || x.reached.Load() == stale) && !x.maySent()
		if err == nil || !isStale || ended(x) {
			return response, err
		}
		x.mayRetry.Store(false)
		x.loan.Store(nil)
	}
}

// watchedBody is the body of a request.
type watchedBody struct {
	io.ReadCloser
	x *exchange
}

var errEnded = errors.New("the time ended before the request was sent")

// Read fails if the request may not be sent, or not be sent any more.
func (b *watchedBody) Read(p []byte) (int, error) {
	switch b.x.reached.Load() {
	case untold, connecting: // the transport has a connection that it did not report
		b.x.maySend()
	}
	if b.x.reached.Load() != allowed {
		return 0, errEnded
	}
	b.x.read.Store(true)
	return b.ReadCloser.Read(p)
}
