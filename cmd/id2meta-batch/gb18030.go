package main

import (
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// decodeGB18030 returns a text in GB18030, GBK or GB2312 as UTF-8. What is none of these
// becomes U+FFFD.
//
// golang.org/x/text decodes the codes that the standard assigns to Unicode's private use as
// U+FFFD. Some registers of people hold rare ideographs there, so this function maps those
// codes as the standard does, and leaves all other codes to golang.org/x/text.
func decodeGB18030(data []byte) []byte {
	decoder := simplifiedchinese.GB18030.NewDecoder()
	var text []byte
	begin := 0 // of the bytes that golang.org/x/text is to decode
	flush := func(end int) {
		decoded, _ := decoder.Bytes(data[begin:end]) // it replaces, and does not fail
		text = append(text, decoded...)
	}
	for i := 0; i+1 < len(data); i++ {
		if data[i] < 0x81 || data[i] == 0xFF { // no lead byte
			continue
		}
		if r := extraGB18030(data[i], data[i+1]); r != 0 {
			flush(i)
			text = utf8.AppendRune(text, r)
			begin = i + 2
		}
		i++ // a trail byte begins no code; a code of four bytes has two of each
	}
	flush(len(data))
	return text
}

// extraGB18030 returns the character of a two-byte code that golang.org/x/text does not
// know, or 0.
func extraGB18030(lead, trail byte) rune {
	high := trail >= 0xA1 // the second half of a row: 94 codes
	switch {
	case trail < 0x40 || trail == 0x7F || trail == 0xFF:
		return 0
	// The three zones for private use: 6, 7 and 7 rows.
	case high && lead >= 0xAA && lead <= 0xAF:
		return 0xE000 + rune(lead-0xAA)*94 + rune(trail-0xA1)
	case high && lead >= 0xF8 && lead <= 0xFE:
		return 0xE234 + rune(lead-0xF8)*94 + rune(trail-0xA1)
	case !high && lead >= 0xA1 && lead <= 0xA7:
		column := rune(trail - 0x40)
		if trail > 0x7F { // which is no trail byte
			column--
		}
		return 0xE4C6 + rune(lead-0xA1)*96 + column
	}
	code := uint16(lead)<<8 | uint16(trail)
	for _, r := range gb18030Gaps {
		if r.first <= code && code <= r.last {
			return r.char + rune(code-r.first)
		}
	}
	return 0
}

// gb18030Gaps are the codes in the other zones that golang.org/x/text does not know. They
// are mapped as in GB 18030-2022, which is also what iconv of glibc does.
var gb18030Gaps = []struct {
	first, last uint16
	char        rune // of first
}{
	{0xA2AB, 0xA2B0, 0xE766}, {0xA2E4, 0xA2E4, 0xE76D}, {0xA2EF, 0xA2F0, 0xE76E}, {0xA2FD, 0xA2FE, 0xE770},
	{0xA4F4, 0xA4FE, 0xE772}, {0xA5F7, 0xA5FE, 0xE77D}, {0xA6B9, 0xA6C0, 0xE785},
	{0xA6D9, 0xA6D9, 0xFE10}, {0xA6DA, 0xA6DA, 0xFE12}, {0xA6DB, 0xA6DB, 0xFE11}, {0xA6DC, 0xA6DF, 0xFE13},
	{0xA6EC, 0xA6ED, 0xFE17}, {0xA6F3, 0xA6F3, 0xFE19}, {0xA6F6, 0xA6FE, 0xE797},
	{0xA7C2, 0xA7D0, 0xE7A0}, {0xA7F2, 0xA7FE, 0xE7AF},
	{0xA896, 0xA8A0, 0xE7BC}, {0xA8BC, 0xA8BC, 0x1E3F}, {0xA8C1, 0xA8C4, 0xE7C9}, {0xA8EA, 0xA8FE, 0xE7CD},
	{0xA958, 0xA958, 0xE7E2}, {0xA95B, 0xA95B, 0xE7E3}, {0xA95D, 0xA95F, 0xE7E4}, {0xA997, 0xA9A3, 0xE7F4}, {0xA9F0, 0xA9FE, 0xE801},
	{0xD7FA, 0xD7FE, 0xE810},
	// Ideographs that had private-use characters before Unicode had them.
	{0xFE51, 0xFE51, 0x20087}, {0xFE52, 0xFE52, 0x20089}, {0xFE53, 0xFE53, 0x200CC}, {0xFE59, 0xFE59, 0x9FB4},
	{0xFE61, 0xFE61, 0x9FB5}, {0xFE66, 0xFE67, 0x9FB6}, {0xFE6C, 0xFE6C, 0x215D7}, {0xFE6D, 0xFE6D, 0x9FB8},
	{0xFE76, 0xFE76, 0x2298F}, {0xFE7E, 0xFE7E, 0x9FB9}, {0xFE90, 0xFE90, 0x9FBA}, {0xFE91, 0xFE91, 0x241FE}, {0xFEA0, 0xFEA0, 0x9FBB},
}
