package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/xuri/excelize/v2"
)

var errDamagedWorkbook = errors.New("it is a damaged workbook: open it in Excel, and save it again")

// workbook is a table in a sheet of an .xlsx file. What was opened is read, even if the
// file changes later: excelize unpacks it once.
type workbook struct {
	description
	sheet string
	file  *excelize.File
	open  func() (*excelize.File, error)
	types *excelize.File // opened when the type of a cell is needed first, or nil
	size  uint64         // bytes of the longest sheet
}

func (w *workbook) about() description { return w.description }

func (w *workbook) close() error {
	if w.types != nil {
		w.types.Close()
	}
	return w.file.Close()
}

// openWorkbook takes file over. Temporary files go into the folder temp.
func openWorkbook(file *os.File, o options, temp string) (*workbook, error) {
	defer file.Close()
	if o.encoding != "auto" {
		return nil, errors.New("it is an Excel workbook, and -encoding is for text files")
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	a, err := checkArchive(file, info.Size())
	if err != nil {
		return nil, err
	}
	w := &workbook{size: a.longestSheet}
	w.excel = true
	w.open = func() (*excelize.File, error) { return unpack(file.Name(), temp, a) }
	if w.file, err = w.open(); err != nil {
		return nil, err
	}
	if err := w.choose(o); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func unpack(path, temp string, a archive) (*excelize.File, error) {
	file, err := excelize.OpenFile(path, excelize.Options{
		UnzipSizeLimit:    maxUnzipped,
		UnzipXMLSizeLimit: toTempFile,
		TmpDir:            temp,
		// The formats of a date that a workbook names by a number only look as they do in
		// a Chinese Excel. Without this some are shown as 03-15-23, which leaves doubt,
		// and others as the stored number. It is for -keep.
		CultureInfo:      excelize.CultureNameZhCN,
		ShortDatePattern: "yyyy/m/d",
		LongDatePattern:  `yyyy"年"m"月"d"日"`,
	})
	if err != nil {
		return nil, errDamagedWorkbook // excelize's words may quote the workbook
	}
	// excelize knows the texts and the formats by their usual names only.
	for usual, text := range a.renamed {
		file.Pkg.Store(usual, text)
		file.Styles = nil // read again
	}
	return file, nil
}

// choose finds the sheet: the sheet of -sheet, or the only one that is not hidden and has
// the columns.
func (w *workbook) choose(o options) error {
	var sheets, found, failures []string
	var failure error
	for _, name := range w.file.GetSheetList() {
		sheets = append(sheets, fmt.Sprintf("%q", name))
		if visible, err := w.file.GetSheetVisible(name); name != o.sheet && (o.sheet != "" || err != nil || !visible) {
			continue
		}
		c, err := w.look(name, o.keep)
		if err != nil {
			failure = fmt.Errorf("%w (sheet %q)", err, name)
			failures = append(failures, fmt.Sprintf("%q: %v", name, err))
			continue
		}
		found = append(found, fmt.Sprintf("%q", name))
		w.sheet, w.columns = name, c
	}
	switch {
	case len(sheets) == 0:
		return errDamagedWorkbook
	case len(found) == 1:
		if len(sheets) > 1 {
			w.note = fmt.Sprintf("the sheet %q is read, of %d sheets", w.sheet, len(sheets))
		}
		return nil
	case len(found) > 1:
		return fmt.Errorf("the sheets %s all have the columns: choose one with -sheet", strings.Join(found, ", "))
	case len(failures) > 1:
		return fmt.Errorf("none of its sheets has the columns: choose one with -sheet, and correct its header\n  %s", strings.Join(failures, "\n  "))
	case failure != nil:
		return failure
	case o.sheet != "":
		return fmt.Errorf("it has no sheet %q; it has %s", o.sheet, strings.Join(sheets, ", "))
	}
	return errors.New("it has no sheet that is not hidden; -sheet chooses a hidden one")
}

// look finds the columns of a sheet.
func (w *workbook) look(sheet string, keep []string) (columns, error) {
	s, err := w.source(sheet, nil)
	if err != nil {
		return columns{}, err
	}
	defer s.raw.Close()
	rows, err := firstRows(s)
	if err != nil {
		return columns{}, err
	}
	return findColumns(rows, keep)
}

func (w *workbook) rows() (*rowReader, error) {
	s, err := w.source(w.sheet, w.columns.keep)
	return &rowReader{source: s, columns: w.columns}, err
}

func (w *workbook) source(sheet string, keep []keptColumn) (*sheetSource, error) {
	s := &sheetSource{workbook: w}
	var err error
	if s.raw, err = w.file.Rows(sheet); err != nil {
		return nil, errDamagedWorkbook
	}
	if len(keep) > 0 {
		if s.formatted, err = w.file.Rows(sheet); err != nil {
			return nil, errDamagedWorkbook
		}
	}
	return s, nil
}

// sheetSource reads the rows of a sheet.
type sheetSource struct {
	*workbook
	raw       *excelize.Rows // cells as they are stored: a number format could change a name
	formatted *excelize.Rows // cells as Excel shows them, such as dates; for -keep
	line      int
}

func (s *sheetSource) next() (rawRow, error) {
	if !s.raw.Next() {
		if s.raw.Error() != nil {
			return rawRow{}, errDamagedWorkbook
		}
		return rawRow{}, io.EOF
	}
	s.line++
	fields, err := s.raw.Columns(excelize.Options{RawCellValue: true})
	if err != nil {
		return rawRow{}, errDamagedWorkbook
	}
	raw := rawRow{line: s.line, fields: fields}
	if s.formatted != nil {
		if !s.formatted.Next() {
			return rawRow{}, errDamagedWorkbook
		}
		if raw.shown, err = s.formatted.Columns(); err != nil {
			return rawRow{}, errDamagedWorkbook
		}
		for i, shown := range raw.shown {
			if shown != field(fields, i) { // a format such as "0_ " leaves room for a sign
				raw.shown[i] = strings.TrimSpace(shown)
			}
		}
	}
	if s.columns.width > 0 && strings.HasSuffix(field(fields, s.columns.number), "000") {
		raw.bad, err = s.cut()
	}
	return raw, err
}

// maxTyped is how many bytes of XML a sheet may have to be loaded for the types of its cells.
const maxTyped = 64 << 20

// cut reports why the ID number of this row is probably not what somebody typed: the cell is
// a number, of which Excel keeps 15 digits, and the others are 0. excelize does not tell the
// type of a cell while it streams a sheet, so it loads the sheet a second time.
func (s *sheetSource) cut() (problem string, err error) {
	if s.size > maxTyped {
		return "id_number: it ends in 000, and the sheet is too large to see whether Excel has cut the number: save the sheet as “CSV UTF-8”, or split it", nil
	}
	if s.types == nil {
		if s.types, err = s.open(); err != nil {
			return "", err
		}
	}
	cell, err := excelize.CoordinatesToCellName(s.columns.number+1, s.line)
	if err != nil {
		return "", errDamagedWorkbook
	}
	switch kind, err := s.types.GetCellType(s.sheet, cell); {
	case err != nil:
		return "", errDamagedWorkbook
	case kind == excelize.CellTypeUnset || kind == excelize.CellTypeNumber:
		return "id_number: the cell is a number and not a text, and Excel keeps 15 digits of a number and makes the others 0: take the ID number from where it came from, into a cell of the format Text", nil
	}
	return "", nil
}
