package main

import (
	"archive/zip"
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
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
	maxRowXML   = 8 << 20   // bytes of a row of a sheet; a cell has at most 32,767 characters
	toTempFile  = 1 << 20   // how long a sheet, or the part of texts, may be to stay in memory
)

var (
	errWorkbookTooLarge = errors.New("it is an unusually large workbook: save the sheet as “CSV UTF-8”, or split it")
	errDamagedWorkbook  = errors.New("it is a damaged workbook, or none at all: open it in Excel, and save it again as .xlsx")
)

// workbook is an .xlsx file. What was opened is read, even if the file changes later:
// excelize unpacks it once.
type workbook struct {
	file *excelize.File
	cut  map[int][]string // by row, the cells with a number of 18 digits that ends in 000
	cuts int              // how many such cells there are

	parts       map[string]string // the name of a part, by its root element
	texts, used int               // how many texts there are, and how many there must be for the cells
}

// openWorkbook opens the sheet of -sheet, or the only one that is not hidden and has the
// columns. Temporary files go into the folder temp.
func openWorkbook(ctx context.Context, file *os.File, size int64, o options, temp string) (*table, error) {
	parts, err := zip.NewReader(file, size)
	if err != nil {
		return nil, errDamagedWorkbook
	}
	w := &workbook{cut: map[int][]string{}, parts: map[string]string{}}
	if err := w.check(ctx, parts.File); err != nil {
		return nil, err
	}
	if err := w.unpack(o.in, temp); err != nil {
		return nil, err
	}
	t, err := w.choose(o)
	if err != nil {
		err = cmp.Or(hasRoom(temp), err)
		w.file.Close()
	}
	return t, err
}

func (w *workbook) unpack(path, temp string) error {
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
		return errDamagedWorkbook // excelize's words may quote the workbook
	}
	// excelize knows these parts only by their usual names.
	for root, usual := range map[string]string{"sst": "xl/sharedStrings.xml", "styleSheet": "xl/styles.xml"} {
		if text, found := file.Pkg.Load(w.parts[root]); found {
			file.Pkg.LoadOrStore(usual, text)
		}
	}
	file.Styles = nil // read again
	w.file = file
	return nil
}

func (w *workbook) choose(o options) (*table, error) {
	t := &table{excel: true, close: func() { w.file.Close() }}
	var sheets, found, failures []string
	for _, name := range w.file.GetSheetList() {
		sheets = append(sheets, strconv.Quote(name))
		if visible, err := w.file.GetSheetVisible(name); name != o.sheet && (o.sheet != "" || err != nil || !visible) {
			continue
		}
		rows := w.rows(name, len(o.keep) > 0)
		first, err := firstRows(rows)
		var c columns
		if err == nil {
			c, err = findColumns(first, o.keep)
		}
		if err != nil {
			failures = append(failures, fmt.Sprintf("%v (sheet %q)", err, name))
			continue
		}
		found = append(found, strconv.Quote(name))
		c.width = 0 // another cell of a row is beside the columns, and moves none of them
		t.columns, t.rows = c, rows
	}
	switch {
	case len(found) == 1:
		if len(sheets) > 1 {
			t.note = fmt.Sprintf("the sheet %s is read, of %d sheets", found[0], len(sheets))
		}
		return t, nil
	case len(found) > 1:
		return nil, fmt.Errorf("the sheets %s all have the columns: choose one with -sheet", strings.Join(found, ", "))
	case len(sheets) == 0:
		return nil, errDamagedWorkbook
	case len(failures) > 0:
		return nil, fmt.Errorf("%s\nCorrect the header, or choose another sheet with -sheet", strings.Join(failures, "\n"))
	}
	return nil, fmt.Errorf("it has no sheet %q, or all its sheets are hidden: choose one of %s with -sheet", o.sheet, strings.Join(sheets, ", "))
}

// rows gives the rows of a sheet, and with keep also its cells as Excel shows them, such as
// dates.
func (w *workbook) rows(sheet string, keep bool) iter.Seq2[rawRow, error] {
	return func(yield func(rawRow, error) bool) {
		stored, err1 := w.file.Rows(sheet)
		shown, err2 := w.file.Rows(sheet)
		if err1 != nil || err2 != nil {
			yield(rawRow{}, errDamagedWorkbook)
			return
		}
		defer stored.Close()
		defer shown.Close()
		for line := 1; stored.Next(); line++ {
			raw := rawRow{line: line, cut: w.cut[line]}
			// A number format could change a name, so names are read as they are stored.
			raw.fields, err1 = stored.Columns(excelize.Options{RawCellValue: true})
			if keep && shown.Next() {
				raw.shown, err2 = shown.Columns()
			}
			if err1 != nil || err2 != nil {
				yield(rawRow{}, errDamagedWorkbook)
				return
			}
			for i, cell := range raw.shown {
				switch stored := field(raw.fields, i); {
				case strings.Contains(cell, "E+"): // a long number would lose its end
					raw.shown[i] = stored
				case cell != stored: // a format such as "0_ " leaves room for a sign
					raw.shown[i] = strings.TrimSpace(cell)
				}
			}
			if !yield(raw, nil) {
				return
			}
		}
		if stored.Error() != nil {
			yield(rawRow{}, errDamagedWorkbook)
		}
	}
}

// check checks the bounds, and the XML of the sheets and of the texts, before anything is
// unpacked. archive/zip makes sure that no part is longer than it says.
func (w *workbook) check(ctx context.Context, parts []*zip.File) error {
	var total, others uint64
	for _, part := range parts {
		name, length := strings.ToLower(part.Name), min(part.UncompressedSize64, maxUnzipped+1)
		if !strings.HasPrefix(name, "xl/worksheets/sheet") { // all others stay in memory
			others += length
		}
		if total += length; total > maxUnzipped || others > maxOthers {
			return errWorkbookTooLarge
		}
		if err := w.checkXML(ctx, part); err != nil {
			return err
		}
	}
	if w.used > w.texts { // excelize takes a cell without its text for an empty one
		return errDamagedWorkbook
	}
	return nil
}

// checkXML goes once through a sheet or the texts, because no library that streams tells
// damaged XML from its end, rows out of order, or numbers from texts, and people would be lost.
// The root element tells what a part is. Its name may be any.
func (w *workbook) checkXML(ctx context.Context, part *zip.File) error {
	r, err := part.Open()
	if err != nil {
		return errDamagedWorkbook
	}
	defer r.Close()
	limited := &io.LimitedReader{R: r}
	decoder := xml.NewDecoder(limited)
	decoder.CharsetReader = charset.NewReaderLabel
	begun, row := false, 0
	for {
		limited.N = maxRowXML
		token, err := decoder.Token()
		if element, ok := token.(xml.StartElement); ok {
			switch name := element.Name.Local; {
			case !begun && name == "sst" && w.parts[name] != "":
				return errDamagedWorkbook
			case !begun:
				w.parts[name] = strings.ReplaceAll(part.Name, `\`, "/")
				if name != "worksheet" && name != "sst" {
					return nil
				}
			case name == "row":
				row, err = w.checkRow(decoder, element, row)
			case name == "si":
				w.texts++
			}
			begun = true
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == io.EOF:
			return nil
		case err != nil && !begun && !strings.HasSuffix(strings.ToLower(part.Name), ".xml"):
			return nil // a picture
		case err != nil && (limited.N == 0 || err == errWorkbookTooLarge):
			return errWorkbookTooLarge
		case err != nil:
			return errDamagedWorkbook
		}
	}
}

// checkRow checks the row that begins with element, and returns its number. The row above it
// has the number last.
func (w *workbook) checkRow(decoder *xml.Decoder, element xml.StartElement, last int) (number int, err error) {
	var row struct {
		Number int `xml:"r,attr"`
		Cells  []struct {
			Name  string `xml:"r,attr"`
			Type  string `xml:"t,attr"`
			Value string `xml:"v"`
		} `xml:"c"`
	}
	if err := decoder.DecodeElement(&row, &element); err != nil {
		return 0, err
	}
	number = cmp.Or(row.Number, last+1)
	if number <= last {
		return 0, errDamagedWorkbook
	}
	column := 0
	for _, cell := range row.Cells {
		last := column
		column++
		if cell.Name != "" {
			column, _, _ = excelize.CellNameToCoordinates(cell.Name) // -1 of what is no name
		}
		if column <= last { // excelize would read the cell as one of another column
			return 0, errDamagedWorkbook
		}
		value := strings.TrimSpace(cell.Value)
		switch kind := cmp.Or(cell.Type, "n"); {
		case kind == "s" && cell.Value != "":
			index, err := strconv.Atoi(value)
			if err != nil || index < 0 { // excelize would read the first text
				return 0, errDamagedWorkbook
			}
			w.used = max(w.used, index+1)
		case kind == "n" && len(value) == 18 && strings.HasSuffix(value, "000"):
			w.cuts++
			w.cut[number] = append(w.cut[number], cell.Value)
		}
	}
	if len(row.Cells) > excelize.MaxColumns || w.cuts > excelize.TotalRows {
		return 0, errWorkbookTooLarge
	}
	return number, nil
}
