package transport

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/id2meta/id2meta/internal/testenv"
)

var unaskedCalls = flag.Int("unasked", 40, "the calls of each case that must not get the answer to another request")

// These functions write answers in several forms.
func sized(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func chunked(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
}

func withTrailer(body string) string {
	return strings.TrimSuffix(chunked(body), "\r\n") + "A: b\r\n\r\n"
}

func behind103(body string) string {
	return "HTTP/1.1 103 Early Hints\r\nLink: a\r\nContent-Length: 0\r\n\r\n" + sized(body)
}

func compressed(body string) string {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	io.WriteString(w, body)
	w.Close()
	return strings.Replace(sized(packed.String()), "\r\n", "\r\nContent-Encoding: gzip\r\n", 1)
}

// empty returns a form of the right answer without a body. What nobody asked for has one, so
// that a request that gets it is found.
func empty(answer string) func(body string) string {
	return func(body string) string {
		if body == wrong {
			return sized(wrong)
		}
		return answer
	}
}

// forms are all of them.
var forms = map[string]func(body string) string{
	"with a length":            sized,
	"in chunks":                chunked,
	"in chunks with a trailer": withTrailer,
	"behind a 103":             behind103,
	"compressed":               compressed,
	"in lines without CR":      func(body string) string { return strings.ReplaceAll(sized(body), "\r\n", "\n") },
	"without a body":           empty("HTTP/1.1 503 Service Unavailable\r\ncontent-length:0\r\n\r\n"),
	"of status 204":            empty("HTTP/1.1 204 No Content\r\n\r\n"),
	"of status 304":            empty("HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n"),
}

// isEmpty reports whether a form has no body: then every right answer is the same.
func isEmpty(form func(body string) string) bool { return form("a") == form("b") }

// corked is a connection of a server that can send in one piece what is written in several.
type corked struct {
	net.Conn
	held *bytes.Buffer // nil: everything is sent at once
}

func (c *corked) Write(p []byte) (int, error) {
	if c.held != nil {
		return c.held.Write(p)
	}
	return c.Conn.Write(p)
}

// talker is one connection of a server that says more than it was asked.
type talker struct {
	under *corked
	conn  *tls.Conn
	form  func(body string) string
	rest  string
	cut   []byte // of a TLS record
}

func (t *talker) say(text string) { io.WriteString(t.conn, text) }

// sayTogether sends texts in one piece, each in a TLS record of its own.
func (t *talker) sayTogether(texts ...string) {
	held := new(bytes.Buffer)
	t.under.held = held
	for _, text := range texts {
		t.say(text)
	}
	t.under.held = nil
	held.WriteTo(t.under)
}

// sayPart sends the rest of the TLS record of which it sent a part at the last time, the
// right answer, and a part of the record of a wrong answer.
func (t *talker) sayPart(right, wrong string) {
	held := new(bytes.Buffer)
	t.under.held = held
	held.Write(t.cut)
	t.say(right)
	whole := held.Len()
	t.say(wrong)
	t.under.held = nil
	part := held.Next(whole + 1 + rand.N(held.Len()-whole-1))
	t.cut = held.Bytes()
	t.under.Write(part)
}

// sayInHalves says the rest of what it began to say at the last time, the right answer, and
// a new beginning.
func (t *talker) sayInHalves(right, beginning, rest string) {
	t.say(t.rest + t.form(right) + beginning)
	t.rest = rest
}

// newTalkingServer starts a server. It calls answer with the body of each request, which is
// also the right answer.
func newTalkingServer(t *testing.T, form func(string) string, answer func(c *talker, right string)) string {
	config := serverTLS()
	return testenv.Accept(t, func(tcp net.Conn) {
		under := &corked{Conn: tcp}
		c := &talker{under: under, conn: tls.Server(under, config), form: form}
		requests := bufio.NewReader(c.conn)
		for {
			r, err := http.ReadRequest(requests)
			if err != nil {
				return
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			answer(c, string(body))
		}
	}).Address
}

// newSender returns a Sender with its own pool, behind a new proxy of this scheme unless
// the scheme is empty.
func newSender(t *testing.T, scheme string) *Sender {
	sender := NewSender(nil)
	t.Cleanup(sender.CloseIdleConnections)
	if scheme != "" {
		sender.pool.Proxy = http.ProxyURL(&url.URL{Scheme: scheme, Host: proxies[scheme](t)})
	}
	return sender
}

// connections are the schemes of newSender.
var connections = []string{"", "http", "https", "socks5"}

// wrong is what nobody asked for. It repeats a person.
const wrong = "wrong 张三 11010519491231002X"

// unasked are the ways in which a server can say too much after an answer. An answer that
// arrives after the next request was written cannot be told from the right answer, so
// nothing here waits for a request.
var unasked = []struct {
	name   string
	answer func(c *talker, right string)
}{
	{"a second answer in one write", func(c *talker, right string) { c.say(c.form(right) + c.form(wrong)) }},
	{"two more answers in one write", func(c *talker, right string) { c.say(c.form(right) + c.form(wrong) + c.form(wrong)) }},
	{"a second answer in another TLS record of one piece", func(c *talker, right string) {
		c.sayTogether(c.form(right), c.form(wrong))
	}},
	{"a second answer in many TLS records of one piece", func(c *talker, right string) {
		c.sayTogether(strings.Split(c.form(right)+c.form(wrong), "")...)
	}},
	{"the beginning of an answer, and the rest after the next request", func(c *talker, right string) {
		text := c.form(wrong)
		c.sayInHalves(right, text[:len(text)/2], text[len(text)/2:])
	}},
	{"the first byte of an answer, and the rest after the next request", func(c *talker, right string) {
		text := c.form(wrong)
		c.sayInHalves(right, text[:1], text[1:])
	}},
	{"a head, and its body after the next request", func(c *talker, right string) {
		head, body, _ := strings.Cut(c.form(wrong), "\r\n\r\n")
		c.sayInHalves(right, head+"\r\n\r\n", body)
	}},
	{"a part of a TLS record, and the rest after the next request", func(c *talker, right string) {
		c.sayPart(c.form(right), c.form(wrong))
	}},
	{"a text", func(c *talker, right string) { c.say(c.form(right) + wrong) }},
}

// numbered returns a request to a host with a form of its own.
func numbered(host string, i int) Request {
	r := to(host)
	r.Form = fmt.Sprint("IdentifyNum=", i)
	return r
}

// requireAnswer sends r, and requires the right answer.
func requireAnswer(t *testing.T, sender *Sender, r Request) {
	t.Helper()
	o := sender.Send(within(t, time.Minute), r)
	require.NoError(t, o.Err)
	require.Equal(t, r.Form, strings.TrimSpace(string(o.Body)))
}

// sendMany makes calls from several callers, each with a form of its own. It requires that
// nobody gets another answer than his own, and returns how many got an answer.
func sendMany(t *testing.T, sender *Sender, host string, calls int) int32 {
	var next, answers atomic.Int32
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := next.Add(1); i <= int32(calls); i = next.Add(1) {
				r := numbered(host, int(i))
				o := sender.Send(within(t, time.Minute), r)
				switch {
				case o.Unasked:
					assert.Zero(t, o.Status)
					assert.Nil(t, o.Body)
					assert.True(t, o.Sent, "it may have been billed")
				case len(o.Body) > 0:
					answers.Add(1)
					assert.Equal(t, r.Form, strings.TrimSpace(string(o.Body)), "the answer to another request")
				}
			}
		})
	}
	all.Wait()
	return answers.Load()
}

// captureLog returns what goes to the standard log until the test ends.
func captureLog(t *testing.T) *testenv.Buffer {
	logged := new(testenv.Buffer)
	log.SetOutput(logged)
	t.Cleanup(func() { log.SetOutput(io.Discard) })
	return logged
}

// Nobody gets the answer to another request. Without a proxy, nothing of what nobody asked
// for reaches the standard log. Behind a proxy, net/http makes the tunnel and TLS.
func TestAnAnswerThatNobodyAskedForIsNobodysAnswer(t *testing.T) {
	logged := captureLog(t)
	for name, form := range forms {
		for _, test := range unasked {
			t.Run(test.name+", "+name, func(t *testing.T) {
				answered := sendMany(t, newSender(t, ""), newTalkingServer(t, form, test.answer), *unaskedCalls)
				assert.Equal(t, !isEmpty(form), answered > 0)
			})
		}
	}
	assert.Empty(t, logged.String())
	for _, scheme := range connections[1:] {
		for _, test := range unasked {
			if scheme == "https" && strings.HasPrefix(test.name, "a part of a TLS record") {
				continue // that is in a whole record of the proxy
			}
			t.Run(test.name+", proxy: "+scheme, func(t *testing.T) {
				answered := sendMany(t, newSender(t, scheme), newTalkingServer(t, sized, test.answer), *unaskedCalls/2)
				assert.Positive(t, answered)
			})
		}
	}
}

// A body that is longer than all buffers on the way is not read byte by byte to its end.
func TestWhatStandsBehindALongAnswerIsNobodysAnswer(t *testing.T) {
	logged := captureLog(t)
	for name, form := range map[string]func(string) string{"with a length": sized, "in chunks": chunked} {
		t.Run(name, func(t *testing.T) {
			host := newTalkingServer(t, form, func(c *talker, right string) {
				c.say(c.form(right+strings.Repeat(" ", 100_000)) + wrong)
			})
			assert.Positive(t, sendMany(t, newSender(t, ""), host, 20))
		})
	}
	assert.Empty(t, logged.String())
}

// net/http lends a connection to the next request before this one looks at its answer, if
// the answer has no body. No call suffers from that.
func TestAnAnswerWithoutABodyHarmsNoOtherCall(t *testing.T) {
	var seen atomic.Int32
	host := newTalkingServer(t, sized, func(c *talker, right string) {
		switch seen.Add(1) % 3 {
		case 0:
			c.say("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
		case 1: // net/http refuses to follow it
			c.say("HTTP/1.1 302 Found\r\nLocation: %zz\r\nContent-Length: 0\r\n\r\n")
		default:
			c.say(sized(right))
		}
	})
	sender := newSender(t, "")
	var all sync.WaitGroup
	const callers, calls = 16, 100
	for range callers {
		all.Go(func() {
			for range calls {
				o := sender.Send(within(t, time.Minute), to(host))
				assert.True(t, o.Sent)
				assert.False(t, o.Unasked)
				assert.True(t, o.Err == nil || strings.Contains(o.Err.Error(), "Location"), "%v", o.Err)
			}
		})
	}
	all.Wait()
	assert.EqualValues(t, callers*calls, seen.Load(), "no request was sent twice")
}

// A call may get a connection that was dialed for another call, just when that one ends.
func TestACallGetsAConnectionOfACallThatEnds(t *testing.T) {
	host := newTalkingServer(t, sized, func(c *talker, right string) { c.say(sized(right)) })
	sender := newSender(t, "")
	dial := sender.pool.DialTLSContext
	var dials atomic.Int32
	sender.pool.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dials.Add(1) == 1 {
			other, cancel := context.WithCancel(t.Context())
			defer cancel()
			ctx = context.WithValue(ctx, attemptContext{}, other)
		}
		return dial(ctx, network, addr)
	}
	o := sender.Send(within(t, time.Minute), to(host))
	assert.NoError(t, o.Err)
	assert.EqualValues(t, 2, dials.Load())
}

// A call may end just when its answer arrives. The next call must not get that answer.
func TestACallThatEndsBesideItsAnswer(t *testing.T) {
	var cancels sync.Map // by the form of the request
	host := newTalkingServer(t, sized, func(c *talker, right string) {
		if cancel, ok := cancels.LoadAndDelete(right); ok {
			time.AfterFunc(rand.N(100*time.Microsecond), cancel.(context.CancelFunc))
		}
		c.say(sized(right))
	})
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = maxIdleConns
	for name, sender := range map[string]*Sender{
		"the own pool": NewSender(nil), "a given http.Transport": NewGivenSender(&http.Client{Transport: transport}),
	} {
		t.Run(name, func(t *testing.T) {
			defer sender.CloseIdleConnections()
			var answered, ended atomic.Int32
			var all sync.WaitGroup
			for caller := range 4 {
				all.Go(func() {
					for i := range *unaskedCalls {
						r := to(host)
						r.Form = fmt.Sprintf("IdentifyNum=%d-%d", caller, i)
						ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
						cancels.Store(r.Form, cancel)
						o := sender.Send(ctx, r)
						cancel()
						if o.Body == nil {
							ended.Add(1)
							continue
						}
						answered.Add(1)
						assert.Equal(t, r.Form, strings.TrimSpace(string(o.Body)), "the answer to another request")
					}
				})
			}
			all.Wait()
			assert.Positive(t, answered.Load())
			assert.Positive(t, ended.Load())
		})
	}
}

// A dial ends with its attempt, however a proxy or a host behaves: no socket is left.
func TestADialEndsWithItsAttempt(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for _, test := range []struct{ name, scheme, reply string }{
		{"a host that is silent", "", ""},
		{"a host that begins a handshake", "", "\x16\x03\x03\x00\x7a\x02"},
		{"a SOCKS5 proxy that is silent", "socks5", ""},
		{"a SOCKS5 proxy that greets and falls silent", "socks5", "\x05\x00"},
		{"a SOCKS5 proxy that makes a tunnel to silence", "socks5", "\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"},
		{"a proxy that is silent", "http", ""},
		{"a proxy that answers CONNECT with one byte", "http", "H"},
		{"a proxy that answers CONNECT with half a head", "http", "HTTP/1.1 200 OK\r\nA: b\r\n"},
		{"a proxy that answers CONNECT with 100", "http", "HTTP/1.1 100 Continue\r\n\r\n"},
		{"a proxy that answers CONNECT with a head too long", "http", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", 2*maxHead) + "\r\n\r\n"},
		{"a proxy that makes a tunnel to silence", "http", "HTTP/1.1 200 OK\r\n\r\n"},
		{"a proxy that makes a tunnel to the beginning of a handshake", "http", "HTTP/1.1 200 OK\r\n\r\n\x16\x03\x03\x00\x7a\x02"},
		{"a proxy with TLS that is silent", "https", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			closed := make(chan struct{})
			host := testenv.Accept(t, func(conn net.Conn) {
				io.WriteString(conn, test.reply)
				io.Copy(io.Discard, conn)
				close(closed)
			}).Address
			sender := NewSender(nil)
			if test.scheme != "" {
				sender.pool.Proxy = http.ProxyURL(&url.URL{Scheme: test.scheme, Host: host})
				host = "example.com"
			}
			o := sender.Send(within(t, 200*time.Millisecond), to(host))
			assert.Error(t, o.Err)
			assert.False(t, o.Sent)
			select {
			case <-closed:
			case <-time.After(overdue):
				t.Error("the socket is still open")
			}
		})
	}
	goleak.VerifyNone(t, before)
}

// proxies start proxies that make tunnels, by the scheme of their URL.
var proxies = map[string]func(*testing.T) string{
	"http": func(t *testing.T) string { return testenv.Accept(t, answerConnect).Address },
	"https": func(t *testing.T) string {
		config := serverTLS()
		return testenv.Accept(t, func(conn net.Conn) { answerConnect(tls.Server(conn, config)) }).Address
	},
	"socks5": func(t *testing.T) string { return testenv.Accept(t, answerSOCKS5).Address },
}

func answerConnect(conn net.Conn) {
	if request, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
		tunnel(conn, request.Host, "HTTP/1.1 200 OK\r\n\r\n")
	}
}

// answerSOCKS5 makes a tunnel to an IPv4 address.
func answerSOCKS5(conn net.Conn) {
	var greeting [3]byte
	var request [10]byte
	io.ReadFull(conn, greeting[:])
	io.WriteString(conn, "\x05\x00")
	if _, err := io.ReadFull(conn, request[:]); err == nil {
		host := fmt.Sprintf("%v:%d", net.IP(request[4:8]), binary.BigEndian.Uint16(request[8:]))
		tunnel(conn, host, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
	}
}

func tunnel(conn net.Conn, host, ready string) {
	to, err := net.Dial("tcp", host)
	if err != nil {
		return
	}
	io.WriteString(conn, ready)
	go func() {
		io.Copy(to, conn)
		to.Close()
	}()
	io.Copy(conn, to)
}

// A server speaks before it is asked.
func TestAnAnswerBeforeTheFirstRequest(t *testing.T) {
	logged := captureLog(t)
	config := serverTLS()
	speak, spoken := make(chan struct{}), make(chan struct{})
	host := testenv.Accept(t, func(conn net.Conn) {
		secure := tls.Server(conn, config)
		secure.Handshake()
		select {
		case <-speak:
			io.WriteString(secure, sized(wrong))
			spoken <- struct{}{}
		case <-t.Context().Done():
		}
		io.Copy(io.Discard, secure)
	}).Address
	sender := newSender(t, "")
	for range 20 {
		r := to(host)
		r.Sending = func() bool {
			speak <- struct{}{}
			<-spoken
			return true
		}
		o := sender.Send(within(t, time.Minute), r)
		require.Nil(t, o.Body, "%+v", o)
		require.Zero(t, o.Status)
		require.Error(t, o.Err)
		require.False(t, o.Sent)
	}
	assert.Empty(t, logged.String())
}

// What arrives before a request is written closes the connection, and costs nobody an error.
func TestNoRequestIsWrittenBehindWhatNobodyAskedFor(t *testing.T) {
	logged := captureLog(t)
	for _, scheme := range connections {
		for _, hasConnection := range []bool{false, true} {
			t.Run(fmt.Sprintf("proxy: %s, the request has its connection: %v", scheme, hasConnection), func(t *testing.T) {
				var last atomic.Pointer[talker]
				var seen atomic.Int32
				host := newTalkingServer(t, sized, func(c *talker, right string) {
					seen.Add(1)
					last.Store(c)
					c.say(sized(right))
				})
				speak := func() bool {
					if c := last.Swap(nil); c != nil {
						c.say(sized(wrong))
						if scheme != "" {
							time.Sleep(20 * time.Millisecond) // the proxy passes it on
						}
					}
					return true
				}
				sender := newSender(t, scheme)
				const calls = 20
				for i := range calls {
					r := numbered(host, i)
					if hasConnection {
						r.Sending = speak
					} else {
						speak()
					}
					requireAnswer(t, sender, r)
				}
				assert.EqualValues(t, calls, seen.Load(), "no request was sent twice")
			})
		}
		if scheme == "" {
			assert.Empty(t, logged.String())
		}
	}
}

// The backstop: whatever net/http does, a head that was read when nothing had been read
// since the request began is no answer.
func TestAHeadThatWasReadBeforeTheRequestIsNoAnswer(t *testing.T) {
	for _, reused := range []bool{false, true} {
		t.Run(fmt.Sprintf("the connection was used: %v", reused), func(t *testing.T) {
			ours, theirs := connect(t)
			c := newConn(ours, nil)
			read := make(chan struct{})
			go func() {
				c.Read(make([]byte, 1))
				close(read)
				c.Read(make([]byte, 1))
			}()
			var writing sync.WaitGroup
			requests := 0
			sender, err := NewWrappedSender(nil, func(http.RoundTripper) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) {
					if requests++; requests == 2 {
						return nil, errors.New("no other connection")
					}
					trace := httptrace.ContextClientTrace(r.Context())
					trace.GetConn("")
					trace.GotConn(httptrace.GotConnInfo{Conn: c, Reused: reused})
					theirs.Write([]byte("a"))
					<-read
					if writing.Go(trace.WroteHeaders); reused { // on a new connection it waits until that is closed
						writing.Wait()
					}
					if _, err := io.Copy(io.Discard, r.Body); err != nil {
						return nil, err
					}
					return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(answer))}, nil
				})
			})
			require.NoError(t, err)
			o := sender.Send(within(t, time.Minute), to("127.0.0.1:1"))
			writing.Wait()
			assert.Equal(t, !reused, o.Sent, "a used connection carries no request then")
			assert.Equal(t, !reused, o.Unasked)
			assert.Nil(t, o.Body)
			assert.True(t, c.closed)
		})
	}
}

// A connection is kept if the server sends nothing but answers.
func TestAConnectionIsKeptWhateverTheFormOfTheAnswer(t *testing.T) {
	forms := maps.Clone(forms)
	forms["with a long body"] = func(body string) string { return sized(body + strings.Repeat(" ", 100_000)) }
	for name, form := range forms {
		for _, scheme := range connections {
			t.Run(name+", proxy: "+scheme, func(t *testing.T) {
				conns := map[*talker]bool{} // one request at a time
				host := newTalkingServer(t, form, func(c *talker, right string) {
					conns[c] = true
					c.say(c.form(right))
				})
				sender := newSender(t, scheme)
				for i := range 50 {
					if !isEmpty(form) {
						requireAnswer(t, sender, numbered(host, i))
						continue
					}
					o := sender.Send(within(t, time.Minute), numbered(host, i))
					require.NoError(t, o.Err)
					require.Empty(t, o.Body)
				}
				// On a busy machine net/http gives up a connection if its writing goroutine is late.
				assert.LessOrEqual(t, len(conns), 5, "connections")
			})
		}
	}
}
