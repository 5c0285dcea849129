package main

import (
	"archive/zip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/xuri/excelize/v2"
)

// The verdicts of -out verdicts.xlsx are written into verdicts.xlsx.csv while the
// rows are verified, and into the workbook when all of them are done: a workbook
// cannot grow row by row.

// recordsPath returns the CSV file that the rows are written into.
func recordsPath(out string) string {
	if isWorkbookName(out) {
		return out + ".csv"
	}
	return out
}

// checkBook refuses, before anybody is asked about, a workbook that could not be
// written at the end.
func checkBook(out string, rows int) error {
	if !isWorkbookName(out) {
		return nil
	}
	if rows >= excelize.TotalRows {
		return fmt.Errorf("a sheet has %s rows, and the input has more people: choose an -out that ends in .csv", thousands(excelize.TotalRows))
	}
	if exists(out) && !exists(recordsPath(out)) {
		return fmt.Errorf("%s exists, and no %s beside it tells what it belongs to: choose another -out, or remove it", out, filepath.Base(recordsPath(out)))
	}
	return nil
}

// writeBook makes the workbook from the records. A workbook that is there with
// another content is kept beside it: somebody may have added notes to it.
func writeBook(out string, titles layout, temp *tempDir, stderr io.Writer) error {
	dir, err := temp.get()
	if err != nil {
		return err
	}
	path := filepath.Join(dir, tempPrefix+"verdicts")
	if err := fillBook(path, recordsPath(out), titles, dir); err != nil {
		return err
	}
	same, err := sameContent(path, out)
	if err != nil || same {
		return err
	}
	if exists(out) {
		kept, err := freeName(out + ".previous")
		if err != nil {
			return err
		}
		if err := os.Rename(out, kept); err != nil {
			return err
		}
		fmt.Fprintf(stderr, "batch: the %s that was there is kept as %s\n", filepath.Base(out), kept)
	}
	return os.Rename(path, out)
}

// freeName returns path, or path.2, path.3 and so on: the first at which there is
// nothing.
func freeName(path string) (string, error) {
	free := path
	for i := 2; ; i++ {
		if _, err := os.Lstat(free); os.IsNotExist(err) {
			return free, nil
		} else if err != nil {
			return "", err
		}
		free = fmt.Sprintf("%s.%d", path, i)
	}
}

// fillBook writes the records into a new workbook, row by row.
func fillBook(path, records string, titles layout, dir string) (err error) {
	source, err := os.Open(records)
	if err != nil {
		return err
	}
	defer source.Close()
	reader, err := newRecordReader(source, titles)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if closed := file.Close(); err == nil {
			err = closed
		}
	}()

	book := excelize.NewFile(excelize.Options{TmpDir: dir})
	defer book.Close()
	// Without this excelize holds the whole file in memory before it writes it.
	book.ZipWriter = func(io.Writer) excelize.ZipWriter { return zip.NewWriter(file) }
	sheet, err := book.NewStreamWriter(book.GetSheetName(0))
	if err != nil {
		return err
	}
	if err := fillSheet(sheet, reader, titles); err != nil {
		return err
	}
	if err := book.Write(io.Discard); err != nil {
		return err
	}
	return file.Sync()
}

func fillSheet(sheet *excelize.StreamWriter, records *recordReader, titles layout) error {
	// Wide enough for a masked number, and for the first words of a reason.
	for column, width := range []float64{8, 12, 22, 12, 8, 40, 40} {
		if err := sheet.SetColWidth(column+1, column+1, width); err != nil {
			return err
		}
	}
	fields := []string(titles)
	for line := 1; ; line++ {
		cells := make([]any, len(fields)) // excelize wants any; a string becomes a text cell
		for i, field := range fields {
			cells[i] = plain(field)
		}
		if err := sheet.SetRow(fmt.Sprintf("A%d", line), cells); err != nil {
			return err
		}
		rec, err := records.next()
		if err == io.EOF {
			return sheet.Flush()
		}
		if err != nil {
			return err
		}
		fields = rec.fields()
	}
}

// plain undoes inertText: a text cell of a workbook is never run as a formula.
func plain(s string) string {
	if after, found := strings.CutPrefix(s, "'"); found && inertText(after) == s {
		return after
	}
	return s
}

// sameContent reports whether two files have the same bytes. The second one may
// be missing.
func sameContent(a, b string) (bool, error) {
	first, err := sumOfFile(a)
	if err != nil {
		return false, err
	}
	second, err := sumOfFile(b)
	if os.IsNotExist(err) {
		return false, nil
	}
	return first == second, err
}

func sumOfFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	return sumOf(file)
}
