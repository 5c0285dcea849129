package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
)

// table is an opened input: a CSV file, or a sheet of a workbook.
type table interface {
	about() description
	// rows returns a reader that begins at the first row.
	rows() (rowReader, error)
	close() error
}

// rowReader gives one row after the other, and io.EOF after the last one.
type rowReader interface{ next() (row, error) }

// description is what is known of a table before its first row is read.
type description struct {
	sha256   string
	encoding string // of a CSV file, or encodingWorkbook
	sheet    string // of a workbook
	excel    bool   // it has the marks of Excel
	columns  columns
	note     string // what the user should know about how it is read, or ""
}

// row is one row of the input that has something in it.
type row struct {
	line         int // of the file, or of the sheet, from 1: what an editor and a spreadsheet show
	name, number string
	kept         []string // the values of the columns of -keep
	bad          string   // why it cannot be asked about as it is, or ""
}

var errInputChanged = errors.New("the input was changed while it was read; verdicts of the changed rows may be wrong: use a copy that nobody edits, and another -out")

var (
	zipMagic = []byte("PK\x03\x04")
	oleMagic = []byte{0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1}
)

// openTable opens the input. The content decides what it is, and not the name:
// many programs call a text file .xls or .xlsx. Errors about the content begin
// with "it" or "its".
func openTable(o options, temp *tempDir) (table, error) {
	file, err := os.Open(o.in)
	if err != nil {
		return nil, err
	}
	opened, err := openFile(file, o, temp)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("%s cannot be verified: %w", o.in, err)
	}
	return opened, nil
}

func openFile(file *os.File, o options, temp *tempDir) (table, error) {
	start := make([]byte, 8)
	n, _ := file.ReadAt(start, 0) // a file that cannot be read fails again below
	start = start[:n]
	switch {
	case bytes.HasPrefix(start, zipMagic):
		return openWorkbook(file, o, temp)
	case bytes.HasPrefix(start, oleMagic):
		return nil, errors.New("it is an old .xls workbook, or a workbook with a password: open it in Excel, and save it as .xlsx without a password")
	case o.sheet != "":
		return nil, errors.New("it is a text file, and -sheet is for .xlsx workbooks")
	}
	t, err := openCSV(file, o, start)
	if err != nil {
		return nil, err
	}
	if isWorkbookName(o.in) {
		t.note = "the input is no workbook although its name says so; it is read as CSV"
	}
	return t, nil
}

// isWorkbookName reports whether a file should be an .xlsx workbook.
func isWorkbookName(path string) bool { return strings.HasSuffix(strings.ToLower(path), ".xlsx") }
