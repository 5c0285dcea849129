package id2meta

import "github.com/id2meta/id2meta/internal/identity"

// Problem names what is wrong with a field, in stable words for programs. New
// words may be added. docs/personal-data.md has each Problem with its English
// [ParamError].Reason and its Chinese sentence.
type Problem string

// What may be wrong with a name, a number or both. A Problem says what the value
// probably is; most of them are guesses.
const (
	ProblemEmpty            Problem = "empty"              // nothing that can be seen
	ProblemNotUTF8          Problem = "not_utf8"           // perhaps GBK
	ProblemControlCharacter Problem = "control_character"  // a control character other than white space, or a code point that Unicode does not assign
	ProblemLostCharacter    Problem = "lost_character"     // lost in decoding: 张?, 张� (U+FFFD), ÕÅÈý (GBK that was read as Latin-1)
	ProblemHiddenForDisplay Problem = "hidden_for_display" // 张*, 张○○, 张XX
	ProblemSwapped          Problem = "swapped"            // the name is a number, or the number is a name
	ProblemLabel            Problem = "label"              // 姓名：张三, a heading of a column, or other text beside a number
	ProblemNote             Problem = "note"               // brackets: 张三（已离职）
	ProblemQuotes           Problem = "quotes"             // quotation marks, or an apostrophe at an end, which spreadsheets put before a text
	ProblemTwoPeople        Problem = "two_people"         // 张三、李四
	ProblemDigits           Problem = "digits"             // digits in a name, or digits other than 0 to 9 in a number
	ProblemPlaceholder      Problem = "placeholder"        // null, undefined, NaN and the like
	ProblemSpreadsheetError Problem = "spreadsheet_error"  // #N/A and the like
)

// What may be wrong with a name.
const (
	ProblemEmoji    Problem = "emoji"     // an emoji or a pictograph
	ProblemSymbol   Problem = "symbol"    // another character that no name has
	ProblemEscaped  Problem = "escaped"   // %E5%BC%A0, &#24352;, \u5f20
	ProblemDot      Problem = "dot"       // a dot at an end, two dots in a row, or another sign in the place of the dot
	ProblemNoLetter Problem = "no_letter" // only dots or other signs
	ProblemTooLong  Problem = "too_long"  // more than 100 characters
)

// What may be wrong with a number.
const (
	ProblemNumberFormat      Problem = "number_format"      // not 17 digits and then a digit or X
	ProblemFirstGeneration   Problem = "first_generation"   // 15 digits
	ProblemSpreadsheetNumber Problem = "spreadsheet_number" // 1.10105E+17, or 000 in the place of the last three digits
	ProblemLetterForDigit    Problem = "letter_for_digit"   // the letter O for 0, or I or l for 1
	ProblemBirthDate         Problem = "birth_date"         // no such day, or one before 1800
	ProblemFutureBirthDate   Problem = "future_birth_date"  // after today, in China
	ProblemCheckDigit        Problem = "check_digit"        // most of them are mistyped
)

// What may be wrong with how a program uses the package. The person who typed
// the field can rarely correct this.
const (
	ProblemParamType           Problem = "param_type"            // the ParamType is unknown, or not the right one here
	ProblemAlreadyMasked       Problem = "already_masked"        // plaintext is wanted
	ProblemAlreadyEncrypted    Problem = "already_encrypted"     // plaintext is wanted
	ProblemNotEncrypted        Problem = "not_encrypted"         // plaintext in a Param of ParamTypeSM2
	ProblemMaskedNotEncrypted  Problem = "masked_not_encrypted"  // an md5 in a Param of ParamTypeSM2
	ProblemMaskedFormat        Problem = "masked_format"         // not of the form of ParamTypeMD5
	ProblemCiphertextBase64    Problem = "ciphertext_base64"     // not in standard Base64
	ProblemCiphertextHex       Problem = "ciphertext_hex"        // in hex
	ProblemCiphertextShort     Problem = "ciphertext_short"      // too short for a ciphertext
	ProblemCiphertextFirstByte Problem = "ciphertext_first_byte" // not of the form C1C2C3
)

// Chinese returns a Chinese sentence for the person who typed the field. It
// needs only e.Field and e.Problem, and never holds the value. For a Problem
// that is not known, it is a general sentence about the field.
func (e *ParamError) Chinese() string {
	return identity.Chinese(e.Field, identity.Problem(e.Problem))
}

func newParamError(field string, problem identity.Problem) *ParamError {
	return &ParamError{Field: field, Problem: Problem(problem), Reason: identity.Reason(field, problem)}
}
