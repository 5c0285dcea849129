package main

import (
	"fmt"
	"strconv"

	"github.com/id2meta/id2meta"
)

// tally counts the rows that are done.
type tally struct {
	match, mismatch, noRecord, invalid, failed int
}

func (t *tally) add(verdict string) {
	switch verdict {
	case id2meta.BizCodeMatch.String():
		t.match++
	case id2meta.BizCodeMismatch.String():
		t.mismatch++
	case id2meta.BizCodeNoRecord.String():
		t.noRecord++
	case verdictInvalid:
		t.invalid++
	default:
		t.failed++
	}
}

func (t tally) rows() int {
	return t.match + t.mismatch + t.noRecord + t.invalid + t.failed
}

func (t tally) String() string {
	return fmt.Sprintf("match %s, mismatch %s, no record %s, invalid %s, failed %s",
		thousands(t.match), thousands(t.mismatch), thousands(t.noRecord), thousands(t.invalid), thousands(t.failed))
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
