package id2metatest

import (
	"time"

	"github.com/id2meta/id2meta/internal/simulator"
)

// Fault is one thing that goes wrong with one request; see [Server.Inject]. The
// zero Fault lets its request pass, which is how to spare one between two
// others.
type Fault struct {
	fault simulator.Fault
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

// nextFault takes the first fault in the line; it is the simulator's NextFault.
func (s *Server) nextFault() simulator.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) == 0 {
		return simulator.Fault{}
	}
	next := s.faults[0]
	s.faults = s.faults[1:]
	return next.fault
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
func Answer(code, message string) Fault { return Fault{simulator.Answer(code, message)} }

// Status answers as the gateway does when it fails: with an HTTP status and a
// code that is a word, such as 503 and "ServiceUnavailable". Nobody is billed.
func Status(httpStatus int, code, message string) Fault {
	return Fault{simulator.Status(httpStatus, code, message)}
}

// Throttle answers that the account asks too often, and when it may ask again:
// in the header x-ratelimit-user-api, in milliseconds, where the vendor's SDKs
// look for it. A retryAfter of zero or less leaves the header out. Nobody is
// billed.
//
// The code is Throttling.User. The HTTP status is 400: the vendor's SDKs show it
// in an example of a throttled answer, and it keeps clients from relying on 429.
// For others there is [Status].
func Throttle(retryAfter time.Duration) Fault { return Fault{simulator.Throttle(retryAfter)} }

// Raw answers with exactly this status and body: for answers that nothing in
// this package would give, such as HTML, or a Code that is a JSON number. Nobody
// is billed.
func Raw(httpStatus int, body string) Fault { return Fault{simulator.Raw(httpStatus, body)} }

// Delay answers as usual, but d later. The request is checked, and billed, when
// it arrives.
func Delay(d time.Duration) Fault { return Fault{simulator.Delay(d)} }

// Hang reads the request and never answers; the connection stays open until the
// client leaves or [Server.Close]. The request is checked, and billed, when it
// arrives.
func Hang() Fault { return Fault{simulator.Hang()} }

// Drop reads the request and closes the connection without an answer. The
// request is checked, and billed, before that.
func Drop() Fault { return Fault{simulator.Drop()} }

// Truncate sends the status, the headers and half of the body, and closes the
// connection. The request is checked, and billed, before that.
func Truncate() Fault { return Fault{simulator.Truncate()} }
