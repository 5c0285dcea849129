package main

import (
	"cmp"
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
	skipped      []int // lines above and below the header that are left out
}

// The titles that are recognised, as plainTitle writes them.
var (
	nameTitles   = []string{"name", "username", "realname", "fullname", "姓名", "名字", "客户姓名", "真实姓名", "员工姓名"}
	numberTitles = []string{"idnumber", "idnum", "idno", "idcard", "idcardno", "identifynum",
		"身份证号", "身份证号码", "身份证", "身份证件号", "身份证件号码", "居民身份证号", "居民身份证号码", "公民身份号码", "证件号", "证件号码"}

	// Many forms have 姓名 and 中文名, so these count only in a header that has none of the above.
	otherNameTitles   = []string{"chinesename", "中文名", "姓名中文"}
	otherNumberTitles = []string{"idcardnumber", "idcardnum", "证照号码", "身份证编号", "公民身份证号码", "二代身份证号", "二代身份证号码", "社会保障号", "社会保障号码"}

	// What finds the columns, from the narrowest to the widest. Each finds what the ones
	// before it find. A header is read by the first that finds one name and one number: what
	// finds only one of the two might take it from one person, and the other from another.
	titles = []struct{ name, number *regexp.Regexp }{
		{exactly(nameTitles), exactly(numberTitles)},
		{titlePattern("", nameTitles), titlePattern("", numberTitles)},
		{titlePattern(whose, nameTitles, otherNameTitles), titlePattern(whose, numberTitles, otherNumberTitles)},
	}
	notes = regexp.MustCompile(`^` + note + `+$`)
)

const (
	// note is what forms write beside a title, mostly in brackets.
	note = `(?:系统必填|必填项?|必录|必输|选填|可选|非必填|required|optional|(?:请填写)?\d+位|文本(?:格式)?|与身份证一致)`
	// whose stands before a title in forms about one person a row.
	whose = `(?:人员|职工|员工|学生|用户|会员|客户|本人|您的|纳税人|参保人|中文)?`
)

func exactly(titles []string) *regexp.Regexp {
	return regexp.MustCompile(`^(?:` + strings.Join(titles, "|") + `)$`)
}

// titlePattern matches each of the titles, perhaps with a number before it, and notes beside
// it. Two titles may stand in one field, as in 姓名/Name.
func titlePattern(before string, titles ...[]string) *regexp.Regexp {
	title := `(?:` + strings.Join(slices.Concat(titles...), "|") + `)`
	return regexp.MustCompile(`^\d{0,2}` + note + `*` + before + title + `(?:` + title + `|` + note + `)*$`)
}

var errEmpty = errors.New("it is empty")

// findColumns looks for a header among the first rows of a table, above the first person. A
// title row or another row may stand above it. Without a header, the columns must be the
// name, the ID number and nothing else. keep are the titles of -keep.
func findColumns(rows []rawRow, keep []string) (columns, error) {
	if len(rows) == 0 {
		return columns{}, errEmpty
	}
	first := rows[0].fields
	failure := fmt.Errorf("none of its first %d rows is a header with name and id_number above the first ID number, and its first row is no person (columns: %d). "+
		"Without a header, a row must be the name and then the ID number. In a text file, a comma, a tab or a semicolon stands between them, and a row ends in LF, CRLF or CR. "+
		"A file of another kind, such as HTML, must be saved as .xlsx or “CSV UTF-8” first", headerRows, len(first))
	most := 0 // titles in one header
	for i, row := range rows[:min(len(rows), headerRows)] {
		if slices.ContainsFunc(row.fields, isNumber) {
			break
		}
		// The header may be this row, or this row and the one below: merged cells.
		header := [][]string{row.fields, withoutNumbers(rows[i+1:])}
		for height := range header {
			c, found, err := readHeader(header[:height+1])
			if err == nil {
				c.skip(rows, i, height+1)
				c.width = max(len(header[0]), len(header[1]))
				// Above the titles of a group of columns stands the title of the group.
				c.keep, err = findKept(header, rows[max(i-1, 0)].fields, c, keep)
				return c, err
			}
			if found == 0 { // the second row may be a header without this one
				break
			}
			if found > most {
				most, failure = found, err
			}
		}
	}
	if c, ok := withoutHeader(rows); ok && most == 0 {
		if len(keep) > 0 {
			return columns{}, errors.New("its first row is no header, and -keep needs one")
		}
		return c, nil
	}
	return columns{}, failure
}

// withoutHeader returns the columns of a table whose first row is a person's: with a number,
// or with something else that has a digit, such as a passport's, above a person.
func withoutHeader(rows []rawRow) (c columns, ok bool) {
	first := rows[0].fields
	c.name = slices.IndexFunc(first, func(field string) bool { return strings.TrimSpace(field) != "" })
	c.number = c.name + 1
	c.width = c.number + 1
	if c.name < 0 || c.width > len(first) || !isBlank(first[c.width:]) || sixDigits.MatchString(first[c.name]) {
		return c, false
	}
	isPerson := func(raw rawRow) bool {
		r := c.newRow(raw)
		_, err := id2meta.Param{UserName: r.name, IdentifyNum: r.number}.Normalize()
		return err == nil
	}
	number := first[c.number]
	return c, allDigits.MatchString(number) || strings.ContainsFunc(number, unicode.IsDigit) && slices.ContainsFunc(rows, isPerson)
}

// readHeader finds the one title of names and the one title of numbers, or tells how many
// of the two it found.
func readHeader(header [][]string) (c columns, found int, err error) {
	var names, numbers int
	for _, title := range titles {
		c.name, names = find(header, func(field string) bool { return title.name.MatchString(plainTitle(field)) })
		c.number, numbers = find(header, func(field string) bool { return title.number.MatchString(plainTitle(field)) })
		if names == 1 && numbers == 1 {
			return c, 2, nil
		}
	}
	return c, min(names, 1) + min(numbers, 1), fmt.Errorf("its header has %d columns for the name and %d for the ID number, and must have one of each, with a title such as %s", names, numbers,
		strings.Join(slices.Concat(nameTitles, numberTitles), ", "))
}

// findKept finds the columns of -keep. Their titles stand in any row of the header, as they
// are or without marks, or else in the row above it.
func findKept(header [][]string, above []string, c columns, keep []string) (kept []int, err error) {
	for _, title := range keep {
		isPlain := func(field string) bool { return plainTitle(field) == plainTitle(title) }
		column, count := find(header, func(field string) bool { return strings.EqualFold(strings.TrimSpace(field), title) })
		if count == 0 {
			column, count = find(header, isPlain)
		}
		if count == 0 {
			column, count = find([][]string{above}, isPlain)
		}
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

// skip leaves out the rows above the header, its so many rows, and the rows below it that are
// none of a person: they have neither a number nor a name.
func (c *columns) skip(rows []rawRow, header, height int) {
	for i, row := range rows {
		if i >= header+height {
			name := field(row.fields, c.name)
			_, err := id2meta.MD5UserName(name)
			isName := err == nil && !notes.MatchString(plainTitle(name))
			if row.bad != "" || isName || threeDigits.MatchString(field(row.fields, c.number)) {
				return
			}
		}
		if i < header || i >= header+height {
			c.skipped = append(c.skipped, row.line)
		}
		c.first = row.line + 1
	}
}

// withoutNumbers returns the first row if nothing in it is like an ID number, so that it may
// be the second row of a header.
func withoutNumbers(rows []rawRow) []string {
	if len(rows) == 0 || slices.ContainsFunc(rows[0].fields, sixDigits.MatchString) {
		return nil
	}
	return rows[0].fields
}

var (
	// sixDigits finds what was meant as an ID number, right or wrong. It tells a person from
	// 18位 and from titles that are not recognised.
	sixDigits = regexp.MustCompile(`(?:\p{Nd}\P{Nd}*){6}`)
	// threeDigits tells a person below a header from 18位 and from numbers of the columns.
	threeDigits = regexp.MustCompile(`(?:\p{Nd}\P{Nd}*){3}`)
	// allDigits tells a person from the dates and phone numbers of a cover, too. A number
	// that Excel has damaged is 4.40524E+17.
	allDigits = regexp.MustCompile(`(?:\p{Nd}\P{Nd}*){15}|\dE\+17`)
)

func isNumber(field string) bool {
	_, err := id2meta.MD5IdentifyNum(unwrap(field))
	return err == nil
}

// find returns the last column that has a title in a row of the header that is one of those
// looked for, and how many such columns there are.
func find(header [][]string, matches func(field string) bool) (column, count int) {
	for _, row := range header {
		for i, field := range row {
			if matches(field) && (count == 0 || i != column) {
				column = i
				count++
			}
		}
	}
	return column, count
}

// plainTitle returns a title without what does not distinguish titles: case, white space of
// any width, what cannot be seen, and marks such as * and brackets, unless it is only a mark.
func plainTitle(s string) string {
	plain := strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
	return cmp.Or(plain, strings.TrimSpace(s))
}
