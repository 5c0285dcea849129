package simulator

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Fault is one failure of one request. With the zero Fault, the request is answered as
// usual. See [Config].NextFault.
type Fault struct {
	name string // of the constructor, for Call.Fault

	// reply replaces the checks and the answer. Nil: the request is checked and
	// answered as usual.
	reply func(requestID, host string) reply
	// send replaces the sending of the answer. Nil: the answer is sent at once.
	send   func(delivery)
	silent bool // send sends nothing
}

// Answer answers with HTTP 200 and a Code of the API, never with a verdict.
func Answer(code, message string) Fault {
	return Fault{name: "Answer", reply: func(requestID, _ string) reply {
		return apiReply(requestID, code, message, "")
	}}
}

// Status answers like a gateway that fails.
func Status(httpStatus int, code, message string) Fault {
	mustBeFinal(httpStatus)
	return Fault{name: "Status", reply: (&failure{httpStatus, code, message}).reply}
}

// Throttle answers that the account sends too many requests. If retryAfter is more than
// zero, the answer also tells the client to wait, in the three headers that clients read.
// HTTP 400 is the status in an example of a throttled answer in the vendor's SDKs.
func Throttle(retryAfter time.Duration) Fault {
	throttled := &failure{http.StatusBadRequest, "Throttling.User", "Request was denied due to user flow control."}
	return Fault{name: "Throttle", reply: func(requestID, host string) reply {
		rep := throttled.reply(requestID, host)
		if retryAfter > 0 {
			rep.header = waitHeader(retryAfter)
		}
		return rep
	}}
}

// waitHeader tells a wait in milliseconds, rounded up so that no client retries too
// early. The vendor's SDKs since mid-2026 read x-acs-retry-after. Older SDKs read the
// two x-ratelimit headers. The case of the names matters, because some clients compare
// header names with case.
func waitHeader(wait time.Duration) http.Header {
	ms := wait.Milliseconds()
	if wait%time.Millisecond > 0 {
		ms++
	}
	limit := fmt.Sprintf("Limit:50,Remain:0,TimeLeft:%d,Reset:%d", ms, ms)
	return http.Header{
		"x-acs-retry-after":    {strconv.FormatInt(ms, 10)},
		"X-Ratelimit-User-Api": {limit},
		"X-Ratelimit-User":     {limit},
	}
}

// Raw answers with exactly this status and body.
func Raw(httpStatus int, body string) Fault {
	mustBeFinal(httpStatus)
	return Fault{name: "Raw", reply: func(string, string) reply {
		return reply{status: httpStatus, body: []byte(body), code: "raw"}
	}}
}

// mustBeFinal panics for a status that would make net/http panic in the middle of
// a request, or that would leave the client waiting.
func mustBeFinal(httpStatus int) {
	if httpStatus < 200 || httpStatus > 999 {
		panic(fmt.Sprintf("simulator: %d is no HTTP status that can end a request", httpStatus))
	}
}

// Delay answers as usual, but d later.
func Delay(d time.Duration) Fault {
	return Fault{name: "Delay", send: func(to delivery) {
		to.wait(d)
		to.send()
	}}
}

// Hang never answers. The connection stays open until the context of the request ends.
func Hang() Fault {
	return Fault{name: "Hang", silent: true, send: func(to delivery) {
		<-to.r.Context().Done()
		to.abort()
	}}
}

// Drop closes the connection without an answer.
func Drop() Fault {
	return Fault{name: "Drop", silent: true, send: delivery.abort}
}

// Truncate sends the status, the headers and half of the body, and closes the
// connection.
func Truncate() Fault {
	return Fault{name: "Truncate", send: func(to delivery) {
		to.write(to.reply.body[:len(to.reply.body)/2])
		http.NewResponseController(to.w).Flush() // or abort would discard it
		to.abort()
	}}
}
