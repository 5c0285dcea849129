package id2meta

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/aliyun/credentials-go/credentials"
)

// The service's endpoints, from the vendor's page "身份二要素核验 ·
// 纯服务端(API)接入". They are equivalent: the account, its bill and its limit of
// 50 calls a second are the same behind each.
const (
	// EndpointDefault is the general endpoint. It has IPv4 addresses only.
	EndpointDefault = "cloudauth.aliyuncs.com"
	// EndpointDualStack is the general endpoint with IPv6 addresses.
	EndpointDualStack = "cloudauth-dualstack.aliyuncs.com"

	EndpointShanghai          = "cloudauth.cn-shanghai.aliyuncs.com"
	EndpointShanghaiDualStack = "cloudauth-dualstack.cn-shanghai.aliyuncs.com"
	// EndpointShanghaiVPC can be reached only from inside a VPC in Shanghai.
	EndpointShanghaiVPC = "cloudauth-vpc.cn-shanghai.aliyuncs.com"

	EndpointBeijing          = "cloudauth.cn-beijing.aliyuncs.com"
	EndpointBeijingDualStack = "cloudauth-dualstack.cn-beijing.aliyuncs.com"
	// EndpointBeijingVPC can be reached only from inside a VPC in Beijing.
	EndpointBeijingVPC = "cloudauth-vpc.cn-beijing.aliyuncs.com"
)

// Defaults of the options.
const (
	defaultTimeout     = 10 * time.Second
	defaultMaxAttempts = 3
)

// Limiter slows a [Client] down to a rate. A *rate.Limiter of
// golang.org/x/time/rate is one.
//
// Wait is called once for each request that is about to be sent, retries
// included. It blocks until the request may go, or returns an error: then
// nothing is sent, and Verify fails with an [ErrThrottled] that wraps it. It must
// return soon after ctx is done, should return at once if ctx's deadline leaves
// no time for its turn, and must be safe for concurrent use.
type Limiter interface {
	Wait(ctx context.Context) error
}

// Option changes how a [Client] works. [New] reports an option that cannot be
// used as an error that names it. Of an option that is given twice, the last
// one counts.
type Option func(*settings) error

// settings is what the options leave behind.
type settings struct {
	given           credentials.Credential // nil: the default provider chain
	hosts           []string
	httpClient      *http.Client // nil: one of our own
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
	return s, nil
}

// WithCredential sets where the access key comes from. The default is the
// provider chain of github.com/aliyun/credentials-go: environment, OIDC, CLI
// and credential profiles, ECS RAM role, credentials URI, in this order.
//
// The Client asks cred for its answer by one goroutine at a time, so cred need
// not be safe for concurrent use as long as nobody else uses it.
func WithCredential(cred credentials.Credential) Option {
	return func(s *settings) error {
		if isNil(cred) {
			return errors.New("WithCredential: the credential is nil")
		}
		s.given = cred
		return nil
	}
}

// WithEndpoints sets the hosts to ask, as host or host:port, in the order of
// preference. The default is [EndpointDefault], [EndpointShanghai],
// [EndpointBeijing]; the default port is 443. An IPv6 address stands in
// brackets: [2001:db8::1]:443. All are spoken to by HTTPS. Those of the international
// service are refused: its API is another one.
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

// WithHTTPClient sets the client that sends the requests, for a proxy, a
// certificate authority or instrumentation of one's own. It is copied, and the
// copy never follows a redirect and keeps no cookies. The default is a client
// with a connection pool of its own, that takes the proxy from the environment.
//
// Its Transport decides how connections are made and kept, and whether the
// server's certificate is verified; failing over from an endpoint that gives no
// connection needs one that supports [net/http/httptrace], as *http.Transport
// does. A clone of http.DefaultTransport should have its MaxIdleConnsPerHost
// raised from 2 to as many as there are concurrent callers. The client's Timeout,
// if it has one, bounds each request beside [WithTimeout].
func WithHTTPClient(client *http.Client) Option {
	return func(s *settings) error {
		if client == nil {
			return errors.New("WithHTTPClient: the client is nil")
		}
		if client.Transport != nil && isNil(client.Transport) {
			return errors.New("WithHTTPClient: the client's Transport is a nil pointer")
		}
		s.httpClient = client
		return nil
	}
}

// WithTimeout bounds one whole Verify call: waiting for the limiter and the
// credential, connecting, the answer, and all retries. The default is 10 s. An
// earlier deadline of the caller's context wins.
func WithTimeout(d time.Duration) Option {
	return func(s *settings) error {
		if d <= 0 {
			return errors.New("WithTimeout: the timeout is not positive")
		}
		s.timeout = d
		return nil
	}
}

// WithMaxAttempts bounds how many requests one Verify call makes, the first
// included. The default is 3; with 1 nothing is ever retried. The more there may
// be, the shorter each may take to connect: the time left divided by the
// attempts left, and at most 3 s.
func WithMaxAttempts(n int) Option {
	return func(s *settings) error {
		if n < 1 {
			return errors.New("WithMaxAttempts: fewer than one attempt")
		}
		s.maxAttempts = n
		return nil
	}
}

// WithRetryUnanswered also retries a request that was sent and never answered:
// a reset, a truncated answer, a silent server. The service may have verified
// the person and billed the call (see [ErrMaybeBilled]), so the retry may be paid for
// a second time; that is why it is off by default. With it, an attempt waits for its answer no
// longer than the time left divided by the attempts left.
func WithRetryUnanswered() Option {
	return func(s *settings) error {
		s.retryUnanswered = true
		return nil
	}
}

// WithLimiter makes every request, retries included, wait for l. The default is
// no limit. The service allows one account 50 calls a second, over all its RAM
// users and machines (vendor's page "信息核验接口 QPS 限量说明").
//
// The time of [WithTimeout] includes the wait: with many callers and a low rate
// it must be long enough for the last of them.
func WithLimiter(l Limiter) Option {
	return func(s *settings) error {
		if isNil(l) {
			return errors.New("WithLimiter: the limiter is nil")
		}
		s.limiter = l
		return nil
	}
}

// WithLogger reports every attempt to l at level Debug, and every failover and
// retry at Warn with its reason. The default is silence. No record holds
// anything of the person or of the credential.
func WithLogger(l *slog.Logger) Option {
	return func(s *settings) error {
		if l == nil {
			return errors.New("WithLogger: the logger is nil")
		}
		s.logger = l
		return nil
	}
}

// checkEndpoint refuses what is not host or host:port. Its errors do not repeat
// the endpoint, which may hold a password that belongs to an address.
func checkEndpoint(endpoint string) error {
	switch {
	case endpoint == "":
		return errors.New("it is empty")
	case strings.Contains(endpoint, "://"):
		return errors.New("it must be host or host:port, without a scheme")
	case strings.ContainsFunc(endpoint, unicode.IsSpace):
		return errors.New("it holds white space")
	case strings.Contains(endpoint, "@"):
		return errors.New("it must be host or host:port, without a user or a password")
	case strings.ContainsAny(endpoint, `/?#`):
		return errors.New("it must be host or host:port, without a path, a query or a fragment")
	case strings.Contains(endpoint, ","):
		return errors.New("it holds a comma; give each endpoint as an argument of its own")
	}

	host, port, hasPort := endpoint, "", false
	if colon := strings.LastIndexByte(endpoint, ':'); colon > strings.LastIndexByte(endpoint, ']') {
		host, port, hasPort = endpoint[:colon], endpoint[colon+1:], true
	}
	switch {
	case host == "":
		return errors.New("it has no host")
	case host[0] == '[':
		ip, err := netip.ParseAddr(strings.TrimSuffix(host[1:], "]"))
		if err != nil || !ip.Is6() || ip.Zone() != "" || !strings.HasSuffix(host, "]") {
			return errors.New("its brackets do not hold an IPv6 address")
		}
	case strings.Contains(host, ":"):
		return errors.New("an IPv6 address must stand in brackets")
	case isInternational(host):
		return errors.New("it belongs to the international service, whose API (Id2MetaVerifyIntl) is another one and is not supported")
	case !hostName.MatchString(host):
		return errors.New("its host is not made of letters, digits and hyphens with dots between (write other scripts in punycode)")
	}
	if n, err := strconv.ParseUint(port, 10, 16); hasPort && (err != nil || n == 0) {
		return errors.New("its port is not a number from 1 to 65535")
	}
	return nil
}

// hostName also takes an underscore, which is not in public names but in those
// of containers, and an IPv4 address.
var hostName = regexp.MustCompile(`^[0-9A-Za-z_-]+(\.[0-9A-Za-z_-]+)*\.?$`)

// isInternational recognises cloudauth-intl.cn-hongkong.aliyuncs.com and the like,
// which the vendor's page "ID_2META" lists for accounts of Alibaba Cloud International.
func isInternational(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return strings.HasPrefix(host, "cloudauth-intl") && strings.HasSuffix(host, ".aliyuncs.com")
}

// isNil also finds the nil pointer or function in an interface, which == does
// not.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	value := reflect.ValueOf(v)
	return (value.Kind() == reflect.Pointer || value.Kind() == reflect.Func) && value.IsNil()
}
