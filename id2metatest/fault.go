package id2metatest

import (
	"time"

	"github.com/id2meta/id2meta/internal/simulator"
)

// Fault is one failure of one request, for [Server.Inject]. With the zero Fault, the
// request is answered as usual: put it between two faults.
type Fault struct {
	fault simulator.Fault
}

// Inject puts faults into a queue for the next requests. Each request that arrives
// takes one fault from the front of the queue. While the queue is empty, requests
// are answered as usual.
//
// A request takes its fault before any check. A request with a wrong signature
// therefore uses up a fault, too.
func (s *Server) Inject(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// nextFault is the function NextFault of the simulator.
func (s *Server) nextFault(string) simulator.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) == 0 {
		return simulator.Fault{}
	}
	next := s.faults[0]
	s.faults = s.faults[1:]
	return next.fault
}

// Answer answers with HTTP 200 and a Code of the API, such as "500", without a
// verdict. The request is not billed.
//
// Code 402 has three meanings, and only the message tells them apart. The vendor's page
// "Server-side error codes" has the three meanings in English. Its Chinese edition
// "服务端错误码" has only the first meaning, 权威源服务异常:
//
//	Answer("402", "Authoritative source service unavailable")
//	Answer("402", "Security policy restriction") // a policy that was set in the console
//	Answer("402", "No permission to call")
func Answer(code, message string) Fault { return Fault{simulator.Answer(code, message)} }

// Status answers like a gateway that fails: with an HTTP status and a Code that is a
// word, such as 503 and "ServiceUnavailable". The request is not billed. Status panics
// if httpStatus is not between 200 and 999.
func Status(httpStatus int, code, message string) Fault {
	return Fault{simulator.Status(httpStatus, code, message)}
}

// Throttle answers with Code Throttling.User: the account sends too many requests. The
// request is not billed.
//
// The answer tells the client to wait retryAfter, rounded up to milliseconds. It has the
// three headers that the vendor's SDKs read: x-acs-retry-after (SDKs since mid-2026),
// x-ratelimit-user-api and x-ratelimit-user (older SDKs). If retryAfter is zero or
// less, the answer has none of these headers.
//
// The HTTP status is 400, as in an example of a throttled answer in the vendor's SDKs.
// So a client that expects 429 fails its test. Use [Status] for other statuses and
// Codes.
func Throttle(retryAfter time.Duration) Fault { return Fault{simulator.Throttle(retryAfter)} }

// Raw answers with exactly this status and body. Use Raw for answers that no other fault
// gives, such as HTML, or a Code that is a JSON number. The request is not billed. Raw
// panics if httpStatus is not between 200 and 999.
func Raw(httpStatus int, body string) Fault { return Fault{simulator.Raw(httpStatus, body)} }

// Delay answers as usual, but only after d. The Server checks and bills the request when
// it arrives.
func Delay(d time.Duration) Fault { return Fault{simulator.Delay(d)} }

// Hang reads the request and never answers. The connection stays open until the
// client closes it or [Server.Close] is called. The Server checks and bills the request
// when it arrives.
func Hang() Fault { return Fault{simulator.Hang()} }

// Drop reads the request and closes the connection without an answer. Before that, the
// Server checks and bills the request.
func Drop() Fault { return Fault{simulator.Drop()} }

// Truncate sends the status, the headers and half of the body, and closes the
// connection. Before that, the Server checks and bills the request.
func Truncate() Fault { return Fault{simulator.Truncate()} }
