package id2meta

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/alibabacloud-go/tea/dara"

	"github.com/id2meta/id2meta/internal/transport"
	"github.com/id2meta/id2meta/internal/redact"
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
	// Throttling.User, Throttling.Api, or HTTP 429 without a known Code), or the
	// [Limiter] refused. Try again later, not sooner than [APIError].RetryAfter.
	ErrThrottled = errors.New("id2meta: throttled")

	// ErrSourceUnavailable: Code 402, the authoritative source is unavailable. Or,
	// if the text says that a security policy of the console refused: the account's
	// own policy did, which trying again does not change.
	ErrSourceUnavailable = errors.New("id2meta: authoritative source unavailable")

	// ErrRepeatedCall: Code 403, the same question was asked too often.
	ErrRepeatedCall = errors.New("id2meta: repeated call")

	// ErrNotActivated: Code 410, the account has not activated the service.
	ErrNotActivated = errors.New("id2meta: service not activated")

	// ErrAccessDenied: Code 411, the RAM user lacks the policy
	// AliyunYundunCloudAuthFullAccess; Code 402 whose Message says that there is no
	// permission to call; or Forbidden.*, NoPermission.
	ErrAccessDenied = errors.New("id2meta: access denied")

	// ErrOverdue: Code 412, the account has an overdue payment.
	ErrOverdue = errors.New("id2meta: overdue payment")

	// ErrCredential: no credential could be had, or the service refused the one
	// that was used: InvalidAccessKeyId.*, MissingAccessKeyId,
	// SignatureDoesNotMatch, IncompleteSignature, InvalidSecurityToken.*,
	// MissingSecurityToken, InvalidTimeStamp.Expired (this machine's clock is
	// wrong), SignatureNonceUsed.
	ErrCredential = errors.New("id2meta: credential")

	// ErrUnavailable: the service failed (Code 500, HTTP 5xx, ServiceUnavailable,
	// InternalError), or no connection to it could be had or kept. Trying again
	// later may help.
	ErrUnavailable = errors.New("id2meta: service failed")

	// ErrUnexpectedResponse: an answer that is none of those that the service
	// documents. It is never a verdict, whatever it says.
	ErrUnexpectedResponse = errors.New("id2meta: unexpected response")
)

// ErrMaybeBilled comes beside one of the errors above, or beside the context's: the
// service may have answered and billed a question of this Verify, and there is no
// verdict. Then to ask again may cost again. It is there if a question was sent and
// not answered in time, if the answer cannot be understood although it is one of
// success, if a proxy says so in the service's place (HTTP 502 or 504 without a known
// Code), and if something else ended a Verify of which an earlier attempt was one
// of these. Without it nothing was sent, or what was sent was answered with a
// failure.
var ErrMaybeBilled = errors.New("id2meta: the call may have been billed")

// maybeBilledError is an error beside ErrMaybeBilled.
type maybeBilledError struct{ err error }

func (e *maybeBilledError) Error() string   { return e.err.Error() + "; the call may have been billed" }
func (e *maybeBilledError) Unwrap() []error { return []error{e.err, ErrMaybeBilled} }

// ParamError tells which field of a [Param] cannot be verified and why. It
// never holds the value. errors.Is finds [ErrInvalidParam] in it.
type ParamError struct {
	Field   string  // "ParamType", "UserName" or "IdentifyNum"
	Problem Problem // for programs
	Reason  string  // a short English phrase, for people
}

func (e *ParamError) Error() string {
	return "id2meta: invalid " + e.Field + ": " + e.Reason
}

// Is reports whether target is [ErrInvalidParam].
func (e *ParamError) Is(target error) bool { return target == ErrInvalidParam }

// APIError is an answer of the service that is not a verdict. errors.Is finds
// in it the sentinel of its Code, and exactly that one, so most callers need
// only those; errors.As finds the rest:
//
//	var e *id2meta.APIError
//	if errors.As(err, &e) {
//		log.Print(e.Code, e.RequestID, e.Recommend)
//	}
//
// What the service says is redacted and cut: the name, the number, the date of
// birth and the credential are *** in every field, and no field has a line
// break. Of a person that was sent masked or encrypted, only what was sent is
// known and hidden.
type APIError struct {
	Endpoint   string        // the host that answered, as [WithEndpoints] has it
	StatusCode int           // of HTTP
	Code       string        // "411", "Throttling.User", …; "" if the answer had none
	Message    string        // the service's words, often Chinese
	Field      string        // of Code 400 and 401: "UserName", "IdentifyNum", "ParamType", or "" if the Message names none
	RequestID  string        // to give to the vendor's support, or ""
	Recommend  string        // address of a page that explains the failure, or ""
	RetryAfter time.Duration // how long a throttled caller is told to wait, or 0
}

func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprint(&b, e.sentinel())
	if e.refusedByPolicy() {
		b.WriteString(": a security policy of the console refused")
	}
	fmt.Fprintf(&b, ": %s answered HTTP %d", e.Endpoint, e.StatusCode)
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

// Is reports whether target is the sentinel of e.Code, with 402 that of e.Message
// too, or, if the Code says nothing, of e.StatusCode.
func (e *APIError) Is(target error) bool { return target == e.sentinel() }

func (e *APIError) sentinel() error {
	if e.Code == "402" && says(e.Message, noPermission) {
		return ErrAccessDenied
	}
	if sentinel := sentinelOfCode(e.Code); sentinel != nil {
		return sentinel
	}
	switch {
	case e.StatusCode == http.StatusTooManyRequests:
		return ErrThrottled
	case e.StatusCode >= 500:
		return ErrUnavailable
	}
	return ErrUnexpectedResponse
}

// refusedByPolicy reports whether Code 402 is the refusal of a security policy that
// the account has set in the console.
func (e *APIError) refusedByPolicy() bool { return e.Code == "402" && says(e.Message, byPolicy) }

// isProxys reports whether something on the way says that the service gave it no
// answer, or none that it understood: the service may have verified all the same.
func (e *APIError) isProxys() bool {
	onTheWay := e.StatusCode == http.StatusBadGateway || e.StatusCode == http.StatusGatewayTimeout
	return onTheWay && sentinelOfCode(e.Code) == nil
}

// What Code 402 says if it is not the source's unavailability, which any other
// Message counts as. The English words are those of the vendor's page "Server-side
// error codes"; its Chinese page knows neither meaning. The Chinese words for the
// policy are those of the vendor's international twin of this API, those for the
// permission are translations that nobody has seen in an answer.
var (
	noPermission = []string{"no permission to call", "you do not have permission to call this api",
		"无权限调用", "无调用权限", "没有调用权限", "没有权限调用"}
	byPolicy = []string{"security policy restriction", "安全策略限制", "安全策略限制,请重新尝试", "安全策略限制，请重新尝试"}
)

// says reports whether message is one of some sentences, with or without a full stop.
func says(message string, sentences []string) bool {
	return slices.Contains(sentences, strings.ToLower(strings.Trim(message, " .。")))
}

// fieldOf returns the field that a Message names as in 参数非法(identifyNum), which is
// how published answers with Code 401 read.
func fieldOf(message string) string {
	for _, field := range []string{"UserName", "IdentifyNum", "ParamType"} {
		if strings.Contains(strings.ToLower(message), "("+strings.ToLower(field)+")") {
			return field
		}
	}
	return ""
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
		return ErrUnavailable
	}
	// The gateway's codes are words, and most have variants behind a dot:
	// Throttling.User, InvalidAccessKeyId.NotFound, Forbidden.RAM.
	word, _, _ := strings.Cut(code, ".")
	switch word {
	case "Throttling":
		return ErrThrottled
	case "InvalidAccessKeyId", "MissingAccessKeyId", "SignatureDoesNotMatch", "IncompleteSignature",
		"InvalidSecurityToken", "MissingSecurityToken", "InvalidTimeStamp", "SignatureNonceUsed":
		return ErrCredential
	case "Forbidden", "NoPermission":
		return ErrAccessDenied
	case "ServiceUnavailable", "InternalError":
		return ErrUnavailable
	}
	return nil
}

// newAPIError returns an answer that is not a verdict as an error.
func newAPIError(host string, o transport.Outcome, a answer, hide *redact.Redactor) *APIError {
	e := &APIError{
		Endpoint:   host,
		StatusCode: o.Status,
		Code:       hide.Text(dara.StringValue(a.Code)),
		Message:    hide.Text(dara.StringValue(a.Message)),
		RequestID:  hide.ID(dara.StringValue(a.RequestId)),
		Recommend:  hide.Text(dara.StringValue(a.recommend)),
	}
	if e.Code == "400" || e.Code == "401" {
		e.Field = fieldOf(e.Message)
	}
	if e.Message == "" {
		e.Message = "the answer cannot be understood"
	}
	if e.sentinel() == ErrThrottled {
		e.RetryAfter = transport.RetryAfter(o.Header)
	}
	return e
}
