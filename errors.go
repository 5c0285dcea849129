package id2meta

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alibabacloud-go/tea/dara"

	"github.com/id2meta/id2meta/internal/redact"
	"github.com/id2meta/id2meta/internal/transport"
)

// What can go wrong, for errors.Is. Most callers need only [RemedyOf], which says
// who can do something about an error. docs/errors.md lists every Code.
//
// Two more errors are the caller's own: context.Canceled and
// context.DeadlineExceeded. The timeout of [WithTimeout] gives
// context.DeadlineExceeded, too.
var (
	// ErrInvalidParam: the name or the number cannot be verified as it is. Verify
	// finds most of these before any request (see [ParamError]). Code 400 and 401
	// say that the service found one.
	ErrInvalidParam = errors.New("id2meta: invalid parameter")

	// ErrThrottled: the account has used up its calls a second (Throttling,
	// Throttling.User, Throttling.Api, or HTTP 429 without a known Code), or the
	// [Limiter] did not let the request go. Do not try again before
	// [APIError].RetryAfter has passed.
	ErrThrottled = errors.New("id2meta: throttled")

	// ErrSourceUnavailable: Code 402. The authoritative source is unavailable. Or a
	// security policy that the account has set in the console refused; then the
	// text says so, and trying again does not help.
	ErrSourceUnavailable = errors.New("id2meta: authoritative source unavailable")

	// ErrRepeatedCall: Code 403. The service was asked about this person too often.
	ErrRepeatedCall = errors.New("id2meta: repeated call")

	// ErrNotActivated: Code 410. The account has not activated the service.
	ErrNotActivated = errors.New("id2meta: service not activated")

	// ErrAccessDenied: the RAM user has no permission. Code 411, Code 402 with a
	// Message that says so, Forbidden.*, or NoPermission. The vendor's policy for
	// this service is AliyunYundunCloudAuthFullAccess.
	ErrAccessDenied = errors.New("id2meta: access denied")

	// ErrOverdue: Code 412. The account has an overdue payment.
	ErrOverdue = errors.New("id2meta: overdue payment")

	// ErrCredential: there is no usable credential, or the service refused the
	// credential: InvalidAccessKeyId.*, SignatureDoesNotMatch,
	// InvalidSecurityToken.* and the like; InvalidTimeStamp.* and IllegalTimestamp
	// if the clock of this machine is wrong.
	ErrCredential = errors.New("id2meta: credential")

	// ErrUnavailable: the service failed (Code 500, HTTP 5xx, ServiceUnavailable,
	// InternalError), or there was no connection to the service, or the connection
	// broke. Trying again later may help.
	ErrUnavailable = errors.New("id2meta: service unavailable")

	// ErrUnexpectedResponse: an answer that the service does not document. Such an
	// answer is never a verdict, whatever it says.
	ErrUnexpectedResponse = errors.New("id2meta: unexpected response")
)

// ErrMaybeBilled comes beside one of the errors above, or beside the error of the
// context: the service may have answered and billed a request of this Verify, and
// there is no verdict. To ask again may cost again. ErrMaybeBilled is there if an
// attempt of the Verify
//
//   - was sent and not answered in time, or the answer broke off;
//   - was answered with HTTP 200, and the answer cannot be understood;
//   - was answered by a proxy in the place of the service: HTTP 502 or 504 without a
//     known Code, or Code 200 behind another HTTP status.
//
// Without ErrMaybeBilled, each request was either not sent or answered with a
// failure.
var ErrMaybeBilled = errors.New("id2meta: the call may have been billed")

// maybeBilledError is an error beside ErrMaybeBilled.
type maybeBilledError struct{ err error }

func (e *maybeBilledError) Error() string   { return e.err.Error() + "; the call may have been billed" }
func (e *maybeBilledError) Unwrap() []error { return []error{e.err, ErrMaybeBilled} }

// ParamError tells which field of a [Param] cannot be verified and why. A ParamError
// never holds the value. errors.Is finds [ErrInvalidParam] in it.
type ParamError struct {
	Field   string  // "ParamType", "UserName" or "IdentifyNum"
	Problem Problem // for programs
	Reason  string  // a short English phrase, for people; it may change
}

func (e *ParamError) Error() string {
	return "id2meta: invalid " + e.Field + ": " + e.Reason
}

// Is reports whether target is [ErrInvalidParam].
func (e *ParamError) Is(target error) bool { return target == ErrInvalidParam }

// APIError is an answer of the service that is not a verdict. errors.Is finds in it
// exactly one of the errors from [ErrInvalidParam] on, or the error of the context
// if the answer came too late. errors.As finds the rest:
//
//	var e *id2meta.APIError
//	if errors.As(err, &e) {
//		log.Print(e.Code, e.RequestID, e.Recommend)
//	}
//
// The words of the service are redacted and cut: in every field, *** stands for the
// name, the number, the birth date and the credential, and no field has a line break.
// If the person was sent masked or encrypted, only what was sent is known and hidden.
type APIError struct {
	Endpoint   string        // the host that answered, as in [WithEndpoints]
	StatusCode int           // of HTTP
	Code       string        // "411", "Throttling.User", …; "" if the answer had none
	Message    string        // the service's words, often Chinese
	Field      string        // of Code 400 and 401: "UserName", "IdentifyNum", "ParamType", or "" if the Message names none
	RequestID  string        // for the vendor's support and record of calls, or ""
	Recommend  string        // address of a page that explains the failure, or ""
	RetryAfter time.Duration // how long a throttled caller is told to wait, or 0

	row   *outcome // nil: what Code, Message and StatusCode say
	cause error    // why the answer broke off or came too late, or nil
}

func (e *APIError) Error() string {
	o := e.outcome()
	var b strings.Builder
	if o.onThisSide() {
		b.WriteString("id2meta")
	} else {
		fmt.Fprint(&b, o.sentinel)
	}
	if o.hint != "" {
		b.WriteString(": " + o.hint)
	}
	fmt.Fprintf(&b, ": %s answered HTTP %d", e.Endpoint, e.StatusCode)
	if e.Code != "" {
		fmt.Fprintf(&b, ", Code %s", e.Code)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	if e.cause != nil {
		fmt.Fprintf(&b, ": %v", e.cause)
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

// Is reports whether target is the sentinel of the row of docs/errors.md that the
// answer fits.
func (e *APIError) Is(target error) bool { return target == e.outcome().sentinel }

// Unwrap returns why the answer broke off or came too late, or nil.
func (e *APIError) Unwrap() error { return e.cause }

func (e *APIError) outcome() *outcome {
	if e.row != nil {
		return e.row
	}
	return ofAnswer(e.StatusCode, e.Code, e.Message)
}

// fieldOf returns the field that a Message names as in 参数非法(identifyNum), the
// form of published answers with Code 401.
func fieldOf(message string) string {
	for _, field := range []string{"UserName", "IdentifyNum", "ParamType"} {
		if strings.Contains(strings.ToLower(message), "("+strings.ToLower(field)+")") {
			return field
		}
	}
	return ""
}

// newAPIError returns an answer that holds no verdict as an error.
func newAPIError(host string, o transport.Outcome, a answer, hide *redact.Redactor) *APIError {
	e := &APIError{
		Endpoint:   host,
		StatusCode: o.Status,
		Code:       hide.Text(dara.StringValue(a.Code)),
		Message:    hide.Text(dara.StringValue(a.Message)),
		RequestID:  hide.ID(requestID(a, o.Header)),
		Recommend:  hide.Text(dara.StringValue(a.recommend)),
	}
	if e.Code == "400" || e.Code == "401" {
		e.Field = fieldOf(e.Message)
	}
	if o.Err != nil {
		e.row, e.cause = &brokenOff, hide.Error(o.Err)
		e.Message = "the answer broke off"
	}
	if e.Message == "" && e.Code == "" {
		e.Message = "the answer cannot be understood"
	}
	if e.outcome().sentinel == ErrThrottled {
		e.RetryAfter = transport.RetryAfter(o.Header)
	}
	return e
}

// outcomeError is an outcome without the head of an answer.
type outcomeError struct {
	outcome *outcome
	text    string
	cause   error
}

func (e *outcomeError) Error() string        { return e.text }
func (e *outcomeError) Is(target error) bool { return target == e.outcome.sentinel }
func (e *outcomeError) Unwrap() error        { return e.cause }

// newFailure returns a failure without the head of an answer. what and cause may be
// zero.
func newFailure(o *outcome, what string, cause error) *failure {
	text := o.sentinel.Error()
	if what != "" {
		text += ": " + what
	}
	if cause != nil {
		text += ": " + cause.Error()
	}
	return &failure{outcome: o, err: &outcomeError{o, text, cause}}
}

// contextFailure returns the failure of a call whose context has ended with err.
func contextFailure(err error, sent bool, what string) *failure {
	o := ofContext(err, sent)
	return &failure{outcome: o, err: &outcomeError{o, "id2meta: " + what + ": " + err.Error(), err}}
}
