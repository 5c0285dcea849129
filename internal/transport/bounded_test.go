package transport

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"
)

// overdue is a generous bound for a busy machine, and far less than the servers take.
const overdue = 30 * time.Second

// TestSendEndsWithItsContext has servers that never end their answers. Send ends at the
// latest with its context, tells of the head if it arrived, and leaves no goroutine
// behind.
func TestSendEndsWithItsContext(t *testing.T) {
	type answering struct {
		name   string
		text   string // what the server writes
		rest   string // and then again and again
		status int    // 0: no whole head arrives
		open   bool   // what has come when the connection ends is the body
	}
	cases := []answering{
		{name: "no answer", text: ""},
		{name: "half a status line", text: "HTTP/1.1 2"},
		{name: "half a head", text: "HTTP/1.1 200 OK\r\nContent-"},
		{name: "a 100 and then nothing", text: "HTTP/1.1 100 Continue\r\n\r\n"},
		{name: "a 103 and then half a head", text: "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\n"},
		{name: "100 without end", text: "", rest: "HTTP/1.1 100 Continue\r\n\r\n"},
		{name: "103 without end", text: "", rest: "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"},
		{name: "a head of endless fields", text: "HTTP/1.1 200 OK\r\n", rest: "A: b\r\n"},
		{name: "a head of one endless field", text: "HTTP/1.1 200 OK\r\nA: ", rest: "aaaaaaaaaaaaaaaa"},
		{name: "an endless status line", text: "HTTP/1.1 200 ", rest: "aaaaaaaaaaaaaaaa"},
		{name: "a 101 and then nothing", text: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", status: 101},
		{name: "a 101 and then bytes without end", text: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", rest: "a", status: 101},
		{name: "a 101 without a protocol", text: "HTTP/1.1 101 Switching Protocols\r\n\r\n", status: 101},
		{name: "a body of more than 1 MiB", text: "HTTP/1.1 200 OK\r\n\r\n", rest: strings.Repeat("a", 1024), status: 200},
		{name: "an endless chunked body", text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", rest: "4\r\naaaa\r\n", status: 200},
		{name: "an endless chunk size", text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", rest: "0", status: 200},
		{name: "an endless chunk extension", text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;a=", rest: "aaaa", status: 200},
		{name: "a trailer of endless fields", text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", rest: "A: b\r\n", status: 200},
	}
	for _, status := range []int{200, 206, 302, 404, 500, 502} {
		line := "HTTP/1.1 " + strconv.Itoa(status) + " Some Reason\r\n"
		name := strconv.Itoa(status)
		cases = append(cases,
			answering{name: name + " and half a head", text: line + "A: b\r\n"},
			answering{name: name + " without a body", text: line + "Content-Length: 9\r\n\r\n", status: status},
			answering{name: name + " and half a body", text: line + "Content-Length: 9\r\n\r\n{", status: status},
			answering{name: name + " and a body until the end of the connection", text: line + "\r\n{}", status: status, open: true},
			answering{name: name + " and half a chunk", text: line + "Transfer-Encoding: chunked\r\n\r\n9\r\n{", status: status},
			answering{name: name + " and half a trailer", text: line + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nA: b\r\n", status: status},
		)
	}
	for _, kind := range kinds {
		if kind.major != 1 || kind.name == "the own pool with instrumentation" {
			continue // the servers write HTTP/1.1, and one kind with instrumentation is enough
		}
		t.Run(kind.name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			var all sync.WaitGroup // not t.Parallel: the goroutines of all must have ended below
			turns := make(chan struct{}, 4)
			for _, test := range cases {
				turns <- struct{}{}
				all.Go(func() {
					defer func() { <-turns }()
					t.Run(test.name, func(t *testing.T) {
						ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
						defer cancel()
						endless := test.rest != "" || test.status == http.StatusSwitchingProtocols
						leave := func() { time.AfterFunc(50*time.Millisecond, cancel) }
						server := newRecorder(t, writes(test.text, test.rest, func() {
							if !endless && test.status == 0 {
								leave()
							}
						}))
						sender := kind.sender(t, func(base *http.Transport) { base.MaxResponseHeaderBytes = maxHead })
						t.Cleanup(sender.CloseIdleConnections)
						if !endless {
							atHead(sender, leave)
						}
						started := time.Now()
						o := sender.Send(ctx, to(server.host()))
						assert.Less(t, time.Since(started), overdue)
						assert.True(t, o.Sent)
						assert.Equal(t, test.status, o.Status)
						assert.Equal(t, test.status != 0, o.Header != nil)
						if !endless {
							assert.ErrorIs(t, o.Err, context.Canceled)
						}
						if !test.open {
							assert.Nil(t, o.Body)
						}
					})
				})
			}
			all.Wait()
			goleak.VerifyNone(t, before)
		})
	}
}

// atHead makes sender call f when the head of an answer has arrived.
func atHead(sender *Sender, f func()) {
	inner := sender.client.Transport
	sender.client.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		response, err := inner.RoundTrip(r)
		if err == nil {
			f()
		}
		return response, err
	})
}

// Over HTTP/2 the same things can stay unfinished.
func TestSendEndsWithItsContextOverHTTP2(t *testing.T) {
	for _, kind := range kinds {
		if kind.major != 2 {
			continue
		}
		for _, status := range []int{0, 200, 302, 404, 500} {
			t.Run(strconv.Itoa(status)+" and then nothing", func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				server := newRecorder(t, func(w http.ResponseWriter, r *http.Request) {
					if status == 0 {
						time.AfterFunc(50*time.Millisecond, cancel)
					} else {
						w.Header().Set("Trailer", "A")
						w.WriteHeader(status)
						io.WriteString(w, "{}")
						http.NewResponseController(w).Flush()
					}
					<-r.Context().Done()
				})
				sender := kind.sender(t, unchanged)
				defer sender.CloseIdleConnections()
				atHead(sender, func() { time.AfterFunc(50*time.Millisecond, cancel) })
				started := time.Now()
				o := sender.Send(ctx, to(server.host()))
				assert.Less(t, time.Since(started), overdue)
				assert.ErrorIs(t, o.Err, context.Canceled)
				assert.True(t, o.Sent)
				assert.Equal(t, status, o.Status)
				assert.Nil(t, o.Body)
			})
		}
	}
}

// 50 callers once took 533 MB for heads without end.
func TestAHeadWithoutEndCostsLittleMemory(t *testing.T) {
	server := newRecorder(t, writes("HTTP/1.1 200 OK\r\nA: ", strings.Repeat("a", 1024), func() {}))
	sender := NewSender(nil)
	defer sender.CloseIdleConnections()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	o := sender.Send(within(t, time.Minute), to(server.host()))
	runtime.ReadMemStats(&after)
	assert.Error(t, o.Err)
	assert.True(t, o.Sent)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20), "allocated by both sides")
}
