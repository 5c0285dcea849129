package id2metatest

import (
	"crypto/md5"
	"encoding/hex"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tjfoc/gmsm/sm2"

	"github.com/id2meta/id2meta"
)

// person is a name and a number in their md5 masking, whichever way they
// arrived: then one comparison serves every ParamType.
type person struct{ userName, identifyNum string }

// registry is the authoritative source: names by number, both masked.
type registry map[string]string

func (r registry) add(p person) { r[p.identifyNum] = p.userName }

func (r registry) verdict(p person) id2meta.BizCode {
	name, ok := r[p.identifyNum]
	if !ok {
		return id2meta.BizCodeNoRecord
	}
	if name != p.userName {
		return id2meta.BizCodeMismatch
	}
	return id2meta.BizCodeMatch
}

// answer is the API behind the gateway: known tells whether r asks about a
// subject. s.mu is held.
func (s *Server) answer(r request, subject person, known bool, requestID string) reply {
	for _, name := range []string{"ParamType", "UserName", "IdentifyNum"} {
		if r.param(name) == "" {
			return apiReply(requestID, "400", "参数不能为空", "")
		}
	}
	if !known {
		return apiReply(requestID, "401", "参数非法", "")
	}
	return apiReply(requestID, "200", "success", s.people.verdict(subject))
}

// subject returns the person that the request asks about. It reports false if
// a parameter is illegal. The rules are written here once more, and not taken
// from package id2meta, because they judge what that package sends.
func (r request) subject(key func() *sm2.PrivateKey) (person, bool) {
	userName, identifyNum := r.param("UserName"), r.param("IdentifyNum")
	switch r.param("ParamType") {
	case "normal":
		return plainPerson(userName, identifyNum)
	case "sm2":
		userName, ok := decrypt(key(), userName)
		if !ok {
			return person{}, false
		}
		identifyNum, ok := decrypt(key(), identifyNum)
		if !ok {
			return person{}, false
		}
		return plainPerson(userName, identifyNum)
	case "md5":
		if !legalMaskedName(userName) || !maskedNumber.MatchString(identifyNum) {
			return person{}, false
		}
		return person{userName, upperX(identifyNum)}, true
	}
	return person{}, false
}

func plainPerson(userName, identifyNum string) (person, bool) {
	if !legalName(userName) || !legalNumber(identifyNum) {
		return person{}, false
	}
	return mask(userName, upperX(identifyNum)), true
}

var (
	plainNumber  = regexp.MustCompile(`^\d{17}[\dXx]$`)
	maskedNumber = regexp.MustCompile(`^\d{6}[0-9a-f]{32}\d{3}[\dXx]$`)
	md5Digest    = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// legalName refuses what the vendor's page names, digits, and what is no text.
func legalName(name string) bool {
	if name == "" || !utf8.ValidString(name) {
		return false
	}
	return !strings.ContainsFunc(name, func(c rune) bool {
		return unicode.IsDigit(c) || unicode.IsControl(c)
	})
}

// legalMaskedName is a digest with the rest of the name behind it; a name of one
// character has no rest.
func legalMaskedName(name string) bool {
	if len(name) < 2*md5.Size || !md5Digest.MatchString(name[:2*md5.Size]) {
		return false
	}
	rest := name[2*md5.Size:]
	return rest == "" || legalName(rest)
}

// legalNumber wants 18 characters, a date of the calendar and the check
// character of ISO 7064 MOD 11-2.
func legalNumber(number string) bool {
	if !plainNumber.MatchString(number) {
		return false
	}
	if _, err := time.Parse("20060102", number[6:14]); err != nil {
		return false
	}
	sum := 0 // of all but the last by Horner's rule
	for _, digit := range number[:17] {
		sum = (sum + int(digit-'0')) * 2 % 11
	}
	return "10X98765432"[sum] == upperX(number)[17]
}

func upperX(number string) string { return strings.Replace(number, "x", "X", 1) }

// mask is the md5 masking of a legal name and number: of the name's first
// character and of the date of birth.
func mask(userName, identifyNum string) person {
	_, first := utf8.DecodeRuneInString(userName)
	return person{
		userName:    md5Hex(userName[:first]) + userName[first:],
		identifyNum: identifyNum[:6] + md5Hex(identifyNum[6:14]) + identifyNum[14:],
	}
}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}
