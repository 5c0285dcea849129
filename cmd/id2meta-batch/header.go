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

// columns tells where in a row the name and the number stand.
type columns struct {
	name, number int
	width        int // fields of the header
	header       int // rows up to the header, which are no people; 0 if there is none
	titles       int // titles of names and numbers that were found
	keep         []keptColumn
}

// keptColumn is a column of the input that is carried into the output.
type keptColumn struct {
	index int
	title string
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
func findColumns(rows [][]string, keep []string) (columns, error) {
	if len(rows) == 0 {
		return columns{}, errEmpty
	}
	first := rows[0]
	if len(first) == 2 && !looksLikeNumber(first[0]) && looksLikeNumber(first[1]) {
		if len(keep) > 0 {
			return columns{}, errors.New("its first row is no header, and -keep needs one")
		}
		return columns{name: 0, number: 1, width: 2}, nil
	}
	var best columns // with the most titles
	failure := fmt.Errorf("its first row has %d columns and is no header with name and id_number", len(first))
	switch len(first) {
	case 1:
		failure = errors.New("its first row has one column: name and id_number must be two, separated by a comma, a tab or a semicolon in a text file")
	case 2:
		failure = errors.New("its first row is no header with name and id_number, and no person: without a header, each row must be the name and then the ID number")
	}
	for i, titles := range rows[:min(len(rows), headerRows)] {
		// The header may be this row, or this row and the one below: merged cells.
		below := secondHeader(rows, i)
		for j, header := range [][]string{titles, overlay(titles, below)} {
			c, err := readHeader(header)
			if err == nil {
				c.header, c.width = i+1+j, max(len(titles), len(below))
				return c.keeping(titles, below, keep)
			}
			if c.titles > best.titles {
				best, failure = c, err
			}
		}
	}
	return best, failure
}

// readHeader finds the one title of names and the one title of numbers.
func readHeader(titles []string) (columns, error) {
	name, names := find(titles, nameTitles)
	number, numbers := find(titles, numberTitles)
	c := columns{name: name, number: number, titles: min(names, 1) + min(numbers, 1)}
	switch {
	case names > 1:
		return c, errors.New("its header has more than one column for the name: leave one of " + strings.Join(nameTitles, ", "))
	case numbers > 1:
		return c, errors.New("its header has more than one column for the ID number: leave one of " + strings.Join(numberTitles, ", "))
	case numbers == 0:
		return c, errors.New("its header has a column for the name and none called id_number")
	case names == 0:
		return c, errors.New("its header has a column for the ID number and none called name")
	}
	return c, nil
}

// keeping adds the columns of -keep. Their titles stand in the header, or in a second row
// below it.
func (c columns) keeping(header, below, keep []string) (columns, error) {
	for _, wanted := range keep {
		index, count := find(header, []string{plainTitle(wanted)})
		if count == 0 {
			index, count = find(below, []string{plainTitle(wanted)})
		}
		switch {
		case count == 0:
			return c, fmt.Errorf("its header has no column %q, which -keep names", wanted)
		case count > 1:
			return c, fmt.Errorf("its header has more than one column %q, which -keep names", wanted)
		case index == c.name || index == c.number:
			return c, fmt.Errorf("-keep names %q, and the output has names and ID numbers only masked", wanted)
		}
		c.keep = append(c.keep, keptColumn{index, wanted})
	}
	return c, nil
}

// secondHeader returns the row below row i if it may be the second row of a header: it has
// no digit.
func secondHeader(rows [][]string, i int) []string {
	if i+1 == len(rows) || strings.ContainsFunc(strings.Join(rows[i+1], ""), unicode.IsDigit) {
		return nil
	}
	return rows[i+1]
}

// overlay returns the titles of two header rows: the lower title, where there is one.
func overlay(upper, lower []string) []string {
	both := make([]string, max(len(upper), len(lower)))
	for i := range both {
		if both[i] = field(lower, i); strings.TrimSpace(both[i]) == "" {
			both[i] = field(upper, i)
		}
	}
	return both
}

// notPerson reports whether a row below the header is none of a person: it has neither a
// number nor a name.
func (c columns) notPerson(fields []string) bool {
	_, err := id2meta.MD5UserName(field(fields, c.name)) // such as （必填）
	return c.header > 0 && err != nil && !strings.ContainsFunc(field(fields, c.number), unicode.IsDigit)
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

// find returns the index of the last field with one of the titles, and how many fields
// have one.
func find(fields, titles []string) (index, count int) {
	for i, field := range fields {
		if slices.Contains(titles, plainTitle(field)) {
			index = i
			count++
		}
	}
	return index, count
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
