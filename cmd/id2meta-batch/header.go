package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/id2meta/id2meta"
)

// headerRows is among how many first rows the header is looked for.
const headerRows = 10

// columns tells where people stand in a table.
type columns struct {
	name, number int
	keep         []int // the columns of -keep
	width        int   // how many fields a row may have; 0 for any number
	first        int   // the line from which on there are people
	skipped      []int // lines between the header and the people
}

// The titles that are recognised, as plainTitle writes them.
var (
	nameTitles   = []string{"name", "username", "realname", "fullname", "姓名", "名字", "客户姓名", "真实姓名", "员工姓名"}
	numberTitles = []string{"idnumber", "idnum", "idno", "idcard", "idcardno", "identifynum",
		"身份证号", "身份证号码", "身份证", "身份证件号", "身份证件号码", "居民身份证号", "居民身份证号码", "公民身份号码", "证件号", "证件号码"}
)

var errEmpty = errors.New("it is empty")

// findColumns looks for a header among the first rows of a table. A title row or another
// row may stand above it. Without a header, the columns must be the name, the ID number
// and nothing else. keep are the titles of -keep.
func findColumns(rows []rawRow, keep []string) (columns, error) {
	if len(rows) == 0 {
		return columns{}, errEmpty
	}
	first := rows[0].fields
	if len(first) == 2 && !looksLikeNumber(first[0]) && looksLikeNumber(first[1]) {
		if len(keep) > 0 {
			return columns{}, errors.New("its first row is no header, and -keep needs one")
		}
		return columns{name: 0, number: 1, width: 2}, nil
	}
	failure := fmt.Errorf("none of its first %d rows is a header with name and id_number, and its first row is no person (columns: %d). "+
		"Without a header, a row must be the name and then the ID number. In a text file, a comma, a tab or a semicolon stands between them, and a row ends in LF or CRLF. "+
		"A file of another kind, such as HTML, must be saved as .xlsx or “CSV UTF-8” first", headerRows, len(first))
	most := 0 // titles in one header
	for i, row := range rows[:min(len(rows), headerRows)] {
		// The header may be this row, or this row and the one below: merged cells.
		header := [][]string{row.fields, withoutDigits(rows[i+1:])}
		for height := range header {
			c, found, err := readHeader(header[:height+1])
			if err == nil {
				c.skip(rows[i:], height+1)
				c.width = max(len(header[0]), len(header[1]))
				c.keep, err = findKept(header, c, keep)
				return c, err
			}
			if found > most {
				most, failure = found, err
			}
		}
	}
	return columns{}, failure
}

// readHeader finds the one title of names and the one title of numbers, or tells how many
// of the two it found.
func readHeader(header [][]string) (c columns, found int, err error) {
	name, names := find(header, nameTitles)
	number, numbers := find(header, numberTitles)
	if names != 1 || numbers != 1 {
		err = fmt.Errorf("its header has %d columns for the name and %d for the ID number, and must have one of each, with a title such as %s", names, numbers,
			strings.Join(slices.Concat(nameTitles, numberTitles), ", "))
	}
	return columns{name: name, number: number}, min(names, 1) + min(numbers, 1), err
}

// findKept finds the columns of -keep. Their titles stand in either row of the header.
func findKept(header [][]string, c columns, keep []string) (kept []int, err error) {
	for _, title := range keep {
		column, count := find(header, []string{plainTitle(title)})
		switch {
		case count == 0:
			return nil, fmt.Errorf("its header has no column %q, which -keep names", title)
		case count > 1:
			return nil, fmt.Errorf("its header has more than one column %q, which -keep names", title)
		case column == c.name || column == c.number:
			return nil, fmt.Errorf("-keep names %q, and the output has names and ID numbers only masked", title)
		}
		kept = append(kept, column)
	}
	return kept, nil
}

// skip leaves out a header of so many rows, and the rows below it that are none of a
// person: they have neither a number nor a name.
func (c *columns) skip(rows []rawRow, height int) {
	for i, row := range rows {
		if i >= height {
			_, err := id2meta.MD5UserName(field(row.fields, c.name)) // such as （必填）
			if row.bad != "" || err == nil || strings.ContainsFunc(field(row.fields, c.number), unicode.IsDigit) {
				return
			}
			c.skipped = append(c.skipped, row.line)
		}
		c.first = row.line + 1
	}
}

// withoutDigits returns the first row if it has no digit, so that it may be the second row
// of a header.
func withoutDigits(rows []rawRow) []string {
	if len(rows) == 0 || strings.ContainsFunc(strings.Join(rows[0].fields, ""), unicode.IsDigit) {
		return nil
	}
	return rows[0].fields
}

// looksLikeNumber reports whether a field was meant as an ID number, right or wrong: it has
// digits, and at most one letter, such as X or the E of 4.4E+17. It tells a person from
// titles that are not recognised.
func looksLikeNumber(field string) bool {
	digits, letters := 0, 0
	for _, r := range field {
		switch {
		case unicode.IsDigit(r):
			digits++
		case unicode.IsLetter(r):
			letters++
		}
	}
	return digits > 0 && letters <= 1
}

// find returns the last column that has one of the titles in a row of the header, and how
// many such columns there are.
func find(header [][]string, titles []string) (column, count int) {
	for _, row := range header {
		for i, field := range row {
			if slices.Contains(titles, plainTitle(field)) && (count == 0 || i != column) {
				column = i
				count++
			}
		}
	}
	return column, count
}

// required is what forms write beside the title of a column that must be filled in.
var required = regexp.MustCompile(`[（(【\[](必填|必填项|必录|选填|可选|非必填|required|optional)[）)】\]]`)

// plainTitle returns a title without what does not distinguish titles: case, white space of
// any width, what cannot be seen, marks such as * and a colon, and （必填）.
func plainTitle(s string) string {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune("_-*＊※:：", r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
	return required.ReplaceAllString(s, "")
}
