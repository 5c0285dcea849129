package identity

// Why a name or a number is refused.
const (
	// Taken for something else.
	reasonEmpty     = "it is empty"
	reasonIsNumber  = "it is an ID number (UserName and IdentifyNum seem to be swapped)"
	reasonIsName    = "it is a name (UserName and IdentifyNum seem to be swapped)"
	reasonFirstGen  = "it has 15 digits (first generation), which the service does not support"
	reasonStars     = "it contains an asterisk, so it was redacted for display"
	reasonMasked    = "it is masked already; a masked person needs ParamTypeMD5"
	reasonEncrypted = "it is encrypted already; an encrypted person needs ParamTypeSM2"
	reasonPlain     = "it is not encrypted; package sm2param encrypts it"
	reasonNotSM2    = "it is masked by md5, not encrypted; package sm2param encrypts plaintext"

	// Of a plaintext name, and the first two of a number.
	reasonNotUTF8  = "it is not valid UTF-8 (is it GBK?)"
	reasonHidden   = "it contains a control, invisible or unassigned character"
	reasonDamaged  = "it contains U+FFFD, which stands for text that was decoded wrongly"
	reasonSpace    = "it contains white space other than the plain space"
	reasonDigits   = "it contains digits, which the service does not accept in a name"
	reasonNoLetter = "it contains no letter"
	reasonLong     = "it is longer than any name"

	// Of a number.
	reasonNumber     = "it must be 17 digits and then a digit or X, without spaces or hyphens"
	reasonDate       = "digits 7 to 14 are not a birth date (YYYYMMDD)"
	reasonFuture     = "the birth date is in the future"
	reasonCheckDigit = "the check digit is wrong"

	// Of a masked field.
	reasonNotMaskedName = "it must be the md5 of the first character (32 lower-case hex digits) " +
		"and the rest of the name; MD5Param makes it from plaintext"
	reasonNotMaskedNumber = "it must be 6 digits, the md5 of the birth date (32 lower-case hex digits), " +
		"3 digits and a digit or X; MD5Param makes it from plaintext"

	// Of a ciphertext.
	reasonBase64    = "it must be a ciphertext in standard Base64, with padding and without line breaks"
	reasonHex       = "it is in hex; a ciphertext must be in standard Base64, with padding"
	reasonShort     = "its ciphertext is shorter than 98 bytes (0x04, C1 of 64, C2 of at least 1, C3 of 32)"
	reasonFirstByte = "its ciphertext does not begin with 0x04 (an uncompressed C1, then C2 and C3, not in ASN.1)"
)
