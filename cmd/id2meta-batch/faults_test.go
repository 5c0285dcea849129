package main

import (
	"context"
	"errors"
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
			w.run(t, exitComplete, "-parallel", fmt.Sprint(parallel))
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

// apart returns w with its output in one folder, and a path for the verdicts in another.
func (w work) apart(t *testing.T) (apart work, verdicts string) {
	t.Helper()
	dir := filepath.Dir(w.in)
	for _, folder := range []string{"outputs", "verdicts"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.out = filepath.Join(dir, "outputs", "verdicts.csv")
	return w, filepath.Join(dir, "verdicts", "known.db")
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
	p.end(t, exitStopped)
	w.run(t, exitStopped, "-verdicts", verdicts) // it is still away
	if err := os.Mkdir(filepath.Dir(w.out), 0o700); err != nil {
		t.Fatal(err)
	}
	w.run(t, exitComplete, "-verdicts", verdicts)
	w.checkAll(t, rows)
	w.wantCalls(t, rows)
}

func TestTheEndOfASheetGoesAway(t *testing.T) {
	w := newWork(t, bookOf(t, 40_000)) // more than is read ahead
	p := w.start(t, "-rate", "2000")
	w.waitForCalls(t, 1)
	unpacked, err := filepath.Glob(filepath.Dir(w.out) + "/.*/excelize-*")
	if err != nil || len(unpacked) == 0 {
		t.Fatalf("nothing is unpacked: %v", err)
	}
	for _, path := range unpacked {
		if err := os.Truncate(path, 200_000); err != nil {
			t.Fatal(err)
		}
	}
	wantIn(t, p.end(t, exitStopped), "cannot be read to its end")
	if exists(w.out) {
		t.Error("there is an output")
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
			mount(t, disk, "size="+size)
			w.run(t, exitStopped, "-verdicts", verdicts)
			asked := len(w.server.Calls())
			if exists(w.out) || asked == 0 {
				t.Errorf("there is an output, or the disk was full from the start: %d calls", asked)
			}
			mount(t, disk, "remount,size=10m")
			w.run(t, exitComplete, "-verdicts", verdicts)
			w.checkAll(t, rows)
			if again := len(w.server.Calls()) - rows; again > parallel {
				t.Errorf("%d people were asked about twice, of %d on the full disk", again, asked)
			}
		})
	}
}

func TestADiskIsFullWhenAWorkbookIsUnpacked(t *testing.T) {
	w, verdicts := newWork(t, bookOf(t, 20_000)).apart(t)
	disk := filepath.Dir(w.out)
	mount(t, disk, "size=100k")
	for _, size := range []string{"100k", "3200k"} { // before the texts, and among them
		mount(t, disk, "remount,size="+size)
		said := w.run(t, exitStopped, "-verdicts", verdicts)
		wantIn(t, said, "cannot be verified")
		wantIn(t, said, "no space left")
	}
	w.wantCalls(t, 0)
}

// mount mounts a small file system.
func mount(t *testing.T, disk, options string) {
	t.Helper()
	if err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", disk).Run(); err != nil {
		t.Skipf("a small file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() { exec.Command("umount", disk).Run() })
}

func TestTheInputChangesBetweenTwoRuns(t *testing.T) {
	w := newWork(t, nil)
	w.register(40)
	most := 0
	for _, rows := range []int{30, 40, 5} {
		write(t, w.in, people(rows))
		w.run(t, exitComplete)
		w.checkAll(t, rows)
		most = max(most, rows)
		w.wantCalls(t, most)
	}
}

func TestWhatOthersWroteIsNotOverwritten(t *testing.T) {
	link := func(t *testing.T, path string) string {
		write(t, path+"x", []byte("notes"))
		if err := os.Symlink(path+"x", path); err != nil {
			t.Fatal(err)
		}
		return path + "x"
	}
	foreign := func(text string) func(*testing.T, string) string {
		return func(t *testing.T, path string) string { write(t, path, []byte(text)); return path }
	}
	for name, c := range map[string]struct {
		path  func(w work) string
		place func(t *testing.T, path string) (stays string)
		want  string
	}{
		"a foreign output":            {func(w work) string { return w.out }, foreign("notes"), "not as this program wrote it"},
		"a link as output":            {func(w work) string { return w.out }, link, "symbolic link"},
		"a foreign file of verdicts":  {work.database, foreign("notes"), "another program"},
		"a link as file of verdicts":  {work.database, link, "symbolic link"},
		"a database of other program": {work.database, foreign("SQLite format 3\x00" + strings.Repeat("x", 5000)), "another program"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWork(t, people(3))
			stays := c.place(t, c.path(w))
			before := read(t, stays)
			wantIn(t, w.run(t, exitStopped), c.want)
			w.wantCalls(t, 0)
			if read(t, stays) != before {
				t.Error("it was changed")
			}
		})
	}
	t.Run("an output that somebody has edited", func(t *testing.T) {
		w := newWork(t, people(3))
		w.run(t, exitComplete)
		write(t, w.out, []byte(read(t, w.out)+"note\n"))
		w.run(t, exitStopped)
		if !strings.HasSuffix(read(t, w.out), "note\n") {
			t.Error("it was overwritten")
		}
	})
}

func TestTwoRunsAtTheSameTime(t *testing.T) {
	const rows = 300
	for name, c := range map[string]struct {
		sameOutput bool
		status     int // of the second one
	}{
		"with one memory ask about nobody twice":           {false, exitComplete},
		"with one output do not write it at the same time": {true, exitStopped},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWork(t, people(rows))
			w.register(rows)
			second := w
			if !c.sameOutput {
				second.out = filepath.Join(filepath.Dir(w.out), "other.csv")
			}
			p := w.start(t)
			w.waitForCalls(t, 1)
			said := second.run(t, c.status)
			p.end(t, exitComplete)
			w.checkAll(t, rows)
			w.wantCalls(t, rows)
			if c.sameOutput {
				wantIn(t, said, "another run writes")
			} else {
				second.checkAll(t, rows)
			}
		})
	}
}

func TestWhatTheServiceRefuses(t *testing.T) {
	for name, c := range map[string]struct{ code, message, verdict, reason string }{
		"a field is named":              {"401", "参数非法(identifyNum)", verdictInvalid, "id_number: invalid parameter"},
		"a row that failed has a cause": {"403", "too many repeated calls", verdictFailed, "repeated call"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWork(t, people(1))
			w.register(1)
			w.server.Inject(id2metatest.Answer(c.code, c.message))
			w.run(t, exitPartial)
			if rec := w.records(t)[0]; rec.verdict != c.verdict || !strings.HasPrefix(rec.reason, c.reason) || rec.code != c.code || rec.requestID == "" {
				t.Errorf("%+v", rec)
			}
			w.run(t, exitComplete) // the row is asked about again
			w.checkAll(t, 1)
			w.wantCalls(t, 2)
		})
	}
}

func TestAnOutageStopsTheRun(t *testing.T) {
	w := newWork(t, people(300))
	for range 300 {
		w.server.Inject(id2metatest.Answer("403", "no"))
	}
	wantIn(t, w.run(t, exitStopped, "-parallel", "5"), "100 rows in a row failed")
	if n := len(w.server.Calls()); n > giveUp+10 {
		t.Errorf("%d calls", n)
	}
}

func TestAHopelessErrorStopsTheRun(t *testing.T) {
	w := newWork(t, people(200))
	w.env = []string{"ALIBABA_CLOUD_ACCESS_KEY_SECRET=wrong"}
	wantIn(t, w.run(t, exitStopped, "-parallel", "5"), "wrong secret")
	if n := len(w.server.Calls()); exists(w.out) || n > 10 {
		t.Errorf("there is an output, or there were many calls: %d", n)
	}
}

func TestAnswersBesideAHopelessErrorAreKept(t *testing.T) {
	const rows = 4
	w := newWork(t, people(rows))
	w.register(rows)
	w.server.Inject(id2metatest.Answer("412", "no"))
	w.run(t, exitStopped, "-parallel", "4")
	w.run(t, exitComplete)
	w.checkAll(t, rows)
	billed := 0
	for _, call := range w.server.Calls() {
		if call.Billed {
			billed++
		}
	}
	if billed != rows {
		t.Errorf("%d calls were billed, for %d people", billed, rows)
	}
}

func TestAnInterruptedRun(t *testing.T) {
	t.Run("saves what it has asked", func(t *testing.T) {
		const rows = 600
		w := newWork(t, people(rows))
		w.register(rows)
		p := w.start(t)
		w.waitForCalls(t, 200)
		p.Process.Signal(os.Interrupt)
		wantIn(t, p.end(t, exitStopped), "start again with the same arguments")
		if exists(w.out) {
			t.Error("there is an output")
		}
		w.run(t, exitComplete)
		w.checkAll(t, rows)
		w.wantCalls(t, rows)
	})
	t.Run("does not open a workbook to its end", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w := newWork(t, bookOf(t, 3))
		if _, err := openTable(ctx, options{in: w.in}, t.TempDir()); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Run("does not wait for the rate", func(t *testing.T) {
		w := newWork(t, people(50))
		p := w.start(t, "-rate", "0.1")
		w.waitForCalls(t, 1)
		begun := time.Now()
		p.Process.Signal(os.Interrupt)
		p.end(t, exitStopped)
		w.wantCalls(t, 1)
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestARowThatWaitsHoldsNobodyUp(t *testing.T) {
	const rows = 300
	w := newWork(t, people(rows))
	w.server.Inject(id2metatest.Hang())
	begun := time.Now()
	p := w.start(t, "-parallel", "4")
	w.waitForCalls(t, rows)
	if took := time.Since(begun); took > 8*time.Second { // the row waits for 10 s
		t.Errorf("it took %v", took)
	}
	p.kill(t)
}
