// Package identity knows what the name and the number of a person look like, in
// plaintext, masked and encrypted. It returns them as they are sent, or the
// [Problem] that keeps them from being sent. It does not know Params, errors,
// the network or who exists.
//
// A value goes through three steps, each in a file of its own:
//
//   - fold.go drops what cannot be seen and folds what looks the same;
//   - name.go and number.go check each character (masked.go and ciphertext.go
//     check the other forms);
//   - explain.go says what a value that was refused probably is.
//
// problems.go has the table of problems, the signs that stand for them, and
// what people are told.
package identity

import (
	"strings"
	"time"
)

// Form is how a name or a number is written.
type Form int

// The forms.
const (
	Plain     Form = iota
	Masked         // a part of it is replaced by its md5
	Encrypted      // by SM2, in Base64
)

// Name returns a name as it is sent, or the Problem that keeps it from being sent.
func Name(s string, form Form) (sent string, problem Problem) {
	switch form {
	case Plain:
		sent = foldName(s)
		problem = checkName(sent, nothing)
	case Masked:
		sent = foldMaskedName(s)
		problem = checkMaskedName(sent)
	case Encrypted:
		sent = strings.TrimSpace(s)
		problem = checkCiphertext(sent)
	}
	if problem != "" {
		return "", explainName(s, form, problem)
	}
	return sent, ""
}

// Number returns a number as it is sent, or the Problem that keeps it from being
// sent. It asks for the time only if a birth date may lie in the future.
func Number(s string, form Form, now func() time.Time) (sent string, problem Problem) {
	switch form {
	case Plain:
		sent = foldNumber(s)
		problem = checkNumber(sent, now)
	case Masked:
		sent = foldLastX(foldCharacters(s))
		problem = checkMaskedNumber(sent)
	case Encrypted:
		sent = strings.TrimSpace(s)
		problem = checkCiphertext(sent)
	}
	if problem != "" {
		return "", explainNumber(s, form, problem)
	}
	return sent, ""
}
