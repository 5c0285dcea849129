package main

import (
	"bytes"
	"errors"
	"fmt"
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

// decode returns the text of a file as UTF-8, without byte order marks. The text has the
// marks of Excel if it begins with a byte order mark, or is no UTF-8.
func decode(data []byte, encoding string) (text []byte, excel bool, err error) {
	if bytes.HasPrefix(data, []byte{0xFF, 0xFE}) || bytes.HasPrefix(data, []byte{0xFE, 0xFF}) {
		encoding, excel = encodingUTF8, true
		if data, err = unicodeencoding.UTF16(unicodeencoding.LittleEndian, unicodeencoding.UseBOM).NewDecoder().Bytes(data); err != nil {
			return nil, false, err
		}
	}
	if bytes.HasPrefix(data, utf8BOM) { // a second mark does no harm: it is invisible in titles and names
		data, excel = data[len(utf8BOM):], true
	}
	if err := checkText(data); err != nil {
		return nil, false, err
	}
	if encoding == encodingAuto && !excel { // under a mark, a line that is no UTF-8 is an invalid row
		if encoding, err = guessEncoding(data); err != nil {
			return nil, false, fmt.Errorf("%w: say -encoding utf-8 or -encoding gb18030", err)
		}
	}
	if encoding == encodingGB18030 {
		return decodeGB18030(data), true, nil
	}
	return data, excel, nil
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
	isHan := func(r rune) bool { return unicode.Is(unicode.Han, r) }
	isForeign := func(r rune) bool { return r >= utf8.RuneSelf }
	if utf8.Valid(data) {
		if bytes.ContainsFunc(data, isForeign) && !bytes.ContainsFunc(data, isHan) {
			return "", errors.New("it has characters other than ASCII, but read as UTF-8 none of them is Chinese")
		}
		return encodingUTF8, nil
	}
	var number, chinese, other int // lines, those of UTF-8 with ideographs, those that are not UTF-8
	var pairs, ordinary int        // characters of two bytes in the other lines
	for line := range bytes.Lines(data) {
		number++
		switch {
		case utf8.Valid(line):
			if bytes.ContainsFunc(line, isHan) {
				chinese++
			}
		case bytes.ContainsRune(decodeGB18030(line), utf8.RuneError):
			return "", fmt.Errorf("line %d is neither UTF-8 nor GBK", number)
		default:
			other++
			p, o := countPairs(line)
			pairs, ordinary = pairs+p, ordinary+o
		}
	}
	switch {
	case chinese*100 > other:
		// One line of GBK in some thousands reads as Chinese in UTF-8 by accident; more
		// than that are two files in one.
		return "", fmt.Errorf("%d of its lines are not UTF-8, while %d other lines are", other, chinese)
	case ordinary*10 < pairs*8:
		return "", errors.New("it is not UTF-8, and read as GBK it is no ordinary Chinese (Big5?)")
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
