package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	unicodeencoding "golang.org/x/text/encoding/unicode"
)

var utf8BOM = []byte("\uFEFF")

// decode returns the text of a file as UTF-8, perhaps behind a byte order mark. The text has
// the marks of Excel if it begins with such a mark, or is GB18030, which includes GBK and
// GB2312: one of these is what Excel in Chinese writes as "CSV".
func decode(data []byte) (text []byte, excel bool, err error) {
	if bytes.HasPrefix(data, []byte{0xFF, 0xFE}) || bytes.HasPrefix(data, []byte{0xFE, 0xFF}) {
		data, err = unicodeencoding.UTF16(unicodeencoding.LittleEndian, unicodeencoding.UseBOM).NewDecoder().Bytes(data)
		return data, true, err
	}
	// Under a mark, a line that is no UTF-8 is an invalid row.
	if bytes.HasPrefix(data, utf8BOM) {
		return data, true, nil
	}
	if utf8.Valid(data) {
		isForeign := func(r rune) bool { return r >= utf8.RuneSelf }
		if bytes.ContainsFunc(data, isForeign) && !bytes.ContainsFunc(data, isHan) {
			err = errors.New("it has characters other than ASCII, but read as UTF-8 none of them is Chinese: save it as “CSV UTF-8”")
		}
		return data, false, err
	}
	if err := checkGB18030(data); err != nil {
		return nil, false, fmt.Errorf("%w: save it as “CSV UTF-8”", err)
	}
	return decodeGB18030(data), true, nil
}

func isHan(r rune) bool { return unicode.Is(unicode.Han, r) }

// checkGB18030 refuses a text that is not clearly GB18030. A wrong guess would ask, and pay,
// about people who do not exist. So it looks at each line.
func checkGB18030(data []byte) error {
	var number, utf8Lines, otherLines int // lines that are UTF-8 with ideographs, and lines that are not UTF-8
	var firstOther int                    // the number of the first line that is not UTF-8
	var pairs, ordinary int               // characters of two bytes in the other lines
	for line := range bytes.Lines(data) {
		number++
		switch {
		case utf8.Valid(line):
			if bytes.ContainsFunc(line, isHan) {
				utf8Lines++
			}
		case bytes.ContainsRune(decodeGB18030(line), utf8.RuneError):
			return fmt.Errorf("line %d is neither UTF-8 nor GBK", number)
		default:
			otherLines++
			firstOther = cmp.Or(firstOther, number)
			p, o := countPairs(line)
			pairs, ordinary = pairs+p, ordinary+o
		}
	}
	switch {
	case utf8Lines*100 > otherLines:
		// One line of GBK in some thousands reads as Chinese in UTF-8 by accident; more
		// than that are two files in one.
		return fmt.Errorf("line %d is not UTF-8, while %d other lines are", firstOther, utf8Lines)
	case ordinary*10 < pairs*8:
		return errors.New("it is not UTF-8, and read as GBK it is no ordinary Chinese (Big5?)")
	}
	return nil
}

// countPairs counts the characters of two bytes, and the ideographs of GB2312 among them,
// which nearly all names are made of. They tell GBK from Big5: almost any two bytes of Big5
// are some character of GBK, but seldom an ordinary one.
func countPairs(line []byte) (pairs, ordinary int) {
	for i := 0; i+1 < len(line); i++ {
		if line[i] < 0x81 {
			continue
		}
		lead, trail := line[i], line[i+1]
		i++
		if (lead == 0xA1 || lead == 0xA3) && trail >= 0xA1 {
			continue // punctuation and full-width digits, in both
		}
		pairs++
		if lead >= 0xB0 && lead <= 0xF7 && trail >= 0xA1 {
			ordinary++
		}
	}
	return pairs, ordinary
}
