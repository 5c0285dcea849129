package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
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
	data, err := os.ReadFile(o.in)
	if err != nil {
		return nil, err
	}
	text, excel, err := decode(data)
	if err != nil {
		return nil, err
	}
	text = bytes.TrimLeft(text, "\uFEFF") // some programs write two marks
	replaceCRs(text)
	t := &table{excel: excel, close: func() {}}
	line, separators := 1, ",\t;"
	first := text[:lineLength(text)]
	if m := declaration.FindSubmatch(first); m != nil {
		if separators = string(m[1]); separators == "" {
			return nil, errors.New("its first line says sep= and then no comma, semicolon, tab or vertical bar")
		}
		text, line = text[len(first):], 2
	}
	most := -1
	failure := errEmpty
	for _, separator := range separators {
		t.rows = csvRows(text, line, separator)
		rows, _ := firstRows(t.rows) // a row that cannot be read is a bad row, and no error
		if t.columns, err = findColumns(rows, o.keep); err == nil {
			return t, nil
		}
		// The separator that was meant is probably the one that gives a row the most fields.
		for _, row := range rows {
			if len(row.fields) > most {
				most, failure = len(row.fields), err
			}
		}
	}
	return nil, failure
}

// declaration is a first line such as sep=; which Excel obeys and does not show. A program
// that adds columns to every line leaves sep=,,,.
var declaration = regexp.MustCompile(`(?i)^ *"?sep=(?: *([,;|\t])[,;|\t" \r\n]*$)?`)

// csvRows gives the rows of CSV text. The number of its first line is line.
func csvRows(text []byte, line int, separator rune) iter.Seq2[rawRow, error] {
	quoted := quotedField(separator)
	return func(yield func(rawRow, error) bool) {
		rest, line := text, line
		for len(rest) > 0 {
			// A quoted field may have line breaks. If the lines up to its end make no row,
			// the first of them is a bad row, and the others are rows of their own.
			length, lines := rowLength(rest)
			fields, err := splitRow(rest[:length], separator, quoted)
			if err != nil && lines > 1 {
				length, lines = lineLength(rest), 1
				fields, err = splitRow(rest[:length], separator, quoted)
			}
			raw := rawRow{line: line, fields: fields, shown: fields}
			if err != nil {
				raw.bad = err.Error()
			}
			rest, line = rest[length:], line+lines
			if !yield(raw, nil) {
				return
			}
		}
	}
}

// replaceCRs makes each CR alone an LF, if the first row ends in one: Excel calls this
// "CSV (Macintosh)". In another text such a CR is inside of a field.
func replaceCRs(text []byte) {
	end := 0
	for quoted := false; end < len(text) && (quoted || text[end] != '\r' && text[end] != '\n'); end++ {
		quoted = quoted != (text[end] == '"')
	}
	if end == len(text) || bytes.HasPrefix(bytes.TrimLeft(text[end:], "\r"), []byte("\n")) {
		return
	}
	for i, b := range text {
		if b == '\r' && !bytes.HasPrefix(text[i+1:], []byte("\n")) {
			text[i] = '\n'
		}
	}
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
	for line := range bytes.Lines(text) {
		length, lines = length+len(line), lines+1
		quotes += bytes.Count(line, []byte(`"`))
		if quotes%2 == 0 || length > maxRow {
			break
		}
	}
	return length, lines
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

// splitRow returns the fields of one row of CSV, which may end in LF, CRLF or even CRCRLF.
// quoted is the quotedField of the separator. The error is short, and does not repeat the row.
func splitRow(row []byte, separator rune, quoted *regexp.Regexp) ([]string, error) {
	row = bytes.TrimRight(row, "\r\n")
	if len(row) > maxRow {
		return nil, fmt.Errorf("the line is longer than %d bytes", maxRow)
	}
	text := string(row)
	if !strings.Contains(text, `"`) {
		// Nearly all rows. A csv.Reader for each would be most of the garbage.
		return strings.Split(text, string(separator)), nil
	}
	r := csv.NewReader(strings.NewReader(quoted.ReplaceAllString(text, "$1$2")))
	r.Comma = separator
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
