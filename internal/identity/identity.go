// Package identity holds the rules for the name and the number of a person, in
// plaintext, masked and encrypted. It returns a value in the form that is sent, or the
// [Problem] for which the value is refused. It does not know Params, errors or the
// network, and does not know who exists.
//
// A value goes through three steps:
//
//   - fold.go drops invisible characters, and folds characters that look the same.
//   - name.go and number.go check a plaintext value; masked.go and ciphertext.go check
//     the other forms.
//   - explain.go says what a refused value probably is.
//
// problems.go has the problems, the characters that indicate them, and the texts for
// people.
package identity

import (
	"strings"
	"time"
)

// Form is the form of a name or a number.
type Form int

// The forms.
const (
	Plain     Form = iota
	Masked         // a part of the value is replaced by the md5 of that part
	Encrypted      // encrypted by SM2, in Base64
)

// maxRaw, in bytes, is longer than every name and number, padded or encrypted. What is
// done with a value takes time that grows with its length.
const maxRaw = 800

// Name returns a name in the form that is sent, or the Problem for which the name is
// refused.
func Name(s string, form Form) (sent string, problem Problem) {
	if len(s) > maxRaw {
		return "", TooLong
	}
	switch form {
	case Plain:
		sent = foldName(s)
		problem = checkName(sent, nothing)
		if isMojibake(s) {
			problem = LostCharacter
		}
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

// Number returns a number in the form that is sent, or the Problem for which the number
// is refused. It calls now only if the birth date may be in the future.
func Number(s string, form Form, now func() time.Time) (sent string, problem Problem) {
	if len(s) > maxRaw {
		return "", TooLong
	}
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
