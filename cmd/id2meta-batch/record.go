package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strconv"
	"strings"

	"github.com/id2meta/id2meta"
)

// The verdicts that are none of the service's.
const (
	verdictInvalid = "invalid" // it cannot be asked about as it is; correct it
	verdictFailed  = "failed"  // it was asked about without an answer; ask again
)

// record is one row of the output. It has nothing of the person but masked
// values.
type record struct {
	row          int
	name, number string // masked
	verdict      string
	code         string // BizCode of a verdict; else Code of the service, if it gave one
	reason       string // why there is no verdict
	requestID    string
	kept         []string // the columns of -keep
}

// newRecord returns what becomes of r by the answer to it.
func newRecord(r row, result id2meta.Result, err error) record {
	rec := record{row: r.line, name: maskName(r.name), number: maskNumber(r.number), kept: r.kept}
	if err == nil {
		rec.verdict = result.BizCode.String()
		rec.code = string(result.BizCode)
		rec.requestID = result.RequestID
		return rec
	}
	rec.verdict = verdictFailed
	if errors.Is(err, id2meta.ErrInvalidParam) {
		rec.verdict = verdictInvalid
	}
	rec.reason = strings.TrimPrefix(err.Error(), "id2meta: ")
	if e, ok := errors.AsType[*id2meta.ParamError](err); ok {
		rec.reason = columnOf(e.Field) + ": " + strings.NewReplacer("UserName", "name", "IdentifyNum", "id_number").Replace(e.Reason)
	}
	if e, ok := errors.AsType[*id2meta.APIError](err); ok {
		rec.code = e.Code
		rec.requestID = e.RequestID
		if e.Field != "" {
			rec.reason = columnOf(e.Field) + ": " + rec.reason
		}
	}
	return rec
}

// maskName returns what is written of a name: a first letter, so that somebody
// who has the input recognises the row, and stars, or nothing of an empty cell.
// No spreadsheet takes it for a formula.
func maskName(s string) string {
	if strings.TrimSpace(s) == "" {
		return ""
	}
	return id2meta.DisplayUserName(s)
}

// maskNumber is for numbers what maskName is for names.
func maskNumber(s string) string {
	if strings.TrimSpace(s) == "" {
		return ""
	}
	return id2meta.DisplayIdentifyNum(s)
}

// columnOf names a field of a Param as the user's file does.
func columnOf(field string) string {
	switch field {
	case "UserName":
		return "name"
	case "IdentifyNum":
		return "id_number"
	}
	return field
}

// badRecord is for a row that has no name and number to ask about.
func badRecord(r row) record {
	return record{row: r.line, verdict: verdictInvalid, reason: r.bad, kept: r.kept}
}

// isOf reports whether rec was made for r, as far as the masks let it be seen.
func (rec record) isOf(r row) bool {
	if rec.row != r.line {
		return false
	}
	for i, value := range r.kept {
		if rec.kept[i] != inertText(value) {
			return false
		}
	}
	if r.bad != "" {
		return rec.name == "" && rec.number == ""
	}
	return rec.name == maskName(r.name) && rec.number == maskNumber(r.number)
}

// line returns rec as one line of CSV.
func (rec record) line() []byte { return encodeLine(rec.fields()) }

// fields returns rec in the order of a layout. No field is a formula.
func (rec record) fields() []string {
	fields := []string{strconv.Itoa(rec.row), rec.name, rec.number, rec.verdict,
		inert(rec.code), inert(rec.reason), inert(rec.requestID)}
	for _, value := range rec.kept {
		fields = append(fields, inertText(value))
	}
	return fields
}

func encodeLine(fields []string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write(fields) // a Buffer never fails; Flush writes to it
	w.Flush()
	return b.Bytes()
}

// inert returns what the service says as a spreadsheet shows it and does not
// run it, on one line.
func inert(s string) string { return inertText(strings.Join(strings.Fields(s), " ")) }

// inertText returns a text so that a spreadsheet does not run it as a formula.
func inertText(s string) string {
	begin := strings.TrimSpace(s)
	for _, mark := range []string{"=", "+", "-", "@", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(begin, mark) {
			return "'" + s
		}
	}
	return s
}

var errNoRecord = errors.New("it is no line of a file of verdicts")

// layout are the titles of an output.
type layout []string

func newLayout(c columns) layout {
	titles := layout{"row", "name", "id_number", "verdict", "code", "reason", "request_id"}
	for _, k := range c.keep {
		titles = append(titles, inertText(oneLine(k.title)))
	}
	return titles
}

func (titles layout) parse(line []byte) (record, error) {
	f, err := splitLine(string(line), ',')
	if err != nil || len(f) != len(titles) {
		return record{}, errNoRecord
	}
	number, err := strconv.Atoi(f[0])
	if err != nil {
		return record{}, errNoRecord
	}
	return record{number, f[1], f[2], f[3], f[4], f[5], f[6], f[7:]}, nil
}
