// Package redact withholds texts and errors that others write, and that may repeat a
// secret of a request: a service, the network, a given HTTP client. A text is shown as
// it is, or not at all: a text with a gap shows where the secret was, and no list of
// patterns has every spelling of a secret.
//
// A text is not shown if it contains
//
//   - the letters and digits of a given secret, in any case, with any other characters
//     between them; or the hex of the secret;
//   - a given date, in any order and with any separators;
//   - an escape for a URL, for JSON or for HTML, or a letter or digit that is neither
//     ASCII nor an ideograph, such as a full-width digit: something may be behind it;
//   - what looks like a secret: 15 or more hex digits or asterisks, 18 digits with
//     single separators that hold a date of birth, or an @, before which a password
//     may stand.
//
// A text is shown although it contains
//
//   - a name in another script, a part of a name or of a number, or a number in words;
//   - Base64, hashes and ciphertexts of a secret, unless they have 15 hex digits in a
//     row;
//   - a name of up to four ASCII letters as a part of another word. For example, Li is
//     a part of "client".
package redact

import (
	"crypto/md5" //nolint:gosec // the md5 of a date is one of its spellings; it protects nothing here
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

const (
	// Mark stands for a value that is not shown.
	Mark = "***"
	// maxText, in bytes, bounds the work on one text. A longer text is not a message.
	maxText = 16 << 10
	// maxShown, in bytes, is longer than every known message of the service.
	maxShown = 512
	// maxID is longer than any request ID.
	maxID = 128
	// shortSecret is the length of a secret that is likely to be a part of other words.
	shortSecret = 4
	// tokenHead is the length of the beginning that identifies a token. A token may
	// have a thousand characters.
	tokenHead = 32
)

var (
	// suspicious matches escapes, the user of a URL, hex digits, and an ID number with
	// single separators between its digits: region, date of birth, order, check digit.
	// It does not match a time (20060102150405) or a group of a UUID.
	suspicious = regexp.MustCompile(`[%\\@]|&#|&\w+;|u\+|0x|[0-9a-f*]{15}|` +
		strings.Join([]string{"[1-9]", `\d`, `\d`, `\d`, `\d`, `\d`, "(?:1[^0-9a-z]?[89]|2[^0-9a-z]?0)", `\d`, `\d`,
			"[01]", `\d`, "[0-3]", `\d`, `\d`, `\d`, `\d`, `[\dx]`}, "[^0-9a-z]?"))
	// uuid is the form of nearly every request ID.
	uuid = regexp.MustCompile(`^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$`)
	// otherID is the form of the others.
	otherID = regexp.MustCompile(`^[0-9a-z-]*$`)
)

// Redactor knows the secrets of one request. The zero Redactor withholds what looks
// like a secret. It is not safe for concurrent use.
type Redactor struct {
	// Date is a date of birth as YYYYMMDD, the md5 of a date, or "". It identifies an
	// ID number.
	Date string
	// Secrets returns the other secrets. It is called at most once, when there is a
	// text to look at. It may be nil.
	Secrets func() []string
	// Tokens are long secrets. The beginning of a token identifies it.
	Tokens []string

	whole, words []string // the skeletons of the secrets; words are those that count only as whole words
	isReady      bool
}

// Text returns s, or a note that s is not shown. It replaces characters that could forge
// a log line or are invisible by spaces, and cuts a long text.
func (r *Redactor) Text(s string) string {
	if len(s) > maxText || r.mayRepeat(s) {
		return fmt.Sprintf("(a text of %d bytes is not shown: it may repeat the person or a secret)", len(s))
	}
	s = strings.Map(func(c rune) rune {
		if unicode.IsGraphic(c) {
			return c
		}
		return ' '
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	return s
}

// ID returns a request ID, or a note that the ID is not shown. Unlike Text, ID shows
// long runs of hex digits. A UUID is shown unless it holds the date, because by chance
// a UUID may hold a name such as Abe.
func (r *Redactor) ID(id string) string {
	lower := strings.ToLower(id)
	switch {
	case len(id) > maxID, r.holdsDate(lower):
	case uuid.MatchString(lower), otherID.MatchString(lower) && !r.holdsSecret(lower):
		return id
	}
	return r.Text(id)
}

// Error returns an error with the text of err, or with a note that the text is not
// shown. errors.Is works with that error as with err. errors.As does not: the fields of
// err may show more than its text, for example to the verb %#v.
func (r *Redactor) Error(err error) error {
	inner := err
	// The caller names the endpoint, so the URL in a url.Error tells nothing new. And a
	// url.Error formats the error in it, which may show the fields of that error.
	for {
		wrapped, ok := errors.AsType[*url.Error](inner)
		if !ok || wrapped.Err == nil {
			break
		}
		inner = wrapped.Err
	}
	return &redactedError{
		text: r.Text(textOf(inner)),
		is:   func(target error) bool { return errors.Is(err, target) },
	}
}

// textOf returns the text of err. It uses nothing but Error, because formatting an error
// of others may show its fields, and may take long. Error may panic.
func textOf(err error) (text string) {
	defer func() {
		if recover() != nil {
			text = "(an error is not shown: it has no text)"
		}
	}()
	return err.Error()
}

// redactedError stands for an error of others. It keeps that error inside a function,
// where fmt and errors.Unwrap cannot reach it.
type redactedError struct {
	text string
	is   func(target error) bool
}

func (e *redactedError) Error() string        { return e.text }
func (e *redactedError) Is(target error) bool { return e.is(target) }

func (r *Redactor) mayRepeat(s string) bool {
	s = strings.ToLower(s)
	return strings.ContainsFunc(s, isForeign) || suspicious.MatchString(s) || r.holdsDate(s) || r.holdsDateInParts(s) || r.holdsSecret(s)
}

// isForeign reports whether c is a letter, an accent or a digit that is neither ASCII nor
// an ideograph.
func isForeign(c rune) bool {
	return c > unicode.MaxASCII && (unicode.IsNumber(c) || unicode.In(c, unicode.L, unicode.M) && !unicode.Is(unicode.Han, c))
}

// skeleton returns the letters and digits of a text. It also keeps ideographs that are
// private-use characters, or newer than Go's tables.
func skeleton(s string) string {
	return keep(s, func(c rune) bool {
		return !unicode.In(c, unicode.P, unicode.S, unicode.Z, unicode.M, unicode.Cc, unicode.Cf)
	})
}

func keep(s string, wanted func(rune) bool) string {
	return strings.Map(func(c rune) rune {
		if wanted(c) {
			return c
		}
		return -1
	}, s)
}

// holdsSecret reports whether a text in lower case contains one of the secrets.
func (r *Redactor) holdsSecret(lower string) bool {
	r.prepare()
	letters := skeleton(lower)
	if slices.ContainsFunc(r.whole, func(secret string) bool { return strings.Contains(letters, secret) }) {
		return true
	}
	words := strings.FieldsFunc(lower, func(c rune) bool { return (c < '0' || c > '9') && (c < 'a' || c > 'z') })
	return slices.ContainsFunc(r.words, func(secret string) bool { return holdsWord(words, secret) })
}

// holdsWord reports whether neighboring words together are the secret.
func holdsWord(words []string, secret string) bool {
	for i := range words {
		for j := i + 1; j <= len(words) && j <= i+len(secret); j++ {
			if strings.Join(words[i:j], "") == secret {
				return true
			}
		}
	}
	return false
}

func (r *Redactor) prepare() {
	if r.isReady {
		return
	}
	r.isReady = true
	var secrets []string
	if r.Secrets != nil {
		secrets = r.Secrets()
	}
	for _, token := range r.Tokens {
		secrets = append(secrets, token[:min(len(token), tokenHead)])
	}
	for _, secret := range secrets {
		letters := skeleton(strings.ToLower(secret))
		isASCII := !strings.ContainsFunc(secret, func(c rune) bool { return c > unicode.MaxASCII })
		switch {
		case letters == "":
		case isASCII && len(letters) <= shortSecret:
			r.words = append(r.words, letters)
		default:
			r.whole = append(r.whole, letters, fmt.Sprintf("%x", secret))
		}
	}
}

// holdsDate reports whether a text in lower case contains the date, with any characters but
// digits between its digits.
func (r *Redactor) holdsDate(lower string) bool {
	if r.Date == "" {
		return false
	}
	forms := []string{r.Date}
	if y, m, d, ok := r.date(); ok {
		forms = []string{y + m + d, d + m + y, m + d + y, fmt.Sprintf("%x", r.Date), fmt.Sprintf("%x", md5.Sum([]byte(r.Date)))} //nolint:gosec // see the import
	}
	letters := skeleton(lower)
	digits := keep(lower, func(c rune) bool { return !isNoDigit(c) })
	return slices.ContainsFunc(forms, func(form string) bool {
		return strings.Contains(digits, form) || strings.Contains(letters, form)
	})
}

// holdsDateInParts reports whether a text in lower case contains the date with a year of two
// digits, without leading zeros, or with the month in words. Such a date could be a
// part of a request ID by chance.
func (r *Redactor) holdsDateInParts(lower string) bool {
	y, m, d, ok := r.date()
	if !ok {
		return false
	}
	numbers := strings.FieldsFunc(lower, isNoDigit)
	for i, number := range numbers {
		near := numbers[max(0, i-2):min(len(numbers), i+3)]
		has := func(part string) bool {
			return slices.ContainsFunc(near, func(n string) bool { return strings.TrimLeft(n, "0") == strings.TrimLeft(part, "0") })
		}
		switch {
		case number == y && has(d), number == y[2:] && has(m) && has(d), strings.Contains(number, y[2:]+m+d):
			return true
		}
	}
	return false
}

func (r *Redactor) date() (year, month, day string, ok bool) {
	if len(r.Date) != len("YYYYMMDD") {
		return "", "", "", false
	}
	return r.Date[:4], r.Date[4:6], r.Date[6:], true
}

func isNoDigit(c rune) bool { return c < '0' || c > '9' }
