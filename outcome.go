package id2meta

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"slices"
	"strings"
	"syscall"
)

// outcome is one way in which a call or a request ends without a verdict. It is one
// row of the table in docs/errors.md. A test compares the two tables.
type outcome struct {
	// An answer fits a row by its Code, its Message and its HTTP status. An empty
	// field fits every answer.
	code    string   // "402", or "Throttling.*" for Throttling and all its variants behind a dot
	message []string // in lower case, without a full stop
	status  []int    // HTTP statuses, or their first digits

	what     string // completes the name of the row in docs/errors.md
	hint     string // part of the error's text
	sentinel error  // the error that errors.Is finds
	retry    retry
	billed   bool // the service may have answered and billed the request
	remedy   Remedy
}

// retry says whether and when Verify makes another request.
type retry int

const (
	never           retry = iota
	atOnce                // at the next endpoint
	afterBackoff          // at the next endpoint
	afterRetryAfter       // after the wait in the answer, or else after a backoff
	onlyIfRequested       // only with WithRetryUnanswered; after a backoff if there is time
)

// answerOutcomes are the outcomes of answers that hold no verdict. The first row that an
// answer fits counts. So a known Code counts more than the HTTP status. The numeric
// Codes are from the vendor's pages "身份二要素核验 · 纯服务端(API)接入" and
// "服务端错误码". The Codes that are words are the Codes of the vendor's gateway.
var answerOutcomes = [...]outcome{
	{code: "400", sentinel: ErrInvalidParam, remedy: RemedyCorrectInput},
	{code: "401", sentinel: ErrInvalidParam, remedy: RemedyCorrectInput},
	{code: "402", message: byPolicy, what: "by a security policy",
		hint: "a security policy of the console refused", sentinel: ErrSourceUnavailable, remedy: RemedyOperator},
	{code: "402", message: noPermission, what: "for want of permission", sentinel: ErrAccessDenied, remedy: RemedyOperator},
	{code: "402", what: "any other Message", sentinel: ErrSourceUnavailable, retry: afterBackoff, remedy: RemedyTryLater},
	{code: "403", sentinel: ErrRepeatedCall, remedy: RemedyNotThisPerson},
	{code: "410", hint: "activate the service in the console", sentinel: ErrNotActivated, remedy: RemedyOperator},
	{code: "411", hint: "grant the RAM user the policy AliyunYundunCloudAuthFullAccess", sentinel: ErrAccessDenied, remedy: RemedyOperator},
	{code: "412", hint: "settle the account's bill", sentinel: ErrOverdue, remedy: RemedyOperator},
	{code: "500", sentinel: ErrUnavailable, retry: afterBackoff, remedy: RemedyTryLater},

	{code: "Throttling.*", sentinel: ErrThrottled, retry: afterRetryAfter, remedy: RemedyTryLater},
	{code: "InvalidAccessKeyId.*", sentinel: ErrCredential, remedy: RemedyOperator},
	{code: "MissingAccessKeyId.*", sentinel: ErrCredential, remedy: RemedyOperator},
	{code: "SignatureDoesNotMatch.*", hint: "wrong secret, or a proxy changed the request", sentinel: ErrCredential, remedy: RemedyOperator},
	{code: "IncompleteSignature.*", sentinel: ErrCredential, remedy: RemedyOperator},
	{code: "InvalidSecurityToken.*", sentinel: ErrCredential, remedy: RemedyOperator},
	{code: "MissingSecurityToken.*", sentinel: ErrCredential, remedy: RemedyOperator},
	{code: "InvalidTimeStamp.*", hint: wrongClock, sentinel: ErrCredential, remedy: RemedyOperator},
	{code: "IllegalTimestamp.*", hint: wrongClock, sentinel: ErrCredential, remedy: RemedyOperator},
	{code: "SignatureNonceUsed.*", sentinel: ErrCredential, remedy: RemedyOperator},
	{code: "Forbidden.*", hint: ramPolicy, sentinel: ErrAccessDenied, remedy: RemedyOperator},
	{code: "NoPermission.*", hint: ramPolicy, sentinel: ErrAccessDenied, remedy: RemedyOperator},
	{code: "ServiceUnavailable.*", sentinel: ErrUnavailable, retry: afterBackoff, remedy: RemedyTryLater},
	{code: "InternalError.*", sentinel: ErrUnavailable, retry: afterBackoff, remedy: RemedyTryLater},

	// Code 200 without a valid verdict. If the HTTP status is not 200, a proxy has
	// changed the answer, which may have been a verdict.
	{code: "200", status: []int{200}, what: "no known BizCode", sentinel: ErrUnexpectedResponse, billed: true, remedy: RemedyReport},
	{code: "200", status: []int{429}, what: "HTTP 429", sentinel: ErrThrottled, retry: onlyIfRequested, billed: true, remedy: RemedyTryLater},
	{code: "200", status: []int{5}, what: "HTTP 5xx", sentinel: ErrUnavailable, retry: onlyIfRequested, billed: true, remedy: RemedyTryLater},
	{code: "200", what: "another HTTP status", sentinel: ErrUnexpectedResponse, retry: onlyIfRequested, billed: true, remedy: RemedyReport},

	// An unknown Code, or no Code. A server that failed answers 500, 501 or 503. A
	// proxy that got no valid answer from the service answers 502, 504, 520 to 527,
	// 408 or 499. The service may have billed the request all the same.
	{status: []int{429}, what: "HTTP 429", sentinel: ErrThrottled, retry: afterRetryAfter, remedy: RemedyTryLater},
	{status: []int{500, 501, 503}, what: "HTTP 500, 501, 503", sentinel: ErrUnavailable, retry: afterBackoff, remedy: RemedyTryLater},
	{status: []int{5}, what: "HTTP 502, 504 and any other 5xx", sentinel: ErrUnavailable, retry: onlyIfRequested, billed: true, remedy: RemedyTryLater},
	{status: []int{408, 499}, what: "HTTP 408, 499", sentinel: ErrUnexpectedResponse, billed: true, remedy: RemedyTryLater},
	{status: []int{1, 2}, what: "HTTP 1xx, 2xx", sentinel: ErrUnexpectedResponse, billed: true, remedy: RemedyReport},
	{status: []int{3, 403, 407}, what: "HTTP 3xx, 403, 407", sentinel: ErrUnexpectedResponse, remedy: RemedyOperator},
	{what: "any other HTTP status", sentinel: ErrUnexpectedResponse, remedy: RemedyReport},
}

const (
	wrongClock = "the clock of this machine is wrong"
	ramPolicy  = "the RAM policy does not allow yundun-cloudauth:Id2MetaVerify"
)

// The Messages of Code 402 that do not mean that the source is unavailable. The
// English texts are from the vendor's page "Server-side error codes". The Chinese
// edition of that page has neither meaning. The Chinese texts for the policy are from
// the vendor's API Id2MetaVerifyIntl. Of the Chinese texts for the
// permission, "无权限调用" is in a public client of the vendor's market edition. The others
// are translations that have not been seen in an answer.
var (
	byPolicy     = []string{"security policy restriction", "安全策略限制", "安全策略限制,请重新尝试", "安全策略限制，请重新尝试"}
	noPermission = []string{"no permission to call", "you do not have permission to call this api",
		"无权限调用", "无调用权限", "没有调用权限", "没有权限调用"}
)

// The outcomes of requests without a whole answer, and of calls that sent no request.
var (
	brokenOff     = outcome{what: "sent, no whole answer", sentinel: ErrUnavailable, retry: onlyIfRequested, billed: true, remedy: RemedyTryLater}
	unasked       = outcome{what: "sent, an answer to something else", hint: "the answer came before the request", sentinel: ErrUnexpectedResponse, billed: true, remedy: RemedyOperator}
	noConnection  = outcome{what: "not sent: no connection", sentinel: ErrUnavailable, retry: atOnce, remedy: RemedyTryLater}
	untrustedCert = outcome{what: "not sent: untrusted certificate", sentinel: ErrUnavailable, retry: atOnce, remedy: RemedyOperator}

	deadlineSent   = outcome{what: "deadline or timeout, sent", sentinel: context.DeadlineExceeded, billed: true, remedy: RemedyTryLater}
	deadlineUnsent = outcome{what: "deadline or timeout, not sent", sentinel: context.DeadlineExceeded, remedy: RemedyTryLater}
	canceledSent   = outcome{what: "canceled, sent", sentinel: context.Canceled, billed: true, remedy: RemedyTryLater}
	canceledUnsent = outcome{what: "canceled, not sent", sentinel: context.Canceled, remedy: RemedyTryLater}

	noRoute       = outcome{what: "not sent: no route", hint: "this machine has no route to the endpoint; a machine with IPv6 alone needs the dual-stack endpoints", sentinel: ErrUnavailable, retry: atOnce, remedy: RemedyOperator}
	proxyPassword = outcome{what: "not sent: a proxy asks for a password", hint: "the proxy asks for a user and a password; they go into the URL of the proxy", sentinel: ErrUnavailable, retry: atOnce, remedy: RemedyOperator}

	overDailyLimit = outcome{what: "not sent: daily limit", hint: "the daily limit is reached", sentinel: ErrThrottled, remedy: RemedyOperator}
	limiterFailed  = outcome{what: "not sent: the limiter failed", hint: "the limiter failed", sentinel: ErrUnavailable, remedy: RemedyTryLater}
	limiterRefused = outcome{what: "not sent: limiter", sentinel: ErrThrottled, remedy: RemedyTryLater}
	noCredential   = outcome{what: "not sent: no credential", sentinel: ErrCredential, remedy: RemedyOperator}
	invalidParam   = outcome{what: "not sent: invalid Param", sentinel: ErrInvalidParam, remedy: RemedyCorrectInput}
)

// onThisSide reports whether the reason lies with the caller or this machine, and not
// with the service.
func (o *outcome) onThisSide() bool {
	return slices.Contains([]*outcome{
		&deadlineSent, &deadlineUnsent, &canceledSent, &canceledUnsent, &limiterRefused, &limiterFailed, &overDailyLimit, &noCredential,
	}, o)
}

// besideVerdict returns the outcome of an answer that holds a failure and a verdict. The
// verdict may be the truth and billed, so the request is not sent again.
func (o outcome) besideVerdict() *outcome {
	o.retry, o.billed = never, true
	return &o
}

// ofAnswer returns the outcome of an answer that holds no verdict.
func ofAnswer(status int, code, message string) *outcome {
	message = strings.ToLower(strings.Trim(message, " .。"))
	i := slices.IndexFunc(answerOutcomes[:], func(o outcome) bool { return o.fits(status, code, message) })
	return &answerOutcomes[i] // every answer fits the last row
}

func (o *outcome) fits(status int, code, message string) bool {
	return (o.code == "" || isCode(code, o.code)) &&
		(o.message == nil || slices.Contains(o.message, message)) &&
		(o.status == nil || slices.Contains(o.status, status) || slices.Contains(o.status, status/100))
}

func isCode(code, pattern string) bool {
	word, variants := strings.CutSuffix(pattern, ".*")
	return code == word || variants && strings.HasPrefix(code, word+".")
}

// ofContext returns the outcome of a call whose context has ended with err.
func ofContext(err error, sent bool) *outcome {
	canceled := errors.Is(err, context.Canceled)
	switch {
	case canceled && sent:
		return &canceledSent
	case canceled:
		return &canceledUnsent
	case sent:
		return &deadlineSent
	}
	return &deadlineUnsent
}

// outcomeOf returns the outcome of err, or nil if err is not an error of this package.
// An error that another Verifier made may be only a sentinel: then the first row with
// that sentinel counts.
func outcomeOf(err error) *outcome {
	if o := lastOutcome(err); o != nil {
		return o
	}
	for _, o := range allOutcomes() {
		if o.message == nil && errors.Is(err, o.sentinel) {
			return o
		}
	}
	return nil
}

// lastOutcome returns the outcome of the first error of this package in the tree of
// err, which is the error of the last attempt. The errors of earlier attempts stand
// behind it.
func lastOutcome(err error) *outcome {
	switch e := err.(type) {
	case *outcomeError:
		return e.outcome
	case *APIError:
		return e.outcome()
	case interface{ Unwrap() error }:
		return lastOutcome(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			if o := lastOutcome(err); o != nil {
				return o
			}
		}
	}
	return nil
}

// allOutcomes returns the rows of the table in the order of docs/errors.md.
func allOutcomes() []*outcome {
	all := []*outcome{}
	for i := range answerOutcomes {
		all = append(all, &answerOutcomes[i])
	}
	return append(all, &brokenOff, &unasked, &noConnection, &untrustedCert, &noRoute, &proxyPassword, &deadlineSent, &deadlineUnsent,
		&canceledSent, &canceledUnsent, &limiterRefused, &limiterFailed, &overDailyLimit, &noCredential, &invalidParam)
}

// ofConnection returns the outcome of a request that was not sent because of err. text is
// what may be shown of err.
func ofConnection(err error, text string) *outcome {
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case untrusted:
		return &untrustedCert
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EAFNOSUPPORT):
		return &noRoute
	case strings.Contains(text, http.StatusText(http.StatusProxyAuthRequired)):
		return &proxyPassword // net/http has no type for the answer of a proxy to CONNECT
	}
	return &noConnection
}

// explainCertificate says who issued a certificate that is not trusted, or that nobody is
// trusted at all, as in a container image without CA certificates. The two errors of
// package x509 have the same text. It returns "" for any other error.
func explainCertificate(err error) string {
	unknown, ok := errors.AsType[x509.UnknownAuthorityError](err)
	if !ok {
		return ""
	}
	if roots, err := x509.SystemCertPool(); err == nil && roots.Equal(x509.NewCertPool()) {
		return " (this machine has no CA certificates)"
	}
	if unknown.Cert == nil {
		return ""
	}
	return " (certificate issued by " + unknown.Cert.Issuer.String() + ")"
}
