package id2meta

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
)

// outcome is one way in which a call or a request ends without a verdict: one row
// of the table in docs/errors.md. A test compares the two tables.
type outcome struct {
	// An answer fits a row by its Code, its Message and its HTTP status. An empty
	// field fits every answer.
	code    string   // "402", or "Throttling.*" for Throttling and all its variants behind a dot
	message []string // in lower case, without a full stop
	status  []int    // HTTP statuses, or their first digits

	what     string // names the row in docs/errors.md if code alone does not
	hint     string // stands in the text of the error
	sentinel error  // what errors.Is finds
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
	afterToldWait         // the wait that the answer tells, or else a backoff
	onlyIfRequested       // by WithRetryUnanswered; after a backoff
)

// answers are the outcomes of answers that hold no verdict. The first row that an
// answer fits counts, so a known Code counts before the HTTP status. The numbers
// are from the vendor's pages "身份二要素核验 · 纯服务端(API)接入" and
// "服务端错误码"; the words are those of its gateway.
var answers = [...]outcome{
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

	{code: "Throttling.*", sentinel: ErrThrottled, retry: afterToldWait, remedy: RemedyTryLater},
	{code: "InvalidAccessKeyId.*", sentinel: ErrCredential, remedy: RemedyOperator},
	{code: "MissingAccessKeyId.*", sentinel: ErrCredential, remedy: RemedyOperator},
	{code: "SignatureDoesNotMatch.*", sentinel: ErrCredential, remedy: RemedyOperator},
	{code: "IncompleteSignature.*", sentinel: ErrCredential, remedy: RemedyOperator},
	{code: "InvalidSecurityToken.*", sentinel: ErrCredential, remedy: RemedyOperator},
	{code: "MissingSecurityToken.*", sentinel: ErrCredential, remedy: RemedyOperator},
	{code: "InvalidTimeStamp.*", hint: wrongClock, sentinel: ErrCredential, remedy: RemedyOperator},
	{code: "IllegalTimestamp.*", hint: wrongClock, sentinel: ErrCredential, remedy: RemedyOperator},
	{code: "SignatureNonceUsed.*", sentinel: ErrCredential, remedy: RemedyOperator},
	{code: "Forbidden.*", sentinel: ErrAccessDenied, remedy: RemedyOperator},
	{code: "NoPermission.*", sentinel: ErrAccessDenied, remedy: RemedyOperator},
	{code: "ServiceUnavailable.*", sentinel: ErrUnavailable, retry: afterBackoff, remedy: RemedyTryLater},
	{code: "InternalError.*", sentinel: ErrUnavailable, retry: afterBackoff, remedy: RemedyTryLater},

	// Code 200 without a verdict that counts. With an HTTP status other than 200,
	// something on the way has changed the answer, which may have been a verdict.
	{code: "200", status: []int{200}, what: "no known BizCode", sentinel: ErrUnexpectedResponse, billed: true, remedy: RemedyReport},
	{code: "200", status: []int{429}, what: "HTTP 429", sentinel: ErrThrottled, retry: onlyIfRequested, billed: true, remedy: RemedyTryLater},
	{code: "200", status: []int{5}, what: "HTTP 5xx", sentinel: ErrUnavailable, retry: onlyIfRequested, billed: true, remedy: RemedyTryLater},
	{code: "200", what: "another HTTP status", sentinel: ErrUnexpectedResponse, retry: onlyIfRequested, billed: true, remedy: RemedyReport},

	// A Code that nobody knows, or none. A proxy answers 502 or 504 when it got no
	// answer that it understood; the service may have answered all the same.
	{status: []int{429}, what: "HTTP 429", sentinel: ErrThrottled, retry: afterToldWait, remedy: RemedyTryLater},
	{status: []int{502, 504}, what: "HTTP 502, 504", sentinel: ErrUnavailable, retry: onlyIfRequested, billed: true, remedy: RemedyTryLater},
	{status: []int{5}, what: "HTTP 5xx", sentinel: ErrUnavailable, retry: afterBackoff, remedy: RemedyTryLater},
	{status: []int{1, 2}, what: "HTTP 1xx, 2xx", sentinel: ErrUnexpectedResponse, billed: true, remedy: RemedyReport},
	{status: []int{3}, what: "HTTP 3xx", sentinel: ErrUnexpectedResponse, remedy: RemedyOperator},
	{what: "any other HTTP status", sentinel: ErrUnexpectedResponse, remedy: RemedyReport},
}

const wrongClock = "the clock of this machine is wrong"

// What Code 402 says if it does not mean that the source is unavailable. The
// English words are those of the vendor's page "Server-side error codes"; its
// Chinese page knows neither meaning. The Chinese words for the policy are those of
// the vendor's international twin of this API. The Chinese words for the permission
// are translations; nobody has seen them in an answer.
var (
	byPolicy     = []string{"security policy restriction", "安全策略限制", "安全策略限制,请重新尝试", "安全策略限制，请重新尝试"}
	noPermission = []string{"no permission to call", "you do not have permission to call this api",
		"无权限调用", "无调用权限", "没有调用权限", "没有权限调用"}
)

// The outcomes without a whole answer.
var (
	brokenOff     = outcome{what: "sent, no whole answer", sentinel: ErrUnavailable, retry: onlyIfRequested, billed: true, remedy: RemedyTryLater}
	noConnection  = outcome{what: "not sent: no connection", sentinel: ErrUnavailable, retry: atOnce, remedy: RemedyTryLater}
	untrustedCert = outcome{what: "not sent: untrusted certificate", sentinel: ErrUnavailable, retry: atOnce, remedy: RemedyOperator}

	deadlineSent   = outcome{what: "deadline or timeout, sent", sentinel: context.DeadlineExceeded, billed: true, remedy: RemedyTryLater}
	deadlineUnsent = outcome{what: "deadline or timeout, not sent", sentinel: context.DeadlineExceeded, remedy: RemedyTryLater}
	canceledSent   = outcome{what: "canceled, sent", sentinel: context.Canceled, billed: true, remedy: RemedyTryLater}
	canceledUnsent = outcome{what: "canceled, not sent", sentinel: context.Canceled, remedy: RemedyTryLater}

	limiterRefused = outcome{what: "not sent: limiter", sentinel: ErrThrottled, remedy: RemedyTryLater}
	noCredential   = outcome{what: "not sent: no credential", sentinel: ErrCredential, remedy: RemedyOperator}
	invalidParam   = outcome{what: "not sent: invalid Param", sentinel: ErrInvalidParam, remedy: RemedyCorrectInput}
)

// onThisSide reports whether the call ended for a reason that is not the service's.
func (o *outcome) onThisSide() bool {
	return slices.Contains([]*outcome{
		&deadlineSent, &deadlineUnsent, &canceledSent, &canceledUnsent, &limiterRefused, &noCredential,
	}, o)
}

// ofAnswer returns the outcome of an answer that holds no verdict.
func ofAnswer(status int, code, message string) *outcome {
	message = strings.ToLower(strings.Trim(message, " .。"))
	i := slices.IndexFunc(answers[:], func(o outcome) bool { return o.fits(status, code, message) })
	return &answers[i] // every answer fits the last row
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

// ofConnection returns the outcome of a request that was not sent because of err.
func ofConnection(err error) *outcome {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &untrustedCert
	}
	return &noConnection
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

// outcomeOf returns the outcome that err tells, or nil. An error that another
// Verifier made tells only a sentinel, and gets the first row with that sentinel.
func outcomeOf(err error) *outcome {
	if e, ok := errors.AsType[*outcomeError](err); ok {
		return e.outcome
	}
	if e, ok := errors.AsType[*APIError](err); ok {
		return e.outcome()
	}
	for _, o := range allOutcomes() {
		if o.message == nil && errors.Is(err, o.sentinel) {
			return o
		}
	}
	return nil
}

// allOutcomes returns the rows of the table in the order of docs/errors.md.
func allOutcomes() []*outcome {
	all := []*outcome{}
	for i := range answers {
		all = append(all, &answers[i])
	}
	return append(all, &brokenOff, &noConnection, &untrustedCert, &deadlineSent, &deadlineUnsent,
		&canceledSent, &canceledUnsent, &limiterRefused, &noCredential, &invalidParam)
}
