package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/id2meta/id2meta/id2metatest"
)

func TestAKilledRunContinues(t *testing.T) {
	t.Parallel() // after a kill, the people under way are waited for
	const rows, parallel = 900, 8
	for format, moments := range map[string][]int{ // the requests that have arrived
		"CSV":      {0, 1 + rand.IntN(rows-1)},
		"workbook": {rows},
	} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			w := newWork(t, people(rows))
			if format == "workbook" {
				w = newWork(t, bookOf(t, rows)).inBook()
			}
			w.register(rows)
			for _, calls := range moments {
				p := w.start(t, "-parallel", fmt.Sprint(parallel))
				w.waitForCalls(t, calls)
				p.kill(t)
			}
			p := w.start(t, "-parallel", fmt.Sprint(parallel))
			if p.exit(t) != exitComplete {
				t.Fatal(p.stderr.String())
			}
			w.checkAll(t, rows)
			if again := len(w.server.Calls()) - rows; again > len(moments)*parallel {
				t.Errorf("killed after %v requests: %d people were asked about twice, more than were under way", moments, again)
			}
			if left, _ := filepath.Glob(filepath.Dir(w.out) + "/.*"); len(left) > 0 {
				t.Errorf("temporary files were left behind: %v", left)
			}
		})
	}
}

// apart returns w with its output in one folder and its verdicts in another.
func (w work) apart(t *testing.T) (apart work, verdicts string) {
	t.Helper()
	for _, folder := range []string{"outputs", "verdicts"} {
		if err := os.Mkdir(filepath.Join(filepath.Dir(w.in), folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.out = filepath.Join(filepath.Dir(w.in), "outputs", "verdicts.csv")
	return w, filepath.Join(filepath.Dir(w.in), "verdicts", "known.db")
}

func TestTheFolderOfTheOutputGoesAway(t *testing.T) {
	const rows = 600
	w, verdicts := newWork(t, people(rows)).apart(t)
	w.register(rows)
	p := w.start(t, "-verdicts", verdicts)
	w.waitForCalls(t, 100)
	if err := os.RemoveAll(filepath.Dir(w.out)); err != nil {
		t.Fatal(err)
	}
	if status := p.exit(t); status != exitStopped {
		t.Fatalf("status %d: %s", status, &p.stderr)
	}
	if p := w.start(t, "-verdicts", verdicts); p.exit(t) != exitStopped {
		t.Errorf("without the folder: %s", &p.stderr)
	}
	if err := os.Mkdir(filepath.Dir(w.out), 0o700); err != nil {
		t.Fatal(err)
	}
	if p := w.start(t, "-verdicts", verdicts); p.exit(t) != exitComplete {
		t.Fatal(p.stderr.String())
	}
	w.checkAll(t, rows)
	if calls := len(w.server.Calls()); calls != rows {
		t.Errorf("%d calls for %d people", calls, rows)
	}
}

func TestAFullDisk(t *testing.T) {
	t.Parallel() // the second run waits for people whose claims could not be removed
	const rows, parallel = 2000, 20
	for folder, size := range map[string]string{"outputs": "100k", "verdicts": "800k"} {
		t.Run("with the "+folder, func(t *testing.T) {
			t.Parallel()
			w, verdicts := newWork(t, people(rows)).apart(t)
			w.register(rows)
			disk := filepath.Join(filepath.Dir(w.in), folder)
			mount := func(options string) error {
				return exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", disk).Run()
			}
			if err := mount("size=" + size); err != nil {
				t.Skipf("a small file system cannot be mounted: %v", err)
			}
			t.Cleanup(func() { exec.Command("umount", disk).Run() })
			p := w.start(t, "-verdicts", verdicts)
			if status := p.exit(t); status != exitStopped || exists(w.out) {
				t.Fatalf("status %d: %s", status, &p.stderr)
			}
			asked := len(w.server.Calls())
			if asked == 0 {
				t.Error("the disk was full from the start")
			}
			if err := mount("remount,size=10m"); err != nil {
				t.Fatal(err)
			}
			if p := w.start(t, "-verdicts", verdicts); p.exit(t) != exitComplete {
				t.Fatal(p.stderr.String())
			}
			w.checkAll(t, rows)
			if again := len(w.server.Calls()) - rows; again > parallel {
				t.Errorf("%d people were asked about twice, of %d on the full disk", again, asked)
			}
		})
	}
}

func TestTheInputChangesBetweenTwoRuns(t *testing.T) {
	w := newWork(t, people(30))
	w.register(40)
	if p := w.start(t); p.exit(t) != exitComplete {
		t.Fatal(p.stderr.String())
	}
	write(t, w.in, people(40))
	if p := w.start(t); p.exit(t) != exitComplete || len(w.server.Calls()) != 40 {
		t.Fatalf("%d calls: %s", len(w.server.Calls()), &p.stderr)
	}
	w.checkAll(t, 40)
	write(t, w.in, people(5))
	if p := w.start(t); p.exit(t) != exitComplete || len(w.server.Calls()) != 40 {
		t.Fatalf("%d calls: %s", len(w.server.Calls()), &p.stderr)
	}
	w.checkAll(t, 5)
}

func TestAnotherKeyIsRefused(t *testing.T) {
	w := newWork(t, people(3))
	if p := w.start(t); p.exit(t) != exitComplete {
		t.Fatal(p.stderr.String())
	}
	before := read(t, w.out)
	p := w.startWith(t, []string{keyVariable + "=" + strings.Repeat("0f1e2d3c4b5a6978", 4)})
	if p.exit(t) != exitStopped || !strings.Contains(p.stderr.String(), "another hashKey") || len(w.server.Calls()) != 3 || read(t, w.out) != before {
		t.Errorf("%d calls: %s", len(w.server.Calls()), &p.stderr)
	}
}

func TestWhatOthersWroteIsNotOverwritten(t *testing.T) {
	for name, c := range map[string]struct {
		place func(w work) string // returns the file that must stay
		want  string
	}{
		"a foreign output": {func(w work) string { write(t, w.out, []byte("notes")); return w.out }, "not as this program wrote it"},
		"a symbolic link as output": {func(w work) string {
			write(t, w.in+"x", []byte("notes"))
			os.Symlink(w.in+"x", w.out)
			return w.in + "x"
		}, "symbolic link"},
		"a foreign file of verdicts": {func(w work) string { write(t, w.database(), []byte("notes")); return w.database() }, "another program"},
		"a link as file of verdicts": {func(w work) string {
			write(t, w.in+"x", []byte("notes"))
			os.Symlink(w.in+"x", w.database())
			return w.in + "x"
		}, "symbolic link"},
		"a database of other program": {func(w work) string {
			write(t, w.database(), []byte("SQLite format 3\x00"+strings.Repeat("x", 5000)))
			return w.database()
		}, "another program"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWork(t, people(3))
			path := c.place(w)
			before := read(t, path)
			if p := w.start(t); p.exit(t) != exitStopped || !strings.Contains(p.stderr.String(), c.want) {
				t.Errorf("%q is not in: %s", c.want, &p.stderr)
			}
			if read(t, path) != before || len(w.server.Calls()) != 0 {
				t.Error("it was changed, or somebody was asked about")
			}
		})
	}
	t.Run("an output that somebody has edited", func(t *testing.T) {
		w := newWork(t, people(3))
		w.start(t).exit(t)
		write(t, w.out, []byte(read(t, w.out)+"note\n"))
		if p := w.start(t); p.exit(t) != exitStopped || !strings.HasSuffix(read(t, w.out), "note\n") {
			t.Error(p.stderr.String())
		}
	})
}

func TestTwoRunsWithOneMemory(t *testing.T) {
	const rows = 200
	w := newWork(t, people(rows))
	w.register(rows)
	first := w.start(t)
	w.waitForCalls(t, 1)
	second := w
	second.out = filepath.Join(filepath.Dir(w.out), "other.csv")
	p := second.start(t)
	if first.exit(t) != exitComplete || p.exit(t) != exitComplete {
		t.Fatalf("%s%s", &first.stderr, &p.stderr)
	}
	w.checkAll(t, rows)
	second.checkAll(t, rows)
	if n := len(w.server.Calls()); n != rows {
		t.Errorf("%d calls for %d people", n, rows)
	}
}

func TestTwoRunsOfOneOutput(t *testing.T) {
	const rows = 300
	w := newWork(t, people(rows))
	w.register(rows)
	first := w.start(t)
	w.waitForCalls(t, 1)
	if p := w.start(t); p.exit(t) != exitStopped || !strings.Contains(p.stderr.String(), "another run writes") {
		t.Errorf("the second run: %s", &p.stderr)
	}
	if first.exit(t) != exitComplete {
		t.Fatal(first.stderr.String())
	}
	w.checkAll(t, rows)
}

func TestWhatTheServiceRefuses(t *testing.T) {
	for name, c := range map[string]struct{ code, message, verdict, reason string }{
		"a field is named":              {"401", "参数非法(identifyNum)", verdictInvalid, "id_number: invalid parameter"},
		"a row that failed has a cause": {"403", "too many repeated calls", verdictFailed, "repeated call"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWork(t, people(1))
			w.server.Inject(id2metatest.Answer(c.code, c.message))
			if p := w.start(t); p.exit(t) != exitPartial {
				t.Fatal(p.stderr.String())
			}
			if rec := w.records(t)[0]; rec.verdict != c.verdict || !strings.HasPrefix(rec.reason, c.reason) || rec.code != c.code || rec.requestID == "" {
				t.Errorf("%+v", rec)
			}
		})
	}
}

func TestAnOutageStopsTheRun(t *testing.T) {
	w := newWork(t, people(300))
	for range 300 {
		w.server.Inject(id2metatest.Answer("403", "no"))
	}
	p := w.start(t, "-parallel", "5")
	if status := p.exit(t); status != exitStopped || !strings.Contains(p.stderr.String(), "100 rows in a row failed") {
		t.Errorf("status %d: %s", status, &p.stderr)
	}
	if n := len(w.server.Calls()); n > giveUp+10 {
		t.Errorf("%d calls", n)
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
	billed := map[string]int{}
	for _, call := range w.server.Calls() {
		if call.Billed {
			billed[call.Person]++
		}
	}
	for person, times := range billed {
		if times != 1 {
			t.Errorf("%s was billed %d times", person, times)
		}
	}
}

func TestAnInterruptDoesNotWaitForTheRate(t *testing.T) {
	w := newWork(t, people(50))
	p := w.start(t, "-rate", "0.1")
	w.waitForCalls(t, 1)
	begun := time.Now()
	p.Process.Signal(os.Interrupt)
	if status := p.exit(t); status != exitStopped || len(w.server.Calls()) != 1 {
		t.Errorf("status %d, %d calls: %s", status, len(w.server.Calls()), &p.stderr)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestARowThatWaitsHoldsNobodyUp(t *testing.T) {
	const rows = 300
	w := newWork(t, people(rows))
	w.server.Inject(id2metatest.Hang())
	p := w.start(t, "-parallel", "4")
	w.waitForCalls(t, rows)
	p.kill(t)
}
