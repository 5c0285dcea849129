package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// The statuses of a line.
const (
	ok   = "OK"
	warn = "WARN"
	fail = "FAIL"
)

// line is the result of one check. The words of Check and Status are the same in both
// languages.
type line struct {
	Check  string        `json:"check"`  // "credential", "dns", "tcp", "tls", "clock", "request" or "go"
	Target string        `json:"target"` // the endpoint, or ""
	Status string        `json:"status"`
	Detail string        `json:"detail"` // what was found
	Todo   string        `json:"todo"`   // what to do, or ""
	Millis int64         `json:"took_ms"`
	took   time.Duration // 0: not measured
}

// report prints lines: as a table, each as it comes, or as one JSON document at the end.
type report struct {
	language
	out   io.Writer
	json  bool
	width int    // of the targets
	keyID string // shown as masked shows it
	lines []line
}

func newReport(o options, targets []string, out io.Writer) *report {
	r := &report{language: o.language, out: out, json: o.json}
	for _, target := range targets {
		r.width = max(r.width, len(target))
	}
	return r
}

func (r *report) add(l line) {
	if r.keyID != "" {
		l.Detail = strings.ReplaceAll(l.Detail, r.keyID, masked(r.keyID))
	}
	l.Millis = l.took.Milliseconds()
	r.lines = append(r.lines, l)
	if r.json {
		return
	}
	took := ""
	if l.took > 0 {
		took = fmt.Sprintf(" (%v)", l.took.Round(100*time.Microsecond))
	}
	fmt.Fprintf(r.out, "%-4s  %-10s  %-*s  %s%s\n", l.Status, l.Check, r.width, l.Target, l.Detail, took)
	if l.Todo != "" {
		fmt.Fprintf(r.out, "      -> %s\n", l.Todo)
	}
}

// end prints the rest, and returns the exit code.
func (r *report) end() int {
	count := map[string]int{}
	for _, l := range r.lines {
		count[l.Status]++
	}
	if r.json {
		encoder := json.NewEncoder(r.out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		encoder.Encode(struct {
			OK     bool   `json:"ok"`
			Checks []line `json:"checks"`
		}{count[fail] == 0, r.lines})
	} else {
		fmt.Fprintf(r.out, "%d OK, %d WARN, %d FAIL\n", count[ok], count[warn], count[fail])
	}
	if count[fail] > 0 {
		return exitFailed
	}
	return exitOK
}
