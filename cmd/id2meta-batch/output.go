package main

import (
	"archive/zip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
	"github.com/xuri/excelize/v2"
)

// output writes the verdicts into a new file, which takes its place when it is whole.
type output struct {
	path  string
	file  *os.File
	write func(fields []string) error
	flush func() error
	close func() error
}

// isWorkbookName reports whether a file should be an .xlsx workbook.
func isWorkbookName(path string) bool { return strings.HasSuffix(strings.ToLower(path), ".xlsx") }

// newOutput begins the output of rows rows. bom says whether a CSV file begins with a byte
// order mark.
func newOutput(o options, temp string, bom bool, rows int) (*output, error) {
	if isWorkbookName(o.out) && rows >= excelize.TotalRows {
		return nil, errors.New("a sheet has 1,048,576 rows, and the input has more people: choose an -out that ends in .csv")
	}
	file, err := os.OpenFile(filepath.Join(temp, "verdicts"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	out := &output{path: o.out, file: file, close: file.Close}
	if isWorkbookName(o.out) {
		err = out.beginBook(temp)
	} else {
		err = out.beginCSV(bom)
	}
	if err == nil {
		err = out.write(append([]string{"row", "name", "id_number", "verdict", "code", "reason", "request_id"}, o.keep...))
	}
	if err != nil {
		out.close()
		return nil, err
	}
	return out, nil
}

func (o *output) beginCSV(bom bool) (err error) {
	if bom {
		// Who reads the input with Excel reads this with it too, and Excel takes UTF-8 for
		// GBK unless there is a byte order mark.
		_, err = o.file.Write(utf8BOM)
	}
	w := csv.NewWriter(o.file)
	o.write = func(fields []string) error {
		for i, field := range fields {
			fields[i] = inert(field)
		}
		return w.Write(fields)
	}
	o.flush = func() error { w.Flush(); return w.Error() }
	return err
}

func (o *output) beginBook(temp string) error {
	book := excelize.NewFile(excelize.Options{TmpDir: temp})
	o.close = func() error { return errors.Join(book.Close(), o.file.Close()) }
	// Without this excelize holds the whole file in memory before it writes it.
	book.ZipWriter = func(io.Writer) excelize.ZipWriter { return zip.NewWriter(o.file) }
	sheet, err := book.NewStreamWriter(book.GetSheetName(0))
	if err != nil {
		return err
	}
	rows := 0
	o.write = func(fields []string) error {
		rows++
		cells := make([]any, len(fields)) // excelize wants any; a string becomes a text cell
		for i, field := range fields {
			cells[i] = field
		}
		return sheet.SetRow(fmt.Sprintf("A%d", rows), cells)
	}
	o.flush = func() error { return errors.Join(sheet.Flush(), book.Write(io.Discard)) }
	return nil
}

// publish finishes the file and puts it in its place, unless something else is there.
func (o *output) publish(known *memory) error {
	if err := o.flush(); err != nil {
		return fmt.Errorf("the output cannot be written: %w", err)
	}
	if err := known.wrote(io.NewSectionReader(o.file, 0, 1<<62)); err != nil {
		return err
	}
	if err := errors.Join(o.file.Sync(), o.close()); err != nil {
		return err
	}
	if err := mayReplace(o.path, known.isOutput); err != nil {
		return err
	}
	return os.Rename(o.file.Name(), o.path)
}

// hasRoom returns an error if the disk is full. excelize does not tell that it could not
// unpack a text, and gives an empty one.
func hasRoom(temp string) error {
	return os.WriteFile(filepath.Join(temp, "room"), make([]byte, 64<<10), 0o600)
}

// makeTemp makes a folder beside the output for the output while it is written, and for the
// temporary files of excelize, which hold the people of a workbook in plaintext. Nobody else
// can read it. What a killed run left in it is removed. remove removes the folder.
func makeTemp(out string) (path string, remove func(), err error) {
	path = filepath.Join(filepath.Dir(out), "."+filepath.Base(out)+".id2meta-tmp")
	lock := flock.New(path + ".lock")
	if free, err := lock.TryLock(); err != nil || !free {
		return "", nil, errors.Join(fmt.Errorf("another run writes %s, or its folder cannot be locked", out), err)
	}
	remove = func() {
		os.RemoveAll(path)
		os.Remove(lock.Path())
		lock.Unlock()
	}
	if err := errors.Join(os.RemoveAll(path), os.Mkdir(path, 0o700)); err != nil {
		remove()
		return "", nil, err
	}
	return path, remove, nil
}
