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
}

var recordTitles = []string{"row", "name", "id_number", "verdict", "code", "reason", "request_id"}

// newRecord returns what becomes of r by the answer to it.
func newRecord(r row, result id2meta.Result, err error) record {
	rec := record{row: r.line, name: maskName(r.name), number: maskNumber(r.number)}
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
	return record{row: r.line, verdict: verdictInvalid, reason: r.bad}
}

// isOf reports whether rec was made for r, as far as the masks let it be seen.
func (rec record) isOf(r row) bool {
	if r.bad != "" {
		return rec.row == r.line && rec.name == "" && rec.number == ""
	}
	return rec.row == r.line && rec.name == maskName(r.name) && rec.number == maskNumber(r.number)
}

// line returns rec as one line of CSV.
func (rec record) line() []byte {
	return encodeLine([]string{strconv.Itoa(rec.row), rec.name, rec.number, rec.verdict,
		inert(rec.code), inert(rec.reason), inert(rec.requestID)})
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
func inert(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if s != "" && strings.ContainsAny(s[:1], "=+-@") {
		return "'" + s
	}
	return s
}

var errNoRecord = errors.New("it is no line of a file of verdicts")

func parseRecord(line []byte) (record, error) {
	fields, err := splitLine(string(line))
	if err != nil || len(fields) != len(recordTitles) {
		return record{}, errNoRecord
	}
	number, err := strconv.Atoi(fields[0])
	if err != nil {
		return record{}, errNoRecord
	}
	return record{number, fields[1], fields[2], fields[3], fields[4], fields[5], fields[6]}, nil
}
