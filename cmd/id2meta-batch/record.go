package main

import (
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

// record is one row of the output. It has nothing of the person but masked values.
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
	rec := record{row: r.line, kept: r.kept}
	if r.bad != "" {
		rec.verdict, rec.reason = verdictInvalid, r.bad
		return rec
	}
	rec.name, rec.number = masked(r.name, id2meta.DisplayUserName), masked(r.number, id2meta.DisplayIdentifyNum)
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

// masked returns what is written of a name or a number, and nothing of an empty cell.
func masked(s string, display func(string) string) string {
	if strings.TrimSpace(s) == "" {
		return ""
	}
	return display(s)
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

// fields returns rec in the order of titlesOf. What the service says is on one line.
func (rec record) fields() []string {
	plain := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	return append([]string{strconv.Itoa(rec.row), rec.name, rec.number, rec.verdict,
		plain(rec.code), plain(rec.reason), plain(rec.requestID)}, rec.kept...)
}

func titlesOf(c columns) []string {
	titles := []string{"row", "name", "id_number", "verdict", "code", "reason", "request_id"}
	for _, k := range c.keep {
		titles = append(titles, oneLine(k.title))
	}
	return titles
}

// inert returns a text of a CSV file so that a spreadsheet does not run it as a formula.
func inert(s string) string {
	begin := strings.TrimSpace(s)
	for _, mark := range []string{"=", "+", "-", "@", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(begin, mark) {
			return "'" + s
		}
	}
	return s
}
