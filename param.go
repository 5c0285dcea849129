package id2meta

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// ParamType says how the person in a [Param] is written. The vendor's API page
// ("身份二要素核验 · 纯服务端(API)接入") defines the values.
type ParamType string

const (
	// ParamTypeNormal is plaintext, which TLS alone protects on its way. The
	// zero ParamType means the same.
	ParamTypeNormal ParamType = "normal"

	// ParamTypeMD5 is a masked person, as [MD5Param] makes it.
	ParamTypeMD5 ParamType = "md5"

	// ParamTypeSM2 is a person encrypted under a public key of the vendor, whose
	// page "参数加密说明" describes it. Package
	// [github.com/id2meta/id2meta/sm2param] makes such Params; that one compiles
	// the cipher, and this package does not. Each field is encrypted whole; this
	// is how the vendor's page is read, and it has not been tried against the
	// live service.
	ParamTypeSM2 ParamType = "sm2"
)

// Param is the person to verify. Its zero ParamType means plaintext:
//
//	id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"}
//
// # What is accepted
//
// White space around UserName and IdentifyNum is ignored. IdentifyNum may have
// full-width digits, and x for X. [Param.Normalize] says what is then sent.
//
// A plaintext IdentifyNum is an 18-character resident ID number, or that of a
// residence permit for Hong Kong, Macao and Taiwan residents: 17 digits, of
// which eight are a birth date that exists and is not in the future in China,
// and the check digit of ISO 7064 MOD 11-2. Numbers of 15 digits (first
// generation) are not supported by the service.
//
// A plaintext UserName is up to 100 characters of UTF-8 with at least one
// letter. Ideographs that are newer than Go's Unicode tables, every form of the
// middle dot (阿依古丽·买买提) and spaces inside (JOHN SMITH) are accepted and
// sent as they are. Digits, asterisks, private-use characters, other white
// space, control and invisible characters are not.
//
// A UserName or IdentifyNum of [ParamTypeSM2] is a ciphertext of at least 98
// bytes (0x04, C1 of 64, C2 as long as the plaintext, C3 of 32) in standard
// Base64, with padding and without line breaks. Only that shape can be checked
// here, not who is encrypted.
//
// # What is shown
//
// A Param never shows the person: every verb of fmt that suits it, log/slog and
// JSON, text and XML encoders show *** for a field that is set and nothing for
// one that is empty. To queue or store a person, copy the fields to a type of
// your own. Some ways to the bare fields remain, which Go lets no type close:
// the verbs %w (go vet refuses it) and %p, a Param in an unexported field of a
// struct that is printed whole, and reflection, such as encoding/gob's and that
// of assertions in tests.
type Param struct {
	ParamType   ParamType // default: ParamTypeNormal
	UserName    string
	IdentifyNum string
}

// Validate reports, without asking anybody, whether p can be verified. Its
// error is a *[ParamError], for which errors.Is finds [ErrInvalidParam]. A Param
// that is valid need not exist. Verify validates every Param itself; Validate is
// for a form that wants to say at once what is wrong.
func (p Param) Validate() error {
	_, err := p.Normalize()
	return err
}

// Normalize returns p as Verify sends it: ParamType filled in, white space
// around the fields removed, IdentifyNum in ASCII and with a capital X. Use it
// wherever a Param is a key, in a cache or to count attempts: then the same
// person is the same key, however they typed themselves. To normalize twice
// changes nothing.
//
// An invalid p gives the zero Param and a *[ParamError].
func (p Param) Normalize() (Param, error) { return p.normalize(time.Now) }

// normalize has the clock as an argument for the sake of tests.
func (p Param) normalize(now func() time.Time) (Param, error) {
	var err error
	switch p.ParamType {
	case "", ParamTypeNormal:
		p.ParamType = ParamTypeNormal
		if p.UserName, err = normalName(p.UserName); err != nil {
			return Param{}, err
		}
		num, err := parseNumber(p.IdentifyNum, now)
		if err != nil {
			return Param{}, err
		}
		if p.IdentifyNum != string(num[:]) { // most are normal: do not allocate
			p.IdentifyNum = string(num[:])
		}
	case ParamTypeMD5:
		if p.UserName, err = maskedName(p.UserName); err != nil {
			return Param{}, err
		}
		if p.IdentifyNum, err = maskedNumber(p.IdentifyNum); err != nil {
			return Param{}, err
		}
	case ParamTypeSM2:
		if p.UserName, err = encryptedName(p.UserName); err != nil {
			return Param{}, err
		}
		if p.IdentifyNum, err = encryptedNumber(p.IdentifyNum); err != nil {
			return Param{}, err
		}
	default:
		return Param{}, &ParamError{"ParamType", reasonType}
	}
	return p, nil
}

// The reasons are constants so that none can hold a part of a value.
const (
	reasonType = `it must be "normal", "md5" or "sm2"`

	reasonEmpty    = "it is empty"
	reasonNotUTF8  = "it is not valid UTF-8 (is it GBK?)"
	reasonDamaged  = "it contains U+FFFD, which stands for text that was decoded wrongly"
	reasonStars    = "it contains an asterisk, so it was redacted for display"
	reasonSpace    = "it contains white space other than the plain space"
	reasonHidden   = "it contains a control, invisible or unassigned character"
	reasonMasked   = "it is masked already; a masked person needs ParamTypeMD5"
	reasonLong     = "it is longer than any name"
	reasonDigits   = "it contains digits, which the service does not accept in a name"
	reasonPrivate  = "it contains a private-use character; use the standard code point of the ideograph"
	reasonNoLetter = "it contains no letter"
	reasonIsNumber = "it is an ID number (UserName and IdentifyNum seem to be swapped)"

	reasonIsName     = "it is a name (UserName and IdentifyNum seem to be swapped)"
	reasonFirstGen   = "it has 15 digits (first generation), which the service does not support"
	reasonNumber     = "it must be 17 digits and then a digit or X, without spaces or hyphens"
	reasonDate       = "digits 7 to 14 are not a birth date (YYYYMMDD)"
	reasonFuture     = "the birth date is in the future"
	reasonCheckDigit = "the check digit is wrong"

	reasonEncrypted = "it is encrypted already; an encrypted person needs ParamTypeSM2"
	reasonPlain     = "it is not encrypted; package sm2param encrypts it"
	reasonNotSM2    = "it is masked by md5, not encrypted; package sm2param encrypts plaintext"
	reasonBase64    = "it must be a ciphertext in standard Base64, with padding and without line breaks"
	reasonHex       = "it is in hex; a ciphertext must be in standard Base64, with padding"
	reasonShort     = "its ciphertext is shorter than 98 bytes (0x04, C1 of 64, C2 of at least 1, C3 of 32)"
	reasonFirstByte = "its ciphertext does not begin with 0x04 (an uncompressed C1, then C2 and C3, not in ASN.1)"
)

func badName(reason string) error   { return &ParamError{"UserName", reason} }
func badNumber(reason string) error { return &ParamError{"IdentifyNum", reason} }

// maxNameLen, in characters, is several times the longest name that a card has
// room for. It stops a document that was pasted into the wrong field.
const maxNameLen = 100

// normalName returns a plaintext name as it is sent.
func normalName(s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", badName(reasonEmpty)
	}
	hasLetter, reason := scanName(s)
	switch {
	case reason == "" && !hasLetter:
		return "", badName(reasonNoLetter)
	case reason == "":
		return s, nil
	case isNumber(s):
		return "", badName(reasonIsNumber)
	case len(s) >= md5Len && isHex(s[:md5Len]):
		return "", badName(reasonMasked)
	case whyNotEncrypted(s) == "":
		return "", badName(reasonEncrypted)
	}
	return "", badName(reason)
}

// scanName says why s cannot be a name, or the rest of a masked one, or "".
func scanName(s string) (hasLetter bool, reason string) {
	if len(s) > maxNameLen && utf8.RuneCountInString(s) > maxNameLen {
		return false, reasonLong
	}
	for i, r := range s {
		switch {
		case '\u4E00' <= r && r <= '\u9FFF', 'A' <= r && r <= 'Z', 'a' <= r && r <= 'z':
			hasLetter = true // nearly every name is made of these: skip the tables
		case r == ' ':
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			return false, reasonNotUTF8
		case r == utf8.RuneError:
			return false, reasonDamaged
		case unicode.Is(unicode.Nd, r): // not 〇, which names have
			return false, reasonDigits
		case r == '*' || r == '＊':
			return false, reasonStars
		case unicode.IsSpace(r):
			return false, reasonSpace
		case unicode.Is(unicode.Co, r):
			return false, reasonPrivate
		case isHidden(r):
			return false, reasonHidden
		default:
			hasLetter = hasLetter || unicode.IsLetter(r) || isIdeographic(r)
		}
	}
	return hasLetter, ""
}

// isHidden finds what is neither seen nor known, the blank letters U+115F and
// U+3164 and variation selectors included.
func isHidden(r rune) bool {
	return !unicode.IsGraphic(r) && !isIdeographic(r) ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// isIdeographic reports whether r is in the planes that Unicode reserves for
// ideographs. Those added after Go's tables (Unicode 15.0) are unassigned for
// package unicode, yet many were added because people have them in their names.
func isIdeographic(r rune) bool {
	return 0x20000 <= r && r <= 0x3FFFD && r&0xFFFE != 0xFFFE
}

// number is a valid, normalized, plaintext IdentifyNum. It is no string, so
// that masking allocates nothing but its result.
type number [18]byte

func (n *number) area() []byte  { return n[:6] }
func (n *number) birth() []byte { return n[6:14] }
func (n *number) tail() []byte  { return n[14:] }

func parseNumber(s string, now func() time.Time) (num number, err error) {
	s = strings.TrimSpace(s)
	if !foldNumber(num[:], s) || !isDigits(num[:17]) || !isDigits(num[17:]) && num[17] != 'X' {
		return number{}, badNumber(whyNoNumber(s))
	}
	if reason := checkBirth(num.birth(), now); reason != "" {
		return number{}, badNumber(reason)
	}
	// ISO 7064 MOD 11-2, with 10 written as X. 18 doublings cannot overflow.
	sum := 0
	for _, c := range num[:17] {
		sum = (sum + int(c-'0')) * 2
	}
	check := int(num[17] - '0')
	if num[17] == 'X' {
		check = 10
	}
	if (sum+check)%11 != 1 {
		return number{}, badNumber(reasonCheckDigit)
	}
	return num, nil
}

// foldNumber copies s to dst in ASCII and with a capital X. It reports whether
// s could be so written and has as many characters as dst.
func foldNumber(dst []byte, s string) bool {
	n := 0
	for _, r := range s {
		switch {
		case '０' <= r && r <= '９':
			r -= '０' - '0'
		case r == 'x' || r == 'Ｘ' || r == 'ｘ':
			r = 'X'
		case r > unicode.MaxASCII:
			return false
		}
		if n == len(dst) {
			return false
		}
		dst[n] = byte(r)
		n++
	}
	return n == len(dst)
}

// whyNoNumber finds the reason for an s that has not the form of a number.
func whyNoNumber(s string) string {
	_, reason := scanName(s)
	switch {
	case s == "":
		return reasonEmpty
	case reason == "": // no digits in it
		return reasonIsName
	case isFirstGen(s):
		return reasonFirstGen
	case strings.ContainsAny(s, "*＊"):
		return reasonStars
	case len(s) >= 6+md5Len && isHex(s[6:6+md5Len]):
		return reasonMasked
	case whyNotEncrypted(s) == "":
		return reasonEncrypted
	case !utf8.ValidString(s):
		return reasonNotUTF8
	case strings.ContainsFunc(s, isHidden):
		return reasonHidden
	}
	return reasonNumber
}

func isFirstGen(s string) bool {
	var num [15]byte
	return foldNumber(num[:], s) && isDigits(num[:])
}

// isNumber reports whether s has the form of an ID number of any kind.
func isNumber(s string) bool {
	var num number
	return isFirstGen(s) || foldNumber(num[:], s) && isDigits(num[:17]) || isMaskedNumber(s)
}

// checkBirth says why the eight digits are no birth date, or "".
func checkBirth(digits []byte, now func() time.Time) string {
	date := 0
	for _, c := range digits {
		date = date*10 + int(c-'0')
	}
	year, month, day := date/10000, date/100%100, date%100
	// The source has people who were alive in 1949, and some who were then old.
	if year < 1800 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return reasonDate
	}
	// This was written in 2026, so no clock need be asked about the years
	// before; to ask it takes as long as to validate everything else.
	if year >= 2026 {
		// The day changes for everybody when it does in Shanghai. China has no
		// daylight saving time, so no time zone database is needed.
		y, m, d := now().UTC().Add(8 * time.Hour).Date()
		if date > y*10000+int(m)*100+d {
			return reasonFuture
		}
	}
	return ""
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && year%100 != 0 || year%400 == 0 {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// minCiphertext is the length of what SM2 makes of one byte: 0x04, the two
// coordinates of C1, C2, C3.
const minCiphertext = 1 + 2*32 + 1 + 32

// strictBase64 wants the bits after the last byte to be zero. It skips line
// breaks all the same.
var strictBase64 = base64.StdEncoding.Strict()

// whyNotEncrypted says why s is not a ciphertext as the service takes it, or "".
// Whether C1 is a point of the curve only the cipher's package could tell.
func whyNotEncrypted(s string) string {
	if s == "" {
		return reasonEmpty
	}
	ciphertext, err := strictBase64.DecodeString(s)
	switch {
	case err == nil && len(ciphertext) >= minCiphertext && ciphertext[0] == 0x04 && !strings.ContainsAny(s, "\r\n"):
		return ""
	case isHex(s): // nearly all of it is Base64, too
		return reasonHex
	case err != nil || strings.ContainsAny(s, "\r\n"):
		return reasonBase64
	case len(ciphertext) < minCiphertext:
		return reasonShort
	}
	return reasonFirstByte
}

// encryptedName returns an encrypted name as it is sent.
func encryptedName(s string) (string, error) {
	s = strings.TrimSpace(s)
	reason := whyNotEncrypted(s)
	if reason == "" {
		return s, nil
	}
	if isNumber(s) {
		return "", badName(reasonIsNumber)
	}
	if _, err := maskedName(s); err == nil {
		return "", badName(reasonNotSM2)
	}
	if _, err := normalName(s); err == nil {
		return "", badName(reasonPlain)
	}
	return "", badName(reason)
}

// encryptedNumber returns an encrypted number as it is sent.
func encryptedNumber(s string) (string, error) {
	s = strings.TrimSpace(s)
	reason := whyNotEncrypted(s)
	if reason == "" {
		return s, nil
	}
	if _, err := maskedNumber(s); err == nil {
		return "", badNumber(reasonNotSM2)
	}
	if isNumber(s) {
		return "", badNumber(reasonPlain)
	}
	if _, err := normalName(s); err == nil {
		return "", badNumber(reasonIsName)
	}
	return "", badNumber(reason)
}

func isDigits[T string | []byte](s T) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// String returns p without the person, for people who look for a mistake:
//
//	{ParamType:md5 UserName:*** IdentifyNum:}
func (p Param) String() string { return fmt.Sprintf("%+v", shown(p.redact())) }

// Format implements [fmt.Formatter]. Every verb writes p.String(), and %#v its
// form in Go: with String alone, %d and others would print the bare fields.
func (p Param) Format(f fmt.State, verb rune) {
	if verb == 'v' && f.Flag('#') {
		p = p.redact()
		fmt.Fprintf(f, "id2meta.Param{ParamType:%q, UserName:%q, IdentifyNum:%q}",
			p.ParamType, p.UserName, p.IdentifyNum)
		return
	}
	fmt.Fprint(f, p.String())
}

// LogValue implements [slog.LogValuer]. It returns a group without the person.
func (p Param) LogValue() slog.Value {
	p = p.redact()
	return slog.GroupValue(slog.String("ParamType", string(p.ParamType)),
		slog.String("UserName", p.UserName), slog.String("IdentifyNum", p.IdentifyNum))
}

// MarshalJSON implements [json.Marshaler]. It leaves the person out, because
// log handlers write the structs that they are given as JSON.
func (p Param) MarshalJSON() ([]byte, error) { return json.Marshal(shown(p.redact())) }

// MarshalText implements [encoding.TextMarshaler], which XML, YAML and TOML
// encoders ask. It returns p.String().
func (p Param) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// shown is a redacted Param without the methods that redact.
type shown Param

func (p Param) redact() Param {
	switch p.ParamType {
	case "", ParamTypeNormal, ParamTypeMD5, ParamTypeSM2:
	default: // three strings in the wrong order put the person here
		p.ParamType = redacted
	}
	if p.UserName != "" {
		p.UserName = redacted
	}
	if p.IdentifyNum != "" {
		p.IdentifyNum = redacted
	}
	return p
}
