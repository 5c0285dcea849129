package id2meta

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/alibabacloud-go/tea/dara"
)

// What can go wrong, for errors.Is. The codes are those of the vendor's pages
// "身份二要素核验 · 纯服务端(API)接入" and "服务端错误码".
//
// Two more errors are the caller's own: context.Canceled and
// context.DeadlineExceeded, which is also what the timeout of [WithTimeout]
// gives.
var (
	// ErrInvalidParam: the name or the number cannot be verified as it is. Most
	// are found before any request (see [ParamError]); Code 400 and 401 say
	// that the service found one.
	ErrInvalidParam = errors.New("id2meta: invalid parameter")

	// ErrThrottled: the account's calls a second are used up (Throttling,
	// Throttling.User, Throttling.Api), or the [Limiter] refused. Try again
	// later, not sooner than [APIError].RetryAfter.
	ErrThrottled = errors.New("id2meta: throttled")

	// ErrSourceUnavailable: Code 402, the authoritative source is unavailable,
	// or a security policy of the service refused the question.
	ErrSourceUnavailable = errors.New("id2meta: authoritative source unavailable")

	// ErrRepeatedCall: Code 403, the same question was asked too often.
	ErrRepeatedCall = errors.New("id2meta: repeated call")

	// ErrNotActivated: Code 410, the account has not activated the service.
	ErrNotActivated = errors.New("id2meta: service not activated")

	// ErrAccessDenied: Code 411, the RAM user lacks the policy
	// AliyunYundunCloudAuthFullAccess; or Forbidden.*, NoPermission.
	ErrAccessDenied = errors.New("id2meta: access denied")

	// ErrOverdue: Code 412, the account has an overdue payment.
	ErrOverdue = errors.New("id2meta: overdue payment")

	// ErrCredential: no credential could be had, or the service refused the one
	// that was used: InvalidAccessKeyId.*, SignatureDoesNotMatch,
	// IncompleteSignature, InvalidSecurityToken.*, InvalidTimeStamp.Expired
	// (this machine's clock is wrong), SignatureNonceUsed.
	ErrCredential = errors.New("id2meta: credential")

	// ErrServer: the service failed (Code 500, HTTP 5xx, ServiceUnavailable,
	// InternalError), or no connection to it could be had or kept. Trying again
	// later may help.
	ErrServer = errors.New("id2meta: service failed")

	// ErrUnexpectedResponse: an answer that is none of those that the service
	// documents. It is never a verdict, whatever it says; the call may have
	// been billed.
	ErrUnexpectedResponse = errors.New("id2meta: unexpected response")
)

// ParamError tells which field of a [Param] cannot be verified and why. It
// never holds the value. errors.Is finds [ErrInvalidParam] in it.
type ParamError struct {
	Field  string // "ParamType", "UserName" or "IdentifyNum"
	Reason string // a short English phrase, for people
}

func (e *ParamError) Error() string {
	return "id2meta: invalid " + e.Field + ": " + e.Reason
}

// Is reports whether target is [ErrInvalidParam].
func (e *ParamError) Is(target error) bool { return target == ErrInvalidParam }

// APIError is an answer of the service that is not a verdict. errors.Is finds
// the sentinel of its Code in it, so most callers need only those. What the
// service says is redacted: neither the name nor the number is in it.
type APIError struct {
	Endpoint   string        // the host that answered
	StatusCode int           // of HTTP
	Code       string        // "411", "Throttling.User", …; "" if the answer had none
	Message    string        // the service's words
	RequestID  string        // to give to the vendor's support
	Recommend  string        // address of a page that explains the failure, or ""
	RetryAfter time.Duration // how long a throttled caller is told to wait, or 0
}

func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v: %s answered HTTP %d", e.sentinel(), e.Endpoint, e.StatusCode)
	if e.Code != "" {
		fmt.Fprintf(&b, ", Code %s", e.Code)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, " (retry after %v)", e.RetryAfter)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " (request ID %s)", e.RequestID)
	}
	if e.Recommend != "" {
		fmt.Fprintf(&b, " (see %s)", e.Recommend)
	}
	return b.String()
}

// Is reports whether target is the sentinel of e.Code, or, if the Code says
// nothing, of e.StatusCode.
func (e *APIError) Is(target error) bool { return target == e.sentinel() }

func (e *APIError) sentinel() error {
	if sentinel := sentinelOfCode(e.Code); sentinel != nil {
		return sentinel
	}
	switch {
	case e.StatusCode == http.StatusTooManyRequests:
		return ErrThrottled
	case e.StatusCode >= 500:
		return ErrServer
	}
	return ErrUnexpectedResponse
}

// sentinelOfCode is nil for a Code that the vendor does not document, and for
// 200, which alone is no error.
func sentinelOfCode(code string) error {
	switch code {
	case "400", "401":
		return ErrInvalidParam
	case "402":
		return ErrSourceUnavailable
	case "403":
		return ErrRepeatedCall
	case "410":
		return ErrNotActivated
	case "411":
		return ErrAccessDenied
	case "412":
		return ErrOverdue
	case "500":
		return ErrServer
	}
	// The gateway's codes are words, and most have variants behind a dot:
	// Throttling.User, InvalidAccessKeyId.NotFound, Forbidden.RAM.
	word, _, _ := strings.Cut(code, ".")
	switch word {
	case "Throttling":
		return ErrThrottled
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "IncompleteSignature",
		"InvalidSecurityToken", "InvalidTimeStamp", "SignatureNonceUsed":
		return ErrCredential
	case "Forbidden", "NoPermission":
		return ErrAccessDenied
	case "ServiceUnavailable", "InternalError":
		return ErrServer
	}
	return nil
}

const (
	redacted = "***"
	// maxServerText is longer than any message of the service that was seen.
	maxServerText = 512
)

var (
	// longDigits is what an ID number, an md5, a signature or a key looks like.
	// It is longer than a time (20060102150405) and than the groups of a
	// request ID.
	longDigits = regexp.MustCompile(`[0-9A-Fa-f]{15,}[Xx]?`)
	// userInfo is how a proxy's password stands in an address.
	userInfo = regexp.MustCompile(`//[^/\s]*@`)
)

// redactor keeps the person and the credential of one request out of texts that
// others write: the service, the network, an injected HTTP client.
type redactor struct {
	given   Param // what the caller gave, as a service may echo it
	request request
	secrets []string // of these two; nil until they are needed
}

func (r *redactor) collect() {
	if r.secrets != nil {
		return
	}
	model := r.request.credential
	for _, secret := range []string{
		r.given.UserName, r.given.IdentifyNum, r.request.param.UserName, r.request.param.IdentifyNum,
		strings.ToLower(r.request.param.IdentifyNum),
		dara.StringValue(model.AccessKeySecret), dara.StringValue(model.SecurityToken), dara.StringValue(model.BearerToken),
	} {
		if secret != "" {
			r.secrets = append(r.secrets, secret, url.QueryEscape(secret))
		}
	}
}

// text returns s without secrets, without control characters, which could
// forge a log line, and not longer than a person would read.
func (r *redactor) text(s string) string {
	if s == "" {
		return ""
	}
	r.collect()
	for _, secret := range r.secrets {
		s = strings.ReplaceAll(s, secret, redacted)
	}
	s = longDigits.ReplaceAllString(s, redacted)
	s = userInfo.ReplaceAllString(s, "//"+redacted+"@")
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, s)
	if len(s) > maxServerText {
		s = strings.ToValidUTF8(s[:maxServerText], "") + "…"
	}
	return s
}

// requestID returns id, which is made of hex digits and so might not survive
// text, unless it is no request ID at all.
func (r *redactor) requestID(id string) string {
	if len(id) > 128 || strings.ContainsFunc(id, notInRequestID) || strings.Contains(id, r.request.param.IdentifyNum) {
		return r.text(id)
	}
	return id
}

func notInRequestID(c rune) bool {
	return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-'
}

// cause returns err as it may be shown to the caller: itself, so that errors.Is
// and errors.As see the whole chain, or only its redacted text if anything in
// the chain says what it must not.
func (r *redactor) cause(err error) error {
	// The address in a url.Error adds nothing to the endpoint.
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if r.clean(err) {
		return err
	}
	return errors.New(r.text(err.Error()))
}

func (r *redactor) clean(err error) bool {
	if text := err.Error(); r.text(text) != text {
		return false
	}
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		inner := err.Unwrap()
		return inner == nil || r.clean(inner)
	case interface{ Unwrap() []error }:
		for _, inner := range err.Unwrap() {
			if inner != nil && !r.clean(inner) {
				return false
			}
		}
	}
	return true
}
