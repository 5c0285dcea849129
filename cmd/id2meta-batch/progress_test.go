package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/id2meta/id2meta/id2metatest"
)

func TestProgressWithoutATerminalIsLines(t *testing.T) {
	const rows = 100
	w := newWork(t, people(rows))
	w.register(rows)
	p := start(t, w.server, id2metatest.AccessKeySecret, "-in", w.in, "-out", w.out, "-rate", "100", "-progress", "200ms")
	begun := time.Now()
	if status := p.exit(t); status != exitComplete {
		t.Fatalf("status %d: %s", status, &p.stderr)
	}
	if took := time.Since(begun); took < time.Duration(rows-1)*10*time.Millisecond {
		t.Errorf("%d rows at 100/s took %v", rows, took)
	}
	if strings.ContainsAny(p.stderr.String(), "\r\033") {
		t.Errorf("it has what is for terminals: %q", &p.stderr)
	}
	line := regexp.MustCompile(`^ *\d+% (0/100 rows|\d+/100 rows, \d+\.\d/s(, \d+s left)?); match \d+, mismatch \d+, no record \d+, invalid 0, failed 0$`)
	lines := strings.Split(strings.TrimSpace(p.stderr.String()), "\n")
	if len(lines) < 3 {
		t.Errorf("%d lines:\n%s", len(lines), &p.stderr)
	}
	for _, l := range lines {
		if !line.MatchString(l) {
			t.Errorf("the line %q", l)
		}
	}
	summary := regexp.MustCompile(`^100 of 100 rows: match 34, mismatch 33, no record 33, invalid 0, failed 0; asked about 100 in \d+(\.\d)?s \(\d+\.\d/s\)\n$`)
	if !summary.MatchString(p.stdout.String()) {
		t.Errorf("the summary %q", &p.stdout)
	}
}

func TestProgressOnATerminalIsABar(t *testing.T) {
	var screen strings.Builder
	bar := barProgress(&screen, pace{total: 2000, before: 500, started: time.Now().Add(-10 * time.Second)}, func() int { return 80 })
	bar.show(tally{match: 900, mismatch: 40, noRecord: 9, invalid: 1})
	bar.end(tally{match: 1900, mismatch: 80, noRecord: 18, invalid: 1, failed: 1})
	for _, want := range []string{"47%", "950/2,000 rows, 45.0/s, 23s left", "match 900, mismatch 40, no record 9, invalid 1, failed 0",
		"100%", "2,000/2,000 rows, 150.0/s", "match 1,900, mismatch 80, no record 18, invalid 1, failed 1"} {
		if !strings.Contains(screen.String(), want) {
			t.Errorf("%q is not in %q", want, screen.String())
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
