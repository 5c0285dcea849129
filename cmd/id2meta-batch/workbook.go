package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/xuri/excelize/v2"
)

// workbook is a table in a sheet of an .xlsx file. What was opened is read, also
// when the file changes later: excelize unpacks it once.
type workbook struct {
	description
	file  *excelize.File
	kinds *cellKinds
}

func (w *workbook) about() description { return w.description }
func (w *workbook) close() error       { return w.file.Close() }

// openWorkbook takes file over.
func openWorkbook(file *os.File, o options, temp *tempDir) (*workbook, error) {
	defer file.Close()
	if o.encoding != "auto" {
		return nil, errors.New("it is an Excel workbook, and -encoding is for text files")
	}
	before, err := sumOf(file)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	a, err := openArchive(file, info.Size())
	if err != nil {
		return nil, err
	}
	count, err := a.countStrings()
	if err != nil {
		return nil, err
	}
	w, err := unpackWorkbook(file.Name(), temp)
	if err != nil {
		return nil, err
	}
	if err := w.read(a, o, count); err != nil {
		w.close()
		return nil, err
	}
	after, err := sumOf(file)
	if now, _ := os.Stat(file.Name()); err == nil && (before != after || now == nil || !os.SameFile(info, now)) {
		err = errInputChanged
	}
	if err != nil {
		w.close()
		return nil, err
	}
	w.sha256 = before
	return w, nil
}

func unpackWorkbook(path string, temp *tempDir) (*workbook, error) {
	dir, err := temp.get()
	if err != nil {
		return nil, err
	}
	file, err := excelize.OpenFile(path, excelize.Options{
		UnzipSizeLimit:    maxUnzipped,
		UnzipXMLSizeLimit: toTempFile,
		TmpDir:            dir,
		// The formats of a date that a workbook names by a number only look as they
		// do in a Chinese Excel. Without this some are shown as 03-15-23, which
		// leaves doubt, and others as the stored number. It is for -keep.
		CultureInfo:      excelize.CultureNameZhCN,
		ShortDatePattern: "yyyy/m/d",
		LongDatePattern:  `yyyy"年"m"月"d"日"`,
	})
	if err != nil {
		// Its words may quote the workbook.
		return nil, errDamagedWorkbook
	}
	return &workbook{file: file}, nil
}

// read finds the sheet and its columns.
func (w *workbook) read(a *archive, o options, strings int) error {
	w.encoding, w.excel = encodingWorkbook, true
	if err := w.choose(o.sheet); err != nil {
		return err
	}
	part, err := a.sheetPart(w.sheet)
	if err != nil {
		return err
	}
	first, err := w.firstRow()
	if err == io.EOF {
		return fmt.Errorf("its sheet %q is empty", w.sheet)
	}
	if err != nil {
		return err
	}
	if w.columns, err = findColumns(first, o.keep); err != nil {
		return err
	}
	w.kinds, err = a.scanCells(part, w.columns, strings)
	return err
}

// choose finds the sheet: the wanted one, or the first that is not hidden.
func (w *workbook) choose(wanted string) error {
	sheets := w.file.GetSheetList()
	visible := sheets[:0:0]
	for _, name := range sheets {
		if shown, err := w.file.GetSheetVisible(name); err == nil && shown {
			visible = append(visible, name)
		}
		if name == wanted {
			w.sheet = name
		}
	}
	switch {
	case w.sheet != "":
	case wanted != "":
		return fmt.Errorf("it has no sheet %q; it has %s", wanted, quoted(sheets))
	case len(visible) == 0:
		return errors.New("it has no sheet that is not hidden; -sheet chooses a hidden one")
	default:
		w.sheet = visible[0]
		if len(visible) > 1 {
			w.note = fmt.Sprintf("the first of %d sheets is read, %q; -sheet chooses another one", len(visible), w.sheet)
		}
	}
	return nil
}

func quoted(names []string) string {
	q := make([]string, len(names))
	for i, name := range names {
		q[i] = fmt.Sprintf("%q", name)
	}
	return strings.Join(q, ", ")
}

// firstRow returns the fields of the first row that is not blank.
func (w *workbook) firstRow() ([]string, error) {
	rows, err := w.file.Rows(w.sheet)
	if err != nil {
		return nil, errDamagedWorkbook
	}
	defer rows.Close()
	for rows.Next() {
		fields, err := rows.Columns(excelize.Options{RawCellValue: true})
		if err != nil {
			return nil, errDamagedWorkbook
		}
		if !isBlankRow(fields) {
			return fields, nil
		}
	}
	return nil, io.EOF
}

func isBlankRow(fields []string) bool {
	for _, field := range fields {
		if strings.TrimSpace(field) != "" {
			return false
		}
	}
	return true
}

func sumOf(file *os.File) (string, error) {
	sum := sha256.New()
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	_, err := io.Copy(sum, file)
	return hex.EncodeToString(sum.Sum(nil)), err
}

func (w *workbook) rows() (rowReader, error) {
	raw, err := w.file.Rows(w.sheet)
	if err != nil {
		return nil, err
	}
	r := &workbookRows{workbook: w, raw: raw, header: w.columns.header}
	if len(w.columns.keep) > 0 {
		r.shown, err = w.file.Rows(w.sheet)
	}
	return r, err
}

// workbookRows reads the rows of a workbook.
type workbookRows struct {
	*workbook
	raw    *excelize.Rows // cells as they are stored: a number format could change a name
	shown  *excelize.Rows // cells as Excel shows them, such as dates; for -keep
	line   int
	header bool // it comes yet
}

func (r *workbookRows) next() (row, error) {
	for r.raw.Next() {
		r.line++
		fields, err := r.raw.Columns(excelize.Options{RawCellValue: true})
		if err != nil {
			return row{}, errDamagedWorkbook
		}
		if err := r.show(fields); err != nil {
			return row{}, err
		}
		if isBlankRow(fields) && r.kinds.of(r.line) == 0 {
			continue
		}
		if r.header {
			r.header = false
			continue
		}
		found := newRow(r.line, fields, r.columns)
		if problem := r.kinds.of(r.line).problem(); problem != "" {
			found = found.refuse(problem)
		}
		return found, nil
	}
	if r.raw.Error() != nil || r.line != r.kinds.last {
		return row{}, errDamagedWorkbook
	}
	return row{}, io.EOF
}

// show puts the kept columns into fields as Excel shows them.
func (r *workbookRows) show(fields []string) error {
	if r.shown == nil {
		return nil
	}
	if !r.shown.Next() {
		return errDamagedWorkbook
	}
	shown, err := r.shown.Columns()
	if err != nil {
		return errDamagedWorkbook
	}
	for _, k := range r.columns.keep {
		if k.index < len(fields) && k.index < len(shown) {
			fields[k.index] = shown[k.index]
		}
	}
	return nil
}
