package id2meta

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/alibabacloud-go/tea/dara"

	"github.com/id2meta/id2meta/internal/ctxerr"
	"github.com/id2meta/id2meta/internal/identity"
	"github.com/id2meta/id2meta/internal/redact"
	"github.com/id2meta/id2meta/internal/transport"
)

// The errors that errors.Is finds in an error of Verify. Most callers need only
// [RemedyOf], which says who can do something about an error. docs/errors.md lists
// every Code of the service.
//
// Verify can also fail with context.Canceled or context.DeadlineExceeded: if the
// context of the caller ends, if the time of [WithTimeout] has passed, or if the
// credential provider leaves no time for an answer.
var (
	// ErrInvalidParam: the name or the number cannot be verified as it is. Verify
	// refuses most invalid values before any request (see [ParamError]). The service
	// refuses the others with Code 400 or 401.
	ErrInvalidParam = errors.New("id2meta: invalid parameter")

	// ErrThrottled: the account has used up its calls per second (Throttling,
	// Throttling.User, Throttling.Api, or HTTP 429), or the [Limiter] did not let the
	// request go. Do not try again before [APIError].RetryAfter has passed.
	ErrThrottled = errors.New("id2meta: throttled")

	// ErrSourceUnavailable: Code 402. The authoritative source is unavailable. Or a
	// security policy that was set in the console refused the call. In that case the
	// text of the error says so, and trying again does not help.
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
	// InternalError), there was no connection to the service, or the connection
	// broke. Trying again later may help, unless the certificate of the server is not
	// trusted.
	ErrUnavailable = errors.New("id2meta: service unavailable")

	// ErrUnexpectedResponse: an answer that the service does not document. Such an
	// answer is never a verdict, whatever it says.
	ErrUnexpectedResponse = errors.New("id2meta: unexpected response")
)

// ErrDailyLimit is joined with [ErrThrottled]. It means that the cap on the requests of
// a day has been reached. Nothing was sent, and nothing will be sent until midnight in
// China (Asia/Shanghai). A [Limiter] that counts the requests of a day returns an error
// in which errors.Is finds ErrDailyLimit.
var ErrDailyLimit = errors.New("id2meta: daily limit reached")

// ErrMaybeBilled is joined with one of the errors above, or with the error of the
// context. It means that the service may have answered and billed a request of this
// Verify, although there is no verdict. Another Verify may be billed again. errors.Is
// finds ErrMaybeBilled if one of the attempts
//
//   - was sent and not answered in time, or its answer broke off;
//   - was answered with HTTP 1xx or 2xx, and the answer cannot be understood;
//   - was answered by a proxy instead of the service: HTTP 408, 499 or 5xx (but not 500,
//     501 or 503) without a known Code, or Code 200 with an HTTP status other than 200;
//   - got an answer that had arrived before the request was written, so that it answers
//     something else;
//   - was answered with a failure and a verdict in one answer. Such an answer is not
//     retried, whatever its Code.
//
// If errors.Is does not find ErrMaybeBilled, each request was either not sent or
// answered with a failure.
var ErrMaybeBilled = errors.New("id2meta: the call may have been billed")

// maybeBilledError joins an error with ErrMaybeBilled.
type maybeBilledError struct{ err error }

func (e *maybeBilledError) Error() string   { return e.err.Error() + "; the call may have been billed" }
func (e *maybeBilledError) Unwrap() []error { return []error{e.err, ErrMaybeBilled} }

// APIError is an answer of the service that is not a verdict. errors.Is finds in it
// one of the errors from [ErrInvalidParam] on, or the error of the context if the
// answer came too late. errors.As gives the details:
//
//	var e *id2meta.APIError
//	if errors.As(err, &e) {
//		log.Print(e.Code, e.RequestID, e.Recommend)
//	}
//
// The error of a daily limit is an APIError, too, with RetryAfter and without Endpoint,
// StatusCode and Code.
//
// Code, Message, RequestID and Recommend come from the answer. A text that may repeat
// the name, the number, the birth date, the access key secret or a token is not shown:
// a note with its length replaces the text. Line breaks become spaces, and a long text is
// cut. If the person was sent masked or encrypted, the Client does not know the
// plaintext, and withholds only the values that it sent.
type APIError struct {
	Endpoint   string        // the host that answered, as in [WithEndpoints]
	StatusCode int           // the HTTP status
	Code       string        // "411", "Throttling.User", …; "" if the answer had none
	Message    string        // the service's words, often Chinese
	Field      string        // with Code 400 and 401: "UserName", "IdentifyNum", "ParamType", or "" if the Message names no field
	RequestID  string        // identifies the request in the vendor's support and record of calls, or ""
	Recommend  string        // the URL of a page that explains the failure, or ""
	RetryAfter time.Duration // how long a throttled caller is told to wait, or 0

	clock string   // how wrong the clock of this machine is, or ""
	row   *outcome // nil: the outcome follows from Code, Message and StatusCode
	cause error    // the reason why the answer broke off or came too late, or nil
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
		b.WriteString(": " + o.hint + e.clock)
	}
	if e.StatusCode != 0 {
		fmt.Fprintf(&b, ": %s answered HTTP %d", e.Endpoint, e.StatusCode)
	}
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

// Is reports whether target is the sentinel of this answer, as in the table of
// docs/errors.md.
func (e *APIError) Is(target error) bool {
	return target == e.outcome().sentinel || target == ErrDailyLimit && e.row == &overDailyLimit
}

// Unwrap returns the reason why the answer broke off or came too late, or nil.
func (e *APIError) Unwrap() error { return e.cause }

func (e *APIError) outcome() *outcome {
	if e.row != nil {
		return e.row
	}
	return ofAnswer(e.StatusCode, e.Code, e.Message)
}

// fieldOf returns the field that a Message names. Published answers with Code 401
// name the field as in 参数非法(identifyNum).
func fieldOf(message string) string {
	for _, field := range []string{"UserName", "IdentifyNum", "ParamType"} {
		if strings.Contains(strings.ToLower(message), "("+strings.ToLower(field)+")") {
			return field
		}
	}
	return ""
}

// newAPIError returns the error for an answer that holds no verdict.
func newAPIError(host string, response transport.Response, a answer, hide *redact.Redactor) *APIError {
	// The outcome and the field follow from the texts as they came: a person may be
	// called Ram, and then Forbidden.RAM is not shown.
	code, message := dara.StringValue(a.Code), dara.StringValue(a.Message)
	e := &APIError{
		Endpoint:   host,
		StatusCode: response.Status,
		Code:       hide.Text(code),
		Message:    hide.Text(message),
		RequestID:  hide.ID(requestID(a, response.Header)),
		Recommend:  hide.Text(dara.StringValue(a.recommend)),
		row:        ofAnswer(response.Status, code, message),
	}
	if code == "400" || code == "401" {
		e.Field = fieldOf(message)
	}
	if code != "200" && a.mentionsVerdict(response.Body) {
		e.row = e.row.besideVerdict()
	}
	if response.Err != nil {
		e.row, e.cause = &brokenOff, ctxerr.Hide(hide.Error(response.Err))
		e.Message = "the answer broke off"
	}
	if e.Message == "" && e.Code == "" {
		e.Message = "the answer cannot be understood"
	}
	if e.outcome().hint == wrongClock {
		e.clock = clockError(response.Header, time.Now())
	}
	if e.outcome().sentinel == ErrThrottled {
		e.RetryAfter = transport.RetryAfter(response.Header)
	}
	return e
}

// clockError says by how much the clock of this machine differs from the header Date of
// an answer.
func clockError(header http.Header, now time.Time) string {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return ""
	}
	switch fast := now.Sub(date).Round(time.Second); {
	case fast > 0:
		return fmt.Sprintf(" (%v ahead of the service)", fast)
	case fast < 0:
		return fmt.Sprintf(" (%v behind the service)", -fast)
	}
	return ""
}

// outcomeError is the error of an outcome for which no head of an answer arrived.
type outcomeError struct {
	outcome *outcome
	text    string
	cause   error
}

func (e *outcomeError) Error() string        { return e.text }
func (e *outcomeError) Is(target error) bool { return target == e.outcome.sentinel }
func (e *outcomeError) Unwrap() error        { return e.cause }

// newOutcomeError returns the error of an outcome for which no head of an answer arrived.
// what may be empty, and cause may be nil.
func newOutcomeError(o *outcome, what string, cause error) error {
	text := o.sentinel.Error()
	if o.hint != "" {
		text += ": " + o.hint
	}
	if what != "" {
		text += ": " + what
	}
	if cause != nil {
		text += ": " + cause.Error()
	}
	return &outcomeError{o, text, cause}
}

// contextError returns the error of a call whose context has ended with err.
func contextError(err error, sent bool, what string) error {
	return &outcomeError{ofContext(err, sent), "id2meta: " + what + ": " + err.Error(), err}
}

// Remedy says who can do something about an error. [RemedyOf] finds it.
type Remedy int

// The remedies.
const (
	RemedyNone          Remedy = iota // there is no error
	RemedyCorrectInput                // the person who typed the name and the number can correct them
	RemedyTryLater                    // the same call may succeed later
	RemedyNotThisPerson               // the service was asked about this person too often: do not ask about this person for now
	RemedyOperator                    // the operator of the program must act: a key, a permission, a payment, a certificate
	RemedyReport                      // probably a defect, in this package, in the program or in the service: report it
)

// RemedyOf returns the Remedy of an error that a [Verifier] returned. It returns
// RemedyNone for nil, RemedyTryLater for the errors of a context, and RemedyReport for
// an error that is not of this package, and for a [ParamError] that is a mistake of the
// program, such as an unknown ParamType. docs/errors.md lists the Remedy of every error.
func RemedyOf(err error) Remedy {
	if err == nil {
		return RemedyNone
	}
	if e, ok := errors.AsType[*ParamError](err); ok && identity.IsOfProgram(identity.Problem(e.Problem)) {
		return RemedyReport
	}
	if o := outcomeOf(err); o != nil {
		return o.remedy
	}
	return RemedyReport
}

// String returns the remedy in English words, such as "try later".
func (r Remedy) String() string {
	switch r {
	case RemedyNone:
		return "none"
	case RemedyCorrectInput:
		return "correct the input"
	case RemedyTryLater:
		return "try later"
	case RemedyNotThisPerson:
		return "not this person"
	case RemedyOperator:
		return "operator"
	}
	return "report"
}

// Chinese returns a Chinese sentence that a program may show to its user. It is empty
// for RemedyNone.
func (r Remedy) Chinese() string {
	switch r {
	case RemedyNone:
		return ""
	case RemedyCorrectInput:
		return "请核对姓名和身份证号。"
	case RemedyTryLater:
		return "系统繁忙，请稍后再试。"
	case RemedyNotThisPerson:
		return "该身份信息核验次数过多，请过一段时间再试。"
	}
	return "核验服务暂时不可用，请联系客服。"
}
