package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	unicodeencoding "golang.org/x/text/encoding/unicode"
)

// The encodings that -encoding names. GB18030 includes GBK and GB2312, one of which is
// what Excel in Chinese writes as "CSV".
const (
	encodingAuto    = "auto"
	encodingUTF8    = "utf-8"
	encodingGB18030 = "gb18030"
)

var utf8BOM = []byte("\uFEFF")

const adviceEncoding = "say -encoding utf-8 or -encoding gb18030"

// decode returns the text of a file as UTF-8, without byte order marks. The text has the
// marks of Excel if it begins with a byte order mark, or is no UTF-8.
func decode(data []byte, encoding string) (text []byte, excel bool, err error) {
	utf16 := bytes.HasPrefix(data, []byte{0xFF, 0xFE}) || bytes.HasPrefix(data, []byte{0xFE, 0xFF})
	if utf16 {
		encoding = encodingUTF8
		if data, err = unicodeencoding.UTF16(unicodeencoding.LittleEndian, unicodeencoding.UseBOM).NewDecoder().Bytes(data); err != nil {
			return nil, false, err
		}
	}
	bom := utf16
	for bytes.HasPrefix(data, utf8BOM) { // some programs write two
		data, bom = data[len(utf8BOM):], true
	}
	if err := checkText(data); err != nil {
		return nil, false, err
	}
	if encoding == encodingAuto && !bom { // under a mark, a line that is no UTF-8 is an invalid row
		if encoding, err = guessEncoding(data); err != nil {
			return nil, false, err
		}
	}
	if encoding == encodingGB18030 {
		return decodeGB18030(data), true, nil
	}
	return data, bom, nil
}

// checkText refuses what is no CSV file at all.
func checkText(data []byte) error {
	first, _, _ := bytes.Cut(bytes.TrimLeft(data, "\r\n\t ,;\""), []byte("\n"))
	first = bytes.TrimRight(first, "\r")
	switch {
	case len(first) == 0:
		return errEmpty
	case len(first) > maxRow:
		return fmt.Errorf("its first line is longer than %d bytes, so it is no CSV file of people", maxRow)
	case bytes.IndexByte(first, 0) >= 0:
		return errors.New("it is UTF-16 without a byte order mark, or no text at all: save it as “CSV UTF-8”")
	case first[0] == '<':
		return errors.New("it is HTML or XML, which Excel opens although it is no workbook: open it in Excel, and save it as .xlsx")
	case bytes.IndexByte(first, '\r') >= 0:
		return errors.New("it has a carriage return within its first line; lines must end with LF or CRLF")
	}
	return nil
}

// guessEncoding tells UTF-8 from GB18030. A wrong guess would ask, and pay, about people
// who do not exist. So it looks at each line, and refuses a doubtful file.
func guessEncoding(data []byte) (string, error) {
	var chinese, foreign, other int // lines of UTF-8 with and without ideographs; lines that are not UTF-8
	var firstOther, neither int     // line numbers
	var pairs, ordinary int         // characters of two bytes in the other lines
	number := 0
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		number++
		switch {
		case !bytes.ContainsFunc(line, func(r rune) bool { return r >= utf8.RuneSelf }): // ASCII tells nothing
		case !utf8.Valid(line):
			if other++; other == 1 {
				firstOther = number
			}
			if neither == 0 && bytes.ContainsRune(decodeGB18030(line), utf8.RuneError) {
				neither = number
			}
			p, o := countPairs(line)
			pairs, ordinary = pairs+p, ordinary+o
		case bytes.ContainsFunc(line, func(r rune) bool { return unicode.Is(unicode.Han, r) }):
			chinese++
		default:
			foreign++
		}
	}
	switch {
	case other == 0 && chinese == 0 && foreign > 0:
		return "", errors.New("it has characters other than ASCII, but read as UTF-8 none of them is Chinese: " + adviceEncoding)
	case other == 0:
		return encodingUTF8, nil
	case neither > 0:
		return "", fmt.Errorf("line %d is neither UTF-8 nor GBK: %s", neither, adviceEncoding)
	case chinese*100 > other:
		// One line of GBK in some thousands reads as Chinese in UTF-8 by accident; more
		// than that are two files in one.
		return "", fmt.Errorf("line %d is not UTF-8, while %d other lines are: %s", firstOther, chinese, adviceEncoding)
	case ordinary*10 < pairs*8:
		return "", fmt.Errorf("line %d is not UTF-8, and read as GBK the file is no ordinary Chinese (Big5?): %s", firstOther, adviceEncoding)
	}
	return encodingGB18030, nil
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

// oneLine replaces line breaks by spaces.
func oneLine(s string) string {
	return strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ").Replace(s)
}
