package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/id2meta/id2meta/id2metatest"
)

func TestAHopelessErrorStopsTheRun(t *testing.T) {
	for name, c := range map[string]struct {
		secret string
		faults []id2metatest.Fault
		want   string
	}{
		"a wrong secret": {"wrong", nil, "ALIBABA_CLOUD_ACCESS_KEY_SECRET"},
		"no credential":  {"", nil, "ALIBABA_CLOUD_ACCESS_KEY_SECRET"},
		"no permission":  {id2metatest.AccessKeySecret, always(id2metatest.Answer("411", "no")), "AliyunYundunCloudAuthFullAccess"},
		"not activated":  {id2metatest.AccessKeySecret, always(id2metatest.Answer("410", "no")), "Activate"},
		"overdue":        {id2metatest.AccessKeySecret, always(id2metatest.Answer("412", "no")), "Pay"},
	} {
		for _, rows := range []int{200, 3} { // more than -parallel, and fewer
			t.Run(fmt.Sprintf("%s, %d rows", name, rows), func(t *testing.T) {
				t.Parallel()
				const parallel = 5
				w := newWork(t, people(rows))
				w.register(rows)
				w.server.Inject(c.faults...)
				p := start(t, w.server, c.secret, w.args("-parallel", fmt.Sprint(parallel))...)
				if status := p.exit(t); status != exitStopped {
					t.Errorf("status %d, want %d", status, exitStopped)
				}
				if !strings.Contains(p.stderr.String(), c.want) {
					t.Errorf("%q is not in: %s", c.want, &p.stderr)
				}
				if n := len(w.saved(t)); n != 0 {
					t.Errorf("%d rows were written", n)
				}
				if n := len(w.server.Calls()); n > 2*parallel {
					t.Errorf("it went on for %d calls", n)
				}
				// The faults that are left over are for nobody else.
				w.server = id2metatest.NewServer()
				defer w.server.Close()
				w.register(rows)
				if p := w.start(t); p.exit(t) != exitComplete {
					t.Fatal(p.stderr.String())
				}
				w.checkAll(t, rows)
				if n := len(w.server.Calls()); n != rows {
					t.Errorf("%d calls for %d rows", n, rows)
				}
			})
		}
	}
}

func TestAnswersBesideAHopelessErrorAreKept(t *testing.T) {
	const rows = 4
	w := newWork(t, people(rows))
	w.register(rows)
	w.server.Inject(id2metatest.Answer("412", "no"))
	if p := w.start(t, "-parallel", "4"); p.exit(t) != exitStopped {
		t.Fatal(p.stderr.String())
	}
	if p := w.start(t); p.exit(t) != exitComplete {
		t.Fatal(p.stderr.String())
	}
	w.checkAll(t, rows)
	for person, calls := range w.billed() {
		if calls != 1 {
			t.Errorf("%s was billed %d times", person, calls)
		}
	}
}

func (w work) billed() map[string]int {
	counts := map[string]int{}
	for _, call := range w.server.Calls() {
		if call.Billed {
			counts[call.Person]++
		}
	}
	return counts
}

func always(f id2metatest.Fault) []id2metatest.Fault {
	faults := make([]id2metatest.Fault, 500)
	for i := range faults {
		faults[i] = f
	}
	return faults
}

func TestFailedRows(t *testing.T) {
	const rows = 60
	w := newWork(t, append(people(rows), "张三,1\n"...))
	w.register(rows)
	for i := range rows {
		if i%6 == 0 {
			w.server.Inject(id2metatest.Answer("403", "too many repeated calls"))
		} else {
			w.server.Inject(id2metatest.Delay(0))
		}
	}
	// One in six fails, so there are never five in a row.
	p := w.start(t, "-parallel", "1", "-give-up", "5")
	if status := p.exit(t); status != exitPartial {
		t.Fatalf("status %d, want %d:\n%s", status, exitPartial, &p.stderr)
	}
	if !strings.Contains(p.stdout.String(), "invalid 1, failed 10;") {
		t.Errorf("the summary: %s", &p.stdout)
	}
	for _, rec := range w.records(t) {
		if rec.verdict == verdictFailed && (rec.code != "403" || !strings.HasPrefix(rec.reason, "repeated call") || rec.requestID == "") {
			t.Errorf("%+v", rec)
		}
	}

	t.Run("are left alone by a run like the first", func(t *testing.T) {
		if status := w.start(t).exit(t); status != exitPartial || len(w.server.Calls()) != rows {
			t.Errorf("status %d, %d calls", status, len(w.server.Calls()))
		}
	})
	t.Run("are asked about again with -retry-failed, also if that run is killed", func(t *testing.T) {
		// Killed at the third row that failed, and at the fourth.
		spare := id2metatest.Delay(0)
		w.server.Inject(spare, spare, id2metatest.Hang(), spare, id2metatest.Hang())
		p := w.start(t, "-retry-failed", "-parallel", "1")
		w.waitForCalls(t, rows+3)
		p.kill(t)
		p = w.start(t, "-retry-failed", "-parallel", "1")
		w.waitForCalls(t, rows+5)
		p.kill(t)
		p = w.start(t) // it need not be said again
		if status := p.exit(t); status != exitPartial {
			t.Fatalf("status %d:\n%s", status, &p.stderr)
		}
		if !strings.Contains(p.stdout.String(), "invalid 1, failed 0;") {
			t.Errorf("the summary: %s", &p.stdout)
		}
		people, _, _ := strings.Cut(read(t, w.out), "62,张*,***,invalid,") // the last row
		write(t, w.out, []byte(people))
		w.checkAll(t, rows)
		if calls := len(w.server.Calls()); calls != rows+10+2 {
			t.Errorf("%d calls, want %d, 10 again, and the two that were killed", calls, rows)
		}
		if _, err := os.Stat(previousPath(w.out)); err == nil {
			t.Error("the previous output is still there")
		}
	})
}

func TestAFieldThatTheServiceRefusesIsNamed(t *testing.T) {
	w := newWork(t, people(1))
	w.register(1)
	w.server.Inject(id2metatest.Answer("401", "参数非法(identifyNum)"))
	p := w.start(t)
	if status := p.exit(t); status != exitPartial {
		t.Fatalf("status %d, want %d:\n%s", status, exitPartial, &p.stderr)
	}
	if rec := w.records(t)[0]; rec.verdict != verdictInvalid || !strings.HasPrefix(rec.reason, "id_number: invalid parameter") {
		t.Errorf("%+v", rec)
	}
}

func TestGivesUpWhenNothingIsAnswered(t *testing.T) {
	w := newWork(t, people(300))
	w.server.Inject(always(id2metatest.Answer("403", "no"))...)
	p := w.start(t, "-give-up", "30", "-parallel", "5")
	if status := p.exit(t); status != exitStopped || !strings.Contains(p.stderr.String(), "30 rows in a row failed") {
		t.Errorf("status %d: %s", status, &p.stderr)
	}
	if n := len(w.records(t)); n < 30 || n > 40 {
		t.Errorf("%d rows were written", n)
	}
}
