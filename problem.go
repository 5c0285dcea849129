package id2meta

import "github.com/id2meta/id2meta/internal/identity"

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
