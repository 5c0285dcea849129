package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/id2meta/id2meta/id2metatest"
)

// jumble makes answers come in another order than the questions.
func jumble(server *id2metatest.Server, n int) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		wait := time.Duration(random.IntN(4)) * time.Millisecond
		if i%200 == 50 {
			wait = 150 * time.Millisecond // long enough for a hundred others
		}
		server.Inject(id2metatest.Delay(wait))
	}
}

func TestAKilledRunContinues(t *testing.T) {
	const rows, parallel = 2000, 8
	w := newWork(t, people(rows))
	w.register(rows)
	jumble(w.server, rows)

	answered := map[string]bool{} // people whose answers were on disk at a kill
	seen, kills := 0, 0
	check := func() {
		for _, call := range w.server.Calls()[seen:] {
			if answered[call.Person] {
				t.Errorf("after %d kills somebody was asked about whose answer was on disk", kills)
			}
		}
	}
	for _, calls := range []int{2, 450, 1000, 1700} {
		p := w.start(t, "-parallel", fmt.Sprint(parallel))
		w.waitForCalls(t, calls)
		p.kill(t)
		check()
		kills++
		seen = len(w.server.Calls())
		saved := w.saved(t)
		byRequest := map[string]string{}
		for _, call := range w.server.Calls() {
			byRequest[call.RequestID] = call.Person
		}
		for _, rec := range saved {
			answered[byRequest[rec.requestID]] = true
		}
		if len(answered) != len(saved) {
			t.Fatalf("%d people have %d answers on disk", len(answered), len(saved))
		}
		if lost := len(w.server.Calls()) - len(saved); lost > kills*parallel {
			t.Errorf("kill %d: %d answers are not on disk, want at most %d", kills, lost, kills*parallel)
		}
		// What a kill in the middle of a write leaves behind.
		appendTo(t, w.out, "1999,张")
		appendTo(t, journalPath(w.out), "1998,张*,110105****")
	}
	p := w.start(t, "-parallel", fmt.Sprint(parallel))
	if status := p.exit(t); status != exitComplete {
		t.Fatalf("status %d:\n%s", status, &p.stderr)
	}
	w.checkAll(t, rows)

	if !strings.HasPrefix(p.stdout.String(), "2,000 of 2,000 rows: match 667, mismatch 667, no record 666, invalid 0, failed 0; asked about ") {
		t.Errorf("the summary: %s", &p.stdout)
	}
	check()
	calls := w.server.Calls()
	if again := len(calls) - rows; again > kills*parallel {
		t.Errorf("%d calls for %d rows: more than the %d that were under way at a kill", len(calls), rows, kills*parallel)
	}
	t.Logf("%d calls for %d rows and %d kills", len(calls), rows, kills)

	t.Run("and a run after the last asks nobody", func(t *testing.T) {
		p := w.start(t)
		if status := p.exit(t); status != exitComplete {
			t.Fatalf("status %d:\n%s", status, &p.stderr)
		}
		if n := len(w.server.Calls()); n != len(calls) {
			t.Errorf("%d more calls", n-len(calls))
		}
		w.checkAll(t, rows)
	})
}

func TestAnInterruptedRunFinishesWhatItHasAsked(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			const rows = 600
			w := newWork(t, people(rows))
			w.register(rows)
			jumble(w.server, rows)
			p := w.start(t)
			w.waitForCalls(t, 200)
			p.Process.Signal(signal)
			if status := p.exit(t); status != exitStopped {
				t.Fatalf("status %d, want %d:\n%s", status, exitStopped, &p.stderr)
			}
			if !strings.Contains(p.stderr.String(), "start again with the same arguments to continue") {
				t.Errorf("it does not say how to continue:\n%s", &p.stderr)
			}
			if calls, done := len(w.server.Calls()), len(w.saved(t)); calls != done || calls == rows {
				t.Errorf("%d calls, %d rows written of %d", calls, done, rows)
			}
			if status := w.start(t).exit(t); status != exitComplete {
				t.Fatalf("the second run: status %d", status)
			}
			w.checkAll(t, rows)
			if calls := len(w.server.Calls()); calls != rows {
				t.Errorf("%d calls for %d rows", calls, rows)
			}
		})
	}
}

func TestAnInterruptDoesNotWaitForTheRate(t *testing.T) {
	w := newWork(t, people(50))
	p := start(t, w.server, id2metatest.AccessKeySecret, "-in", w.in, "-out", w.out, "-rate", "0.1")
	w.waitForCalls(t, 1)
	begun := time.Now()
	p.Process.Signal(os.Interrupt)
	if status := p.exit(t); status != exitStopped {
		t.Errorf("status %d: %s", status, &p.stderr)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	if n := len(w.saved(t)); n != 1 { // not necessarily the first: they race for the limiter
		t.Errorf("%d rows were written, want the one that was asked about", n)
	}
}

func TestARowThatWaitsHoldsNobodyUp(t *testing.T) {
	const rows = 300
	w := newWork(t, people(rows))
	w.register(rows)
	w.server.Inject(id2metatest.Hang())
	p := w.start(t, "-parallel", "4")
	w.waitForCalls(t, rows)
	time.Sleep(100 * time.Millisecond) // for the last answers
	p.kill(t)
	if n := len(w.records(t)); n > 3 {
		t.Fatalf("%d rows stand before the first few: the output is out of order", n)
	}
	if status := w.start(t).exit(t); status != exitComplete {
		t.Fatalf("status %d", status)
	}
	w.checkAll(t, rows)
	if calls := len(w.server.Calls()); calls != rows+1 {
		t.Errorf("%d calls, want that of the one who waited twice and %d others", calls, rows-1)
	}
}

func TestTornLastLine(t *testing.T) {
	const rows = 5
	w := newWork(t, people(rows))
	w.register(rows)
	if status := w.start(t).exit(t); status != exitComplete {
		t.Fatalf("status %d", status)
	}
	whole := read(t, w.out)
	lines := strings.SplitAfter(whole, "\n")
	for name, c := range map[string]struct {
		left  string
		calls int
	}{
		"in a row":                    {whole[:len(whole)-20], 1},
		"before the line end":         {whole[:len(whole)-1], 1},
		"after the row":               {lines[0] + lines[1] + lines[2] + "5", 3},
		"of zero bytes, by power cut": {lines[0] + lines[1] + strings.Repeat("\x00", 5000), 4},
		"in the header":               {"row,na", 5},
		"none":                        {whole, 0},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(w.server.Calls())
			write(t, w.out, []byte(c.left))
			if p := w.start(t); p.exit(t) != exitComplete {
				t.Fatal(p.stderr.String())
			}
			w.checkAll(t, rows)
			if n := len(w.server.Calls()) - before; n != c.calls {
				t.Errorf("%d calls, want %d", n, c.calls)
			}
		})
	}
}

func TestRefusesToContinue(t *testing.T) {
	const rows = 5
	for name, c := range map[string]struct {
		change func(t *testing.T, w work)
		args   []string
		want   string
	}{
		"a changed input": {func(t *testing.T, w work) {
			write(t, w.in, []byte(strings.Replace(read(t, w.in), "李四", "李三", 1)))
		}, nil, "the input has changed"},
		"an input with more rows": {func(t *testing.T, w work) { write(t, w.in, people(rows+1)) }, nil, "the input has changed"},
		"an edited output": {func(t *testing.T, w work) {
			write(t, w.out, []byte(strings.Replace(read(t, w.out), "\n3,李", "\n3,张", 1)))
		}, nil, "line 3 is not what this program wrote"},
		"an output with a row less": {func(t *testing.T, w work) {
			lines := strings.SplitAfter(read(t, w.out), "\n")
			write(t, w.out, []byte(lines[0]+lines[2]))
		}, nil, "line 2 is not what this program wrote"},
		"an output with a row more": {func(t *testing.T, w work) {
			appendTo(t, w.out, "7,张*,110105********0021,match,1,,\n")
		}, nil, "line 7 is not what this program wrote"},
		"an output without its journal": {func(t *testing.T, w work) { os.Remove(journalPath(w.out)) }, nil, "no journal"},
		"somebody else's file":          {func(t *testing.T, w work) { write(t, w.out, []byte("a,b\n")) }, nil, "no line of a file of verdicts"},
		"a strange journal":             {func(t *testing.T, w work) { write(t, journalPath(w.out), []byte("hello\n")) }, nil, "no journal of this program"},
		"another encoding":              {func(*testing.T, work) {}, []string{"-encoding", "gb18030"}, "-encoding utf-8"},
		"the input as output":           {func(*testing.T, work) {}, []string{"-out", ""}, "same file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWork(t, people(rows))
			w.register(rows)
			if p := w.start(t); p.exit(t) != exitComplete {
				t.Fatal(p.stderr.String())
			}
			c.change(t, w)
			args := c.args
			if len(args) > 0 && args[0] == "-out" {
				args = []string{"-out", w.in}
			}
			in, out := read(t, w.in), read(t, w.out)
			p := w.start(t, args...)
			if status := p.exit(t); status != exitStopped {
				t.Errorf("status %d, want %d", status, exitStopped)
			}
			if !strings.Contains(p.stderr.String(), c.want) {
				t.Errorf("%q is not in: %s", c.want, &p.stderr)
			}
			if calls := len(w.server.Calls()); calls != rows {
				t.Errorf("%d calls, want no more than the first %d", calls, rows)
			}
			if read(t, w.in) != in || read(t, w.out) != out {
				t.Error("it changed the files")
			}
		})
	}
}

func TestARehearsalIsNotContinuedLive(t *testing.T) {
	w := newWork(t, people(3))
	var stdout strings.Builder
	if status := command(append(w.args(), "-simulator"), &stdout, silent(t)); status != exitComplete {
		t.Fatalf("status %d", status)
	}
	p := w.start(t)
	if status := p.exit(t); status != exitStopped || !strings.Contains(p.stderr.String(), "must not be mixed") {
		t.Errorf("status %d: %s", status, &p.stderr)
	}
}

func TestTwoRunsOnOneOutput(t *testing.T) {
	w := newWork(t, people(50))
	w.server.Inject(id2metatest.Delay(time.Second))
	first := w.start(t)
	w.waitForCalls(t, 1)
	second := w.start(t)
	if status := second.exit(t); status != exitStopped || !strings.Contains(second.stderr.String(), "another batch") {
		t.Errorf("the second: status %d: %s", status, &second.stderr)
	}
	if status := first.exit(t); status != exitComplete {
		t.Errorf("the first: status %d: %s", status, &first.stderr)
	}
	if calls := len(w.server.Calls()); calls != 50 {
		t.Errorf("%d calls for 50 rows", calls)
	}
}

func TestAFullDisk(t *testing.T) {
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash, which sets the limit, is not there")
	}
	const rows, parallel = 400, 8
	w := newWork(t, people(rows))
	w.register(rows)
	// No file may grow beyond 8 KiB, in blocks of 1 KiB.
	p := startAs(t, w.server, id2metatest.AccessKeySecret, append([]string{shell, "-c", `ulimit -f 8; exec "$0" "$@"`, os.Args[0]}, w.args("-parallel", fmt.Sprint(parallel))...)...)
	if status := p.exit(t); status != exitStopped || !strings.Contains(p.stderr.String(), "too large") {
		t.Fatalf("status %d: %s", status, &p.stderr)
	}
	if size := len(read(t, w.out)); size != 8<<10 {
		t.Fatalf("the output has %d bytes", size)
	}
	if status := w.start(t).exit(t); status != exitComplete {
		t.Fatalf("status %d", status)
	}
	w.checkAll(t, rows)
	if again := len(w.server.Calls()) - rows; again > 2*parallel {
		t.Errorf("%d rows were asked about again", again)
	}
}
