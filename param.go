package id2meta

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/id2meta/id2meta/internal/identity"
	"github.com/id2meta/id2meta/internal/redact"
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
// letter. Ideographs that are newer than Go's Unicode tables, private-use
// characters and spaces inside (JOHN SMITH) are accepted and sent as they are.
// Digits, asterisks, other white space, U+FFFD, control, invisible and
// unassigned characters are not.
//
// The dot in 阿依古丽·买买提 is U+00B7, by notice 民委发〔2016〕33号 of twelve
// ministries, the Ministry of Public Security among them. People type others:
// between two ideographs, each of • ‧ ∙ ⋅ ・ ･ ． and the full stop is sent as
// U+00B7. Any other dot is sent as it is typed: beside a Latin letter
// (J. SMITH), at an end, beside a space, and of two in a row, of which nobody
// can know what was meant. In a masked name the first character is not known,
// so a dot behind it stays, too.
//
// A UserName or IdentifyNum of [ParamTypeSM2] is a ciphertext of at least 98
// bytes (0x04, C1 of 64, C2 as long as the plaintext, C3 of 32) in standard
// Base64, with padding and without line breaks. Only that shape can be checked
// here, not who is encrypted.
//
// # Rare ideographs
//
// Some ideographs stand in the police's data as private-use characters, from a
// time in which they had no code point of their own: 䶮, now U+4DAE, as U+E863.
// Code points are compared there, so that the two are different names, says
// Huawei Cloud of the same check (support.huaweicloud.com/api-ivs, page
// "校验信息说明"), and advises to try the other; it has not been tried against
// this service. So after a mismatch of such a name, ask again with the standard
// code point in the place of the private one, or the other way round. Each try is
// billed. Which two are the same ideograph is for the caller to know: there is no
// table of them here.
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
// around the fields removed, each dot between two ideographs of UserName as
// U+00B7, IdentifyNum in ASCII and with a capital X. Use it wherever a Param is a
// key, in a cache or to count attempts: then the same person is the same key,
// however they typed themselves. To normalize twice changes nothing.
//
// An invalid p gives the zero Param and a *[ParamError].
func (p Param) Normalize() (Param, error) {
	var form identity.Form
	switch p.ParamType {
	case "", ParamTypeNormal:
		p.ParamType, form = ParamTypeNormal, identity.Plain
	case ParamTypeMD5:
		form = identity.Masked
	case ParamTypeSM2:
		form = identity.Encrypted
	default:
		return Param{}, newParamError("ParamType", identity.ParamType)
	}
	var problem identity.Problem
	if p.UserName, problem = identity.Name(p.UserName, form); problem != "" {
		return Param{}, newParamError("UserName", problem)
	}
	if p.IdentifyNum, problem = identity.Number(p.IdentifyNum, form, time.Now); problem != "" {
		return Param{}, newParamError("IdentifyNum", problem)
	}
	return p, nil
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
		p.ParamType = redact.Mark
	}
	if p.UserName != "" {
		p.UserName = redact.Mark
	}
	if p.IdentifyNum != "" {
		p.IdentifyNum = redact.Mark
	}
	return p
}

// DisplayUserName returns userName for people's eyes: its first character and a star
// for each that follows, 张* for 张三. It shows only stars of a name of one
// character or none, and of what is no name, such as a number. It has at most 100
// characters, and none that is invisible.
//
// It is for display only and never to be sent: Validate refuses it. It protects
// nobody from being guessed by those who know something of them.
func DisplayUserName(userName string) string { return identity.DisplayName(userName) }

// DisplayIdentifyNum returns identifyNum for people's eyes, without the date of
// birth: 110105********002X. It shows only stars of what has not the form of an
// 18-character number. Like what DisplayUserName returns, it is never to be sent, and
// no protection against guessing: a century has 36,525 birth dates, and the check
// digit leaves one in eleven of them.
func DisplayIdentifyNum(identifyNum string) string { return identity.DisplayNumber(identifyNum) }
