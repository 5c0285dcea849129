package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/id2meta/id2meta/id2metatest"
)

func TestAPersonIsAskedAboutOnce(t *testing.T) {
	w := newWork(t, []byte("name,id_number\n张三,11010519491231002X\n李四,440524188001010014\n张三 ,１１０１０５１９４９１２３１００２ｘ\n李四,'440524188001010014\n"))
	t.Run("and the program says how many people it is", func(t *testing.T) {
		stderr := silent(t)
		status := command(w.args(), io.Discard, stderr)
		if said := read(t, stderr.Name()); status != exitStopped || exists(w.out) || !strings.Contains(said, "2 are to be asked about") || !strings.Contains(said, "add -live") {
			t.Errorf("status %d: %s", status, said)
		}
	})
	p := w.start(t)
	if p.exit(t) != exitComplete || len(w.server.Calls()) != 2 {
		t.Fatalf("%d calls: %s", len(w.server.Calls()), &p.stderr)
	}
	if !strings.Contains(p.stderr.String(), "4 rows, 2 different people: 0 are known, and 2 are to be asked about") || !strings.Contains(p.stdout.String(), "no record 2; perhaps billed") {
		t.Errorf("it said\n%s%s", &p.stderr, &p.stdout)
	}
	t.Run("also in next month's file", func(t *testing.T) {
		write(t, w.in, []byte("id_number,name\n11010519491231002X,张三\n110105194912310046,欧阳娜娜\n"))
		w.out += "2"
		if p := w.start(t); p.exit(t) != exitComplete || len(w.server.Calls()) != 3 || !strings.Contains(p.stderr.String(), "2 different people: 1 are known") {
			t.Errorf("%d calls: %s", len(w.server.Calls()), &p.stderr)
		}
	})
	t.Run("but a rehearsal does not take its file", func(t *testing.T) {
		var stdout strings.Builder
		stderr := silent(t)
		status := command(w.args("-simulator", "-verdicts", w.database()), &stdout, stderr)
		if said := read(t, stderr.Name()); status != exitStopped || !strings.Contains(said, "another hashKey") {
			t.Errorf("status %d: %s", status, said)
		}
	})
	t.Run("nobody can be read in the file", func(t *testing.T) {
		for _, secret := range []string{"11010519491231002", "张三", "19491231", testKey} {
			if strings.Contains(read(t, w.database()), secret) {
				t.Errorf("%s is in it", secret)
			}
		}
	})
	t.Run("until the file is forgotten", func(t *testing.T) {
		var stdout strings.Builder
		if status := command([]string{"-forget", "-verdicts", w.database()}, &stdout, silent(t)); status != exitComplete || !strings.Contains(stdout.String(), "delete them") {
			t.Errorf("status %d: %s", status, &stdout)
		}
		if _, err := os.Stat(w.database()); err == nil {
			t.Error("it is still there")
		}
	})
}

func exists(path string) bool { _, err := os.Lstat(path); return err == nil }

func TestAnInterruptedRunFinishesWhatItHasAsked(t *testing.T) {
	const rows = 600
	w := newWork(t, people(rows))
	w.register(rows)
	p := w.start(t)
	w.waitForCalls(t, 200)
	p.Process.Signal(os.Interrupt)
	if status := p.exit(t); status != exitStopped || !strings.Contains(p.stderr.String(), "start again with the same arguments") || exists(w.out) {
		t.Fatalf("status %d: %s", status, &p.stderr)
	}
	if status := w.start(t).exit(t); status != exitComplete {
		t.Fatalf("the second run: status %d", status)
	}
	w.checkAll(t, rows)
	if calls := len(w.server.Calls()); calls != rows {
		t.Errorf("%d calls for %d rows", calls, rows)
	}
}

func TestFailedRowsAreAskedAboutAgain(t *testing.T) {
	w := newWork(t, people(6))
	w.register(6)
	w.server.Inject(id2metatest.Answer("403", "too many repeated calls"))
	if p := w.start(t, "-parallel", "1"); p.exit(t) != exitPartial || w.records(t)[0].verdict != verdictFailed {
		t.Fatal(p.stderr.String())
	}
	if p := w.start(t); p.exit(t) != exitComplete || len(w.server.Calls()) != 7 {
		t.Fatalf("%d calls: %s", len(w.server.Calls()), &p.stderr)
	}
	w.checkAll(t, 6)
}

func TestAHopelessErrorStopsTheRun(t *testing.T) {
	w := newWork(t, people(200))
	if p := w.startWith(t, []string{"ALIBABA_CLOUD_ACCESS_KEY_SECRET=wrong"}, "-parallel", "5"); p.exit(t) != exitStopped || !strings.Contains(p.stderr.String(), "wrong secret") || exists(w.out) || len(w.server.Calls()) > 10 {
		t.Errorf("%d calls: %s", len(w.server.Calls()), &p.stderr)
	}
}

func TestTheKey(t *testing.T) {
	t.Setenv(keyVariable, "")
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", home)
	first, err := loadKey()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(home, "id2meta", "batch.key")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if second, err := loadKey(); err != nil || string(second) != string(first) {
		t.Errorf("another key, or %v", err)
	}
	os.Chmod(path, 0o644)
	if _, err := loadKey(); err == nil {
		t.Error("a key that others can read was accepted")
	}
	for _, bad := range []string{"secret", testKey[:62], testKey + "00"} {
		t.Setenv(keyVariable, bad)
		if _, err := loadKey(); err == nil || strings.Contains(err.Error(), bad) {
			t.Errorf("%v", err)
		}
	}
}
