package id2meta

import "github.com/id2meta/id2meta/internal/identity"

// Problem says what is wrong with a field, in a word for programs. The words are
// stable, but later versions may add new words. docs/personal-data.md lists each
// Problem with its English [ParamError].Reason and its Chinese sentence.
type Problem string

// The problems that a name, a number or both may have. A Problem says what the value
// probably is. Most problems are guesses.
const (
	ProblemEmpty            Problem = "empty"              // no visible character
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
	ProblemEscaped          Problem = "escaped"            // %E5%BC%A0, &#24352;, \u5f20
	ProblemPlaceholder      Problem = "placeholder"        // null, undefined, NaN, 未知 and the like
	ProblemSpreadsheetError Problem = "spreadsheet_error"  // #N/A and the like
)

// The problems that only a name may have.
const (
	ProblemEmoji    Problem = "emoji"     // an emoji or a pictograph
	ProblemSymbol   Problem = "symbol"    // another character that no name has
	ProblemDot      Problem = "dot"       // a dot at an end, two dots in a row, or another sign instead of the dot
	ProblemNoLetter Problem = "no_letter" // only dots or other signs
	ProblemTooLong  Problem = "too_long"  // more than 100 characters
)

// The problems that only a number may have.
const (
	ProblemNumberFormat      Problem = "number_format"      // not 17 digits and then a digit or X
	ProblemFirstGeneration   Problem = "first_generation"   // 15 digits
	ProblemSpreadsheetNumber Problem = "spreadsheet_number" // 1.10105E+17, or 000 instead of the last three digits
	ProblemLetterForDigit    Problem = "letter_for_digit"   // the letter O instead of 0, or I or l instead of 1
	ProblemBirthDate         Problem = "birth_date"         // a day that does not exist, or a year before 1800
	ProblemFutureBirthDate   Problem = "future_birth_date"  // a day after today in China
	ProblemCheckDigit        Problem = "check_digit"        // the check digit is wrong: the number was probably mistyped
)

// The problems of a program that uses the package in a wrong way. The person who typed
// the field can rarely correct them.
const (
	ProblemParamType           Problem = "param_type"            // the ParamType is unknown, or cannot be used here
	ProblemAlreadyMasked       Problem = "already_masked"        // masked, but must be plaintext
	ProblemAlreadyEncrypted    Problem = "already_encrypted"     // encrypted, but must be plaintext
	ProblemNotEncrypted        Problem = "not_encrypted"         // plaintext in a Param of ParamTypeSM2
	ProblemMaskedNotEncrypted  Problem = "masked_not_encrypted"  // an md5 in a Param of ParamTypeSM2
	ProblemMaskedFormat        Problem = "masked_format"         // not in the form of ParamTypeMD5
	ProblemCiphertextBase64    Problem = "ciphertext_base64"     // not in standard Base64
	ProblemCiphertextHex       Problem = "ciphertext_hex"        // in hex instead of Base64
	ProblemCiphertextShort     Problem = "ciphertext_short"      // too short for a ciphertext
	ProblemCiphertextFirstByte Problem = "ciphertext_first_byte" // does not begin with 0x04
)

// Chinese returns a Chinese sentence for the person who typed the field. The sentence
// depends only on e.Field and e.Problem, and never holds the value. For an unknown
// Problem, Chinese returns a general sentence about the field.
func (e *ParamError) Chinese() string {
	return identity.Chinese(e.Field, identity.Problem(e.Problem))
}

func newParamError(field string, problem identity.Problem) *ParamError {
	return &ParamError{Field: field, Problem: Problem(problem), Reason: identity.Reason(field, problem)}
}
