// Package redact removes given secrets from texts and errors that others write: a
// service, the network, a given HTTP client. It does not know the meaning of the
// secrets and of the texts.
//
// The package finds
//
//   - a given secret, with upper-case or lower-case letters, percent-encoded any number
//     of times, or escaped for JSON;
//   - a given ID number also with one separator between any of its digits, for example
//     110105 19491231 002X or 110105-19491231-002X;
//   - a given date also with up to three characters between year, month and day;
//   - the beginning of a given token, and the rest of the word;
//   - texts that look like a secret: 15 or more hex digits or asterisks, 18 digits with
//     single separators that hold a date of birth, and the user and password of a URL.
//
// The package does not find
//
//   - a name in another script, or with other characters between its characters;
//   - a part of a name or of a number;
//   - a number in words, or with two or more separators between its digits;
//   - Base64, hashes and ciphertexts of a secret, unless they have 15 hex digits in a
//     row;
//   - a name of up to four ASCII letters as a part of another word.
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
	// Mark replaces a secret.
	Mark = "***"
	// maxServerText, in bytes, is longer than every known message of the service.
	maxServerText = 512
	// maxRedacted, in bytes, bounds the work on one text. A longer text is not a
	// message, and is not shown at all. It must not be cut before it is redacted: the
	// cut text could end in half a secret.
	maxRedacted = 16 << 10
	// shortSecret is the length of a secret that is likely to be a part of other
	// words. For example, the name Li is a part of "client". A text with *** instead
	// of every "li" would reveal the name.
	shortSecret = 4
	// tokenHead is the length of the beginning that identifies a token. A token may
	// have a thousand characters.
	tokenHead = 32
)

var (
	// longDigits matches ID numbers, also with asterisks in the middle, md5 digests,
	// signatures and keys. It does not match a time (20060102150405) or a group of a
	// UUID, which are shorter.
	longDigits = regexp.MustCompile(`[0-9A-Fa-f*]{15,}[Xx]?`)
	// separatedNumber matches an ID number with single separators between its digits:
	// region, date of birth, order and check digit.
	separatedNumber = regexp.MustCompile(joined("[1-9]", `\d`, `\d`, `\d`, `\d`, `\d`,
		"(?:1"+separator+"[89]|2"+separator+"0)", `\d`, `\d`, "[01]", `\d`, "[0-3]", `\d`, `\d`, `\d`, `\d`, `[\dXx]`))
	// idNumber matches a given secret that is an ID number.
	idNumber = regexp.MustCompile(`^\d{17}[\dXx]$`)
	// userInfo matches the user and the password of a URL, for example of a proxy: all
	// characters before the last @, even if the URL has no scheme.
	userInfo = regexp.MustCompile(`(?s)(//).*@|[^\s"]+@`)
)

// separator matches one separator or none. The separator may be percent-encoded, in
// several octets, or escaped for JSON.
const separator = `(?:[^0-9A-Za-z%]|(?:%(?:25)*[0-9A-Fa-f]{2})+|\\+u[0-9A-Fa-f]{4})?`

// joined returns a pattern for parts with an optional separator between them.
func joined(parts ...string) string { return strings.Join(parts, separator) }

// Redactor hides the secrets of one request. The zero Redactor hides what looks
// like a secret. It is not safe for concurrent use.
type Redactor struct {
	// Date is a date as YYYYMMDD, or "". The Redactor also finds it with separators.
	Date string
	// Secrets returns the other secrets. It is called at most once, when there is a
	// text to redact. It may be nil.
	Secrets func() []string
	// Tokens are long secrets. The beginning of a token identifies it.
	Tokens []string

	pattern *regexp.Regexp // matches all of these; nil until it is needed
}

// all returns the secrets, and the beginnings of the long tokens.
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
			// The secret may also follow an escape such as %3D or \n.
			pattern = `(?:\b|_|%[0-9a-f]{2}|\\[a-z])` + pattern + `(?:\b|_)`
		}
		patterns = append(patterns, pattern)
	}
	if patterns == nil {
		patterns = []string{`[^\s\S]`} // matches nothing
	}
	pattern := regexp.MustCompile(`(?i)` + strings.Join(patterns, `|`))
	pattern.Longest()
	return pattern
}

// isShort reports whether a secret is hidden only if it is a whole word.
func isShort(secret string) bool {
	return len(secret) <= shortSecret && !strings.ContainsFunc(secret, notAlphanumeric)
}

// spellings returns a pattern for a secret in the forms that others may write: as it
// is, percent-encoded any number of times (a form may be nested in a URL), or escaped
// for JSON. For letters and digits the pattern is the secret itself.
func spellings(secret string) string {
	const percent = `%(?:25)*`
	var b strings.Builder
	for _, c := range strings.ToValidUTF8(secret, "\uFFFD") { // Text does the same
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

// Text returns s without secrets. It replaces characters that could forge a log line or
// are invisible by spaces, and cuts a long text.
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

// redact returns s without the secrets, and without texts that look like a secret.
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

// Error returns an error that may be shown to the caller. If nothing in the chain of err
// shows a secret, Error returns err itself, so that errors.Is and errors.As work with the
// whole chain. Otherwise Error returns an error with the redacted text. errors.Is works
// with that error as with err, but errors.As does not.
func (r *Redactor) Error(err error) error {
	// The caller names the endpoint, so the URL in a url.Error tells nothing new.
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

// clean reports whether no verb of fmt shows a secret of err. The verb %#v may show
// fields of a struct that the method Error does not show.
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

// redactedError replaces an error that must not be shown. It keeps that error inside a
// function, where fmt and errors.Unwrap cannot reach it.
type redactedError struct {
	text string
	is   func(target error) bool
}

func (e *redactedError) Error() string        { return e.text }
func (e *redactedError) Is(target error) bool { return e.is(target) }
