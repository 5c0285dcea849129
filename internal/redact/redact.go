// Package redact keeps given secrets out of texts and errors that others write: a
// service, the network, an injected HTTP client. It does not know what the secrets
// are, nor where the texts come from.
//
// It recognises
//
//   - a given secret, in any case of its letters, percent-encoded any number of times,
//     or escaped for JSON;
//   - a given ID number also with one separator between any of its digits, for example
//     110105 19491231 002X or 110105-19491231-002X;
//   - a given date also with up to three characters between year, month and day;
//   - the beginning of a given token;
//   - what looks like a secret although it was not given: 15 or more hex digits or
//     stars, 18 digits with single separators that hold a date of birth, and the user and
//     password of an address.
//
// It does not recognise what was changed in another way: a name in another script or
// transliterated, with other characters between its own, or spelled backwards; a part
// of a name or of a number; a number in words; a number with two or more separators
// between its digits; base64, hashes and ciphertexts of secrets that are shorter than
// 15 hex digits or are written in other characters. A name of up to four letters is
// recognised only as a word of its own.
package redact

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
)

const (
	// Mark stands where a secret was.
	Mark = "***"
	// maxServerText is longer than any message of the service that was seen.
	maxServerText = 512
	// maxRedacted bounds the work on a text that is cut anyway. A longer text is
	// no message, and is not shown at all. If it were cut before it is redacted,
	// it could end in half a secret.
	maxRedacted = 16 << 10
	// shortSecret is the length up to which a secret may be a part of other words.
	// The name Li is a part of "client", and a text with *** for every li would
	// tell the name by what is missing.
	shortSecret = 4
	// tokenHead is how much of a token, which may have a thousand characters, is
	// enough to find it.
	tokenHead = 32
)

var (
	// longDigits is what an ID number, an md5, a signature or a key looks like. The
	// middle of an ID number may be stars. A time (20060102150405) and the groups of a
	// request ID are shorter.
	longDigits = regexp.MustCompile(`[0-9A-Fa-f*]{15,}[Xx]?`)
	// separatedNumber is what an ID number looks like with single separators
	// between its digits: region, date of birth, order and check digit.
	separatedNumber = regexp.MustCompile(joined("[1-9]", `\d`, `\d`, `\d`, `\d`, `\d`,
		"(?:1"+separator+"[89]|2"+separator+"0)", `\d`, `\d`, "[01]", `\d`, "[0-3]", `\d`, `\d`, `\d`, `\d`, `[\dXx]`))
	// idNumber is an ID number as a secret is given.
	idNumber = regexp.MustCompile(`^\d{17}[\dXx]$`)
	// userInfo is how a proxy's password stands in an address: before the last @,
	// whatever characters it has, and even if the address has no scheme.
	userInfo = regexp.MustCompile(`(?s)(//).*@|[^\s"]+@`)
)

// separator is one separator, or none, as it is or encoded. An encoded character may have
// several octets.
const separator = `(?:[^0-9A-Za-z%]|(?:%(?:25)*[0-9A-Fa-f]{2})+|\\+u[0-9A-Fa-f]{4})?`

// joined returns a pattern for parts with separators between them.
func joined(parts ...string) string { return strings.Join(parts, separator) }

// Redactor hides the secrets of one request. The zero Redactor hides what looks
// like a secret. It is not safe for concurrent use.
type Redactor struct {
	// Date is a date as YYYYMMDD, or "". It is found with separators in it, too.
	Date string
	// Secrets returns what else must not be seen. It is called at most once, when
	// there is a text to redact, and may be nil.
	Secrets func() []string
	// Tokens are secrets that their beginning identifies.
	Tokens []string

	pattern *regexp.Regexp // of all these; nil until it is needed
}

// all returns the secrets to look for whole, and the beginnings of the others.
func (r *Redactor) all() (whole, heads []string) {
	if r.Secrets != nil {
		whole = r.Secrets()
	}
	for _, token := range r.Tokens {
		if len(token) <= tokenHead {
			whole = append(whole, token)
		} else {
			heads = append(heads, token[:tokenHead])
		}
	}
	return slices.DeleteFunc(whole, func(s string) bool { return s == "" }), heads
}

// compile returns a pattern of the secrets in all their spellings.
func (r *Redactor) compile() *regexp.Regexp {
	var patterns []string
	whole, heads := r.all()
	slices.Sort(whole)
	for _, head := range heads {
		patterns = append(patterns, spellings(head)+`[^\s"]*`)
	}
	if r.Date != "" {
		const between = `(?:\D|%(?:25)*[0-9a-f]{2}|\\+u[0-9a-f]{4}){0,3}` // 年 is three octets
		patterns = append(patterns, r.Date[:4]+between+r.Date[4:6]+between+r.Date[6:])
	}
	for _, secret := range slices.Compact(whole) {
		pattern := spellings(secret)
		if idNumber.MatchString(secret) {
			pattern = joined(strings.Split(secret, "")...)
		}
		if isShort(secret) {
			// Behind an escape like %3D or \n too.
			pattern = `(?:\b|_|%[0-9a-f]{2}|\\[a-z])` + pattern + `(?:\b|_)`
		}
		patterns = append(patterns, pattern)
	}
	if patterns == nil {
		patterns = []string{`[^\s\S]`} // nothing
	}
	pattern := regexp.MustCompile(`(?i)` + strings.Join(patterns, `|`))
	pattern.Longest()
	return pattern
}

// isShort reports whether a secret counts only as a word of its own.
func isShort(secret string) bool {
	return len(secret) <= shortSecret && !strings.ContainsFunc(secret, notAlphanumeric)
}

// spellings returns a pattern for a secret as others may write it: as it is,
// percent encoded any number of times (an address may hold a code that holds a
// form), or escaped for JSON. For letters and digits it is the secret itself.
func spellings(secret string) string {
	const percent = `%(?:25)*`
	var b strings.Builder
	for _, c := range strings.ToValidUTF8(secret, "\uFFFD") { // as Text does
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

// Text returns s without secrets, without characters that could forge a log
// line or hide in it, and not longer than a person would read.
func (r *Redactor) Text(s string) string {
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
func (r *Redactor) redact(s string) string {
	s = separatedNumber.ReplaceAllLiteralString(r.hide(s), Mark)
	s = longDigits.ReplaceAllLiteralString(s, Mark)
	return userInfo.ReplaceAllString(s, "${1}"+Mark+"@")
}

// hide returns s without the secrets.
func (r *Redactor) hide(s string) string {
	if r.pattern == nil {
		r.pattern = r.compile()
	}
	return r.pattern.ReplaceAllLiteralString(s, Mark)
}

func notAlphanumeric(c rune) bool {
	return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
}

// Error returns err as it may be shown to the caller. An error without secrets is
// returned as it is, so that errors.Is and errors.As see the whole chain. If anything in
// the chain shows a secret, Error returns an error with the redacted text. errors.Is sees
// through that error, and errors.As does not.
func (r *Redactor) Error(err error) error {
	// The address in a url.Error adds nothing to the endpoint.
	if wrapped, ok := errors.AsType[*url.Error](err); ok && wrapped.Err != nil {
		err = wrapped.Err
	}
	if r.clean(err) {
		return err
	}
	return &redactedError{
		text: r.Text(fmt.Sprint(err)),
		is:   func(target error) bool { return errors.Is(err, target) },
	}
}

// clean reports whether err may be shown with any verb of fmt. A struct may have
// fields that Error does not show and %#v does.
func (r *Redactor) clean(err error) bool {
	if text := fmt.Sprint(err); r.Text(text) != text {
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
// inside a function, where fmt and errors.Unwrap cannot reach it.
type redactedError struct {
	text string
	is   func(target error) bool
}

func (e *redactedError) Error() string        { return e.text }
func (e *redactedError) Is(target error) bool { return e.is(target) }
