package id2meta

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/aliyun/credentials-go/credentials"

	"github.com/id2meta/id2meta/internal/credential"
	"github.com/id2meta/id2meta/internal/transport"
)

const (
	defaultTimeout     = 10 * time.Second
	defaultMaxAttempts = 3
)

// Limiter limits the rate of the requests of a [Client]. A *rate.Limiter of
// golang.org/x/time/rate is a Limiter.
//
// The Client calls Wait before each request, retries included. Wait blocks until the
// request may go, and returns nil. If Wait returns an error, the Client sends nothing,
// and Verify returns an [ErrThrottled] that wraps the error and shows its text. If
// errors.Is finds [ErrUnavailable] in the error, the limiter itself failed, and Verify
// returns an ErrUnavailable. If errors.Is finds [ErrDailyLimit], Verify returns an
// ErrDailyLimit, with RetryAfter until midnight in China. Wait must return soon after ctx has
// ended. If the request could go only after the deadline of ctx, Wait
// should return an error at once. Wait must be safe for concurrent use.
type Limiter interface {
	Wait(ctx context.Context) error
}

// Option configures a [Client]. If an Option has an unusable value, [New] returns an
// error that names the Option. If an Option is given twice, the last value counts.
type Option func(*settings) error

// settings are the values that the options set.
type settings struct {
	provider        credentials.Credential                            // nil: use keyFunc, or else the default provider chain
	keyFunc         func(ctx context.Context) (credential.Key, error) // nil: use provider
	hosts           []string
	httpClient      *http.Client                                   // nil: the Client's own
	rootCAs         *x509.CertPool                                 // nil: those of the system
	wrapTransport   func(base http.RoundTripper) http.RoundTripper // nil: no wrapper
	timeout         time.Duration
	maxAttempts     int
	retryUnanswered bool
	limiter         Limiter // nil: no limit
	dailyLimit      int     // 0: no limit
	logger          *slog.Logger
}

func newSettings(opts []Option) (settings, error) {
	s := settings{
		hosts:       []string{EndpointDefault, EndpointShanghai, EndpointBeijing},
		timeout:     defaultTimeout,
		maxAttempts: defaultMaxAttempts,
		logger:      slog.New(slog.DiscardHandler),
	}
	for _, opt := range opts {
		if opt == nil {
			return settings{}, errors.New("id2meta: New: an Option is nil")
		}
		if err := opt(&s); err != nil {
			return settings{}, fmt.Errorf("id2meta: %w", err)
		}
	}
	if s.httpClient != nil && s.wrapTransport != nil {
		return settings{}, errors.New("id2meta: WithTransportWrapper: cannot be used together with WithHTTPClient; wrap the Transport of that client instead")
	}
	if s.httpClient != nil && s.rootCAs != nil {
		return settings{}, errors.New("id2meta: WithRootCAs: cannot be used together with WithHTTPClient; set RootCAs in the TLSClientConfig of that client's Transport instead")
	}
	return s, nil
}

// newSender returns a sender with the HTTP client, or the authorities and the wrapper, of s.
func (s *settings) newSender() (*transport.Sender, error) {
	switch {
	case s.httpClient != nil:
		return transport.NewGivenSender(s.httpClient), nil
	case s.wrapTransport == nil:
		return transport.NewSender(s.rootCAs), nil
	}
	sender, err := transport.NewWrappedSender(s.rootCAs, s.wrapTransport)
	if err != nil {
		return nil, fmt.Errorf("id2meta: WithTransportWrapper: %w", err)
	}
	return sender, nil
}

// WithCredential sets the provider of the access key. The default is the provider
// chain of github.com/aliyun/credentials-go, which looks in this order: environment,
// OIDC, profiles of the CLI and of the SDKs, ECS RAM role, credentials URI. If the
// program has the key itself, [WithAccessKey] and [WithAccessKeyFunc] are simpler. If
// several of these three options are given, the last option counts.
//
// The Client calls cred from one goroutine at a time. So cred need not be safe for
// concurrent use, unless the program shares it with others.
func WithCredential(cred credentials.Credential) Option {
	return func(s *settings) error {
		if cred == nil {
			return errors.New("WithCredential: the credential is nil")
		}
		s.provider, s.keyFunc = cred, nil
		return nil
	}
}

// WithEndpoints sets the endpoints, as host or host:port, in the order of preference.
// The default is [EndpointDefault], [EndpointShanghai], [EndpointBeijing]. The default
// port is 443. Write an IPv6 address in brackets: [2001:db8::1]:443. The Client uses
// HTTPS for every endpoint. New refuses endpoints of Alibaba Cloud International,
// whose API is different.
func WithEndpoints(endpoints ...string) Option {
	endpoints = slices.Clone(endpoints)
	return func(s *settings) error {
		if len(endpoints) == 0 {
			return errors.New("WithEndpoints: no endpoint")
		}
		for i, endpoint := range endpoints {
			if err := checkEndpoint(endpoint); err != nil {
				return fmt.Errorf("WithEndpoints: endpoint %d: %w", i+1, err)
			}
		}
		s.hosts = endpoints
		return nil
	}
}

// WithHTTPClient sets the client that sends the requests, for example to use a proxy of
// your own. For a certificate authority of your own, [WithRootCAs] is simpler, and for
// instrumentation [WithTransportWrapper]. WithHTTPClient copies client. The copy
// follows no redirects and keeps no cookies. By default the [Client] has its own
// connection pool, and takes the proxy from the environment.
//
// The Transport of client decides how connections are made and kept, and whether the
// certificate of the server is verified:
//
//   - Failover from an endpoint that gives no connection needs a Transport that
//     supports [net/http/httptrace], as *http.Transport does.
//   - In a clone of http.DefaultTransport, raise MaxIdleConnsPerHost from 2 to the
//     number of concurrent callers.
//   - The Client's own pool reads at most 64 KiB of the head of an answer. Your
//     Transport reads up to its MaxResponseHeaderBytes, which is 10 MiB by default.
//   - Set TLSHandshakeTimeout, a Timeout of the net.Dialer in DialContext, and
//     IdleConnTimeout, as in the example. Without them an *http.Transport goes on dialing
//     a silent server when the call has ended, and leaves a socket and goroutines for each
//     attempt.
//   - The Transport must end with the context of the request, as [http.RoundTripper]
//     demands. If it does not, Verify does not end either. What an *http.Transport does
//     before it looks at the context counts, too: its function Proxy, and a protocol that
//     was registered.
//   - Each attempt is one request: the Transport can read the body once, and there is no
//     GetBody. A request whose body was read counts as sent. A Transport that reads the
//     body before it has a connection makes each failure look as if it may have been
//     billed.
//
// If client has a Timeout, it bounds each request in addition to [WithTimeout].
//
// A connection carries many answers, one after another. A proxy that ends TLS and
// confuses their order could give one caller the answer for another person. Behind
// such a proxy, use a Transport with DisableKeepAlives. Then each request has its own
// connection.
func WithHTTPClient(client *http.Client) Option {
	return func(s *settings) error {
		if client == nil {
			return errors.New("WithHTTPClient: the client is nil")
		}
		s.httpClient = client
		return nil
	}
}

// WithRootCAs makes the Client trust the certificate authorities in pool instead of the
// authorities of the system, for example because a proxy of your company has an authority
// of its own. To add an authority to those of the system, begin with
// [x509.SystemCertPool]. WithRootCAs copies pool. It is for the Client's own connection
// pool, so it cannot be used together with [WithHTTPClient].
func WithRootCAs(pool *x509.CertPool) Option {
	if pool != nil {
		pool = pool.Clone()
	}
	return func(s *settings) error {
		if pool == nil {
			return errors.New("WithRootCAs: the pool is nil")
		}
		s.rootCAs = pool
		return nil
	}
}

// WithTransportWrapper wraps the Client's own connection pool, for example to trace
// requests with otelhttp.NewTransport. New calls wrap once. The RoundTripper that wrap
// returns must pass each request to base once, with the context of the request, and must
// be safe for concurrent use. By default there is no wrapper. WithTransportWrapper cannot
// be used together with [WithHTTPClient].
//
// The TLS field of a response is nil on a direct connection. The hook TLSHandshakeDone of
// package httptrace gets the state of TLS.
func WithTransportWrapper(wrap func(base http.RoundTripper) http.RoundTripper) Option {
	return func(s *settings) error {
		if wrap == nil {
			return errors.New("WithTransportWrapper: the function is nil")
		}
		s.wrapTransport = wrap
		return nil
	}
}

// WithTimeout bounds one whole Verify call: the waits for the limiter and for the
// credential, connecting, the answer, and all retries. The default is 10 s. If the
// context of the caller has an earlier deadline, that deadline counts.
func WithTimeout(d time.Duration) Option {
	return func(s *settings) error {
		if d <= 0 {
			return errors.New("WithTimeout: the timeout is not positive")
		}
		s.timeout = d
		return nil
	}
}

// WithMaxAttempts bounds how many requests one Verify call makes. The default is 3.
// With 1, Verify never retries.
//
// An attempt may take at most 3 s to get a connection. For an attempt that is not the
// last, the limit is the time left divided by the attempts left, if that is less.
func WithMaxAttempts(n int) Option {
	return func(s *settings) error {
		if n < 1 {
			return errors.New("WithMaxAttempts: fewer than one attempt")
		}
		s.maxAttempts = n
		return nil
	}
}

// WithRetryUnanswered makes Verify also retry a request that was sent and not
// answered: the connection broke, the answer broke off, the server was silent, or a
// proxy answered instead of the service with HTTP 502, 504 or the like. By
// default Verify does not retry such a request, because the service may have answered
// and billed it (see [ErrMaybeBilled]). Then the service bills the retry, too.
//
// With this option, an attempt that is not the last waits for its answer for the time
// left divided by the attempts left. But it waits at least as long as an answer takes, as
// the Client estimates from recent answers. So with many attempts, the time may end
// before all attempts are made.
func WithRetryUnanswered() Option {
	return func(s *settings) error {
		s.retryUnanswered = true
		return nil
	}
}

// WithLimiter makes every request, retries included, wait for l. By default there is
// no limiter. The service allows one account 50 calls per second of this API, for all its RAM
// users and machines together (vendor's page "信息核验接口 QPS 限量说明").
//
// A call waits for l only as long as the time left is enough for an answer. The Client
// estimates the time of an answer from recent answers. If the call would have to wait
// longer, Verify returns an [ErrThrottled] and sends nothing. A *rate.Limiter and the
// limiter of package redislimiter report that at once. So in a rush some calls fail
// early, and the requests that are sent get their answers in time.
func WithLimiter(l Limiter) Option {
	return func(s *settings) error {
		if l == nil {
			return errors.New("WithLimiter: the limiter is nil")
		}
		s.limiter = l
		return nil
	}
}

// WithDailyLimit limits the requests that this Client sends in a day. Days are days in
// China (Asia/Shanghai). The vendor has no hard cap on spending, so the limit bounds what
// a day can cost if somebody misuses the service. By default there is no limit.
//
// When the limit is reached, Verify sends nothing until midnight. It returns an
// [ErrThrottled] that is also an [ErrDailyLimit]. RetryAfter of its [APIError] is the time
// until midnight, and its [Remedy] is RemedyOperator. A request that was not sent does not
// count, and the limiter is not asked for a call that the limit refuses. The count is in
// [Stats], and begins at zero with each Client. For several processes together, use
// WithDailyLimit of package redislimiter.
func WithDailyLimit(n int) Option {
	return func(s *settings) error {
		if n < 1 {
			return errors.New("WithDailyLimit: the limit must be at least 1")
		}
		s.dailyLimit = n
		return nil
	}
}

// WithLogger logs every attempt to l at level Debug, and every failover and every
// retry with its reason at level Warn. By default the Client logs nothing. No log
// record holds the name, the number or a secret.
//
// Package net/http has no such logger. It prints bytes that a server sends without being
// asked to the standard logger of package log. On a connection through a proxy, or with
// [WithHTTPClient], these bytes may repeat a person. On a direct connection, the Client
// keeps them from net/http. SECURITY.md names the exceptions.
func WithLogger(l *slog.Logger) Option {
	return func(s *settings) error {
		if l == nil {
			return errors.New("WithLogger: the logger is nil")
		}
		s.logger = l
		return nil
	}
}
