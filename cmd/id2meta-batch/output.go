package main

import (
	"archive/zip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/xuri/excelize/v2"
)

// partName is the output while it is written, in a temporary folder.
const partName = "verdicts"

// output writes the verdicts into a new file, which takes its place when it is whole.
type output struct {
	path  string
	file  *os.File
	csv   *csv.Writer            // or
	book  *excelize.File         // a workbook
	sheet *excelize.StreamWriter // of book
	rows  int
}

// newOutput begins the output of rows rows.
func newOutput(path, temp string, in *table, rows int) (*output, error) {
	if isWorkbookName(path) && rows >= excelize.TotalRows {
		return nil, errors.New("a sheet has 1,048,576 rows, and the input has more people: choose an -out that ends in .csv")
	}
	file, err := os.OpenFile(filepath.Join(temp, partName), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	o := &output{path: path, file: file}
	if isWorkbookName(path) {
		err = o.beginBook(temp)
	} else {
		err = o.beginCSV(in.excel)
	}
	if err == nil {
		err = o.writeRow(titlesOf(in.columns))
	}
	if err != nil {
		o.abandon()
		return nil, err
	}
	return o, nil
}

func (o *output) beginCSV(excel bool) error {
	o.csv = csv.NewWriter(o.file)
	if !excel {
		return nil
	}
	// Who reads the input with Excel reads this with it too, and Excel takes UTF-8 for GBK
	// unless there is a byte order mark.
	_, err := o.file.Write(utf8BOM)
	return err
}

func (o *output) beginBook(temp string) (err error) {
	o.book = excelize.NewFile(excelize.Options{TmpDir: temp})
	// Without this excelize holds the whole file in memory before it writes it.
	o.book.ZipWriter = func(io.Writer) excelize.ZipWriter { return zip.NewWriter(o.file) }
	if o.sheet, err = o.book.NewStreamWriter(o.book.GetSheetName(0)); err != nil {
		return err
	}
	// Wide enough for a masked number, and for the first words of a reason.
	for column, width := range []float64{8, 12, 22, 12, 8, 40, 40} {
		if err := o.sheet.SetColWidth(column+1, column+1, width); err != nil {
			return err
		}
	}
	return nil
}

func (o *output) write(rec record) error { return o.writeRow(rec.fields()) }

func (o *output) writeRow(fields []string) error {
	o.rows++
	if o.csv != nil {
		for i, field := range fields {
			fields[i] = inert(field)
		}
		return o.csv.Write(fields)
	}
	cells := make([]any, len(fields)) // excelize wants any; a string becomes a text cell
	for i, field := range fields {
		cells[i] = field
	}
	return o.sheet.SetRow(fmt.Sprintf("A%d", o.rows), cells)
}

// publish finishes the file and puts it in its place, unless something else is there.
func (o *output) publish(known *memory) error {
	if err := o.finish(); err != nil {
		return fmt.Errorf("the output cannot be written: %w", err)
	}
	ctx := context.Background()
	if err := known.wrote(ctx, io.NewSectionReader(o.file, 0, 1<<62)); err != nil {
		return err
	}
	if err := errors.Join(o.file.Sync(), o.file.Close()); err != nil {
		return err
	}
	if err := known.mayReplace(ctx, o.path); err != nil {
		return err
	}
	return os.Rename(o.file.Name(), o.path)
}

func (o *output) finish() error {
	if o.csv != nil {
		o.csv.Flush()
		return o.csv.Error()
	}
	if err := o.sheet.Flush(); err != nil {
		return err
	}
	return o.book.Write(io.Discard)
}

// abandon closes what publish has not closed.
func (o *output) abandon() {
	if o.book != nil {
		o.book.Close()
	}
	o.file.Close()
}
