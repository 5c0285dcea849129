package id2metatest

import (
	"fmt"
	"net/http"
	"time"
)

// Fault is one thing that goes wrong with one request; see [Server.Inject]. The
// zero Fault lets its request pass, which is how to spare one between two
// others.
type Fault struct {
	name string // of its constructor, for Call.Fault

	// reply takes the place of the checks and of the answer. Nil: the request
	// is checked and answered as usual.
	reply func(requestID, host string) reply
	// send takes the place of sending the answer. Nil: it is sent at once.
	send   func(delivery)
	silent bool // send sends nothing
}

// Inject lines faults up for the next requests: each request that arrives takes
// the first one that is left, and no request takes two. With no fault left,
// requests are answered as usual.
//
// A request takes its fault before any check, so one with a wrong signature uses
// a fault up like any other.
func (s *Server) Inject(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// nextFault takes the first fault in the line. s.mu is held.
func (s *Server) nextFault() Fault {
	if len(s.faults) == 0 {
		return Fault{}
	}
	fault := s.faults[0]
	s.faults = s.faults[1:]
	return fault
}

// Answer answers with HTTP 200 and a Code of the API, such as "500", and never
// with a verdict. Nobody is billed.
//
// Code 402 has three meanings, which only the message tells apart. The vendor's
// page "Server-side error codes" has them in English; its Chinese twin
// "服务端错误码" has only the first, as 权威源服务异常:
//
//	Answer("402", "Authoritative source service unavailable")
//	Answer("402", "Security policy restriction") // one that was set in the console
//	Answer("402", "No permission to call")
func Answer(code, message string) Fault {
	return Fault{name: "Answer", reply: func(requestID, _ string) reply {
		return apiReply(requestID, code, message, "")
	}}
}

// Status answers as the gateway does when it fails: with an HTTP status and a
// code that is a word, such as 503 and "ServiceUnavailable". Nobody is billed.
func Status(httpStatus int, code, message string) Fault {
	mustBeFinal(httpStatus)
	return Fault{name: "Status", reply: (&failure{httpStatus, code, message}).reply}
}

// Throttle answers that the account asks too often, and when it may ask again:
// in the header x-ratelimit-user-api, in milliseconds, where the vendor's SDKs
// look for it. A retryAfter of zero or less leaves the header out. Nobody is
// billed.
//
// The code is Throttling.User. The HTTP status is 400: the vendor's SDKs show it
// in an example of a throttled answer, and it keeps clients from relying on 429.
// For others there is [Status].
func Throttle(retryAfter time.Duration) Fault {
	throttled := &failure{http.StatusBadRequest, "Throttling.User", "Request was denied due to user flow control."}
	return Fault{name: "Throttle", reply: func(requestID, host string) reply {
		rep := throttled.reply(requestID, host)
		if retryAfter > 0 {
			ms := (retryAfter + time.Millisecond - 1).Milliseconds() // rounded up: never too early
			rep.header = http.Header{"X-Ratelimit-User-Api": {fmt.Sprintf(
				"Limit:50,Remain:0,TimeLeft:%d,Reset:%d", ms, ms)}}
		}
		return rep
	}}
}

// Raw answers with exactly this status and body: for answers that nothing in
// this package would give, such as HTML, or a Code that is a JSON number. Nobody
// is billed.
func Raw(httpStatus int, body string) Fault {
	mustBeFinal(httpStatus)
	return Fault{name: "Raw", reply: func(string, string) reply {
		return reply{status: httpStatus, body: []byte(body), code: "raw"}
	}}
}

// mustBeFinal panics where net/http otherwise would in the middle of a request,
// or the client would go on waiting.
func mustBeFinal(httpStatus int) {
	if httpStatus < 200 || httpStatus > 999 {
		panic(fmt.Sprintf("id2metatest: %d is no HTTP status that can end a request", httpStatus))
	}
}

// Delay answers as usual, but d later. The request is checked, and billed, when
// it arrives.
func Delay(d time.Duration) Fault {
	return Fault{name: "Delay", send: func(to delivery) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			to.send()
		case <-to.r.Context().Done():
			to.abort()
		case <-to.closed:
			to.abort()
		}
	}}
}

// Hang reads the request and never answers; the connection stays open until the
// client leaves or [Server.Close]. The request is checked, and billed, when it
// arrives.
func Hang() Fault {
	return Fault{name: "Hang", silent: true, send: func(to delivery) {
		select {
		case <-to.r.Context().Done():
		case <-to.closed:
		}
		to.abort()
	}}
}

// Drop reads the request and closes the connection without an answer. The
// request is checked, and billed, before that.
func Drop() Fault {
	return Fault{name: "Drop", silent: true, send: delivery.abort}
}

// Truncate sends the status, the headers and half of the body, and closes the
// connection. The request is checked, and billed, before that.
func Truncate() Fault {
	return Fault{name: "Truncate", send: func(to delivery) {
		to.write(to.reply.body[:len(to.reply.body)/2])
		http.NewResponseController(to.w).Flush() // or abort would discard it
		to.abort()
	}}
}
