package main

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode"
)

// findSeparator finds the separator and the columns. A separator that gives a header comes
// before every separator that gives two fields without a header: a title may have a comma
// in it.
func (t *csvFile) findSeparator(keep []string) error {
	first, err := t.source().line(0)
	if err != nil && err != io.EOF {
		return err
	}
	separators := []rune{',', '\t', ';'}
	separator, declared, err := declaredSeparator(first.text)
	if err != nil {
		return err
	}
	if declared {
		t.declared, separators = true, []rune{separator}
	}
	var failure error
	var found *csvFile
	most := -1
	for _, separator := range separators {
		try := *t
		try.separator = separator
		rows, err := firstRows(try.source())
		if err != nil {
			return err
		}
		try.columns, err = findColumns(rows, keep)
		// How well it fits: the titles that it shows, and then the fields.
		fit := 0
		for _, row := range rows {
			names, numbers := countTitles(row)
			fit = max(fit, 1000*(min(names, 1)+min(numbers, 1))+min(len(row), 999))
		}
		if err == nil && try.columns.header > 0 {
			fit += 10_000
		}
		switch {
		case err == nil && (found == nil || fit >= 10_000 && found.columns.header == 0):
			found = &try
		case err != nil && fit > most:
			failure, most = err, fit
		}
	}
	if found == nil {
		return failure
	}
	*t = *found
	return nil
}

// declaredSeparator returns the separator of a first line such as sep=; which Excel obeys
// and does not show. ok is false if the line is another one.
func declaredSeparator(line string) (separator rune, ok bool, err error) {
	line = strings.TrimPrefix(strings.Trim(line, "\uFEFF "), `"`)
	if len(line) < 4 || !strings.EqualFold(line[:4], "sep=") {
		return 0, false, nil
	}
	said := []rune(strings.Trim(line[4:], " "))
	// A program that adds columns to every line leaves sep=,,,.
	if len(said) == 0 || !strings.ContainsRune(",;\t|", said[0]) || strings.Trim(string(said), string(said[:1])+"\" \t") != "" {
		return 0, false, errors.New("its first line says sep= and then no comma, semicolon, tab or vertical bar")
	}
	return said[0], true, nil
}

// splitRow returns the fields of one row of CSV. Its error is short, and does not repeat
// the row.
func splitRow(text string, separator rune) ([]string, error) {
	if !strings.Contains(text, `"`) {
		// Nearly all rows. A csv.Reader for each would be most of the garbage.
		return strings.Split(text, string(separator)), nil
	}
	r := csv.NewReader(strings.NewReader(plainQuotes(text, separator)))
	r.Comma = separator
	fields, err := r.Read()
	if err == nil {
		if _, more := r.Read(); more != io.EOF {
			err = csv.ErrQuote // the quotes were not paired as they seemed
		}
	}
	switch {
	case errors.Is(err, csv.ErrBareQuote):
		return nil, errors.New("it has a quote inside an unquoted field")
	case errors.Is(err, csv.ErrQuote):
		return nil, errors.New("it has a quoted field that does not end, or goes on after its quote")
	case err != nil:
		return nil, errors.New("it is not CSV")
	}
	return fields, nil
}

// plainQuotes returns a row without what Excel users and programs put beside the quotes of
// a field, and encoding/csv refuses: an equals sign as in ="123", which Excel reads as the
// text 123, and blanks.
func plainQuotes(text string, separator rune) string {
	blank := func(r rune) bool { return r != separator && r != '\n' && unicode.IsSpace(r) }
	var plain strings.Builder
	for {
		field := strings.TrimPrefix(strings.TrimLeftFunc(text, blank), "=")
		field = strings.TrimLeftFunc(field, blank)
		if strings.HasPrefix(field, `"`) {
			end := quotedLength(field)
			plain.WriteString(field[:end])
			text = strings.TrimLeftFunc(field[end:], blank)
		}
		rest, next, found := strings.Cut(text, string(separator))
		plain.WriteString(rest)
		if !found {
			return plain.String()
		}
		plain.WriteRune(separator)
		text = next
	}
}

// quotedLength returns the length of the quoted text that s begins with. In it, two quotes
// stand for one.
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
