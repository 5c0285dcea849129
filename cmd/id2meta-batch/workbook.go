package main

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
	"golang.org/x/net/html/charset"
)

// Bounds for a workbook, which is a ZIP file of XML. A million rows of ten columns stay
// below them; a file that was made to fill a disk or a memory does not.
const (
	maxUnzipped = 4 << 30   // bytes of all parts
	maxOthers   = 256 << 20 // bytes of the texts and all other parts that are no sheets
	maxToken    = 1 << 20   // bytes of a text or a tag; a cell has at most 32,767 characters
	toTempFile  = 1 << 20   // how long a sheet, or the part of texts, may be to stay in memory
)

var (
	errWorkbookTooLarge = errors.New("it is an unusually large workbook: save the sheet as “CSV UTF-8”, or split it")
	errDamagedWorkbook  = errors.New("it is a damaged workbook: open it in Excel, and save it again")
)

// workbook is an .xlsx file. What was opened is read, even if the file changes later:
// excelize unpacks it once.
type workbook struct {
	file    *excelize.File
	numbers map[numberCell]bool
}

// numberCell is a cell with a number of 18 digits that ends in 000. excelize does not tell
// numbers from texts while it streams a sheet.
type numberCell struct {
	row   int
	value string
}

// openWorkbook opens the sheet of -sheet, or the only one that is not hidden and has the
// columns. Temporary files go into the folder temp.
func openWorkbook(file *os.File, o options, temp string) (*table, error) {
	if o.encoding != encodingAuto {
		return nil, errors.New("it is an Excel workbook, and -encoding is for text files")
	}
	w := &workbook{numbers: map[numberCell]bool{}}
	err := w.checkArchive(file)
	if err != nil {
		return nil, err
	}
	if w.file, err = unpack(file.Name(), temp); err != nil {
		return nil, err
	}
	t, err := w.choose(o)
	if err != nil {
		w.file.Close()
	}
	return t, err
}

// otherName finds the parts that have another name than excelize knows them by.
var otherName = regexp.MustCompile(`(?i)^xl/.*(strings|styles)[^/]*\.xml$`)

func unpack(path, temp string) (*excelize.File, error) {
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
	file.Pkg.Range(func(name, text any) bool {
		if m := otherName.FindStringSubmatch(name.(string)); m != nil {
			usual := map[string]string{"strings": "xl/sharedStrings.xml", "styles": "xl/styles.xml"}[strings.ToLower(m[1])]
			file.Pkg.LoadOrStore(usual, text)
			file.Styles = nil // read again
		}
		return true
	})
	return file, nil
}

func (w *workbook) choose(o options) (*table, error) {
	var sheets, found, failures []string
	var failure error
	t := &table{excel: true, close: func() { w.file.Close() }}
	for _, name := range w.file.GetSheetList() {
		sheets = append(sheets, strconv.Quote(name))
		if visible, err := w.file.GetSheetVisible(name); name != o.sheet && (o.sheet != "" || err != nil || !visible) {
			continue
		}
		c, err := w.look(name, o.keep)
		if err != nil {
			failure = fmt.Errorf("%w (sheet %q)", err, name)
			failures = append(failures, fmt.Sprintf("%q: %v", name, err))
			continue
		}
		found = append(found, strconv.Quote(name))
		t.columns, t.rows = c, func() (source, error) { return w.source(name, c) }
	}
	switch {
	case len(found) == 1:
		if len(sheets) > 1 {
			t.note = fmt.Sprintf("the sheet %s is read, of %d sheets", found[0], len(sheets))
		}
		return t, nil
	case len(found) > 1:
		return nil, fmt.Errorf("the sheets %s all have the columns: choose one with -sheet", strings.Join(found, ", "))
	case len(failures) > 1:
		return nil, fmt.Errorf("none of its sheets has the columns: choose one with -sheet, and correct its header\n  %s", strings.Join(failures, "\n  "))
	case failure != nil:
		return nil, failure
	case len(sheets) > 0 && o.sheet != "":
		return nil, fmt.Errorf("it has no sheet %q; it has %s", o.sheet, strings.Join(sheets, ", "))
	case len(sheets) > 0:
		return nil, errors.New("it has no sheet that is not hidden; -sheet chooses a hidden one")
	}
	return nil, errDamagedWorkbook
}

// look finds the columns of a sheet.
func (w *workbook) look(sheet string, keep []string) (columns, error) {
	s, err := w.source(sheet, columns{})
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

func (w *workbook) source(sheet string, c columns) (*sheetSource, error) {
	s := &sheetSource{workbook: w, columns: c}
	var err error
	if s.raw, err = w.file.Rows(sheet); err != nil {
		return nil, errDamagedWorkbook
	}
	if len(c.keep) > 0 {
		if s.formatted, err = w.file.Rows(sheet); err != nil {
			return nil, errDamagedWorkbook
		}
	}
	return s, nil
}

// sheetSource reads the rows of a sheet.
type sheetSource struct {
	*workbook
	columns
	raw       *excelize.Rows // cells as they are stored: a number format could change a name
	formatted *excelize.Rows // cells as Excel shows them, such as dates; for -keep
	line      int
}

func (s *sheetSource) next() (rawRow, error) {
	if !s.raw.Next() {
		if s.raw.Error() != nil {
			return rawRow{}, errDamagedWorkbook
		}
		s.raw.Close()
		if s.formatted != nil {
			s.formatted.Close()
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
	if s.width > 0 && s.numbers[numberCell{s.line, field(fields, s.number)}] {
		raw.bad = "id_number: the cell is a number and not a text, and Excel keeps 15 digits of a number and makes the others 0: take the ID number from where it came from, into a cell of the format Text"
	}
	return raw, nil
}

// checkArchive checks the bounds before anything is unpacked, and what excelize does not tell
// of the sheets. archive/zip makes sure that no part is longer than it says.
func (w *workbook) checkArchive(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	r, err := zip.NewReader(file, info.Size())
	if err != nil {
		return errors.New("it begins like an Excel workbook and is damaged or cut off")
	}
	var total, others uint64
	var sheets []*zip.File
	workbook := false
	for _, part := range r.File {
		name, length := strings.ToLower(part.Name), min(part.UncompressedSize64, maxUnzipped+1)
		workbook = workbook || strings.HasPrefix(name, "xl/")
		if strings.Contains(name, "sheet") && strings.HasSuffix(name, ".xml") {
			sheets = append(sheets, part)
		}
		if !strings.HasPrefix(name, "xl/worksheets/sheet") {
			others += length
		}
		if total += length; total > maxUnzipped || others > maxOthers {
			return errWorkbookTooLarge
		}
	}
	if !workbook {
		return errors.New("it is a ZIP file, and no .xlsx workbook")
	}
	for _, sheet := range sheets {
		if err := w.checkSheet(sheet); err != nil {
			return err
		}
	}
	return nil
}

// checkSheet goes once through a sheet for what excelize does not tell: whether the sheet is
// whole and its rows in order, and which cells are numbers that Excel may have cut. excelize
// takes damaged XML for the end of a sheet, and makes one row of rows that are out of order.
// People would be lost.
func (w *workbook) checkSheet(part *zip.File) error {
	r, err := part.Open()
	if err != nil {
		return errDamagedWorkbook
	}
	defer r.Close()
	decoder := xml.NewDecoder(&boundedTokens{r: r})
	decoder.CharsetReader = charset.NewReaderLabel
	row, number := 0, false
	for {
		token, err := decoder.Token()
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, errWorkbookTooLarge):
			return err
		case err != nil:
			return errDamagedWorkbook
		}
		switch token := token.(type) {
		case xml.StartElement:
			switch token.Name.Local {
			case "row":
				last := row
				if row++; attribute(token, "r") != "" {
					row, _ = strconv.Atoi(attribute(token, "r"))
				}
				if row <= last {
					return errDamagedWorkbook
				}
			case "c":
				kind := attribute(token, "t")
				number = kind == "" || kind == "n"
			}
		case xml.CharData:
			if number && len(token) == 18 && bytes.HasSuffix(token, []byte("000")) {
				w.numbers[numberCell{row, string(token)}] = true
			}
		}
	}
}

func attribute(element xml.StartElement, name string) string {
	for _, a := range element.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// boundedTokens refuses XML with a text or a tag that is so long that the memory of its
// reader would not be bounded. Since a token ends at or before the next <, their distance
// bounds it.
type boundedTokens struct {
	r      io.Reader
	length int
}

func (b *boundedTokens) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	for _, c := range p[:n] {
		if b.length++; c == '<' {
			b.length = 0
		}
		if b.length > maxToken {
			return 0, errWorkbookTooLarge
		}
	}
	return n, err
}
