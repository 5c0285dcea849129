package main

import (
	"encoding/csv"
	"errors"
	"strings"
)

// separators are those that are looked for, in this order.
var separators = []rune{',', '\t', ';'}

// findSeparator returns the separator with which the first row can be read, and
// the columns. If no separator fits, the error is that of the separator which
// finds the most fields.
func findSeparator(line string, keep []string) (rune, columns, error) {
	var failure error
	most := 0
	for _, separator := range separators {
		fields, err := splitLine(line, separator)
		c := columns{}
		if err == nil {
			c, err = findColumns(fields, keep)
		}
		if err == nil {
			return separator, c, nil
		}
		if failure == nil || len(fields) > most {
			failure, most = err, len(fields)
		}
	}
	return 0, columns{}, failure
}

// declaredSeparator returns the separator of a first line such as sep=; which
// Excel obeys and does not show. ok is false if the line is another one.
func declaredSeparator(line string) (separator rune, ok bool, err error) {
	line = strings.Trim(line, "\uFEFF")
	if inner, quoted := strings.CutPrefix(line, `"`); quoted {
		line = strings.TrimSuffix(inner, `"`)
	}
	if len(line) < 4 || !strings.EqualFold(line[:4], "sep=") {
		return 0, false, nil
	}
	// A program that adds columns to every line leaves sep=,,,.
	said := []rune(line[4:])
	if len(said) == 0 || !strings.ContainsRune(",;\t|", said[0]) || strings.Trim(line[4:], string(said[:1])) != "" {
		return 0, false, errors.New("its first line says sep= and then no comma, semicolon, tab or vertical bar")
	}
	return said[0], true, nil
}

// splitLine returns the fields of one line of CSV. Its error is short, and does
// not repeat the line.
func splitLine(line string, separator rune) ([]string, error) {
	if !strings.Contains(line, `"`) {
		// Nearly all lines. A csv.Reader for each would be most of the garbage.
		return strings.Split(line, string(separator)), nil
	}
	r := csv.NewReader(strings.NewReader(dropEquals(line, separator)))
	r.Comma = separator
	fields, err := r.Read()
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

// dropEquals takes away the equals sign of fields such as ="123", which Excel
// reads as the text 123 and which is no CSV otherwise.
func dropEquals(line string, separator rune) string {
	if !strings.Contains(line, `="`) {
		return line
	}
	var kept strings.Builder
	quoted, fieldBegins := false, true
	for i, c := range line {
		if fieldBegins && c == '=' && strings.HasPrefix(line[i:], `="`) {
			continue // fieldBegins stays: the quote comes next
		}
		kept.WriteRune(c)
		if c == '"' {
			quoted = !quoted
		}
		fieldBegins = c == separator && !quoted
	}
	return kept.String()
}
