package main

import (
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
)

// excelize gives the text of a cell while it streams a sheet, and not its type:
// whether it is a number, a formula or part of merged cells. For these two
// columns cells.go reads the type from the XML itself. It also checks the XML,
// because excelize takes damaged XML for the end of the sheet.

// The parts of a workbook that are read here, in lower case.
const (
	workbookPart = "xl/workbook.xml"
	relsPart     = "xl/_rels/workbook.xml.rels"
	stringsPart  = "xl/sharedstrings.xml"
)

var errDamagedWorkbook = errors.New("it is a damaged workbook: open it in Excel, and save it again")

// cellKinds tells for each row of a sheet what is special about its name and its
// number. It takes one byte for each row.
type cellKinds struct {
	kinds []kind // by row, from 1
	last  int    // number of the last row
}

type kind byte

const (
	nameFormula   kind = 1 << iota // without a stored result
	numberFormula                  // without a stored result
	numberNumeric                  // a number and not a text
	nameMerged                     // merged with a cell that has the value
	numberMerged
)

// problem says why a row cannot be asked about, or "".
func (k kind) problem() string {
	switch {
	case k&numberNumeric != 0:
		return "id_number: the cell is a number and not a text, and Excel keeps 15 digits of a number and makes the others 0: take the ID number from where it came from, into a cell of the format Text"
	case k&numberMerged != 0:
		return "id_number: the cell is merged with another one, which has the value: unmerge the cells"
	case k&nameMerged != 0:
		return "name: the cell is merged with another one, which has the value: unmerge the cells"
	case k&numberFormula != 0:
		return "id_number: the cell has a formula without a stored result: open the workbook in Excel, and save it"
	case k&nameFormula != 0:
		return "name: the cell has a formula without a stored result: open the workbook in Excel, and save it"
	}
	return ""
}

func (k *cellKinds) of(row int) kind {
	if row < len(k.kinds) {
		return k.kinds[row]
	}
	return 0
}

func (k *cellKinds) mark(row int, what kind) {
	if row >= len(k.kinds) {
		k.kinds = append(k.kinds, make([]kind, row+1-len(k.kinds))...)
	}
	k.kinds[row] |= what
}

// sheetPart returns the name of the part that holds a sheet.
func (a *archive) sheetPart(sheet string) (string, error) {
	var workbook struct {
		Sheets []struct {
			Name string `xml:"name,attr"`
			ID   string `xml:"id,attr"` // r:id; the other one is sheetId
		} `xml:"sheets>sheet"`
	}
	var rels struct {
		Relationships []struct {
			ID     string `xml:"Id,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	if err := errors.Join(a.decode(workbookPart, &workbook), a.decode(relsPart, &rels)); err != nil {
		return "", errDamagedWorkbook
	}
	for _, s := range workbook.Sheets {
		if s.Name != sheet {
			continue
		}
		for _, r := range rels.Relationships {
			if r.ID == s.ID {
				if strings.HasPrefix(r.Target, "/") {
					return path.Clean(r.Target[1:]), nil
				}
				return path.Join("xl", r.Target), nil
			}
		}
	}
	return "", errDamagedWorkbook
}

func (a *archive) decode(part string, into any) error {
	r, err := a.open(part)
	if err != nil {
		return err
	}
	defer r.Close()
	return xml.NewDecoder(r).Decode(into)
}

// countStrings returns how many texts the workbook has that cells refer to.
func (a *archive) countStrings() (int, error) {
	if a.parts[stringsPart] == nil {
		return 0, nil
	}
	r, err := a.open(stringsPart)
	if err != nil {
		return 0, errDamagedWorkbook
	}
	defer r.Close()
	count := 0
	decoder := xml.NewDecoder(r)
	for {
		token, err := decoder.RawToken()
		if err == io.EOF {
			return count, nil
		}
		if err != nil {
			return 0, errDamagedWorkbook
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "si" {
			if count++; count > maxStrings {
				return 0, errWorkbookTooLarge
			}
		}
	}
}

// scanner reads the XML of a sheet.
type scanner struct {
	decoder *xml.Decoder
	columns columns
	strings int // how many texts cells can refer to
	row     int
	column  int
	merged  int // cells that were marked as merged
	found   *cellKinds
}

// scanCells reads a sheet from end to end.
func (a *archive) scanCells(part string, c columns, strings int) (*cellKinds, error) {
	r, err := a.open(part)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s := scanner{decoder: xml.NewDecoder(r), columns: c, strings: strings, found: &cellKinds{}}
	for {
		token, err := s.decoder.Token()
		if err == io.EOF {
			return s.found, nil
		}
		if err != nil {
			return nil, errDamagedWorkbook
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch start.Name.Local {
		case "row":
			err = s.beginRow(start)
		case "c":
			err = s.cell(start)
		case "mergeCell":
			err = s.merge(attribute(start, "ref"))
		}
		if err != nil {
			return nil, err
		}
	}
}

func (s *scanner) beginRow(start xml.StartElement) error {
	before := s.row
	s.row, s.column = before+1, 0
	if text := attribute(start, "r"); text != "" {
		number, err := strconv.Atoi(text)
		if err != nil || number <= before || number > excelize.TotalRows {
			return errDamagedWorkbook
		}
		s.row = number
	}
	s.found.last = s.row
	return nil
}

func (s *scanner) cell(start xml.StartElement) error {
	before := s.column
	s.column++
	if ref := attribute(start, "r"); ref != "" {
		column, row, err := excelize.CellNameToCoordinates(ref)
		if err != nil || row != s.row || column <= before {
			return errDamagedWorkbook
		}
		s.column = column
	}
	var cell struct {
		Value   string    `xml:"v"`
		Formula *struct{} `xml:"f"`
	}
	if err := s.decoder.DecodeElement(&cell, &start); err != nil {
		return errDamagedWorkbook
	}
	switch cellType := attribute(start, "t"); cellType {
	case "s":
		if index, err := strconv.Atoi(strings.TrimSpace(cell.Value)); cell.Value != "" && (err != nil || index < 0 || index >= s.strings) {
			return errDamagedWorkbook
		}
	case "", "n", "d":
		if s.column-1 == s.columns.number && cell.Value != "" {
			s.found.mark(s.row, numberNumeric)
		}
	}
	if cell.Formula != nil && cell.Value == "" {
		switch s.column - 1 {
		case s.columns.name:
			s.found.mark(s.row, nameFormula)
		case s.columns.number:
			s.found.mark(s.row, numberFormula)
		}
	}
	return nil
}

// merge marks the cells of a range such as A2:B4, but for the first one, which
// has the value of all. Rows behind the last one are none.
func (s *scanner) merge(ref string) error {
	from, to, found := strings.Cut(ref, ":")
	if !found {
		to = from
	}
	left, top, err1 := excelize.CellNameToCoordinates(from)
	right, bottom, err2 := excelize.CellNameToCoordinates(to)
	if err1 != nil || err2 != nil || left > right || top > bottom {
		return errDamagedWorkbook
	}
	for column, what := range map[int]kind{s.columns.name + 1: nameMerged, s.columns.number + 1: numberMerged} {
		if column < left || column > right {
			continue
		}
		for row := top; row <= min(bottom, s.found.last); row++ {
			// Ranges do not overlap, so there is a bound.
			if s.merged++; s.merged > 2*excelize.TotalRows {
				return errDamagedWorkbook
			}
			if row > top || column > left {
				s.found.mark(row, what)
			}
		}
	}
	return nil
}

func attribute(start xml.StartElement, name string) string {
	for _, a := range start.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}
