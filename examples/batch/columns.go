package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// columns tells where in a line the name and the number stand.
type columns struct {
	name, number int
	fields       int  // how many a line has
	header       bool // the first line names them and is no row
}

// The names of columns that are recognised, as plainTitle writes them.
var (
	nameTitles   = []string{"name", "username", "realname", "fullname", "姓名", "名字", "客户姓名", "真实姓名"}
	numberTitles = []string{"idnumber", "idnum", "idno", "idcard", "idcardno", "identifynum",
		"身份证号", "身份证号码", "身份证", "身份证件号码", "公民身份号码", "证件号", "证件号码"}
)

// findColumns reads the first line of a file. With a header the columns may
// stand in any order and among others; without one they must be name,id_number
// and nothing else.
func findColumns(line string) (columns, error) {
	fields, err := splitLine(line)
	if err != nil {
		return columns{}, fmt.Errorf("its first line cannot be read: %w", err)
	}
	name, names := find(fields, nameTitles)
	number, numbers := find(fields, numberTitles)
	switch {
	case names > 1:
		return columns{}, errors.New("its header has more than one column for the name: leave one of " + strings.Join(nameTitles, ", "))
	case numbers > 1:
		return columns{}, errors.New("its header has more than one column for the ID number: leave one of " + strings.Join(numberTitles, ", "))
	case names == 1 && numbers == 1:
		return columns{name, number, len(fields), true}, nil
	case names == 1:
		return columns{}, errors.New("its header has a column for the name and none called id_number")
	case numbers == 1:
		return columns{}, errors.New("its header has a column for the ID number and none called name")
	case len(fields) == 2:
		return columns{0, 1, 2, false}, nil
	case len(fields) == 1:
		return columns{}, errors.New("its first line has no comma: the columns name and id_number must be separated by one")
	}
	return columns{}, fmt.Errorf("its first line has %d columns and is no header with name and id_number", len(fields))
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

func plainTitle(s string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(s))
}

// splitLine returns the fields of one line of CSV. Its error is short, and does
// not repeat the line.
func splitLine(line string) ([]string, error) {
	fields, err := csv.NewReader(strings.NewReader(line)).Read()
	switch {
	case errors.Is(err, csv.ErrBareQuote):
		return nil, errors.New("it has a quote inside an unquoted field")
	case errors.Is(err, csv.ErrQuote):
		return nil, errors.New("it has a quoted field that does not end on the line, or goes on after its quote")
	case err != nil:
		return nil, errors.New("it is not CSV")
	}
	return fields, nil
}
