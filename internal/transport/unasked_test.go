package transport

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
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
)

var unaskedCalls = flag.Int("unasked", 100, "the calls of each case that must not get the answer to another request")

// sized and chunked are two forms of an answer.
func sized(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func chunked(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
}

// corked is a connection of a server that collects what is written, and sends it at once.
type corked struct {
	net.Conn
	mu   sync.Mutex
	cork bool
	held bytes.Buffer
}

func (c *corked) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cork {
		return c.held.Write(p)
	}
	return c.Conn.Write(p)
}

// together sends in one piece what write writes.
func (c *corked) together(write func()) {
	c.set(true)
	write()
	c.set(false)
}

func (c *corked) set(cork bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cork = cork; !cork {
		c.held.WriteTo(c.Conn)
	}
}

type corkingListener struct{ net.Listener }

func (l corkingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &corked{Conn: conn}, nil
}

// talker is one connection of a server that says more than it was asked.
type talker struct {
	under *corked
	conn  net.Conn // TLS
	form  func(body string) string
	rest  string
}

func (t *talker) say(text string) { io.WriteString(t.conn, text) }

// sayInHalves says the rest of what it began to say at the last time, the right answer, and
// a new beginning.
func (t *talker) sayInHalves(right, beginning, rest string) {
	t.say(t.rest + t.form(right) + beginning)
	t.rest = rest
}

// newTalkingServer starts a server. It calls answer with the body of each request, which is
// also the right answer.
func newTalkingServer(t *testing.T, form func(string) string, answer func(c *talker, right string)) string {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		conn, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		c := &talker{under: conn.(*tls.Conn).NetConn().(*corked), conn: conn, form: form}
		for {
			answer(c, string(body))
			r, err := http.ReadRequest(buffered.Reader)
			if err != nil {
				return
			}
			if body, err = io.ReadAll(r.Body); err != nil {
				return
			}
		}
	}))
	server.Listener = corkingListener{server.Listener}
	server.Config.ErrorLog = silentLog
	server.StartTLS()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.Listener.Addr().String()
}

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
		c.under.together(func() { c.say(c.form(right)); c.say(c.form(wrong)) })
	}},
	{"a second answer in many TLS records of one piece", func(c *talker, right string) {
		c.under.together(func() {
			for b := range strings.SplitSeq(c.form(right)+c.form(wrong), "") {
				c.say(b)
			}
		})
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
	{"a text", func(c *talker, right string) { c.say(c.form(right) + wrong) }},
}

// sendMany makes calls from several callers, each with a form of its own. It requires that
// nobody gets another answer than his own, and returns how many got an answer.
func sendMany(t *testing.T, sender *Sender, host string, calls int) (answered, sent int32) {
	var next, answers, sends, others atomic.Int32
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				i := next.Add(1)
				if i > int32(calls) {
					return
				}
				r := to(host)
				r.Form = fmt.Sprintf("IdentifyNum=%d", i)
				o := sender.Send(within(t, time.Minute), r)
				if o.Sent {
					sends.Add(1)
				}
				switch {
				case o.Unasked:
					assert.Zero(t, o.Status)
					assert.Nil(t, o.Body)
					assert.True(t, o.Sent, "it may have been billed")
				case len(o.Body) > 0:
					answers.Add(1)
					if string(o.Body) != r.Form {
						others.Add(1)
					}
				}
			}
		})
	}
	all.Wait()
	assert.Zero(t, others.Load(), "of %d got the answer to another request", calls)
	return answers.Load(), sends.Load()
}

// captureLog returns what goes to the standard log until the test ends.
func captureLog(t *testing.T) func() string {
	var mu sync.Mutex
	var text bytes.Buffer
	log.SetOutput(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return text.Write(p)
	}))
	t.Cleanup(func() { log.SetOutput(io.Discard) })
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return text.String()
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Nobody gets the answer to another request, and nothing of what nobody asked for reaches
// the standard log.
func TestAnAnswerThatNobodyAskedForIsNobodysAnswer(t *testing.T) {
	logged := captureLog(t)
	for name, form := range map[string]func(string) string{"with a length": sized, "in chunks": chunked} {
		for _, test := range unasked {
			t.Run(test.name+", "+name, func(t *testing.T) {
				host := newTalkingServer(t, form, test.answer)
				sender := NewSender(nil)
				defer sender.CloseIdleConnections()
				answered, _ := sendMany(t, sender, host, *unaskedCalls)
				assert.Positive(t, answered)
			})
		}
	}
	assert.Empty(t, logged())
}

// net/http gives a connection back before it returns an answer without a body. So it may
// read one byte behind that answer, and print it.
func TestOfATextBehindAnAnswerWithoutABodyAtMostAByteIsPrinted(t *testing.T) {
	logged := captureLog(t)
	host := newTalkingServer(t, nil, func(c *talker, _ string) {
		c.say("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n" + wrong)
	})
	sender := NewSender(nil)
	defer sender.CloseIdleConnections()
	sendMany(t, sender, host, *unaskedCalls)
	assert.NotContains(t, logged(), wrong[:2])
}

// Behind a proxy, net/http makes the tunnel and TLS. Nobody gets the answer to another
// request there, either.
func TestAnAnswerThatNobodyAskedForBehindAProxy(t *testing.T) {
	captureLog(t) // net/http prints what nobody asked for
	for scheme, start := range proxies {
		for _, test := range unasked {
			t.Run(test.name+", "+scheme, func(t *testing.T) {
				host := newTalkingServer(t, sized, test.answer)
				sender := NewSender(nil)
				defer sender.CloseIdleConnections()
				sender.pool.Proxy = http.ProxyURL(&url.URL{Scheme: scheme, Host: start(t)})
				answered, _ := sendMany(t, sender, host, *unaskedCalls/2)
				assert.Positive(t, answered)
			})
		}
	}
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
	for name, given := range map[string]bool{"the own pool": false, "a given http.Transport": true} {
		t.Run(name, func(t *testing.T) {
			sender := NewSender(nil)
			if given {
				transport := http.DefaultTransport.(*http.Transport).Clone()
				transport.MaxIdleConnsPerHost = maxIdleConns
				sender = NewGivenSender(&http.Client{Transport: transport})
			}
			defer sender.CloseIdleConnections()
			var answered, ended, others atomic.Int32
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
						switch {
						case o.Body == nil:
							ended.Add(1)
						case string(o.Body) != r.Form:
							others.Add(1)
						default:
							answered.Add(1)
						}
					}
				})
			}
			all.Wait()
			assert.Zero(t, others.Load(), "answers to another request")
			assert.Positive(t, answered.Load())
			assert.Positive(t, ended.Load())
			t.Logf("%d answered, %d ended before", answered.Load(), ended.Load())
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
		{"a proxy that makes a tunnel to silence", "http", "HTTP/1.1 200 OK\r\n\r\n"},
		{"a proxy that makes a tunnel to the beginning of a handshake", "http", "HTTP/1.1 200 OK\r\n\r\n\x16\x03\x03\x00\x7a\x02"},
		{"a proxy with TLS that is silent", "https", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			closed := make(chan struct{})
			host := listen(t, func(conn net.Conn) {
				io.WriteString(conn, test.reply)
				io.Copy(io.Discard, conn)
				close(closed)
			})
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
	"http": func(t *testing.T) string { return listen(t, answerConnect) },
	"https": func(t *testing.T) string {
		config := serverTLS()
		return listen(t, func(conn net.Conn) { answerConnect(tls.Server(conn, config)) })
	},
	"socks5": newSOCKS5Proxy,
}

func answerConnect(conn net.Conn) {
	defer conn.Close()
	if request, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
		tunnel(conn, request.Host, "HTTP/1.1 200 OK\r\n\r\n")
	}
}

// newSOCKS5Proxy starts a proxy that makes tunnels to IPv4 addresses.
func newSOCKS5Proxy(t *testing.T) string {
	return listen(t, func(conn net.Conn) {
		defer conn.Close()
		var greeting [3]byte
		var request [10]byte
		if _, err := io.ReadFull(conn, greeting[:]); err != nil {
			return
		}
		io.WriteString(conn, "\x05\x00")
		if _, err := io.ReadFull(conn, request[:]); err != nil {
			return
		}
		host := fmt.Sprintf("%d.%d.%d.%d:%d", request[4], request[5], request[6], request[7], int(request[8])<<8|int(request[9]))
		tunnel(conn, host, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
	})
}

func tunnel(conn net.Conn, host, ready string) {
	to, err := net.Dial("tcp", host)
	if err != nil {
		return
	}
	defer to.Close()
	io.WriteString(conn, ready)
	go func() {
		io.Copy(to, conn)
		to.Close()
	}()
	io.Copy(conn, to)
}

// A server that speaks before it is asked.
func TestAnAnswerBeforeTheFirstRequest(t *testing.T) {
	captureLog(t)
	config := serverTLS()
	host := listen(t, func(conn net.Conn) {
		secure := tls.Server(conn, config)
		defer secure.Close()
		io.WriteString(secure, sized(wrong))
		io.Copy(io.Discard, secure)
	})
	sender := NewSender(nil)
	defer sender.CloseIdleConnections()
	for range 20 {
		r := to(host)
		r.Sending = func() bool {
			time.Sleep(10 * time.Millisecond) // until the server has spoken
			return true
		}
		o := sender.Send(within(t, time.Minute), r)
		require.Nil(t, o.Body, "%+v", o)
		require.Zero(t, o.Status)
		require.Error(t, o.Err)
		require.False(t, o.Sent)
	}
}

// Something arrives between the moment at which a request gets a used connection and the
// moment at which it is written. The request goes to another connection.
func TestNoRequestIsWrittenBehindWhatNobodyAskedFor(t *testing.T) {
	captureLog(t)
	for _, scheme := range []string{"", "http", "https", "socks5"} {
		t.Run("proxy: "+scheme, func(t *testing.T) {
			var last atomic.Pointer[talker]
			var seen atomic.Int32
			host := newTalkingServer(t, sized, func(c *talker, right string) {
				seen.Add(1)
				c.say(sized(right))
				last.Store(c)
			})
			sender := NewSender(nil)
			defer sender.CloseIdleConnections()
			if scheme != "" {
				sender.pool.Proxy = http.ProxyURL(&url.URL{Scheme: scheme, Host: proxies[scheme](t)})
			}
			const calls = 20
			for i := range calls {
				r := to(host)
				r.Form = fmt.Sprint("IdentifyNum=", i)
				r.Sending = func() bool {
					if c := last.Swap(nil); c != nil {
						c.say(sized(wrong))
						time.Sleep(5 * time.Millisecond)
					}
					return true
				}
				o := sender.Send(within(t, time.Minute), r)
				require.NoError(t, o.Err)
				require.Equal(t, r.Form, string(o.Body))
			}
			assert.EqualValues(t, calls, seen.Load(), "no request was sent twice")
		})
	}
}

// The backstop: whatever net/http does, a head that was read when nothing had been read
// since the request began is no answer.
func TestAHeadThatWasReadBeforeTheRequestIsNoAnswer(t *testing.T) {
	for _, test := range []struct {
		name          string
		early, reused bool
	}{
		{"it was read before the request", true, false},
		{"it was read before the request on a used connection, which carries no request then", true, true},
		{"it was read after the request", false, false},
		{"it was read after the request on a used connection", false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			early := test.early
			ours, theirs := net.Pipe()
			defer theirs.Close()
			c := newConn(ours, nil)
			read := make(chan struct{})
			go func() {
				defer close(read)
				c.Read(make([]byte, 1))
				c.Read(make([]byte, 1))
			}()
			requests := 0
			sender, err := NewWrappedSender(nil, func(http.RoundTripper) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) {
					trace := httptrace.ContextClientTrace(r.Context())
					trace.GetConn("")
					if requests++; requests == 2 {
						return nil, errors.New("no other connection")
					}
					trace.GotConn(httptrace.GotConnInfo{Conn: c, Reused: test.reused})
					if early {
						theirs.Write([]byte("ab"))
						<-read
					}
					trace.WroteHeaders()
					if _, err := io.Copy(io.Discard, r.Body); err != nil {
						return nil, err
					}
					if !early {
						theirs.Write([]byte("ab"))
						<-read
					}
					return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(answer))}, nil
				})
			})
			require.NoError(t, err)
			o := sender.Send(within(t, time.Minute), to("127.0.0.1:1"))
			assert.Equal(t, !(early && test.reused), o.Sent)
			assert.Equal(t, early && !test.reused, o.Unasked)
			assert.Equal(t, early, o.Body == nil)
			assert.Equal(t, early, c.closed)
		})
	}
}

// What arrives while nobody asks closes the connection, and costs nobody an error.
func TestALateAnswerThatNobodyAskedForCostsNothing(t *testing.T) {
	logged := captureLog(t)
	said := make(chan struct{})
	host := newTalkingServer(t, sized, func(c *talker, right string) {
		c.say(sized(right))
		time.AfterFunc(5*time.Millisecond, func() {
			c.say(sized(wrong))
			said <- struct{}{}
		})
	})
	sender := NewSender(nil)
	defer sender.CloseIdleConnections()
	for i := range 30 {
		r := to(host)
		r.Form = fmt.Sprint("IdentifyNum=", i)
		o := sender.Send(within(t, time.Minute), r)
		require.NoError(t, o.Err)
		require.Equal(t, r.Form, string(o.Body))
		<-said
	}
	assert.Empty(t, logged())
}

// A connection is kept if the server sends nothing but answers.
func TestAConnectionIsKeptWhateverTheFormOfTheAnswer(t *testing.T) {
	for name, form := range map[string]func(string) string{
		"with a length": sized,
		"in chunks":     chunked,
		"behind a 103":  func(body string) string { return "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + sized(body) },
		"in chunks with a trailer": func(body string) string {
			return strings.TrimSuffix(chunked(body), "\r\n") + "A: b\r\n\r\n"
		},
		"with a long body": func(body string) string { return sized(body + strings.Repeat(" ", 100_000)) },
	} {
		for _, scheme := range []string{"", "http", "https", "socks5"} {
			t.Run(name+", proxy: "+scheme, func(t *testing.T) {
				var conns sync.Map
				host := newTalkingServer(t, form, func(c *talker, right string) {
					conns.Store(c, true)
					c.say(c.form(right))
				})
				sender := NewSender(nil)
				defer sender.CloseIdleConnections()
				if scheme != "" {
					sender.pool.Proxy = http.ProxyURL(&url.URL{Scheme: scheme, Host: proxies[scheme](t)})
				}
				for i := range 50 {
					r := to(host)
					r.Form = fmt.Sprint("IdentifyNum=", i)
					o := sender.Send(within(t, time.Minute), r)
					require.NoError(t, o.Err)
					assert.Equal(t, r.Form, strings.TrimSpace(string(o.Body)))
				}
				n := 0
				conns.Range(func(any, any) bool { n++; return true })
				assert.Equal(t, 1, n, "connections")
			})
		}
	}
}
