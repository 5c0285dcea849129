package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The encodings that an input may have. GB18030 includes GBK and GB2312, one of which is
// what Excel in Chinese writes as "CSV".
const (
	encodingUTF8    = "utf-8"
	encodingGB18030 = "gb18030"
	encodingUTF16   = "utf-16" // with a byte order mark: "Unicode text" of Excel
)

var (
	utf8BOM    = []byte("\uFEFF")
	utf16BOMLE = []byte{0xFF, 0xFE}
	utf16BOMBE = []byte{0xFE, 0xFF}
)

const (
	adviceUTF8     = "save it as “CSV UTF-8”"
	adviceEncoding = "save it as “CSV UTF-8”, or say -encoding utf-8 or -encoding gb18030"
)

// census counts, line by line, what tells the encodings apart. A wrong guess would ask, and
// pay, about people who do not exist; so it is made from the whole file, and a doubtful
// file is refused.
type census struct {
	nonASCII int // lines that are not plain ASCII; the others tell nothing
	chinese  int // of these: UTF-8 with an ideograph in it
	notUTF8  int // of these: not UTF-8
	firstBad int // line number of the first that is not UTF-8
	neither  int // line number of the first that is not GB18030 either
	twoBytes int // characters of two bytes in the lines that are not UTF-8
	ordinary int // of these: ideographs of GB2312, which nearly all names are made of
}

// takeCensus reads lines to the end.
func takeCensus(lines *lineReader) (*census, error) {
	c, empty := &census{}, true
	for {
		line, tooLong, err := lines.next()
		switch {
		case err == io.EOF && empty:
			return nil, errEmpty
		case err == io.EOF:
			return c, nil
		case err != nil:
			return nil, err
		case !tooLong && len(bytes.Trim(line, " \t,;\"")) == 0:
			continue
		case empty:
			if err := checkFirstLine(line, tooLong); err != nil {
				return nil, err
			}
		}
		empty = false
		c.add(lines.number, line)
	}
}

// checkFirstLine refuses what is no CSV file at all.
func checkFirstLine(line []byte, tooLong bool) error {
	switch {
	case tooLong:
		return fmt.Errorf("its first line is longer than %d bytes, so it is no CSV file of people", maxLine)
	case bytes.IndexByte(line, 0) >= 0:
		return errors.New("it is UTF-16 without a byte order mark, or no text at all: " + adviceUTF8)
	case bytes.HasPrefix(line, []byte("<")):
		return errors.New("it is HTML or XML, which Excel opens although it is no workbook: open it in Excel, and save it as .xlsx")
	case bytes.IndexByte(line, '\r') >= 0:
		return errors.New("it has a carriage return within its first line; lines must end with LF or CRLF")
	}
	return nil
}

// add counts one line.
func (c *census) add(number int, line []byte) {
	if !bytes.ContainsFunc(line, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return
	}
	c.nonASCII++
	if utf8.Valid(line) {
		if bytes.ContainsFunc(line, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			c.chinese++
		}
		return
	}
	c.notUTF8++
	if c.firstBad == 0 {
		c.firstBad = number
	}
	if c.neither == 0 && strings.ContainsRune(decodeGB18030(line), utf8.RuneError) {
		c.neither = number
	}
	c.countPairs(line)
}

// countPairs tells GBK from the other encodings with two bytes a character, such as Big5:
// almost any two of their bytes are some character of GBK, but seldom an ordinary one.
func (c *census) countPairs(line []byte) {
	for i := 0; i+1 < len(line); i++ {
		if line[i] < 0x81 {
			continue
		}
		lead, trail := line[i], line[i+1]
		i++
		if (lead == 0xA1 || lead == 0xA3) && trail >= 0xA1 {
			continue // punctuation and full-width digits, in both
		}
		c.twoBytes++
		if lead >= 0xB0 && lead <= 0xF7 && trail >= 0xA1 {
			c.ordinary++
		}
	}
}

// encoding decides. wanted is the flag -encoding, and bom tells of a byte order mark.
func (c *census) encoding(wanted string, bom bool) (string, error) {
	switch {
	case wanted != "auto":
		return wanted, nil
	case bom, c.nonASCII == 0:
		return encodingUTF8, nil // a line that is not is an invalid row
	case c.notUTF8 == 0 && c.chinese == 0:
		return "", errors.New("it has characters other than ASCII, but read as UTF-8 none of them is Chinese: " + adviceEncoding)
	case c.notUTF8 == 0:
		return encodingUTF8, nil
	case c.neither > 0:
		return "", fmt.Errorf("line %d is neither UTF-8 nor GBK: %s", c.neither, adviceEncoding)
	case c.chinese*100 > c.notUTF8:
		// One line of GBK in some thousands reads as Chinese in UTF-8 by accident; more
		// than that are two files in one.
		return "", fmt.Errorf("line %d is not UTF-8, while %d other lines are: %s", c.firstBad, c.chinese, adviceEncoding)
	case c.ordinary*10 < c.twoBytes*8:
		return "", fmt.Errorf("line %d is not UTF-8, and read as GBK the file is no ordinary Chinese (Big5?): %s", c.firstBad, adviceEncoding)
	}
	return encodingGB18030, nil
}
