package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// asProgram makes the test binary the program itself, so that a test can kill
// a real process of just this code.
const asProgram = "ID2META_BATCH_TEST_AS_PROGRAM"

const (
	// testKey is the key of the tests' verdicts.
	testKey  = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	zhangSan = "11010519491231002X"
	liSi     = "440524188001010014"
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Setenv(keyVariable, testKey)
	// On a disk, most of the time would be that of SQLite's fsync.
	if _, err := os.Stat("/dev/shm"); err == nil && os.Getenv("ID2META_BATCH_MEASURE") == "" {
		os.Setenv("TMPDIR", "/dev/shm")
	}
	os.Exit(m.Run())
}

// work is an input in a directory of its own, and a simulator.
type work struct {
	in, out string
	server  *id2metatest.Server
	binary  string
	env     []string // overrides the variables of every test
}

func newWork(t *testing.T, input []byte) work {
	t.Helper()
	dir := t.TempDir()
	w := work{in: filepath.Join(dir, "people.csv"), out: filepath.Join(dir, "verdicts.csv"), server: id2metatest.NewServer(), binary: os.Args[0]}
	t.Cleanup(w.server.Close)
	write(t, w.in, input)
	return w
}

func (w work) args(more ...string) []string {
	return append([]string{"-in", w.in, "-out", w.out, "-rate", "1e6"}, more...)
}

// database returns the file of verdicts that stands beside the output.
func (w work) database() string {
	return filepath.Join(filepath.Dir(w.out), "id2meta-verdicts.db")
}

// inBook returns w with a workbook as output.
func (w work) inBook() work {
	w.out = strings.TrimSuffix(w.out, ".csv") + ".xlsx"
	return w
}

// program is a running batch.
type program struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
}

// start runs the program with -live as a process of its own against w.server.
func (w work) start(t *testing.T, more ...string) *program {
	t.Helper()
	home := t.TempDir()
	certificate := filepath.Join(home, "ca.pem")
	write(t, certificate, w.server.CertificatePEM())
	p := &program{Cmd: exec.Command(w.binary, w.args(append(more, "-live", "-endpoint", w.server.Endpoint())...)...)}
	p.Env = append([]string{
		asProgram + "=1",
		"GORACE=atexit_sleep_ms=0", // or each program takes a second to end under -race
		"HOME=" + home,
		"SSL_CERT_FILE=" + certificate,
		"ALIBABA_CLOUD_ECS_METADATA_DISABLED=true",
		"ALIBABA_CLOUD_ACCESS_KEY_ID=" + id2metatest.AccessKeyID,
		"ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + id2metatest.AccessKeySecret,
		keyVariable + "=" + testKey,
	}, w.env...) // of two of one name, the last one counts
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill() })
	return p
}

// end waits for the end of p, and fails unless its status is the wanted one; -1 is a signal.
// It returns what p said.
func (p *program) end(t *testing.T, status int) string {
	t.Helper()
	err := p.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	said := p.stderr.String() + p.stdout.String()
	if got := p.ProcessState.ExitCode(); got != status {
		t.Fatalf("status %d, want %d:\n%s", got, status, said)
	}
	return said
}

// run starts the program and waits for its end.
func (w work) run(t *testing.T, status int, more ...string) (said string) {
	t.Helper()
	return w.start(t, more...).end(t, status)
}

func (p *program) kill(t *testing.T) {
	t.Helper()
	p.Process.Kill()
	p.end(t, -1)
}

// waitForCalls returns once n requests have arrived.
func (w work) waitForCalls(t *testing.T, n int) {
	t.Helper()
	for deadline := time.Now().Add(90 * time.Second); len(w.server.Calls()) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("only %d of %d requests arrived", len(w.server.Calls()), n)
		}
	}
}

// wantCalls fails unless n requests have arrived.
func (w work) wantCalls(t *testing.T, n int) {
	t.Helper()
	if got := len(w.server.Calls()); got != n {
		t.Errorf("%d calls, want %d", got, n)
	}
}

// wantIn fails unless the program said text.
func wantIn(t *testing.T, said, text string) {
	t.Helper()
	if !strings.Contains(said, text) {
		t.Errorf("%q is not in: %.1000s", text, said)
	}
}

// records returns the rows of the output.
func (w work) records(t *testing.T) []record {
	t.Helper()
	lines, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(read(t, w.out), "\uFEFF"))).ReadAll()
	if isWorkbookName(w.out) {
		book, openErr := excelize.OpenFile(w.out)
		if openErr != nil {
			t.Fatal(openErr)
		}
		defer book.Close()
		lines, err = book.GetRows("Sheet1")
	}
	if err != nil || len(lines) == 0 {
		t.Fatalf("the output cannot be read: %v", err)
	}
	var records []record
	for _, f := range lines[1:] {
		row, err := strconv.Atoi(f[0])
		if err != nil {
			t.Fatal(err)
		}
		f = append(f, make([]string, len(lines[0])-len(f))...) // excelize leaves out empty cells at the end
		records = append(records, record{row, f[1], f[2], f[3], f[4], f[5], f[6], f[7:]})
	}
	return records
}

// number returns the i-th of a million different ID numbers.
func number(i int) string {
	day := time.Date(1949, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i/1000)
	digits := fmt.Sprintf("110105%s%03d", day.Format("20060102"), i%1000)
	sum := 0
	for _, c := range digits {
		sum = (sum + int(c-'0')) * 2 % 11
	}
	return digits + string("10X98765432"[sum])
}

func nameOf(i int) string { return []string{"张三", "李四", "欧阳娜娜"}[i%3] }

func verdictOf(i int) string { return []string{"match", "mismatch", "no record"}[i%3] }

// people returns a file of n different people.
func people(n int) []byte {
	var b bytes.Buffer
	b.WriteString("name,id_number\n")
	for i := range n {
		fmt.Fprintf(&b, "%s,%s\n", nameOf(i), number(i))
	}
	return b.Bytes()
}

// register makes the simulator know the people as verdictOf says: each third, and each third
// under another name.
func (w work) register(n int) {
	for i := range n {
		if i%3 < 2 {
			w.server.AddPerson("张三", number(i))
		}
	}
}

// checkAll fails unless the output has the right verdict for each of n people, in order.
func (w work) checkAll(t *testing.T, n int) {
	t.Helper()
	records := w.records(t)
	if len(records) != n {
		t.Fatalf("%d rows in the output, want %d", len(records), n)
	}
	for i, rec := range records {
		if rec.row != i+2 || rec.verdict != verdictOf(i) || rec.number != id2meta.DisplayIdentifyNum(number(i)) {
			t.Fatalf("row %d: %+v, want %s", i+2, rec, verdictOf(i))
		}
	}
}

func exists(path string) bool { _, err := os.Lstat(path); return err == nil }

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
