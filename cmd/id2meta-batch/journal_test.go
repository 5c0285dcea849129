package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAForeignFileInThePlaceOfTheJournalIsLeftAlone(t *testing.T) {
	const config = `{"port": 8080}` // without a line end: it looks like a torn line
	for name, place := range map[string]func(t *testing.T, foreign, journal string) error{
		"itself":          func(t *testing.T, foreign, journal string) error { return os.Rename(foreign, journal) },
		"a hard link":     func(t *testing.T, foreign, journal string) error { return os.Link(foreign, journal) },
		"a symbolic link": func(t *testing.T, foreign, journal string) error { return os.Symlink(foreign, journal) },
		"a link to a link": func(t *testing.T, foreign, journal string) error {
			if err := os.Symlink(foreign, foreign+"2"); err != nil {
				return err
			}
			return os.Symlink(foreign+"2", journal)
		},
	} {
		for content, want := range map[string]string{config: "no journal of this program", config + "\n": "no journal of this program", "": ""} {
			t.Run(name+", "+content, func(t *testing.T) {
				w := newWork(t, people(3))
				foreign := filepath.Join(t.TempDir(), "config.json")
				write(t, foreign, []byte(content))
				if err := place(t, foreign, journalPath(w.out)); err != nil {
					t.Skip(err)
				}
				linked := strings.Contains(name, " link") && name != "a hard link"
				if linked {
					want = "is a symbolic link"
				}
				p := w.start(t)
				status := p.exit(t)
				if want == "" { // an empty file is as good as none
					if status != exitComplete {
						t.Errorf("status %d: %s", status, &p.stderr)
					}
					return
				}
				if status != exitStopped || !strings.Contains(p.stderr.String(), want) {
					t.Errorf("status %d, %q is not in: %s", status, want, &p.stderr)
				}
				if got := read(t, journalPath(w.out)); got != content {
					t.Errorf("it is now %q", got)
				}
				if n := len(w.server.Calls()); n != 0 {
					t.Errorf("%d calls", n)
				}
			})
		}
	}
}

func TestAJournalLinkThatLeadsNowhereMakesNoFile(t *testing.T) {
	w := newWork(t, people(3))
	target := filepath.Join(t.TempDir(), "new")
	if err := os.Symlink(target, journalPath(w.out)); err != nil {
		t.Skip(err)
	}
	if p := w.start(t); p.exit(t) != exitStopped {
		t.Error("it ran")
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("a file was made where the link leads")
	}
}

func TestAJournalWhoseFirstLineIsTornBeginsAnew(t *testing.T) {
	for _, torn := range []string{"{", `{"id2meta_batch_jou`, `{"id2meta_batch_journal":2,"input_sha2`} {
		w := newWork(t, people(3))
		w.register(3)
		write(t, journalPath(w.out), []byte(torn))
		if p := w.start(t); p.exit(t) != exitComplete {
			t.Errorf("%s: %s", torn, &p.stderr)
		}
		w.checkAll(t, 3)
	}
}
