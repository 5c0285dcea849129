package identity

import (
	"strings"
	"unicode/utf8"
)

// look is what a value may look like. It may look like several things at once.
type look int

const (
	name          look = iota
	text               // what a name is made of, but it need not have a letter
	number             // 15 or 18 digits in any width, or a maskedNumber
	firstGen           // 15 digits in any width
	redacted           // for display, with stars
	maskedName         // with a rest
	digest             // a maskedName without one, or the md5 of who knows what
	maskedNumber       // as it is sent
	anyMasked          // maskedNumber in any width, or with a small x
	digestFirst        // begins as a masked name does, be it in capitals
	digestSeventh      // has a digest where a masked number does
	ciphertext         // as it is sent
	garbled            // not UTF-8
	invisible          // in parts
)

// looksLike is the one place that guesses. The white space around s is gone.
func looksLike(s string, what look) bool {
	switch what {
	case name, text:
		flaw := flawInName(s)
		return flaw == "" || flaw == reasonNoLetter && what == text
	case number:
		var num [18]byte
		return looksLike(s, firstGen) || foldNumber(num[:], s) && isDigits(num[:17]) || isMaskedNumber(s)
	case firstGen:
		var num [15]byte
		return foldNumber(num[:], s) && isDigits(num[:])
	case redacted:
		return strings.Contains(s, "*") || strings.Contains(s, "＊")
	case maskedName, digest:
		return flawInMaskedName(s) == "" && (len(s) == md5Len) == (what == digest)
	case maskedNumber:
		return isMaskedNumber(s)
	case anyMasked:
		_, flaw := foldMaskedNumber(s)
		return flaw == ""
	case digestFirst:
		return len(s) >= md5Len && isHex(s[:md5Len])
	case digestSeventh:
		return len(s) >= 6+md5Len && isHex(s[6:6+md5Len])
	case ciphertext:
		return len(s) > minCiphertext && flawInCiphertext(s) == ""
	case garbled:
		return !utf8.ValidString(s)
	case invisible:
		return strings.ContainsFunc(s, isHidden)
	}
	return false
}

// mistake is what somebody is told who wanted one thing and gave another.
type mistake struct {
	given  look
	reason string
}

// What may be given for a name and for a number, by the Form that is wanted. Of
// a value that looks like several things, the first is told.
var (
	nameMistakes = [...][]mistake{
		Plain:     {{number, reasonIsNumber}, {digestFirst, reasonMasked}, {ciphertext, reasonEncrypted}},
		Masked:    {{maskedNumber, reasonIsNumber}},
		Encrypted: {{number, reasonIsNumber}, {maskedName, reasonNotSM2}, {digest, reasonNotSM2}, {name, reasonPlain}},
	}
	numberMistakes = [...][]mistake{
		Plain: {{text, reasonIsName}, {firstGen, reasonFirstGen}, {redacted, reasonStars},
			{digestSeventh, reasonMasked}, {ciphertext, reasonEncrypted}, {garbled, reasonNotUTF8}, {invisible, reasonHidden}},
		Masked:    {{maskedName, reasonIsName}}, // a digest alone is rather of a number
		Encrypted: {{anyMasked, reasonNotSM2}, {number, reasonPlain}, {name, reasonIsName}},
	}
)

// explain returns the reason why s is refused: what it was mistaken for, else
// its flaw.
func explain(s, flaw string, mistakes []mistake) string {
	if s == "" {
		return reasonEmpty
	}
	for _, m := range mistakes {
		if looksLike(s, m.given) {
			return m.reason
		}
	}
	return flaw
}
