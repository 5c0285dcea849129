package simulator

import (
	"crypto/md5"
	"encoding/hex"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/id2meta/id2meta"
)

// person is a name and a number, both masked by md5. The Simulator converts every
// ParamType to this form, so that it can compare all of them.
type person struct{ userName, identifyNum string }

// The verdicts. They are not the constants of package id2meta, because tests must find a
// wrong constant in that package.
const (
	match    = "1"
	mismatch = "2"
	noRecord = "3"
)

// answer returns the answer of the API behind the gateway. illegal is the result of
// [request.subject]. The caller holds s.mu.
func (s *Simulator) answer(r request, subject person, illegal, requestID string) reply {
	for _, name := range []string{"ParamType", "UserName", "IdentifyNum"} {
		if r.param(name) == "" {
			return apiReply(requestID, "400", "参数不能为空", "")
		}
	}
	if illegal != "" {
		return illegalParam(illegal, requestID, r.Host)
	}
	return apiReply(requestID, "200", "success", s.verdict(subject))
}

// verdict returns the verdict on a legal person. The caller holds s.mu.
func (s *Simulator) verdict(p person) id2meta.BizCode {
	name, known := s.people[p.identifyNum]
	switch {
	case s.config.MatchAll, known && name == p.userName:
		return match
	case known:
		return mismatch
	}
	return noRecord
}

// illegalParam returns the answer with Code 401. A published answer to an illegal number
// names the field in its message, and has the fields of the gateway's answers. The
// publication does not tell the HTTP status, but its client could not have read an answer
// with a status of 400 or more. There is no published answer about the other two
// parameters. This package answers in the same way for them.
func illegalParam(field, requestID, host string) reply {
	field = strings.ToLower(field[:1]) + field[1:]
	return (&failure{http.StatusOK, "401", "参数非法(" + field + ")"}).reply(requestID, host)
}

// subject returns the person in the request, or the name of the first illegal parameter:
// ParamType, UserName or IdentifyNum. The rules are not those of package id2meta, because
// they check the requests of that package.
func (r request) subject(decrypt func(string) (string, bool)) (subject person, illegal string) {
	userName, identifyNum := r.param("UserName"), r.param("IdentifyNum")
	switch paramType := r.param("ParamType"); {
	case paramType == "normal":
		return plainPerson(userName, identifyNum)
	case paramType == "sm2" && decrypt != nil:
		userName, ok := decrypt(userName)
		if !ok {
			return person{}, "UserName"
		}
		identifyNum, ok := decrypt(identifyNum)
		if !ok {
			return person{}, "IdentifyNum"
		}
		return plainPerson(userName, identifyNum)
	case paramType == "md5":
		if !legalMaskedName(userName) {
			return person{}, "UserName"
		}
		if !maskedNumber.MatchString(identifyNum) {
			return person{}, "IdentifyNum"
		}
		return person{userName, upperX(identifyNum)}, ""
	}
	return person{}, "ParamType"
}

func plainPerson(userName, identifyNum string) (subject person, illegal string) {
	if !legalName(userName) {
		return person{}, "UserName"
	}
	if !legalNumber(identifyNum) {
		return person{}, "IdentifyNum"
	}
	return mask(userName, upperX(identifyNum)), ""
}

var (
	plainNumber  = regexp.MustCompile(`^\d{17}[\dXx]$`)
	maskedNumber = regexp.MustCompile(`^\d{6}[0-9a-f]{32}\d{3}[\dXx]$`)
	md5Digest    = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// legalName refuses digits, as the vendor's page says, and values that are not text.
func legalName(name string) bool {
	if name == "" || !utf8.ValidString(name) {
		return false
	}
	return !strings.ContainsFunc(name, func(c rune) bool {
		return unicode.IsDigit(c) || unicode.IsControl(c)
	})
}

// legalMaskedName reports whether name is a digest and the rest of a name. The rest is
// empty for a name of one character.
func legalMaskedName(name string) bool {
	if len(name) < 2*md5.Size || !md5Digest.MatchString(name[:2*md5.Size]) {
		return false
	}
	rest := name[2*md5.Size:]
	return rest == "" || legalName(rest)
}

// legalNumber reports whether number has 18 characters, a date that exists and the check
// character of ISO 7064 MOD 11-2.
func legalNumber(number string) bool {
	if !plainNumber.MatchString(number) {
		return false
	}
	if _, err := time.Parse("20060102", number[6:14]); err != nil {
		return false
	}
	sum := 0 // by Horner's rule, without the last character
	for _, digit := range number[:17] {
		sum = (sum + int(digit-'0')) * 2 % 11
	}
	return "10X98765432"[sum] == upperX(number)[17]
}

func upperX(number string) string { return strings.Replace(number, "x", "X", 1) }

// mask masks a legal name and number: the first character of the name and the date
// of birth become their md5.
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
