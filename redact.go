package id2meta

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/alibabacloud-go/tea/dara"
)

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
