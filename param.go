package id2meta

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/id2meta/id2meta/internal/identity"
	"github.com/id2meta/id2meta/internal/redact"
)

// ParamType says whether the person in a [Param] is in plaintext, masked or encrypted.
// The vendor's API page ("身份二要素核验 · 纯服务端(API)接入") defines the values.
type ParamType string

const (
	// ParamTypeNormal is plaintext. Only TLS protects it on its way to the service.
	// The zero ParamType means the same.
	ParamTypeNormal ParamType = "normal"

	// ParamTypeMD5 is a masked person, as [MD5Param] returns it.
	ParamTypeMD5 ParamType = "md5"

	// ParamTypeSM2 is a person encrypted under a public key of the vendor, as the
	// vendor's page "参数加密说明" describes. Package
	// [github.com/id2meta/id2meta/sm2param] makes such Params.
	//
	// Experimental: the format has not been tried against the live service.
	ParamTypeSM2 ParamType = "sm2"
)

// Param is the person to verify. Its zero ParamType means plaintext:
//
//	id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"}
//
// # Names
//
// Verify sends UserName in the form that [Param.Normalize] returns. Names that look
// the same become the same name:
//
//   - Invisible characters are dropped: zero-width characters, byte order marks,
//     direction marks, variation selectors (Unicode's
//     Default_Ignorable_Code_Point).
//   - White space is dropped at the ends, between two ideographs, and beside the
//     middle dot. Between other words it becomes one space.
//   - Other code points for an ideograph become the ideograph: radicals (⾼, which
//     PDFs produce, becomes 高) and compatibility ideographs. Nine compatibility
//     ideographs that have a GBK code stay, because a register may hold them.
//   - The dot in 阿依古丽·买买提 is U+00B7, as notice 民委发〔2016〕33号 of twelve
//     ministries demands. Between two ideographs, the full stop and each sign that
//     people type for the dot become U+00B7. Between an ideograph and a letter of an
//     alphabet, the full stop stays, and the other signs become U+00B7. Between two
//     letters of an alphabet, nothing changes.
//   - In a name with an ideograph, kana and bopomofo that look like an ideograph become
//     the ideograph: 张ニ becomes 张二.
//   - Full-width letters become ASCII letters. Dashes become the hyphen, and
//     typographic apostrophes become the ASCII apostrophe.
//
// A name has at most 100 characters. It is made of letters, combining marks,
// private-use characters, ideographs that are newer than Go's Unicode tables, and
// middle dots between them. Beside an ideograph stands an ideograph, a dot or nothing:
// 卡尔·A·马克思, but not 张A. A name in an alphabet may also have spaces, full stops,
// commas, hyphens and apostrophes (J. O'NEILL-SMITH). A field of more than 800 bytes is
// refused before anything else is done with it. Any other name is refused with a
// *[ParamError], whose [Problem] says what the value probably is.
//
// Some names are sent without a check, because they may be real names: a name of
// ideographs only (张某 may be a name), and a name with an accent as a separate
// character.
//
// # Numbers
//
// A plaintext IdentifyNum is the 18-character number of a resident ID card, or of a
// residence permit for Hong Kong, Macao and Taiwan residents. It has 17 digits and a
// check digit (ISO 7064 MOD 11-2). Digits 7 to 14 are a birth date (YYYYMMDD) that
// exists, is not before 1800, and is not in the future in China. White space, hyphens
// and dashes between the digits are dropped. Full-width digits become ASCII digits. A
// last character that looks like an X becomes X.
//
// The service does not support numbers of 15 digits (first generation). Since 2023
// the permanent residence card for foreigners has a number of 18 digits that begins
// with 9. This package accepts such a number. The vendor does not publish whether the
// authoritative source knows it: the verdict may be "no record".
//
// # Masked and encrypted
//
// A Param of [ParamTypeMD5] must have the form that [MD5Param] returns. The part of
// the name after the md5 is folded like a plaintext name. The first character is not
// known, so a full stop after it stays.
//
// In a Param of [ParamTypeSM2], UserName and IdentifyNum are ciphertexts of at least
// 98 bytes (0x04, C1 of 64 bytes, C2 as long as the plaintext, C3 of 32 bytes) in
// standard Base64, with padding and without line breaks. This package can check only
// the form of a ciphertext, not the encrypted person.
//
// # Rare ideographs
//
// The data of the police hold some ideographs as private-use characters, because
// these ideographs had no code point in the past. For example, 䶮 is now U+4DAE and was
// U+E863. The source compares code points, so the two spellings are different names.
// Huawei Cloud says so about the same check (support.huaweicloud.com/api-ivs, page
// "校验信息说明"), and advises to try the other spelling. This has not been tried
// against this service. After a mismatch of such a name, you can verify the other
// spelling. Each call is billed. This package has no table of such characters: the
// caller must know them.
//
// # Formatting
//
// A Param never shows the person. The verbs of fmt, log/slog, and the JSON, text
// and XML encoders write *** for a field that is set, and nothing for an empty
// field. To queue or store a person, copy the fields to a type of your own.
//
// In Go a type cannot hide its fields in every case. These exceptions remain: the
// verbs %w (go vet refuses it) and %p, a Param in an unexported field of a struct that
// is printed whole, and reflection, as in encoding/gob and in assertions of tests.
type Param struct {
	ParamType   ParamType // default: ParamTypeNormal
	UserName    string
	IdentifyNum string
}

// Validate returns a *[ParamError] if p cannot be verified. It sends nothing. A valid
// Param need not be a person who exists. Verify validates every Param itself: Validate
// is for programs that want to tell the user early what is wrong.
func (p Param) Validate() error {
	_, err := p.Normalize()
	return err
}

// Normalize returns p in the form that Verify sends, with ParamType filled in. The
// documentation of [Param] says what is folded. Use the result as the key of a cache
// or of a counter: then the same person has the same key, however the person typed
// name and number. Normalizing twice gives the same result as normalizing once.
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

// Format implements [fmt.Formatter]. The verb %#v writes Go syntax without the person,
// and every other verb writes p.String().
func (p Param) Format(f fmt.State, verb rune) {
	if verb == 'v' && f.Flag('#') {
		p = p.redact()
		fmt.Fprintf(f, "id2meta.Param{ParamType:%q, UserName:%q, IdentifyNum:%q}",
			p.ParamType, p.UserName, p.IdentifyNum)
		return
	}
	fmt.Fprint(f, p.String())
}

// LogValue implements [slog.LogValuer]. It returns a group of the three fields without
// the person.
func (p Param) LogValue() slog.Value {
	p = p.redact()
	return slog.GroupValue(slog.String("ParamType", string(p.ParamType)),
		slog.String("UserName", p.UserName), slog.String("IdentifyNum", p.IdentifyNum))
}

// MarshalJSON implements [json.Marshaler]. It writes the three fields without the
// person, because log handlers write structs as JSON.
func (p Param) MarshalJSON() ([]byte, error) { return json.Marshal(shown(p.redact())) }

// MarshalText implements [encoding.TextMarshaler] for XML, YAML and TOML encoders. It
// returns p.String().
func (p Param) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// shown is a redacted Param without the methods that redact.
type shown Param

func (p Param) redact() Param {
	switch p.ParamType {
	case "", ParamTypeNormal, ParamTypeMD5, ParamTypeSM2:
	default: // a caller who mixes up the three fields puts the person here
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

// DisplayUserName returns userName in a form for a screen: the first character of the
// name as it is sent, and an asterisk for each following character. 张三 becomes 张*. An empty name, a name of one
// character, and a value that is not a name become asterisks only. The result has at
// most 100 characters and no invisible character.
//
// The result is for display only. Do not send it: Validate refuses it. Somebody who
// knows something about the person may guess the name.
func DisplayUserName(userName string) string { return identity.DisplayName(userName) }

// DisplayIdentifyNum returns identifyNum in a form for a screen, without the date of
// birth: 110105********002X. A value that does not have the form of an 18-character
// number becomes asterisks only.
//
// The result is for display only. Do not send it: Validate refuses it. The result does
// not keep anybody from guessing the date of birth: a century has 36,525 days, and the
// check digit excludes ten in eleven of them.
func DisplayIdentifyNum(identifyNum string) string { return identity.DisplayNumber(identifyNum) }

// ParamError says which field of a [Param] cannot be verified, and why. A ParamError
// never holds the value of the field. errors.Is finds [ErrInvalidParam] in a
// ParamError.
type ParamError struct {
	Field   string  // "ParamType", "UserName" or "IdentifyNum"
	Problem Problem // for programs
	Reason  string  // a short English phrase, for people; it may change
}

func newParamError(field string, problem identity.Problem) *ParamError {
	return &ParamError{Field: field, Problem: Problem(problem), Reason: identity.Reason(field, problem)}
}

func (e *ParamError) Error() string {
	return "id2meta: invalid " + e.Field + ": " + e.Reason
}

// Is reports whether target is [ErrInvalidParam].
func (e *ParamError) Is(target error) bool { return target == ErrInvalidParam }

// Chinese returns a Chinese sentence for the person who typed the field. The sentence
// depends only on e.Field and e.Problem, and never holds the value. For an unknown
// Problem, Chinese returns a general sentence about the field.
func (e *ParamError) Chinese() string {
	return identity.Chinese(e.Field, identity.Problem(e.Problem))
}

// Problem says what is wrong with a field, in a word for programs. The words are
// stable, but later versions may add new words. docs/personal-data.md lists every
// Problem with its English [ParamError].Reason and its Chinese sentence. The constants
// are the problems on which a program may act. A Problem says what the value probably
// is. Most problems are guesses.
type Problem string

// The problems on which a program may act.
const (
	ProblemEmpty             Problem = "empty"              // no visible character
	ProblemSwapped           Problem = "swapped"            // the name is a number, or the number is a name
	ProblemLostCharacter     Problem = "lost_character"     // lost in decoding: 张?, 张� (U+FFFD), ÕÅÈý (GBK that was read as Latin-1)
	ProblemHiddenForDisplay  Problem = "hidden_for_display" // 张*, 张○○, 张XX
	ProblemFirstGeneration   Problem = "first_generation"   // a number of 15 digits
	ProblemSpreadsheetNumber Problem = "spreadsheet_number" // 1.10105E+17, or 000 instead of the last three digits
	ProblemBirthDate         Problem = "birth_date"         // a day that does not exist, or a year before 1800
	ProblemCheckDigit        Problem = "check_digit"        // the number was probably mistyped
	ProblemParamType         Problem = "param_type"         // the ParamType is unknown, or cannot be used here: a mistake of the program
)
