package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

const (
	// maxText bounds the memory of a text file, which is held as a whole. A million rows
	// of ten columns take about a fifth of it.
	maxText = 1 << 30
	// maxRow bounds the memory of a row. A name and a number take less than a hundredth of it.
	maxRow = 64 << 10
)

// openCSV reads a text file. The separator is the one that gives a header, or else two
// fields without a header. A title may have other separators in it.
func openCSV(o options) (*table, error) {
	info, err := os.Stat(o.in)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxText {
		return nil, fmt.Errorf("it has more than %d MiB: split it", maxText>>20)
	}
	data, err := os.ReadFile(o.in)
	if err != nil {
		return nil, err
	}
	t := &table{close: func() {}}
	begin := csvSource{}
	if begin.text, t.excel, err = decode(data, o.encoding); err != nil {
		return nil, err
	}
	separators := ",\t;"
	first := begin.text[:lineLength(begin.text)]
	if m := declaration.FindSubmatch(first); m != nil {
		if separators = string(m[1]); separators == "" {
			return nil, errors.New("its first line says sep= and then no comma, semicolon, tab or vertical bar")
		}
		begin.text, begin.line = begin.text[len(first):], 1
	}
	best := -1
	var failure error
	for _, separator := range separators {
		from := begin
		from.separator, from.quoted = separator, quotedField(separator)
		look := from
		rows, err := firstRows(&look)
		if err != nil {
			return nil, err
		}
		c, err := findColumns(rows, o.keep)
		fit := 1000 * c.titles
		for _, row := range rows {
			fit = max(fit, 1000*c.titles+min(len(row), 999))
		}
		if err == nil {
			fit += 10_000
		}
		if fit > best {
			from.width = c.width
			t.columns, t.rows, failure, best = c, func() (source, error) { s := from; return &s, nil }, err, fit
		}
	}
	return t, failure
}

// declaration is a first line such as sep=; which Excel obeys and does not show. A program
// that adds columns to every line leaves sep=,,,.
var declaration = regexp.MustCompile(`(?i)^ *"?sep=(?: *([,;|\t])[,;|\t" \r\n]*$)?`)

// csvSource reads the rows of CSV text.
type csvSource struct {
	text      []byte // what is not read yet
	line      int    // lines that were read
	separator rune
	quoted    *regexp.Regexp // of this separator
	width     int            // how many fields a row may have, or 0
}

func (s *csvSource) next() (rawRow, error) {
	if len(s.text) == 0 {
		return rawRow{}, io.EOF
	}
	// A quoted field may have line breaks. If the lines up to its end make no row, the
	// first of them is a bad row, and the others are rows of their own.
	length, lines := rowLength(s.text)
	fields, err := s.split(s.text[:length])
	if err != nil && lines > 1 {
		length, lines = lineLength(s.text), 1
		fields, err = s.split(s.text[:length])
	}
	raw := rawRow{line: s.line + 1, fields: fields, shown: fields}
	s.text, s.line = s.text[length:], s.line+lines
	switch {
	case err != nil:
		raw.bad = err.Error()
	case s.width > 0 && !isBlank(fields[min(len(fields), s.width):]):
		raw.bad = fmt.Sprintf("number of fields: %d instead of %d", len(fields), s.width)
	}
	return raw, nil
}

// lineLength returns the length of the first line of text, with its end.
func lineLength(text []byte) int {
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return i + 1
	}
	return len(text)
}

// rowLength returns the length of the lines up to the first that ends outside of quotes.
func rowLength(text []byte) (length, lines int) {
	quotes := 0
	for {
		line := text[length : length+lineLength(text[length:])]
		length, lines = length+len(line), lines+1
		quotes += bytes.Count(line, []byte(`"`))
		if quotes%2 == 0 || length == len(text) || length > maxRow {
			return length, lines
		}
	}
}

// quotedField finds a quoted field, and what Excel users and programs put beside its quotes
// and encoding/csv refuses: an equals sign as in ="123", which Excel reads as the text 123,
// and blanks.
func quotedField(separator rune) *regexp.Regexp {
	blanks := `[ \t\v\f\r\p{Z}\x{85}]*`
	if separator == '\t' {
		blanks = `[ \v\f\r\p{Z}\x{85}]*`
	}
	return regexp.MustCompile(`(^|` + regexp.QuoteMeta(string(separator)) + `)` + blanks + `=?` + blanks + `("(?:[^"]|"")*")` + blanks)
}

// split returns the fields of one row of CSV, which may end in LF, CRLF or even CRCRLF. Its
// error is short, and does not repeat the row.
func (s *csvSource) split(line []byte) ([]string, error) {
	line = bytes.TrimRight(line, "\r\n")
	if len(line) > maxRow {
		return nil, fmt.Errorf("the line is longer than %d bytes", maxRow)
	}
	text := string(line)
	if !strings.Contains(text, `"`) {
		// Nearly all rows. A csv.Reader for each would be most of the garbage.
		return strings.Split(text, string(s.separator)), nil
	}
	r := csv.NewReader(strings.NewReader(s.quoted.ReplaceAllString(text, "$1$2")))
	r.Comma = s.separator
	fields, err := r.Read()
	if err == nil {
		if _, more := r.Read(); more != io.EOF {
			err = csv.ErrQuote // the quotes were not paired as they seemed
		}
	}
	switch {
	case errors.Is(err, csv.ErrBareQuote):
		return nil, errors.New("it has a quote inside an unquoted field")
	case err != nil:
		return nil, errors.New("it has a quoted field that does not end, or goes on after its quote")
	}
	return fields, nil
}
