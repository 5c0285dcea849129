package main

import (
	"encoding/csv"
	"errors"
	"strings"
	"unicode"
)

// separators are those that are looked for, in this order.
var separators = []rune{',', '\t', ';'}

// findSeparator returns the separator with which the first row can be read, and
// the columns. A separator that gives a header comes before every separator that
// gives two fields without a header: a title may have a comma in it.
func findSeparator(line string, keep []string) (rune, columns, error) {
	for _, separator := range separators {
		fields, err := splitLine(line, separator)
		names, numbers := countTitles(fields)
		if err == nil && names > 0 && numbers > 0 {
			c, err := findColumns(fields, keep)
			return separator, c, err
		}
	}
	// If no separator fits, the error is that of the separator which finds the most
	// titles, and then the most fields.
	var failure error
	mostTitles, mostFields := 0, 0
	for _, separator := range separators {
		fields, err := splitLine(line, separator)
		c := columns{}
		if err == nil {
			c, err = findColumns(fields, keep)
		}
		if err == nil {
			return separator, c, nil
		}
		names, numbers := countTitles(fields)
		titles := names + numbers
		if failure == nil || titles > mostTitles || titles == mostTitles && len(fields) > mostFields {
			failure, mostTitles, mostFields = err, titles, len(fields)
		}
	}
	return 0, columns{}, failure
}

// declaredSeparator returns the separator of a first line such as sep=; which
// Excel obeys and does not show. ok is false if the line is another one.
func declaredSeparator(line string) (separator rune, ok bool, err error) {
	line = strings.TrimPrefix(strings.Trim(line, "\uFEFF "), `"`)
	if len(line) < 4 || !strings.EqualFold(line[:4], "sep=") {
		return 0, false, nil
	}
	said := []rune(strings.Trim(line[4:], " "))
	if len(said) == 0 || !strings.ContainsRune(",;\t|", said[0]) {
		return 0, false, errNoSeparator
	}
	// A program that adds columns to every line leaves sep=,,,.
	if strings.Trim(string(said), string(said[:1])+"\" \t") != "" {
		return 0, false, errNoSeparator
	}
	return said[0], true, nil
}

var errNoSeparator = errors.New("its first line says sep= and then no comma, semicolon, tab or vertical bar")

// splitLine returns the fields of one line of CSV. Its error is short, and does
// not repeat the line.
func splitLine(line string, separator rune) ([]string, error) {
	if !strings.Contains(line, `"`) {
		// Nearly all lines. A csv.Reader for each would be most of the garbage.
		return strings.Split(line, string(separator)), nil
	}
	r := csv.NewReader(strings.NewReader(plainQuotes(line, separator)))
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

// plainQuotes returns a line without what Excel users and programs put beside the
// quotes of a field, and encoding/csv refuses: an equals sign as in ="123", which
// Excel reads as the text 123, and blanks.
func plainQuotes(line string, separator rune) string {
	blank := func(r rune) bool { return r != separator && unicode.IsSpace(r) }
	var plain strings.Builder
	for {
		field := strings.TrimPrefix(strings.TrimLeftFunc(line, blank), "=")
		field = strings.TrimLeftFunc(field, blank)
		if strings.HasPrefix(field, `"`) {
			end := quotedLength(field)
			plain.WriteString(field[:end])
			line = strings.TrimLeftFunc(field[end:], blank)
		}
		rest, next, found := strings.Cut(line, string(separator))
		plain.WriteString(rest)
		if !found {
			return plain.String()
		}
		plain.WriteRune(separator)
		line = next
	}
}

// quotedLength returns the length of the quoted text that s begins with. In it, two
// quotes stand for one.
func quotedLength(s string) int {
	for i := 1; i < len(s); i++ {
		if s[i] != '"' {
			continue
		}
		if !strings.HasPrefix(s[i+1:], `"`) {
			return i + 1
		}
		i++
	}
	return len(s)
}
