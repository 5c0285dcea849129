// Package identity knows what the name and the number of a person look like, in
// plaintext, masked and encrypted: it returns them as they are sent, or says
// what is wrong with them. It does not know Params, errors, the network or who
// exists, and its reasons are constants, so that none can hold a part of a value.
package identity

import (
	"strings"
	"time"
)

// Form is how a name or a number is written.
type Form int

const (
	Plain     Form = iota
	Masked         // a part of it is replaced by its md5
	Encrypted      // by SM2, in Base64
)

// Name returns a name as it is sent, or the reason why it cannot be.
func Name(s string, form Form) (sent, reason string) {
	s, reason = trimmedName(s, form)
	if reason != "" || form == Encrypted {
		return s, reason
	}
	return withMiddleDots(s), ""
}

// trimmedName is Name before any dot is changed.
func trimmedName(s string, form Form) (trimmed, reason string) {
	s = strings.TrimSpace(s)
	var flaw string
	switch form {
	case Plain:
		flaw = flawInName(s)
	case Masked:
		flaw = flawInMaskedName(s)
	case Encrypted:
		flaw = flawInCiphertext(s)
	}
	if flaw != "" {
		return "", explain(s, flaw, nameMistakes[form])
	}
	return s, ""
}

// Number returns a number as it is sent, or the reason why it cannot be. It asks
// for the time only if a birth date may lie in the future.
func Number(s string, form Form, now func() time.Time) (sent, reason string) {
	s = strings.TrimSpace(s)
	sent = s
	var flaw string
	switch form {
	case Plain:
		var num [18]byte
		if reason = plainNumber(&num, s, now); reason != "" {
			return "", reason
		}
		if string(num[:]) != s { // else do not allocate
			sent = string(num[:])
		}
	case Masked:
		sent, flaw = foldMaskedNumber(s)
	case Encrypted:
		flaw = flawInCiphertext(s)
	}
	if flaw != "" {
		return "", explain(s, flaw, numberMistakes[form])
	}
	return sent, ""
}
