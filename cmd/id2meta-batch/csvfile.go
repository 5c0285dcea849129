package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// csvFile is a table of text: CSV in one of its dialects.
type csvFile struct {
	file *os.File
	description
	separator rune
	skip      int // lines before the first row: a header, sep=
}

func (t *csvFile) about() description { return t.description }
func (t *csvFile) close() error       { return t.file.Close() }

// openCSV reads a file once from end to end, and refuses what cannot be read as
// people. start is how the file begins.
func openCSV(file *os.File, o options, start []byte) (*csvFile, error) {
	t := &csvFile{file: file}
	utf16 := bytes.HasPrefix(start, utf16BOMLE) || bytes.HasPrefix(start, utf16BOMBE)
	if utf16 && o.encoding != "auto" {
		return nil, errors.New("it begins with the byte order mark of UTF-16: leave -encoding out")
	}
	sum := sha256.New()
	lines := newTextLines(file, sum, utf16)
	census := newCensus()
	first, err := firstLines(lines, census)
	if err != nil {
		return nil, err
	}

	t.sha256 = hex.EncodeToString(sum.Sum(nil))
	t.encoding = encodingUTF16
	if !utf16 {
		census.bom = lines.bom
		if t.encoding, err = census.encoding(o.encoding); err != nil {
			return nil, err
		}
	}
	t.excel = utf16 || lines.bom || t.encoding == encodingGB18030
	return t, t.readHeader(first, o.keep)
}

// newTextLines reads the lines of a file. sum gets every byte as it is on disk.
func newTextLines(file io.Reader, sum hash.Hash, utf16 bool) *lineReader {
	r := io.TeeReader(file, sum)
	if utf16 {
		r = transform.NewReader(r, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder())
	}
	return newLineReader(r)
}

// firstLines reads to the end, counts every line that is not blank, and returns
// the first two of them.
func firstLines(lines *lineReader, census *census) (first [][]byte, err error) {
	for {
		line, tooLong, err := lines.next()
		switch {
		case err == io.EOF && len(first) == 0:
			return nil, errors.New("it is empty")
		case err == io.EOF:
			return first, nil
		case err != nil:
			return nil, err
		case !tooLong && isBlank(line):
			continue
		}
		if len(first) == 0 {
			if err := checkFirstLine(line, tooLong); err != nil {
				return nil, err
			}
		}
		if len(first) < 2 {
			first = append(first, bytes.Clone(line))
		}
		census.add(lines.number, line)
	}
}

// readHeader finds the separator and the columns.
func (t *csvFile) readHeader(first [][]byte, keep []string) error {
	text := make([]string, len(first))
	for i, line := range first {
		decoded, err := t.decode(line)
		if err != nil {
			return fmt.Errorf("its first line is not %s", t.encoding)
		}
		text[i] = decoded
	}
	var err error
	separator, declared, err := declaredSeparator(text[0])
	switch {
	case err != nil:
		return err
	case declared && len(text) == 1:
		return errors.New("it is empty but for a line that names a separator")
	case declared:
		t.skip, t.separator = 1, separator
		fields, err := splitLine(text[1], separator)
		if err != nil {
			return fmt.Errorf("its first row cannot be read: %w", err)
		}
		if t.columns, err = findColumns(fields, keep); err != nil {
			return err
		}
	default:
		if t.separator, t.columns, err = findSeparator(text[0], keep); err != nil {
			return err
		}
	}
	if t.columns.header {
		t.skip++
	}
	return nil
}

// decode returns a line as UTF-8.
func (t *csvFile) decode(line []byte) (string, error) {
	if t.encoding == encodingGB18030 {
		return decodeGB18030(line)
	}
	return string(line), nil
}

func (t *csvFile) rows() (rowReader, error) {
	if _, err := t.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return newCSVRows(t, t.file), nil
}

// csvRows reads the rows of a csvFile. At the end it checks that the file is
// still what it was when it was opened.
type csvRows struct {
	*csvFile
	lines *lineReader
	sum   hash.Hash
	left  int // lines that are to be skipped
}

func newCSVRows(t *csvFile, file io.Reader) *csvRows {
	sum := sha256.New()
	return &csvRows{t, newTextLines(file, sum, t.encoding == encodingUTF16), sum, t.skip}
}

func (r *csvRows) next() (row, error) {
	for {
		line, tooLong, err := r.lines.next()
		switch {
		case err == io.EOF && hex.EncodeToString(r.sum.Sum(nil)) != r.sha256:
			return row{}, errInputChanged
		case err != nil:
			return row{}, err
		case !tooLong && isBlank(line):
		case r.left > 0:
			r.left--
		case tooLong:
			return r.bad(fmt.Sprintf("the line is longer than %d bytes", maxLine)), nil
		default:
			return r.parse(line), nil
		}
	}
}

func (r *csvRows) parse(line []byte) row {
	text, err := r.decode(line)
	if err != nil {
		return r.bad("it is not " + encodingGB18030)
	}
	fields, err := splitLine(text, r.separator)
	if err != nil {
		return r.bad(err.Error())
	}
	if len(fields) != r.columns.fields {
		return r.bad(fmt.Sprintf("number of fields: %d instead of %d", len(fields), r.columns.fields))
	}
	return newRow(r.lines.number, fields, r.columns)
}

func (r *csvRows) bad(reason string) row {
	return row{line: r.lines.number, kept: make([]string, len(r.columns.keep)), bad: reason}
}
