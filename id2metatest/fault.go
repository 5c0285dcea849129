package id2metatest

import (
	"time"

	"github.com/id2meta/id2meta/internal/simulator"
)

// Fault is one thing that goes wrong with one request. [Server.Inject] takes it. The
// zero Fault lets its request pass: use it to spare a request between two faults.
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

// nextFault is the NextFault of the simulator.
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

// Answer answers with HTTP 200 and a Code of the API, such as "500", and without a
// verdict. Nobody is billed.
//
// Code 402 has three meanings. Only the message tells which. The vendor's page
// "Server-side error codes" has all three in English. Its Chinese edition
// "服务端错误码" has only the first, as 权威源服务异常:
//
//	Answer("402", "Authoritative source service unavailable")
//	Answer("402", "Security policy restriction") // a policy that was set in the console
//	Answer("402", "No permission to call")
func Answer(code, message string) Fault { return Fault{simulator.Answer(code, message)} }

// Status answers as the gateway does when it fails: with an HTTP status and a
// code that is a word, such as 503 and "ServiceUnavailable". Nobody is billed. Status
// panics if httpStatus is not between 200 and 999.
func Status(httpStatus int, code, message string) Fault {
	return Fault{simulator.Status(httpStatus, code, message)}
}

// Throttle answers that the account asks too often. The code is Throttling.User.
// Nobody is billed.
//
// The answer tells in milliseconds when the account may ask again. It does so in the
// three headers that the vendor's SDKs read: x-acs-retry-after (SDKs since mid-2026),
// x-ratelimit-user-api and x-ratelimit-user (older SDKs). If retryAfter is zero or
// less, the answer has none of these headers.
//
// The HTTP status is 400, because the vendor's SDKs show it in an example of a
// throttled answer. A client that relies on 429 therefore fails its test. Use
// [Status] for other statuses and codes.
func Throttle(retryAfter time.Duration) Fault { return Fault{simulator.Throttle(retryAfter)} }

// Raw answers with exactly this status and body. It is for answers that nothing else
// in this package gives, such as HTML, or a Code that is a JSON number. Nobody is
// billed. Raw panics if httpStatus is not between 200 and 999.
func Raw(httpStatus int, body string) Fault { return Fault{simulator.Raw(httpStatus, body)} }

// Delay answers as usual, but d later. The request is checked, and billed, when
// it arrives.
func Delay(d time.Duration) Fault { return Fault{simulator.Delay(d)} }

// Hang reads the request and never answers. The connection stays open until the
// client leaves or [Server.Close] is called. The request is checked, and billed, when
// it arrives.
func Hang() Fault { return Fault{simulator.Hang()} }

// Drop reads the request and closes the connection without an answer. The
// request is checked, and billed, before that.
func Drop() Fault { return Fault{simulator.Drop()} }

// Truncate sends the status, the headers and half of the body, and closes the
// connection. The request is checked, and billed, before that.
func Truncate() Fault { return Fault{simulator.Truncate()} }
