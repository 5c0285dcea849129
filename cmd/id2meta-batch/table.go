package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
)

// table is an opened input: a CSV file, or a sheet of a workbook.
type table struct {
	columns
	excel bool                     // it has the marks of Excel
	note  string                   // what the user should know about how it is read, or ""
	rows  iter.Seq2[rawRow, error] // each loop over it begins with the first row
	close func()
}

// rawRow is a row that may be blank, or a header.
type rawRow struct {
	line   int      // of the file, or of the sheet, from 1: what an editor and a spreadsheet show
	fields []string // as they are stored
	shown  []string // as Excel shows them
	cut    []string // the fields that are numbers of which Excel has probably cut the end
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
func openTable(ctx context.Context, o options, temp string) (*table, error) {
	info, err := os.Stat(o.in)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	file, err := os.Open(o.in)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	start := make([]byte, 8)
	n, _ := file.ReadAt(start, 0) // a file that cannot be read fails again below
	switch start = start[:n]; {
	case bytes.HasPrefix(start, []byte("PK\x03\x04")):
		return openWorkbook(ctx, file, info.Size(), o, temp)
	case bytes.HasPrefix(start, []byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")):
		return nil, errors.New("it is an old .xls workbook, or a workbook with a password: open it in Excel, and save it as .xlsx without a password")
	case o.sheet != "":
		return nil, errors.New("it is a text file, and -sheet is for .xlsx workbooks")
	case info.Size() > maxText:
		return nil, fmt.Errorf("it has more than %d MiB: split it", maxText>>20)
	}
	return openCSV(o)
}

// people gives the rows of people.
func (t *table) people() iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		for raw, err := range t.rows {
			if err != nil {
				yield(row{}, err)
				return
			}
			if raw.line < t.first || raw.bad == "" && isBlank(raw.fields) {
				continue
			}
			if !yield(t.newRow(raw), nil) {
				return
			}
		}
	}
}

// firstRows returns the rows that are not blank among which the header and the rows that
// explain it may be.
func firstRows(rows iter.Seq2[rawRow, error]) ([]rawRow, error) {
	var first []rawRow
	for raw, err := range rows {
		if err != nil || len(first) == 2*headerRows {
			return first, err
		}
		if raw.bad != "" || !isBlank(raw.fields) { // a bad row may stand above the header
			first = append(first, raw)
		}
	}
	return first, nil
}

func isBlank(fields []string) bool {
	return !slices.ContainsFunc(fields, func(field string) bool { return strings.TrimSpace(field) != "" })
}

// newRow picks the name, the number and the kept columns from a row. Fields that are
// missing at the end are empty.
func (c columns) newRow(raw rawRow) row {
	r := row{line: raw.line, kept: make([]string, len(c.keep)), bad: raw.bad}
	switch {
	case r.bad != "":
		return r
	case c.width > 0 && !isBlank(raw.fields[min(c.width, len(raw.fields)):]):
		r.bad = fmt.Sprintf("number of fields: %d instead of %d", len(raw.fields), c.width)
		return r
	}
	for i, column := range c.keep {
		r.kept[i] = oneLine(unwrapFormula(field(raw.shown, column)))
	}
	r.name, r.number = unwrap(field(raw.fields, c.name)), unwrap(field(raw.fields, c.number))
	if slices.Contains(raw.cut, field(raw.fields, c.number)) {
		r.bad = "id_number: the cell is a number and not a text, and Excel keeps 15 digits of a number and makes the others 0: take the ID number from where it came from, into a cell of the format Text"
	}
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

// oneLine replaces line breaks by spaces.
func oneLine(s string) string {
	return strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ").Replace(s)
}
