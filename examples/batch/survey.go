package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
)

// survey is what is known of an input before its first row is verified: it is
// read once from end to end, which for a million rows takes less than the first
// ten of them take to verify.
type survey struct {
	sha256   string
	encoding string
	excel    bool // it has the marks of Excel: GBK, or a byte order mark
	columns  columns
	rows     int
}

// takeSurvey refuses a file that cannot be read as people. Its errors begin
// with "it" or "its".
func takeSurvey(file io.Reader, encoding string) (survey, error) {
	hash := sha256.New()
	lines := newLineReader(io.TeeReader(file, hash))
	counts := newCensus()
	var first []byte
	filled := 0 // lines with something in them
	for {
		line, tooLong, err := lines.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return survey{}, err
		}
		if !tooLong && isBlank(line) {
			continue
		}
		if filled == 0 {
			if err := checkFirstLine(line, tooLong); err != nil {
				return survey{}, err
			}
			first = append(first, line...)
		}
		filled++
		counts.add(lines.number, line)
	}
	if filled == 0 {
		return survey{}, errors.New("it is empty")
	}

	counts.bom = lines.bom
	s := survey{sha256: hex.EncodeToString(hash.Sum(nil)), rows: filled}
	var err error
	if s.encoding, err = counts.encoding(encoding); err != nil {
		return survey{}, err
	}
	s.excel = lines.bom || s.encoding == encodingGB18030
	if d := decoder(s.encoding); d != nil {
		if first, err = d.Bytes(first); err != nil {
			return survey{}, err
		}
	}
	if s.columns, err = findColumns(string(first)); err != nil {
		return survey{}, err
	}
	if s.columns.header {
		s.rows--
	}
	return s, nil
}
