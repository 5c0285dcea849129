package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/id2meta/id2meta/id2metatest"
)

const testHashKey = "0123456789abcdef0123456789abcdef"

// startRemembering is start with -remember verdicts.db beside the input.
func (w work) startRemembering(t *testing.T, more ...string) *program {
	t.Helper()
	t.Setenv(hashKeyVariable, testHashKey)
	return start(t, w.server, id2metatest.AccessKeySecret, w.args(append(more, "-remember", w.database())...)...)
}

func (w work) database() string { return filepath.Join(filepath.Dir(w.in), "100% ours?.db") }

func TestAPersonIsAskedAboutOnce(t *testing.T) {
	w := newWork(t, []byte("name,id_number\n张三,11010519491231002X\n李四,440524188001010014\n张三 ,１１０１０５１９４９１２３１００２ｘ\n李四,'440524188001010014\n张三,11010519491231002X\n"))
	w.server.AddPerson("张三", "11010519491231002X")
	p := w.startRemembering(t)
	if p.exit(t) != exitComplete {
		t.Fatal(p.stderr.String())
	}
	if n := len(w.server.Calls()); n != 2 {
		t.Errorf("%d calls for two people", n)
	}
	if !strings.Contains(p.stdout.String(), "match 3, mismatch 0, no record 2, invalid 0, failed 0; asked about 2 in ") ||
		!strings.Contains(p.stdout.String(), "verdicts that were known: 3") {
		t.Errorf("it said\n%s", &p.stdout)
	}

	t.Run("also in next month's file", func(t *testing.T) {
		write(t, w.in, []byte("id_number,name\n11010519491231002X,张三\n110105194912310046,欧阳娜娜\n"))
		w.out += "2"
		if p := w.startRemembering(t); p.exit(t) != exitComplete {
			t.Fatal(p.stderr.String())
		}
		if n := len(w.server.Calls()); n != 3 {
			t.Errorf("%d calls for three people", n)
		}
		for _, rec := range w.records(t) {
			if rec.verdict == "match" && rec.requestID == "" {
				t.Error("a remembered verdict has no request ID")
			}
		}
	})
	t.Run("but a rehearsal knows nothing of real verdicts", func(t *testing.T) {
		w.out += "3"
		var stdout strings.Builder
		if status := command(w.args("-simulator", "-remember", w.database()), &stdout, silent(t)); status != exitComplete {
			t.Fatalf("status %d", status)
		}
		if !strings.Contains(stdout.String(), "verdicts that were known: 0") {
			t.Errorf("it said\n%s", &stdout)
		}
	})
	t.Run("and nobody can be read in the file", func(t *testing.T) {
		files, err := filepath.Glob(filepath.Join(filepath.Dir(w.in), "*.db*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%v, %v", files, err)
		}
		for _, path := range files {
			content := read(t, path)
			for _, secret := range []string{"11010519491231002", "张三", "19491231", testHashKey} {
				if strings.Contains(content, secret) {
					t.Errorf("%s is in %s", secret, filepath.Base(path))
				}
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v: others could read it", path, info.Mode(), err)
			}
		}
	})
}

func TestAKilledRunRemembers(t *testing.T) {
	const rows, parallel = 600, 4
	w := newWork(t, people(rows))
	w.register(rows)
	p := w.startRemembering(t, "-parallel", "4")
	w.waitForCalls(t, 200)
	p.kill(t)
	// Another output, so only the memory knows what was asked.
	w.out += "2"
	if p := w.startRemembering(t, "-parallel", "4"); p.exit(t) != exitComplete {
		t.Fatal(p.stderr.String())
	}
	w.checkAll(t, rows)
	if again := len(w.server.Calls()) - rows; again > parallel {
		t.Errorf("%d people were asked about twice, more than were under way", again)
	}
}

func TestRefusesToRemember(t *testing.T) {
	for name, c := range map[string]struct {
		key, content, path string
		want               string
	}{
		"without a key":                 {"", "", "", "openssl rand -hex 32"},
		"with a short key":              {"secret", "", "", "32 characters or more"},
		"with one repeated zero":        {strings.Repeat("0", 64), "", "", "one repeated character"},
		"with one repeated letter":      {strings.Repeat("a", 32), "", "", "one repeated character"},
		"with one repeated ideograph":   {strings.Repeat("密", 32), "", "", "one repeated character"},
		"with white space":              {strings.Repeat(" ", 64), "", "", "32 characters or more"},
		"with a key that is padded":     {"secret" + strings.Repeat(" ", 64) + "\n", "", "", "32 characters or more"},
		"with one repeated zero and LF": {strings.Repeat("0", 64) + "\n", "", "", "one repeated character"},
		"in a foreign file":             {testHashKey, strings.Repeat("notes\n", 1000), "", "-remember"},
		"in a missing folder":           {testHashKey, "", "nowhere/verdicts.db", "no such file"},
		"in the input":                  {testHashKey, "", "people.csv", "same file"},
		"in the output":                 {testHashKey, "", "verdicts.csv", "same file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(hashKeyVariable, c.key)
			w := newWork(t, people(2))
			path := filepath.Join(filepath.Dir(w.in), "verdicts.db")
			if c.path != "" {
				path = filepath.Join(filepath.Dir(w.in), c.path)
			}
			if c.content != "" {
				write(t, path, []byte(c.content))
			}
			var stdout strings.Builder
			stderr := silent(t)
			status := command(w.args("-simulator", "-remember", path), &stdout, stderr)
			if said := read(t, stderr.Name()); status != exitStopped || !strings.Contains(said, c.want) {
				t.Errorf("status %d, %q is not in: %s", status, c.want, said)
			}
			if c.content != "" && read(t, path) != c.content {
				t.Error("the file was changed")
			}
			if read(t, w.in) != string(people(2)) {
				t.Error("the input was changed")
			}
		})
	}
}

// A file of secrets, or echo, leaves a line feed.
func TestWhiteSpaceAroundTheKeyIsNoPartOfIt(t *testing.T) {
	t.Setenv(hashKeyVariable, testHashKey)
	want, err := options{live: true}.hashKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{testHashKey + "\n", testHashKey + "\r\n", " \t" + testHashKey + " "} {
		t.Setenv(hashKeyVariable, secret)
		if got, err := (options{live: true}).hashKey(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q: another key, or %v", secret, err)
		}
	}
	t.Setenv(hashKeyVariable, testHashKey[:16]+" "+testHashKey[16:])
	if got, err := (options{live: true}).hashKey(); err != nil || bytes.Equal(got, want) {
		t.Errorf("white space inside was dropped, or %v", err)
	}
}
