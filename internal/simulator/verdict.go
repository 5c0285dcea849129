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

	"github.com/tjfoc/gmsm/sm2"
)

// person is a name and a number in their md5 masking, whichever way they
// arrived: then one comparison serves every ParamType.
type person struct{ userName, identifyNum string }

// registry is the authoritative source: names by number, both masked.
type registry map[string]string

func (r registry) add(p person) { r[p.identifyNum] = p.userName }

// The verdicts, and how [Call].Outcome tells them.
const (
	match    = "1"
	mismatch = "2"
	noRecord = "3"
)

var inWords = map[string]string{match: "match", mismatch: "mismatch", noRecord: "no record"}

func (r registry) verdict(p person) (bizCode string) {
	name, ok := r[p.identifyNum]
	if !ok {
		return noRecord
	}
	if name != p.userName {
		return mismatch
	}
	return match
}

// answer is the API behind the gateway. illegal is what [request.subject] found.
// s.mu is held.
func (s *Simulator) answer(r request, subject person, illegal, requestID string) reply {
	for _, name := range []string{"ParamType", "UserName", "IdentifyNum"} {
		if r.param(name) == "" {
			return apiReply(requestID, "400", "参数不能为空", "")
		}
	}
	if illegal != "" {
		return illegalParam(illegal, requestID, r.Host)
	}
	return apiReply(requestID, "200", "success", s.people.verdict(subject))
}

// illegalParam is Code 401. In a published answer to an illegal number it names
// the field in its message and has the fields of the gateway. Its HTTP status is
// not told, but the client that published it cannot have read it with a status of
// 400 or more. Of the other two fields no answer was found; they are spelled
// alike.
func illegalParam(field, requestID, host string) reply {
	field = strings.ToLower(field[:1]) + field[1:]
	return (&failure{http.StatusOK, "401", "参数非法(" + field + ")"}).reply(requestID, host)
}

// subject returns the person that the request asks about, or else the field that
// is illegal, the first of ParamType, UserName and IdentifyNum. The rules are
// written here once more, and not taken from package id2meta, because they judge
// what that package sends.
func (r request) subject(key func() *sm2.PrivateKey) (subject person, illegal string) {
	userName, identifyNum := r.param("UserName"), r.param("IdentifyNum")
	switch r.param("ParamType") {
	case "normal":
		return plainPerson(userName, identifyNum)
	case "sm2":
		userName, ok := decrypt(key(), userName)
		if !ok {
			return person{}, "UserName"
		}
		identifyNum, ok := decrypt(key(), identifyNum)
		if !ok {
			return person{}, "IdentifyNum"
		}
		return plainPerson(userName, identifyNum)
	case "md5":
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
