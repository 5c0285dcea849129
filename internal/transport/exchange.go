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

// exchange is one request and its state: whether the request was sent. An exchange is
// also the context of its request.
//
// Retries and the bill depend on whether the request was sent. There are three sources
// for that:
//
//   - net/http reports by httptrace when it wants a connection and when it has a
//     connection. Once net/http has a connection, the request counts as sent, unless
//     the exchange closed the connection before anything could be written.
//   - A transport must read the body of the request to send it, because the body holds
//     all parameters. A request whose body was read counts as sent, even if httptrace
//     reported nothing. After the end of the context the body cannot be read.
//   - net/http may refuse a request before it wants a connection, for example because
//     of a bad header, or because the function Proxy failed. Then net/http has looked
//     for the trace in the context, has reported nothing, and has closed the body
//     without reading it. Such a request was not sent.
//
// If a transport reports nothing, the exchange assumes that the request was sent.
type exchange struct {
	context.Context
	sender  *Sender
	sending func()      // may be nil
	budget  *time.Timer // ends the wait for a connection

	reached atomic.Int32                  // one of the following constants
	wrote   atomic.Bool                   // the whole request was written, even if the transport sends it again
	looked  atomic.Bool                   // the transport has looked for the trace
	closed  atomic.Bool                   // the transport has closed the request's body
	head    atomic.Pointer[http.Response] // the head of the answer has arrived
}

// The states of an exchange.
const (
	untold     = iota // the transport has reported nothing
	connecting        // the transport wants a connection
	givenUp           // the transport got no connection in time
	stale             // the transport took a closed connection, on which nothing can be sent
	refused           // nothing was sent: the context had ended, or the request is bad
	sent              // something may have been sent
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
	x.Context = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// The transport asks again for a connection if the connection that it had
		// turns out to be closed before anything was written to it.
		GetConn: func(string) {
			x.reached.Store(connecting)
			x.budget.Reset(time.Until(by))
		},
		GotConn: func(info httptrace.GotConnInfo) {
			if info.Reused && closeStale(info.Conn) {
				x.budget.Stop()
				x.reached.CompareAndSwap(connecting, stale)
			} else if !x.maySend() {
				closeOwn(info.Conn)
			}
		},
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			// On a stale connection the request was only written to a buffer.
			if info.Err == nil && x.reached.Load() == sent {
				x.wrote.Store(true)
			}
		},
	})
	return x
}

// attemptContext is the key of the exchange among the values of its context.
type attemptContext struct{}

// Value implements [context.Context].
func (x *exchange) Value(key any) any {
	if key == (attemptContext{}) {
		return x
	}
	value := x.Context.Value(key)
	if _, ok := value.(*httptrace.ClientTrace); ok {
		x.looked.Store(true)
	}
	return value
}

// maySend reports whether the request may be sent now. If so, it counts as sent from
// now on.
func (x *exchange) maySend() bool {
	x.budget.Stop()
	if !ended(x) && x.sending != nil {
		x.sending()
	}
	next := int32(sent)
	if ended(x) {
		next = refused
	}
	for {
		reached := x.reached.Load()
		if reached == givenUp {
			return false
		}
		if x.reached.CompareAndSwap(reached, next) {
			return next == sent
		}
	}
}

// maySent reports whether the service may have seen the request.
func (x *exchange) maySent() bool {
	switch x.reached.Load() {
	case sent:
		return true
	case untold:
		return !x.sender.own && (!x.looked.Load() || !x.closed.Load())
	}
	return x.wrote.Load()
}

// gotNoConnection reports whether the transport wanted a connection and got none that
// could be used.
func (x *exchange) gotNoConnection() bool {
	reached := x.reached.Load()
	return reached == connecting || reached == givenUp || reached == stale
}

// prepare returns the signed HTTP request. It fails if the context has ended.
func (x *exchange) prepare(r Request) (*http.Request, error) {
	request, err := newRequest(x, r)
	if err == nil && ended(x) {
		err = errEnded
	}
	if err != nil {
		x.reached.Store(refused)
		return nil, err
	}
	if !x.sender.own { // the own pool reports everything, and can write head and body together if it knows the type of the body
		x.watchBody(request)
	}
	return request, nil
}

// do sends request and reads the answer. If the transport takes a stale connection from
// the pool, do sends request again. The pool has dropped the stale connection by then, so
// the transport takes another connection.
func (x *exchange) do(request *http.Request) Response {
	response, err := x.sender.client.Do(request)
	for err != nil && x.reached.Load() == stale && !ended(x) {
		request.Body, _ = request.GetBody() // it makes a strings.Reader, and cannot fail
		response, err = x.sender.client.Do(request)
	}
	if err != nil {
		return Response{Err: err}
	}
	x.head.Store(response)
	defer response.Body.Close()
	o := Response{Status: response.StatusCode, Header: response.Header}
	if response.StatusCode == http.StatusSwitchingProtocols {
		return o // after status 101 there is no body, but a connection that does not end with the context
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if o.Err = err; err == nil && len(body) <= maxBody {
		o.Body = body
	}
	return o
}

// doInBackground is do for a transport that may ignore its context. It returns at most
// lateTime after the end of the context, even if the transport has not returned. If the
// transport panics, doInBackground panics with the same value.
func (x *exchange) doInBackground(request *http.Request) Response {
	type result struct {
		Response
		panicked any
	}
	done := make(chan result, 1)
	go func() {
		end := result{Response: Response{Err: errors.New("the transport ended its goroutine")}}
		defer func() {
			end.panicked = recover()
			done <- end
		}()
		end.Response = x.do(request)
	}()

	var late <-chan time.Time
	ctxDone := x.Done()
	for {
		select {
		case end := <-done:
			if end.panicked != nil {
				panic(end.panicked)
			}
			return end.Response
		case <-ctxDone:
			ctxDone, late = nil, time.After(lateTime)
		case <-late:
			o := Response{Err: x.Err()}
			if response := x.head.Load(); response != nil {
				o.Status, o.Header = response.StatusCode, response.Header
			}
			return o
		}
	}
}

// watchBody makes the body of request report when it is read.
func (x *exchange) watchBody(request *http.Request) {
	request.Body = &watchedBody{request.Body, x, false}
	getBody := request.GetBody
	request.GetBody = func() (io.ReadCloser, error) {
		body, err := getBody()
		return &watchedBody{body, x, false}, err
	}
}

// watchedBody is the body of a request.
type watchedBody struct {
	io.ReadCloser
	x    *exchange
	read bool
}

var errEnded = errors.New("the time ended before the request was sent")

// Read fails if the request may not be sent any more.
func (b *watchedBody) Read(p []byte) (int, error) {
	if !b.read {
		b.read = true
		switch b.x.reached.Load() {
		case untold, connecting: // the transport has a connection that it did not report
			b.x.maySend()
		}
	}
	switch b.x.reached.Load() {
	case givenUp, refused:
		return 0, errEnded
	}
	return b.ReadCloser.Read(p)
}

func (b *watchedBody) Close() error {
	b.x.closed.Store(true)
	return b.ReadCloser.Close()
}
