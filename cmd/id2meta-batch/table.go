package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// table is an opened input: a CSV file, or a sheet of a workbook.
type table struct {
	columns
	excel bool   // it has the marks of Excel
	note  string // what the user should know about how it is read, or ""
	rows  func() (source, error)
	close func()
}

// source gives the rows of a table as they are stored, and io.EOF after the last one.
type source interface{ next() (rawRow, error) }

// rawRow is a row that may be blank, or a header.
type rawRow struct {
	line   int      // of the file, or of the sheet, from 1: what an editor and a spreadsheet show
	fields []string // as they are stored
	shown  []string // as Excel shows them
	bad    string   // why it cannot be read, or ""
}

// row is a row that has something in it and is no header.
type row struct {
	line         int
	name, number string
	kept         []string // the values of the columns of -keep
	bad          string   // why nobody can be asked about it as it is, or ""
}

// openTable opens the input. The content decides what it is, and not the name: many
// programs call a text file .xls or .xlsx. Temporary files go into the folder temp. Errors
// about the content begin with "it" or "its".
func openTable(o options, temp string) (*table, error) {
	file, err := os.Open(o.in)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	start := make([]byte, 8)
	n, _ := file.ReadAt(start, 0) // a file that cannot be read fails again below
	switch start = start[:n]; {
	case bytes.HasPrefix(start, []byte("PK\x03\x04")):
		return openWorkbook(file, o, temp)
	case bytes.HasPrefix(start, []byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")):
		return nil, errors.New("it is an old .xls workbook, or a workbook with a password: open it in Excel, and save it as .xlsx without a password")
	case o.sheet != "":
		return nil, errors.New("it is a text file, and -sheet is for .xlsx workbooks")
	}
	return openCSV(o)
}

// isWorkbookName reports whether a file should be an .xlsx workbook.
func isWorkbookName(path string) bool { return strings.HasSuffix(strings.ToLower(path), ".xlsx") }

// people returns a reader of the rows of people, from the first one.
func (t *table) people() (*rowReader, error) {
	s, err := t.rows()
	return &rowReader{source: s, columns: t.columns}, err
}

// rowReader gives the rows of people.
type rowReader struct {
	source
	columns
	read    int   // rows that are not blank
	begun   bool  // the first row of a person was read
	skipped []int // lines between the header and the people
}

func (r *rowReader) next() (row, error) {
	for {
		raw, err := r.source.next()
		if err != nil {
			return row{}, err
		}
		if raw.bad == "" && isBlank(raw.fields) {
			continue
		}
		if r.read++; r.read <= r.columns.header {
			continue
		}
		if r.read <= r.columns.header+headerRows && !r.begun && raw.bad == "" && r.columns.notPerson(raw.fields) {
			r.skipped = append(r.skipped, raw.line)
			continue
		}
		r.begun = true
		return newRow(raw, r.columns), nil
	}
}

// firstRows returns the first rows that are not blank, among which a header may be.
func firstRows(s source) ([][]string, error) {
	var rows [][]string
	for len(rows) <= headerRows {
		raw, err := s.next()
		switch {
		case err == io.EOF:
			return rows, nil
		case err != nil:
			return nil, err
		case raw.bad != "":
			rows = append(rows, nil) // it may stand above the header
		case !isBlank(raw.fields):
			rows = append(rows, raw.fields)
		}
	}
	return rows, nil
}

func isBlank(fields []string) bool {
	for _, field := range fields {
		if strings.TrimSpace(field) != "" {
			return false
		}
	}
	return true
}

// maxKept is how many bytes the kept columns of a row may have together. Excel cuts a
// longer cell.
const maxKept = 24 << 10

// newRow picks the name, the number and the kept columns from a row. Fields that are
// missing at the end are empty.
func newRow(raw rawRow, c columns) row {
	r := row{line: raw.line, kept: make([]string, len(c.keep)), bad: raw.bad}
	if raw.bad != "" {
		return r
	}
	size := 0
	for i, k := range c.keep {
		r.kept[i] = oneLine(unwrapFormula(field(raw.shown, k.index)))
		size += len(r.kept[i])
	}
	if size > maxKept {
		clear(r.kept)
		r.bad = fmt.Sprintf("the columns of -keep have more than %d bytes", maxKept)
		return r
	}
	r.name, r.number = unwrap(field(raw.fields, c.name)), unwrap(field(raw.fields, c.number))
	return r
}

func field(fields []string, i int) string {
	if i < len(fields) {
		return fields[i]
	}
	return ""
}

// unwrap takes away what Excel users put around a number so that Excel keeps all its
// digits: 'N, ="N".
func unwrap(s string) string {
	s = strings.TrimSpace(s)
	for _, mark := range []string{"'", "’", "‘", "＇"} {
		if after, found := strings.CutPrefix(s, mark); found {
			return unwrapFormula(after)
		}
	}
	return unwrapFormula(s)
}

// unwrapFormula returns the text of ="text", and everything else as it is.
func unwrapFormula(s string) string {
	inner, found := strings.CutPrefix(strings.TrimSpace(s), `="`)
	inner, ends := strings.CutSuffix(inner, `"`)
	if !found || !ends {
		return s
	}
	return strings.ReplaceAll(inner, `""`, `"`)
}
