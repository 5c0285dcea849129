package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// csvFile is a table of text: CSV in one of its dialects.
type csvFile struct {
	file *os.File
	description
	encoding  string
	separator rune
	declared  bool   // the first row says sep=
	sum       string // SHA-256
}

func (t *csvFile) about() description { return t.description }
func (t *csvFile) close() error       { return t.file.Close() }

// openCSV reads a file once from end to end, and refuses what cannot be read as people.
// start is how the file begins.
func openCSV(file *os.File, o options, start []byte) (*csvFile, error) {
	t := &csvFile{file: file}
	utf16 := bytes.HasPrefix(start, utf16BOMLE) || bytes.HasPrefix(start, utf16BOMBE)
	if utf16 && o.encoding != "auto" {
		return nil, errors.New("it begins with the byte order mark of UTF-16: leave -encoding out")
	}
	if utf16 {
		t.encoding = encodingUTF16
	}
	sum := sha256.New()
	lines := t.lines(sum)
	census, err := takeCensus(lines)
	if err != nil {
		return nil, err
	}
	t.sum = string(sum.Sum(nil))
	if !utf16 {
		if t.encoding, err = census.encoding(o.encoding, lines.bom); err != nil {
			return nil, err
		}
	}
	t.excel = utf16 || lines.bom || t.encoding == encodingGB18030
	if isWorkbookName(o.in) {
		t.note = "the input is no workbook although its name says so; it is read as CSV"
	}
	return t, t.findSeparator(o.keep)
}

// lines reads the lines of the file from its beginning. sum gets every byte as it is on disk.
func (t *csvFile) lines(sum hash.Hash) *lineReader {
	r := io.TeeReader(io.NewSectionReader(t.file, 0, 1<<62), sum)
	if t.encoding == encodingUTF16 {
		r = transform.NewReader(r, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder())
	}
	return newLineReader(r)
}

func (t *csvFile) source() *csvSource {
	sum := sha256.New()
	return &csvSource{csvFile: t, lines: t.lines(sum), sum: sum}
}

func (t *csvFile) rows() (*rowReader, error) {
	return &rowReader{source: t.source(), columns: t.columns}, nil
}

// csvSource reads the rows of a csvFile. At the end it checks that the file is still what
// it was when it was opened.
type csvSource struct {
	*csvFile
	lines *lineReader
	sum   hash.Hash
	ahead []textLine // lines that were read, and belong to later rows
}

type textLine struct {
	number  int
	text    string
	tooLong bool
}

func (s *csvSource) next() (rawRow, error) {
	first, err := s.line(0)
	if err == io.EOF && string(s.sum.Sum(nil)) != s.csvFile.sum {
		err = errInputChanged
	}
	if err != nil {
		return rawRow{}, err
	}
	if s.declared && first.number == 1 {
		s.ahead = s.ahead[1:]
		return s.next()
	}
	raw := rawRow{line: first.number}
	if first.tooLong {
		raw.bad = fmt.Sprintf("the line is longer than %d bytes", maxLine)
	}
	// A quoted field may have line breaks. If the lines to its end make no row, the first
	// of them is a bad row, and the others are rows of their own.
	used := 1
	text := first.text
	for strings.Count(text, `"`)%2 == 1 {
		more, err := s.line(used)
		if err == nil && !more.tooLong && len(text)+len(more.text) < maxLine {
			text += "\n" + more.text
			used++
			continue
		}
		if err != nil && err != io.EOF {
			return rawRow{}, err
		}
		break
	}
	if raw.fields, err = splitRow(text, s.separator); err != nil && used > 1 {
		used = 1
		raw.fields, err = splitRow(first.text, s.separator)
	}
	s.ahead = s.ahead[used:]
	raw.shown = raw.fields
	switch {
	case raw.bad != "":
	case err != nil:
		raw.bad = err.Error()
	case s.columns.width > 0 && !isBlank(raw.fields[min(len(raw.fields), s.columns.width):]):
		raw.bad = fmt.Sprintf("number of fields: %d instead of %d", len(raw.fields), s.columns.width)
	}
	return raw, nil
}

// line returns the i-th of the lines ahead.
func (s *csvSource) line(i int) (textLine, error) {
	if i < len(s.ahead) {
		return s.ahead[i], nil
	}
	line, tooLong, err := s.lines.next()
	if err != nil {
		return textLine{}, err
	}
	text := string(line)
	if s.encoding == encodingGB18030 {
		text = decodeGB18030(line)
	}
	s.ahead = append(s.ahead, textLine{s.lines.number, text, tooLong})
	return s.ahead[i], nil
}
