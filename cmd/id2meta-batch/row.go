package main

import (
	"fmt"
	"strings"
)

const (
	// maxField is how many bytes a name or a number may have to be looked at.
	// What the library accepts has less than a tenth of it.
	maxField = 2 << 10
	// maxKept is how many bytes the kept columns of a row may have together. It
	// keeps a line of the output below maxLine, even with every quote doubled.
	maxKept = 24 << 10
)

// newRow picks the name, the number and the kept columns from the fields of a
// row. Fields that are missing at the end are empty.
func newRow(line int, fields []string, c columns) row {
	r := row{line: line, kept: make([]string, len(c.keep))}
	field := func(i int) string {
		if i < len(fields) {
			// A clone, because the fields may be parts of one string of the
			// whole line, which nobody needs.
			return strings.Clone(fields[i])
		}
		return ""
	}
	size := 0
	for i, k := range c.keep {
		r.kept[i] = oneLine(unwrapFormula(field(k.index)))
		size += len(r.kept[i])
	}
	if size > maxKept {
		clear(r.kept)
		r.bad = fmt.Sprintf("the columns of -keep have more than %d bytes", maxKept)
		return r
	}
	r.name, r.number = unwrap(field(c.name)), unwrap(field(c.number))
	switch {
	case len(r.name) > maxField:
		return r.refuse(fmt.Sprintf("name: it has more than %d bytes", maxField))
	case len(r.number) > maxField:
		return r.refuse(fmt.Sprintf("id_number: it has more than %d bytes", maxField))
	}
	return r
}

// refuse returns r as a row that nobody is asked about.
func (r row) refuse(reason string) row {
	r.name, r.number, r.bad = "", "", reason
	return r
}

// unwrap takes away what Excel users put around a number so that Excel keeps
// all its digits: 'N, ="N".
func unwrap(s string) string {
	s = strings.TrimSpace(s)
	for _, mark := range []string{"'", "’", "‘", "＇"} {
		if after, found := strings.CutPrefix(s, mark); found {
			s = after
			break
		}
	}
	return unwrapFormula(s)
}

// unwrapFormula returns the text of ="text", and everything else as it is.
func unwrapFormula(s string) string {
	inner, found := strings.CutPrefix(strings.TrimSpace(s), `="`)
	inner, ends := strings.CutSuffix(inner, `"`)
	if !found || !ends {
		return s
	}
	return strings.ReplaceAll(inner, `""`, `"`)
}

// oneLine replaces line breaks by spaces: a record is one line.
func oneLine(s string) string {
	return strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ").Replace(s)
}
