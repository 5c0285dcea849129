// Package transport sends signed requests to an RPC gateway of Alibaba Cloud. For each
// request it reports whether the service may have seen the request. The package keeps
// the connections and the cooldowns of the endpoints. It does not know the meaning of
// requests and answers.
//
// A connection of HTTP/1.1 carries many answers, and only their order tells which
// answer belongs to which request. Type conn says what the package does about that, and
// what it cannot do.
package transport

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"time"
)

const (
	// maxHead is far more than the few hundred bytes of an answer's head.
	maxHead = 64 << 10
	// maxBody is far more than the few hundred bytes of an answer's body.
	maxBody = 1 << 20
	// fairTime is how long a healthy endpoint at the other end of the country may
	// need for a connection.
	fairTime = 100 * time.Millisecond
)

// Request is one request and its time limits.
type Request struct {
	Host       string // host or host:port
	Action     string
	Version    string // of the API
	Form       string // the parameters, encoded
	UserAgent  string
	Credential Credential
	Connect    time.Duration // the limit for getting a connection
	Answer     time.Duration // the limit for the whole request; 0: only the context limits it
	// Sending is called before the first byte of the request may reach the
	// service. It may be nil. If Sending returns false, or the context has ended
	// after the call of Sending, nothing is sent. Sending may be called more than
	// once.
	Sending func() bool
}

// Credential is the key or token that signs a Request.
type Credential struct {
	Type            string // "bearer", "id_token", or an access key
	AccessKeyID     string
	AccessKeySecret string
	SecurityToken   string
	BearerToken     string
}

// Response is the result of a Request.
type Response struct {
	// Status and Header are from the head of the answer, even if the body broke off
	// or the time ended while the body was read. Status is 0 if no head arrived.
	Status int
	Header http.Header
	Body   []byte // nil if the body is not whole, or is longer than 1 MiB
	// Unasked reports that the answer had arrived before the request was written: it
	// answers something else. Then Status is 0.
	Unasked bool
	// Err is the reason why there is no whole answer, or why the answer came too
	// late. A server may answer with a failure because the client has left, so an
	// answer that came too late may not be the answer of the service.
	Err error
	// Sent reports that the service may have seen the request; see exchange.
	Sent bool
	// Dead reports that the endpoint gave no connection. It is false if the caller
	// canceled the request, or gave the endpoint less than 100 ms.
	Dead bool
}

// The reasons why an attempt ends while its caller still waits.
var (
	errNoConnection = errors.New("no connection in the time allowed for it")
	errNoAnswer     = errors.New("no answer in the time allowed for one attempt")
)

// Sender sends Requests. Make a Sender with [NewSender], [NewWrappedSender] or
// [NewGivenSender]. A Sender is safe for concurrent use.
type Sender struct {
	client *http.Client
	pool   *http.Transport // the Sender's own connection pool, or nil
	own    bool            // client uses pool directly, without a wrapper
}

// NewSender returns a Sender with its own connection pool. roots are the certificate
// authorities to trust; nil means those of the system. The pool reads at most 64 KiB of an
// answer's head.
func NewSender(roots *x509.CertPool) *Sender {
	pool := newPool(roots)
	return &Sender{client: restrict(http.Client{Transport: pool}), pool: pool, own: true}
}

// NewGivenSender returns a Sender that uses a copy of client. A given [http.Transport]
// reads up to its MaxResponseHeaderBytes of an answer's head, which is 10 MiB by default.
// NewGivenSender does not change or clone the Transport, because others may share it.
func NewGivenSender(client *http.Client) *Sender {
	return &Sender{client: restrict(*client)}
}

// NewWrappedSender returns a Sender with its own connection pool, as NewSender does. The
// Sender sends through the RoundTripper that wrap returns, for example for instrumentation.
func NewWrappedSender(roots *x509.CertPool, wrap func(base http.RoundTripper) http.RoundTripper) (*Sender, error) {
	pool := newPool(roots)
	wrapped := wrap(pool)
	if wrapped == nil {
		return nil, errors.New("the function returned no RoundTripper")
	}
	return &Sender{client: restrict(http.Client{Transport: wrapped}), pool: pool}, nil
}

// restrict returns a client that follows no redirects and keeps no cookies. A redirect
// would send the person and the signature to another host.
func restrict(client http.Client) *http.Client {
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Jar = nil
	return &client
}

// CloseIdleConnections closes the connections that no Request is using.
func (s *Sender) CloseIdleConnections() {
	s.client.CloseIdleConnections()
	if s.pool != nil {
		s.pool.CloseIdleConnections() // a wrapper may have no such method
	}
}

// Send makes one request and reads the answer to its end. The context caller must have
// a deadline. Send ends with caller, unless a given transport ignores its context.
func (s *Sender) Send(caller context.Context, r Request) Response {
	ctx, cancel := context.WithCancelCause(caller)
	defer cancel(nil)
	if r.Answer > 0 {
		timer := time.AfterFunc(r.Answer, func() { cancel(errNoAnswer) })
		defer timer.Stop()
	}
	started := time.Now()
	x := newExchange(ctx, s, r, func() { cancel(errNoConnection) })
	defer x.budget.Stop()

	var response Response
	if request, err := x.prepare(r); err != nil {
		response.Err = err
	} else {
		response = x.do(request, r.Form)
	}
	if cause := context.Cause(ctx); cause != nil {
		response.Err = cause
	}
	response.Sent = response.Status != 0 || response.Unasked || x.maySent()
	hasty := (response.Err == errNoConnection || ended(caller)) && time.Since(started) < fairTime
	response.Dead = !response.Sent && x.gotNoConnection() && !hasty && !errors.Is(caller.Err(), context.Canceled)
	return response
}

// ended reports whether ctx has ended, or its deadline has passed. The timer of ctx may
// fire later than the deadline.
func ended(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && time.Until(deadline) <= 0
}
