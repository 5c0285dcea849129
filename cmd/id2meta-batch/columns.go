package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// columns tells where in a row the name and the number stand.
type columns struct {
	name, number int
	fields       int  // how many a row has
	header       bool // the first row names them and is no person
	keep         []keptColumn
}

// keptColumn is a column of the input that is carried into the output.
type keptColumn struct {
	index int
	title string
}

// The names of columns that are recognised, as plainTitle writes them.
var (
	nameTitles   = []string{"name", "username", "realname", "fullname", "姓名", "名字", "客户姓名", "真实姓名"}
	numberTitles = []string{"idnumber", "idnum", "idno", "idcard", "idcardno", "identifynum",
		"身份证号", "身份证号码", "身份证", "身份证件号码", "公民身份号码", "证件号", "证件号码"}
)

// findColumns reads the first row. With a header the columns may stand in any
// order and among others; without one they must be name,id_number and nothing
// else. keep are the titles of -keep.
func findColumns(fields, keep []string) (columns, error) {
	name, names := find(fields, nameTitles)
	number, numbers := find(fields, numberTitles)
	switch {
	case names > 1:
		return columns{}, errors.New("its header has more than one column for the name: leave one of " + strings.Join(nameTitles, ", "))
	case numbers > 1:
		return columns{}, errors.New("its header has more than one column for the ID number: leave one of " + strings.Join(numberTitles, ", "))
	case names == 1 && numbers == 1:
		c := columns{name: name, number: number, fields: len(fields), header: true}
		return c.keeping(fields, keep)
	case names == 1:
		return columns{}, errors.New("its header has a column for the name and none called id_number")
	case numbers == 1:
		return columns{}, errors.New("its header has a column for the ID number and none called name")
	case len(fields) == 2 && (looksLikeNumber(fields[0]) || !looksLikeNumber(fields[1])):
		return columns{}, errors.New("its first row is no header with name and id_number, and no person: without a header, each row must be the name and then the ID number")
	case len(fields) == 2 && len(keep) > 0:
		return columns{}, errors.New("its first row is no header, and -keep needs one")
	case len(fields) == 2:
		return columns{name: 0, number: 1, fields: 2}, nil
	case len(fields) == 1:
		return columns{}, errors.New("its first row has one column: name and id_number must be two, separated by a comma, a tab or a semicolon in a text file")
	}
	return columns{}, fmt.Errorf("its first row has %d columns and is no header with name and id_number", len(fields))
}

// countTitles counts the titles of names and those of numbers.
func countTitles(fields []string) (names, numbers int) {
	_, names = find(fields, nameTitles)
	_, numbers = find(fields, numberTitles)
	return names, numbers
}

// looksLikeNumber reports whether a field was meant as an ID number, right or wrong:
// it has digits, and at most one letter, such as X or the E of 4.4E+17. It tells a
// person from titles that are not recognised.
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

// keeping adds the columns of -keep.
func (c columns) keeping(header, keep []string) (columns, error) {
	for _, wanted := range keep {
		index, count := find(header, []string{plainTitle(wanted)})
		switch {
		case count == 0:
			return columns{}, fmt.Errorf("its header has no column %q, which -keep names", wanted)
		case count > 1:
			return columns{}, fmt.Errorf("its header has more than one column %q, which -keep names", wanted)
		case index == c.name || index == c.number:
			return columns{}, fmt.Errorf("-keep names %q, and the output has names and ID numbers only masked", wanted)
		}
		c.keep = append(c.keep, keptColumn{index, wanted})
	}
	return c, nil
}

// find returns the index of the last field with one of the titles, and how many
// fields have one.
func find(fields, titles []string) (index, count int) {
	for i, field := range fields {
		if slices.Contains(titles, plainTitle(field)) {
			index = i
			count++
		}
	}
	return index, count
}

// plainTitle returns a title without what does not distinguish titles: case,
// white space of any width, what cannot be seen, underscores and hyphens.
func plainTitle(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}
