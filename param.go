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
	// [github.com/id2meta/id2meta/sm2param] makes such Params. It is experimental:
	// the format has not been tried against the live service. Programs that do not
	// import sm2param do not compile the cipher.
	ParamTypeSM2 ParamType = "sm2"
)

// Param is the person to verify. Its zero ParamType means plaintext:
//
//	id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"}
//
// # Names
//
// Verify sends UserName as [Param.Normalize] returns it. What looks the same is
// the same person:
//
//   - What cannot be seen is dropped: zero-width characters, byte order marks,
//     direction marks, variation selectors (Unicode's
//     Default_Ignorable_Code_Point).
//   - White space at the ends, between two ideographs and beside the middle dot is
//     dropped. Between other words it becomes one plain space.
//   - Other spellings of an ideograph become the ideograph: radicals (⾼, which
//     PDFs produce, becomes 高) and compatibility ideographs. Nine compatibility
//     ideographs with a GBK code of their own stay, because a register may hold
//     them.
//   - The dot in 阿依古丽·买买提 is U+00B7, by notice 民委发〔2016〕33号 of twelve
//     ministries, the Ministry of Public Security among them. Between two
//     ideographs, the full stop and each sign that people type for the dot become
//     U+00B7. Between an ideograph and a letter the full stop stays, and the other
//     signs become U+00B7. Between two letters nothing changes.
//   - Full-width letters become ASCII. Dashes become the hyphen, and typographic
//     apostrophes become the ASCII apostrophe.
//
// A name has up to 100 characters: letters, combining marks, private-use
// characters, ideographs that are newer than Go's Unicode tables, and the middle
// dot between them. A name in an alphabet may also have spaces, full stops,
// commas, hyphens and apostrophes (J. O'NEILL-SMITH). Anything else is a
// *[ParamError], whose [Problem] says what the name probably is.
//
// Names that can be read in two ways are sent as they are: a name in which every
// character is an ideograph (张某 may be a name), and an accent as a character of
// its own.
//
// # Numbers
//
// A plaintext IdentifyNum is an 18-character resident ID number, or that of a
// residence permit for Hong Kong, Macao and Taiwan residents: 17 digits, of
// which eight are a birth date that exists and is not in the future in China,
// and the check digit of ISO 7064 MOD 11-2. White space, hyphens and dashes
// between the digits are dropped. Full-width digits become ASCII. The last
// character may be any that looks like an X.
//
// The service does not support numbers of 15 digits (first generation). The
// permanent residence card for foreigners has had a number of 18 digits that
// begins with 9 since 2023. Such a number is sent. Whether the authoritative
// source knows it has not been published: the verdict may be "no record".
//
// # Masked and encrypted
//
// A Param of [ParamTypeMD5] must have the form that [MD5Param] makes. The rest of
// the name is folded as a plaintext name is. Nobody knows the first character, so
// a dot behind it stays as it is.
//
// A UserName or IdentifyNum of [ParamTypeSM2] is a ciphertext of at least 98
// bytes (0x04, C1 of 64, C2 as long as the plaintext, C3 of 32) in standard
// Base64, with padding and without line breaks. Only that shape can be checked
// here, not who is encrypted.
//
// # Rare ideographs
//
// Some ideographs stand in the police's data as private-use characters, because
// they once had no code point of their own: 䶮, now U+4DAE, as U+E863. The source
// compares code points, so the two are different names. Huawei Cloud says so of
// the same check (support.huaweicloud.com/api-ivs, page "校验信息说明") and
// advises to try the other character. This has not been tried against this
// service. After a mismatch of such a name, ask again with the standard code point
// in the place of the private one, or the other way round. Each try is billed.
// This package has no table of such pairs: the caller must know them.
//
// # What is shown
//
// A Param never shows the person. The verbs of fmt, log/slog, and the JSON, text
// and XML encoders show *** for a field that is set, and nothing for an empty
// field. To queue or store a person, copy the fields to a type of your own.
//
// A type in Go cannot close every way to its fields. These remain: the verbs %w
// (go vet refuses it) and %p, a Param in an unexported field of a struct that is
// printed whole, and reflection, as in encoding/gob and in assertions of tests.
type Param struct {
	ParamType   ParamType // default: ParamTypeNormal
	UserName    string
	IdentifyNum string
}

// Validate reports whether p can be verified. It sends nothing. Its error is a
// *[ParamError], in which errors.Is finds [ErrInvalidParam]. A valid Param need
// not be a person who exists. Verify validates every Param itself. Validate is for
// a form that says at once what is wrong.
func (p Param) Validate() error {
	_, err := p.Normalize()
	return err
}

// Normalize returns p as Verify sends it, with ParamType filled in; the sections
// of [Param] say what is folded. Use the result wherever a Param is a key, in a
// cache or of a counter: the same person is then the same key, however the person
// typed name and number. To normalize twice changes nothing.
//
// For an invalid p, Normalize returns the zero Param and a *[ParamError].
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

// String returns p without the person. It shows which fields are set:
//
//	{ParamType:md5 UserName:*** IdentifyNum:}
func (p Param) String() string { return fmt.Sprintf("%+v", shown(p.redact())) }

// Format implements [fmt.Formatter]. Every verb writes p.String(), and %#v its
// form in Go. With String alone, %d and other verbs would print the bare fields.
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

// DisplayUserName returns userName for people's eyes: its first character and a
// star for each that follows, 张* for 张三. Of a name of one character or none, and
// of what is no name, such as a number, it shows only stars. The result has at
// most 100 characters and no invisible character.
//
// The result is for display only. Do not send it: Validate refuses it. It does
// not protect a person from somebody who knows something about the person and
// guesses.
func DisplayUserName(userName string) string { return identity.DisplayName(userName) }

// DisplayIdentifyNum returns identifyNum for people's eyes, without the date of
// birth: 110105********002X. Of what does not have the form of an 18-character
// number it shows only stars.
//
// The result is for display only. Do not send it: Validate refuses it. It does not
// protect the date of birth from guessing: a century has 36,525 days, and the
// check digit leaves one in eleven of them.
func DisplayIdentifyNum(identifyNum string) string { return identity.DisplayNumber(identifyNum) }
