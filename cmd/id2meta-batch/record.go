package main

import (
	"errors"
	"fmt"
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
	if r.bad != "" {
		return record{row: r.line, verdict: verdictInvalid, reason: r.bad, kept: r.kept}
	}
	rec := record{row: r.line, verdict: result.BizCode.String(), code: string(result.BizCode), requestID: result.RequestID, kept: r.kept}
	if r.name != "" {
		rec.name = id2meta.DisplayUserName(r.name)
	}
	if r.number != "" {
		rec.number = id2meta.DisplayIdentifyNum(r.number)
	}
	if err == nil {
		return rec
	}
	rec.verdict, rec.reason = verdictFailed, strings.TrimPrefix(err.Error(), "id2meta: ")
	if errors.Is(err, id2meta.ErrInvalidParam) {
		rec.verdict = verdictInvalid
	}
	if e, ok := errors.AsType[*id2meta.ParamError](err); ok {
		rec.reason = e.Field + ": " + e.Reason
	}
	if e, ok := errors.AsType[*id2meta.APIError](err); ok {
		rec.code, rec.requestID = e.Code, e.RequestID
		if e.Field != "" {
			rec.reason = e.Field + ": " + rec.reason
		}
	}
	// As the output calls them.
	rec.reason = strings.NewReplacer("UserName", "name", "IdentifyNum", "id_number").Replace(rec.reason)
	return rec
}

// fields returns rec in the order of the output. What the service says is on one line.
func (rec record) fields() []string {
	return append([]string{strconv.Itoa(rec.row), rec.name, rec.number, rec.verdict,
		oneLine(rec.code), oneLine(rec.reason), oneLine(rec.requestID)}, rec.kept...)
}

// inert returns a text of a CSV file so that a spreadsheet does not run it as a formula.
func inert(s string) string {
	if strings.IndexAny(strings.TrimSpace(s), "=+-@＝＋－＠") == 0 {
		return "'" + s
	}
	return s
}

// tally counts the rows that are done, by verdict.
type tally map[string]int

func (t tally) String() string {
	return fmt.Sprintf("match %d, mismatch %d, no record %d, invalid %d, failed %d",
		t["match"], t["mismatch"], t["no record"], t[verdictInvalid], t[verdictFailed])
}
