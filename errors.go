package id2meta

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

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
	// Throttling.User, Throttling.Api, or HTTP 429 without a known Code), or the
	// [Limiter] refused. Try again later, not sooner than [APIError].RetryAfter.
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
	// that was used: InvalidAccessKeyId.*, MissingAccessKeyId,
	// SignatureDoesNotMatch, IncompleteSignature, InvalidSecurityToken.*,
	// MissingSecurityToken, InvalidTimeStamp.Expired (this machine's clock is
	// wrong), SignatureNonceUsed.
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
// break.
type APIError struct {
	Endpoint   string        // the host that answered, as [WithEndpoints] has it
	StatusCode int           // of HTTP
	Code       string        // "411", "Throttling.User", …; "" if the answer had none
	Message    string        // the service's words, often Chinese
	RequestID  string        // to give to the vendor's support, or ""
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
	case "InvalidAccessKeyId", "MissingAccessKeyId", "SignatureDoesNotMatch", "IncompleteSignature",
		"InvalidSecurityToken", "MissingSecurityToken", "InvalidTimeStamp", "SignatureNonceUsed":
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
	// maxRedacted bounds the work on a text that is cut anyway. A longer one is
	// no message, and is not shown at all: cut before it is redacted, it could
	// end in half a secret.
	maxRedacted = 16 << 10
	// shortSecret is the length up to which a secret may well be a part of other
	// words: the name Li is one of "client", and a text with *** for every li
	// would tell the name by what is missing.
	shortSecret = 4
	// tokenHead is how much of a token, which may have a thousand characters, is
	// enough to find it.
	tokenHead = 32
)

var (
	// longDigits is what an ID number, also with stars in its middle, an md5, a
	// signature or a key looks like. It is longer than a time (20060102150405)
	// and than the groups of a request ID.
	longDigits = regexp.MustCompile(`[0-9A-Fa-f*]{15,}[Xx]?`)
	// userInfo is how a proxy's password stands in an address: before the last
	// @, whatever it is made of, and also if the address has no scheme.
	userInfo = regexp.MustCompile(`(?s)(//).*@|[^\s"]+@`)
	uuid     = regexp.MustCompile(`^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
)

// redactor keeps the person and the credential of one request out of texts that
// others write: the service, the network, an injected HTTP client.
type redactor struct {
	given   Param // what the caller gave
	request request
	secrets *regexp.Regexp // of these two; nil until it is needed
}

// compile finds the secrets however they are spelled; see spellings. The date of
// birth may have separators.
func (r *redactor) compile() {
	var patterns []string
	person, model := r.request.param, r.request.credential
	secrets := []string{
		person.UserName, person.IdentifyNum, strings.TrimSpace(r.given.UserName), strings.TrimSpace(r.given.IdentifyNum),
		dara.StringValue(model.AccessKeySecret),
	}
	for _, token := range []string{dara.StringValue(model.SecurityToken), dara.StringValue(model.BearerToken)} {
		if len(token) <= tokenHead {
			secrets = append(secrets, token)
		} else {
			patterns = append(patterns, spellings(token[:tokenHead])+`[^\s"]*`)
		}
	}
	if birth := r.birth(); birth != "" {
		const separator = `(?:\D|%(?:25)*[0-9a-f]{2}|\\+u[0-9a-f]{4}){0,3}` // 年 is three octets
		patterns = append(patterns, birth[:4]+separator+birth[4:6]+separator+birth[6:])
		masked, _ := MD5Param(person.UserName, person.IdentifyNum)
		secrets = append(secrets, masked.UserName, masked.IdentifyNum)
	}
	slices.Sort(secrets)
	for _, secret := range slices.Compact(secrets) {
		pattern := spellings(secret)
		switch {
		case secret == "":
			continue
		case len(secret) <= shortSecret && pattern == secret:
			// Only as a word of its own, behind an escape like %3D or \n too.
			pattern = `(?:\b|_|%[0-9a-f]{2}|\\[a-z])` + pattern + `(?:\b|_)`
		}
		patterns = append(patterns, pattern)
	}
	r.secrets = regexp.MustCompile(`(?i)` + strings.Join(patterns, `|`))
	r.secrets.Longest()
}

// spellings returns a pattern for a secret as others may write it: as it is,
// percent encoded any number of times (an address may hold a code that holds a
// form), or escaped for JSON. For letters and digits it is the secret itself.
func spellings(secret string) string {
	const percent = `%(?:25)*`
	var b strings.Builder
	for _, c := range strings.ToValidUTF8(secret, "\uFFFD") { // as text does
		if !notAlphanumeric(c) {
			b.WriteRune(c)
			continue
		}
		b.WriteString(`(?:` + regexp.QuoteMeta(string(c)) + `|`)
		for _, octet := range []byte(string(c)) {
			b.WriteString(percent + fmt.Sprintf(`%02x`, octet))
		}
		b.WriteString(`|`)
		for _, unit := range utf16.Encode([]rune{c}) {
			fmt.Fprintf(&b, `\\+u%04x`, unit)
		}
		if c == ' ' {
			b.WriteString(`|\+|` + percent + `2b`)
		}
		b.WriteString(`)`)
	}
	return b.String()
}

// birth returns the date of birth, or "" if it is masked.
func (r *redactor) birth() string {
	if num := r.request.param.IdentifyNum; len(num) == len(number{}) {
		return num[6:14]
	}
	return ""
}

// text returns s without secrets, without characters that could forge a log
// line or hide in it, and not longer than a person would read.
func (r *redactor) text(s string) string {
	switch {
	case s == "":
		return ""
	case len(s) > maxRedacted:
		return fmt.Sprintf("(%d bytes, not shown)", len(s))
	}
	s = r.redact(strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.Map(func(c rune) rune {
		if unicode.IsGraphic(c) {
			return c
		}
		return ' '
	}, s)
	if len(s) > maxServerText {
		s = strings.ToValidUTF8(s[:maxServerText], "") + "…"
	}
	return s
}

// redact returns s without what is secret, and without what looks like it.
func (r *redactor) redact(s string) string {
	s = longDigits.ReplaceAllLiteralString(r.hide(s), redacted)
	return userInfo.ReplaceAllString(s, "${1}"+redacted+"@")
}

// hide returns s without the person and the credential.
func (r *redactor) hide(s string) string {
	if r.secrets == nil {
		r.compile()
	}
	return r.secrets.ReplaceAllLiteralString(s, redacted)
}

// requestID returns id, which is made of hex digits and so might not survive
// text, unless it is no request ID at all.
func (r *redactor) requestID(id string) string {
	birth := r.birth()
	switch {
	case uuid.MatchString(id) && (birth == "" || !strings.Contains(id, birth)):
		return id // every verdict comes here: nothing is compiled
	case len(id) <= 128 && !strings.ContainsFunc(id, notInRequestID) && r.hide(id) == id:
		return id
	}
	return r.text(id)
}

func notInRequestID(c rune) bool { return c != '-' && notAlphanumeric(c) }

func notAlphanumeric(c rune) bool {
	return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
}

// cause returns err as it may be shown to the caller: itself, so that errors.Is
// and errors.As see the whole chain; or, if anything in the chain says what it
// must not, its redacted text, which errors.Is sees through and errors.As does
// not.
func (r *redactor) cause(err error) error {
	// The address in a url.Error adds nothing to the endpoint.
	if wrapped, ok := errors.AsType[*url.Error](err); ok && wrapped.Err != nil {
		err = wrapped.Err
	}
	if r.clean(err) {
		return err
	}
	return &redactedError{
		text: r.text(fmt.Sprint(err)),
		is:   func(target error) bool { return errors.Is(err, target) },
	}
}

// clean reports whether err may be shown with any verb of fmt: a struct may
// have fields that its Error does not tell and %#v does.
func (r *redactor) clean(err error) bool {
	if text := fmt.Sprint(err); r.text(text) != text {
		return false
	}
	for _, verb := range []string{"%+v", "%#v"} {
		if text := fmt.Sprintf(verb, err); r.redact(text) != text {
			return false
		}
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

// redactedError stands for an error that must not be shown. It holds that error
// only inside a function, where neither fmt nor errors.Unwrap gets at it.
type redactedError struct {
	text string
	is   func(target error) bool
}

func (e *redactedError) Error() string        { return e.text }
func (e *redactedError) Is(target error) bool { return e.is(target) }
