package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestAPersonIsAskedAboutOnce(t *testing.T) {
	w := newWork(t, []byte("name,id_number\n张三,11010519491231002X\n李四,440524188001010014\n张三 ,１１０１０５１９４９１２３１００２ｘ\n李四,'440524188001010014\n"))
	t.Run("and the program says how many people it is", func(t *testing.T) {
		stderr := silent(t)
		status := command(w.args(), io.Discard, stderr)
		said := read(t, stderr.Name())
		wantIn(t, said, "2 are to be asked about")
		wantIn(t, said, "add -live")
		if status != exitStopped || exists(w.out) {
			t.Errorf("status %d, or there is an output", status)
		}
	})
	said := w.run(t, exitComplete)
	wantIn(t, said, "4 rows, 2 different people: 0 are known, and 2 are to be asked about")
	wantIn(t, said, "no record 2; perhaps billed")
	w.wantCalls(t, 2)
	t.Run("also in next month's file", func(t *testing.T) {
		write(t, w.in, []byte("id_number,name\n11010519491231002X,张三\n110105194912310046,欧阳娜娜\n"))
		next := w
		next.out += "2"
		wantIn(t, next.run(t, exitComplete), "2 different people: 1 are known")
		w.wantCalls(t, 3)
	})
	t.Run("but neither a rehearsal nor another key takes its file", func(t *testing.T) {
		before := read(t, w.out)
		stderr := silent(t)
		if status := command(w.args("-simulator", "-verdicts", w.database()), io.Discard, stderr); status != exitStopped {
			t.Errorf("status %d", status)
		}
		wantIn(t, read(t, stderr.Name()), "another hashKey")
		other := w
		other.env = []string{keyVariable + "=" + strings.Repeat("0f1e2d3c4b5a6978", 4)}
		wantIn(t, other.run(t, exitStopped), "another hashKey")
		if read(t, w.out) != before {
			t.Error("the output was changed")
		}
		w.wantCalls(t, 3)
	})
	t.Run("until the file is forgotten", func(t *testing.T) {
		var stdout strings.Builder
		status := command([]string{"-forget", "-verdicts", w.database()}, &stdout, silent(t))
		wantIn(t, stdout.String(), "delete them")
		if status != exitComplete || exists(w.database()) {
			t.Errorf("status %d, or the file is still there", status)
		}
	})
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
	os.Remove(path)
	if err := exec.Command("mkfifo", "-m", "600", path).Run(); err == nil {
		if _, err := loadKey(); err == nil {
			t.Error("a pipe was accepted") // or the program hangs
		}
	}
	for _, bad := range []string{"secret", testKey[:62], testKey + "00"} {
		t.Setenv(keyVariable, bad)
		if _, err := loadKey(); err == nil || strings.Contains(err.Error(), bad) {
			t.Errorf("%v", err)
		}
	}
}
