package simulator

import (
	"fmt"
	"net/http"
	"time"
)

// Fault is one thing that goes wrong with one request; see
// [Config].NextFault. The zero Fault lets its request pass.
type Fault struct {
	name string // of its constructor, for Call.Fault

	// reply takes the place of the checks and of the answer. Nil: the request
	// is checked and answered as usual.
	reply func(requestID, host string) reply
	// send takes the place of sending the answer. Nil: it is sent at once.
	send   func(delivery)
	silent bool // send sends nothing
}

// Answer answers with HTTP 200 and a Code of the API, never with a verdict.
func Answer(code, message string) Fault {
	return Fault{name: "Answer", reply: func(requestID, _ string) reply {
		return apiReply(requestID, code, message, "")
	}}
}

// Status answers as the gateway does when it fails.
func Status(httpStatus int, code, message string) Fault {
	mustBeFinal(httpStatus)
	return Fault{name: "Status", reply: (&failure{httpStatus, code, message}).reply}
}

// Throttle answers that the account asks too often, and, if retryAfter is more
// than zero, when it may ask again: in the header where the vendor's SDKs look
// for it. They show HTTP 400 in an example of a throttled answer.
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

// Raw answers with exactly this status and body.
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
		panic(fmt.Sprintf("simulator: %d is no HTTP status that can end a request", httpStatus))
	}
}

// Delay answers as usual, but d later.
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

// Hang never answers; the connection stays open until the client leaves or
// [Simulator.Close].
func Hang() Fault {
	return Fault{name: "Hang", silent: true, send: func(to delivery) {
		select {
		case <-to.r.Context().Done():
		case <-to.closed:
		}
		to.abort()
	}}
}

// Drop closes the connection without an answer.
func Drop() Fault {
	return Fault{name: "Drop", silent: true, send: delivery.abort}
}

// Truncate sends the status, the headers and half of the body.
func Truncate() Fault {
	return Fault{name: "Truncate", send: func(to delivery) {
		to.write(to.reply.body[:len(to.reply.body)/2])
		http.NewResponseController(to.w).Flush() // or abort would discard it
		to.abort()
	}}
}
