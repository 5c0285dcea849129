package id2meta

import (
	"context"
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

// Limiter slows a [Client] down to a rate. A *rate.Limiter of
// golang.org/x/time/rate is a Limiter.
//
// The Client calls Wait before each request, retries included. Wait blocks until
// the request may go, or returns an error: then the Client sends nothing, and Verify
// returns an [ErrThrottled] that wraps the error. Wait must return soon after ctx
// has ended, and should return at once if its turn comes after the deadline of ctx.
// Wait must be safe for concurrent use.
type Limiter interface {
	Wait(ctx context.Context) error
}

// Option changes how a [Client] works. [New] returns an error that names an Option
// that cannot be used. If an Option is given twice, the last one counts.
type Option func(*settings) error

// settings are what the options set.
type settings struct {
	provider        credentials.Credential                            // nil: keyFunc, or else the default provider chain
	keyFunc         func(ctx context.Context) (credential.Key, error) // nil: provider
	hosts           []string
	httpClient      *http.Client                                   // nil: the Client's own
	wrapTransport   func(base http.RoundTripper) http.RoundTripper // nil: no wrapper
	timeout         time.Duration
	maxAttempts     int
	retryUnanswered bool
	limiter         Limiter // nil: no limit
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
	return s, nil
}

// newSender returns the sender that s asks for.
func (s *settings) newSender() (*transport.Sender, error) {
	if s.wrapTransport == nil {
		return transport.NewSender(s.httpClient), nil
	}
	sender, err := transport.NewWrappedSender(s.wrapTransport)
	if err != nil {
		return nil, fmt.Errorf("id2meta: WithTransportWrapper: %w", err)
	}
	return sender, nil
}

// WithCredential sets the provider of the access key. The default is the provider
// chain of github.com/aliyun/credentials-go, which looks in this order: environment,
// OIDC, profiles of the CLI and of the SDKs, ECS RAM role, credentials URI.
// [WithAccessKey] and [WithAccessKeyFunc] are simpler where the program has the key
// itself. Of these three options, the last one counts.
//
// The Client asks cred from one goroutine at a time. So cred need not be safe for
// concurrent use if nobody else uses it.
func WithCredential(cred credentials.Credential) Option {
	return func(s *settings) error {
		if cred == nil {
			return errors.New("WithCredential: the credential is nil")
		}
		s.provider, s.keyFunc = cred, nil
		return nil
	}
}

// WithEndpoints sets the hosts to ask, as host or host:port, in the order of
// preference. The default is [EndpointDefault], [EndpointShanghai],
// [EndpointBeijing]. The default port is 443. An IPv6 address stands in brackets:
// [2001:db8::1]:443. The Client uses HTTPS for every endpoint. New refuses endpoints
// of the international service, which has another API.
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

// WithHTTPClient sets the client that sends the requests, for example for a proxy or
// a certificate authority of your own. The Client copies client; the copy follows
// no redirects and keeps no cookies. The default is a client with its own connection
// pool, which takes the proxy from the environment.
//
// The Transport of client decides how connections are made and kept, and whether the
// certificate of the server is verified. Failing over from an endpoint that gives no
// connection needs a Transport that supports [net/http/httptrace], as *http.Transport
// does. In a clone of http.DefaultTransport, raise MaxIdleConnsPerHost from 2 to the
// number of concurrent callers. The Timeout of client, if any, bounds each request
// beside [WithTimeout]. The Client's own pool reads at most 64 KiB of the head of an
// answer; a Transport of yours reads up to its MaxResponseHeaderBytes, which is 10 MiB
// by default. Verify ends with its context even if the Transport ignores it; then the
// Transport keeps one goroutine until it returns.
//
// One connection carries one answer after another. A proxy that ends TLS and loses
// count could therefore give one caller the answer for another person. Behind such a
// proxy, use a Transport with DisableKeepAlives: each request then has a connection
// of its own.
func WithHTTPClient(client *http.Client) Option {
	return func(s *settings) error {
		if client == nil {
			return errors.New("WithHTTPClient: the client is nil")
		}
		s.httpClient = client
		return nil
	}
}

// WithTransportWrapper wraps the Client's own connection pool, for example to trace
// requests with otelhttp.NewTransport. The wrapper must pass on the request with its
// context. WithTransportWrapper cannot be used together with [WithHTTPClient].
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
// credential, connecting, the answer, and all retries. The default is 10 s. An
// earlier deadline of the caller's context counts instead.
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
// With 1, Verify never retries. An attempt that is not the last may take at most 3 s
// to connect, or the time left divided by the attempts left if that is less.
func WithMaxAttempts(n int) Option {
	return func(s *settings) error {
		if n < 1 {
			return errors.New("WithMaxAttempts: fewer than one attempt")
		}
		s.maxAttempts = n
		return nil
	}
}

// WithRetryUnanswered also retries a request that was sent and not answered: the
// connection broke, the answer was cut, the server was silent, or a proxy answered
// HTTP 502 or 504. The default is not to retry, because the service may have
// verified the person and billed the request (see [ErrMaybeBilled]); then the retry
// costs a second time. With this option, an attempt that is not the last waits for
// its answer at most the time left divided by the attempts left.
func WithRetryUnanswered() Option {
	return func(s *settings) error {
		s.retryUnanswered = true
		return nil
	}
}

// WithLimiter makes every request, retries included, wait for l. The default is no
// limit. The service allows one account 50 calls a second, over all its RAM users
// and machines (vendor's page "信息核验接口 QPS 限量说明").
//
// A call waits for l only while the time left is enough for an answer, judged by the
// answers that the Client had lately; a call that would have to wait longer fails
// with [ErrThrottled] and sends nothing. A *rate.Limiter and the limiter of package
// redislimiter say so at once. So in a rush some callers fail early, and what is sent
// is answered.
func WithLimiter(l Limiter) Option {
	return func(s *settings) error {
		if l == nil {
			return errors.New("WithLimiter: the limiter is nil")
		}
		s.limiter = l
		return nil
	}
}

// WithLogger reports every attempt to l at level Debug, and every failover and
// every retry at level Warn with its reason. The default is to log nothing. No record
// holds anything of the person or of the credential.
func WithLogger(l *slog.Logger) Option {
	return func(s *settings) error {
		if l == nil {
			return errors.New("WithLogger: the logger is nil")
		}
		s.logger = l
		return nil
	}
}
