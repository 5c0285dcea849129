package identity

import "slices"

// Problem says what is wrong with a field, in a stable word for programs. The root
// package has constants for some of the words.
type Problem string

// The problems.
const (
	Empty            Problem = "empty"
	ParamType        Problem = "param_type"
	NotUTF8          Problem = "not_utf8"
	ControlCharacter Problem = "control_character"
	LostCharacter    Problem = "lost_character"
	HiddenForDisplay Problem = "hidden_for_display"
	Swapped          Problem = "swapped"
	Label            Problem = "label"
	Note             Problem = "note"
	Quotes           Problem = "quotes"
	TwoPeople        Problem = "two_people"
	Digits           Problem = "digits"
	Emoji            Problem = "emoji"
	Symbol           Problem = "symbol"
	Escaped          Problem = "escaped"
	Placeholder      Problem = "placeholder"
	SpreadsheetError Problem = "spreadsheet_error"

	Dot          Problem = "dot"
	MixedLetters Problem = "mixed_letters"
	NoLetter     Problem = "no_letter"
	TooLong      Problem = "too_long"

	NumberFormat      Problem = "number_format"
	FirstGeneration   Problem = "first_generation"
	SpreadsheetNumber Problem = "spreadsheet_number"
	LetterForDigit    Problem = "letter_for_digit"
	BirthDate         Problem = "birth_date"
	FutureBirthDate   Problem = "future_birth_date"
	CheckDigit        Problem = "check_digit"

	AlreadyMasked    Problem = "already_masked"
	AlreadyEncrypted Problem = "already_encrypted"
	NotEncrypted     Problem = "not_encrypted"
	MaskedFormat     Problem = "masked_format"
	CiphertextFormat Problem = "ciphertext_format"
)

// The names of the fields in the API.
const (
	UserName    = "UserName"
	IdentifyNum = "IdentifyNum"
)

// signs lists characters that no name has, with the Problem that each indicates. Names
// are folded before, so signs need not list full-width characters. problemOf judges
// other characters by their Unicode category.
var signs = [...]struct {
	characters string
	problem    Problem
}{
	{"?\uFFFD\uFFFC〓☒¡¢£¤¥¦§¨©¬®¯±¶¸¼½¾¿÷€†‡‰™", LostCharacter}, // from ¡ on: UTF-8 or GBK that was read as Latin-1
	{"*﹡⁎∗✱✲٭○◯◎⭕⚪×✕✖✗✘⨯⨉╳☓❌□☐▢◻■◼⬜⬛█▇▓▒░◇◆△▲☆★※_…⋯‥#", HiddenForDisplay},
	{"\"`„‟〝〞〟「」『』﹁﹂﹃﹄", Quotes},
	{"<>", Note},
	{":∶︰﹕꞉=", Label},
	{",、､﹐﹑;﹔/⁄∕|&+", TwoPeople},
	{"%\\", Escaped},
	{"。｡~", Dot}, // people type them instead of the dot
}

// Text explains a Problem to people. No Text holds a part of a value.
type Text struct {
	Problem Problem
	Field   string // UserName or IdentifyNum; "" if the Text fits every field
	Reason  string // an English phrase, for developers
	Chinese string // a sentence for the person who typed the field
}

// texts has one Text for each Problem of each field that can have it.
var texts = [...]Text{
	{Empty, UserName, "it is empty", "请填写姓名。"},
	{Empty, IdentifyNum, "it is empty", "请填写身份证号。"},
	{ParamType, "", `it must be "normal", "md5" or "sm2"`, "系统设置有误，请联系客服。"},
	{NotUTF8, UserName, "it is not valid UTF-8 (is it GBK?)", "姓名的文字编码有误，请重新输入。"},
	{NotUTF8, IdentifyNum, "it is not valid UTF-8 (is it GBK?)", "身份证号的文字编码有误，请重新输入。"},
	{ControlCharacter, UserName, "it contains a control character or an unassigned code point", "姓名中有无法识别的字符，请重新输入。"},
	{ControlCharacter, IdentifyNum, "it contains a control character or an unassigned code point", "身份证号中有无法识别的字符，请重新输入。"},
	{LostCharacter, UserName, "a character was lost when the text was decoded (a question mark, U+FFFD or the like is in its place)", "姓名中有的字变成了问号或乱码，请重新输入。"},
	{LostCharacter, IdentifyNum, "a character was lost when the text was decoded (a question mark, U+FFFD or the like is in its place)", "身份证号中有的字符变成了问号或乱码，请重新输入。"},
	{HiddenForDisplay, UserName, "a part of it was hidden for display (an asterisk, a circle, a cross, a box or the like is in its place)", "姓名有一部分被隐去了，请填写完整姓名。"},
	{HiddenForDisplay, IdentifyNum, "a part of it was hidden for display (an asterisk, a circle, a cross, a box or the like is in its place)", "身份证号有一部分被隐去了，请填写完整号码。"},
	{Swapped, UserName, "it is an ID number (UserName and IdentifyNum seem to be swapped)", "姓名和身份证号填反了。"},
	{Swapped, IdentifyNum, "it is a name (UserName and IdentifyNum seem to be swapped)", "姓名和身份证号填反了。"},
	{Label, UserName, "it contains a label, or it is the heading of a column", "请只填写姓名，不要带标题或其他文字。"},
	{Label, IdentifyNum, "it contains other text beside the number, such as a label, or it is the heading of a column", "请只填写身份证号，不要带标题或其他文字。"},
	{Note, UserName, "it contains brackets, which seem to enclose a note", "姓名中不能有括号，请去掉括号和备注。"},
	{Note, IdentifyNum, "it contains brackets, which seem to enclose a note", "身份证号中不能有括号，请去掉括号和备注。"},
	{Quotes, UserName, "it contains quotation marks, or an apostrophe at an end, as spreadsheets and CSV files put it around text", "姓名中不能有引号，请去掉引号。"},
	{Quotes, IdentifyNum, "it contains a quotation mark or an apostrophe, as spreadsheets and CSV files put it before or around text", "身份证号中不能有引号，请去掉引号。"},
	{TwoPeople, UserName, "it seems to be two names: it contains a separator, or a space between an ideograph and a letter", "请只填写一个人的姓名，不要带逗号、顿号、斜线等分隔符。"},
	{TwoPeople, IdentifyNum, "it contains two ID numbers", "一次只能填写一个身份证号。"},
	{Digits, UserName, "it contains digits, which the service does not accept in a name", "姓名中不能有数字。"},
	{Digits, IdentifyNum, "it contains digits other than 0 to 9", "请用 0 到 9 填写身份证号，不要用其他形式的数字。"},
	{Emoji, UserName, "it contains an emoji or a pictograph", "姓名中不能有表情符号。"},
	{Symbol, UserName, "it contains a character that no name has", "姓名中有不该出现的符号，请核对。"},
	{Escaped, UserName, "it is escaped for a URL, for HTML or for JSON", "姓名中有的字变成了代码，请重新输入。"},
	{Escaped, IdentifyNum, "it is escaped for a URL, for HTML or for JSON", "身份证号中有的字符变成了代码，请重新输入。"},
	{Placeholder, UserName, "it is what programs and people write for a missing value", "请填写真实姓名。"},
	{Placeholder, IdentifyNum, "it is what programs and people write for a missing value", "请填写真实的身份证号。"},
	{SpreadsheetError, UserName, "it is an error of a spreadsheet", "填入的是表格软件的错误提示，请填写姓名。"},
	{SpreadsheetError, IdentifyNum, "it is an error of a spreadsheet", "填入的是表格软件的错误提示，请填写身份证号。"},
	{Dot, UserName, "it has a dot at an end, two dots in a row, or another sign in the place of the dot U+00B7 between two ideographs", "姓名中的间隔号请用“·”，只能用在两个字之间，并且不能连用。"},
	{NoLetter, UserName, "it contains no letter", "请填写真实姓名。"},
	{MixedLetters, UserName, "a letter that is not an ideograph stands beside an ideograph, without a dot between them", "姓名中混有汉字以外的字母，请核对。"},
	{TooLong, UserName, "it is longer than any name", "姓名太长，请核对。"},
	{TooLong, IdentifyNum, "it is longer than any number", "身份证号太长，请核对。"},
	{NumberFormat, IdentifyNum, "it must be 17 digits and then a digit or X", "身份证号应为 18 位：前 17 位是数字，最后一位是数字或 X。"},
	{FirstGeneration, IdentifyNum, "it has 15 digits (first generation), which the service does not support", "15 位号码请换成 18 位身份证号。"},
	{SpreadsheetNumber, IdentifyNum, "it was damaged by Excel or another spreadsheet, which keeps only 15 digits of a number; keep ID numbers as text", "身份证号的后几位被 Excel 等表格软件改掉了，请把单元格设为文本，再重新填写完整号码。"},
	{LetterForDigit, IdentifyNum, "it contains the letter O, I or l in the place of a digit", "身份证号中把数字 0 或 1 写成了字母，请核对。"},
	{BirthDate, IdentifyNum, "digits 7 to 14 are not a birth date (YYYYMMDD)", "身份证号中的出生日期不对，请核对身份证号。"},
	{FutureBirthDate, IdentifyNum, "the birth date is in the future", "身份证号中的出生日期晚于今天，请核对身份证号。"},
	{CheckDigit, IdentifyNum, "the check digit is wrong", "校验码不对，请核对身份证号。"},

	// The following problems are mistakes of the program, and rarely of the person.
	{AlreadyMasked, UserName, "it is masked already; a masked person needs ParamTypeMD5", "姓名已经脱敏，无法核验，请联系客服。"},
	{AlreadyMasked, IdentifyNum, "it is masked already; a masked person needs ParamTypeMD5", "身份证号已经脱敏，无法核验，请联系客服。"},
	{AlreadyEncrypted, UserName, "it is encrypted already; an encrypted person needs ParamTypeSM2", "姓名已经加密，无法核验，请联系客服。"},
	{AlreadyEncrypted, IdentifyNum, "it is encrypted already; an encrypted person needs ParamTypeSM2", "身份证号已经加密，无法核验，请联系客服。"},
	{NotEncrypted, UserName, "it is not encrypted; package sm2param encrypts plaintext", "姓名未能正确加密，请联系客服。"},
	{NotEncrypted, IdentifyNum, "it is not encrypted; package sm2param encrypts plaintext", "身份证号未能正确加密，请联系客服。"},
	{MaskedFormat, UserName, "it must be the md5 of the first character (32 lower-case hex digits) and the rest of the name; MD5Param makes it from plaintext", "姓名未能正确脱敏，请联系客服。"},
	{MaskedFormat, IdentifyNum, "it must be 6 digits, the md5 of the birth date (32 lower-case hex digits), 3 digits and a digit or X; MD5Param makes it from plaintext", "身份证号未能正确脱敏，请联系客服。"},
	{CiphertextFormat, "", "it must be the ciphertext 0x04, C1 of 64 bytes, C2, C3 of 32 bytes, in standard Base64, with padding and without line breaks", "身份信息未能正确加密，请联系客服。"},
}

// IsOfProgram reports whether a Problem is a mistake of the program, which the person who
// typed the field can rarely correct.
func IsOfProgram(problem Problem) bool {
	switch problem {
	case ParamType, AlreadyMasked, AlreadyEncrypted, NotEncrypted, MaskedFormat, CiphertextFormat:
		return true
	}
	return false
}

// Texts returns every Text, for documentation and tests.
func Texts() []Text { return slices.Clone(texts[:]) }

// Reason returns the English phrase for a Problem of a field.
func Reason(field string, problem Problem) string { return textOf(field, problem).Reason }

// Chinese returns the sentence for the person who typed the field. For an unknown
// Problem, it returns a general sentence.
func Chinese(field string, problem Problem) string {
	if text := textOf(field, problem); text.Chinese != "" {
		return text.Chinese
	}
	switch field {
	case UserName:
		return "姓名填写有误，请核对。"
	case IdentifyNum:
		return "身份证号填写有误，请核对。"
	}
	return "请核对姓名和身份证号。"
}

func textOf(field string, problem Problem) Text {
	for _, text := range texts {
		if text.Problem == problem && (text.Field == field || text.Field == "") {
			return text
		}
	}
	return Text{}
}
