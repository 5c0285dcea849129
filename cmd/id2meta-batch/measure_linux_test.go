package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/id2meta/id2meta"
)

// TestMeasureMemory prints what README.md says about memory and speed: the peak of the
// resident set of a real process that asks a simulator over HTTPS. In a file of more than
// 100,000 people, all are known already.
//
//	ID2META_BATCH_MEASURE=1000,100000,1000000 go test -run TestMeasureMemory -v -timeout 60m .
func TestMeasureMemory(t *testing.T) {
	sizes := os.Getenv("ID2META_BATCH_MEASURE")
	if sizes == "" {
		t.Skip("it takes minutes; ID2META_BATCH_MEASURE=1000,100000,1000000 runs it")
	}
	binary := filepath.Join(t.TempDir(), "batch")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, format := range []string{"CSV", ".xlsx"} {
		for size := range strings.SplitSeq(sizes, ",") {
			n, err := strconv.Atoi(size)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(format+" "+size, func(t *testing.T) { measure(t, binary, fmt.Sprintf("%s-%d.db", binary, n), format, n) })
		}
	}
}

func measure(t *testing.T, binary, known, format string, n int) {
	var w work
	if format == "CSV" {
		w = newWork(t, people(n))
	} else {
		w = newWork(t, bookOf(t, n)).inBook() // into a workbook, too
	}
	if n > 100_000 {
		if !exists(known) {
			remember(t, known, n)
		}
		write(t, w.database(), []byte(read(t, known)))
	}
	begun := time.Now()
	p := start(t, w.server, nil, append([]string{binary}, w.args()...)...)
	highest := watchMemory(p.Process.Pid)
	if status := p.exit(t); status != exitComplete {
		t.Fatalf("status %d: %s", status, &p.stderr)
	}
	took := time.Since(begun)
	t.Logf("%s, %d rows: peak resident set %.1f MiB, %v, %.0f rows/s\n%s", format, n, float64(<-highest)/1024, took.Round(time.Second), float64(n)/took.Seconds(), &p.stdout)
}

// remember makes a file of verdicts in which n people are known. It takes some minutes for a
// million.
func remember(t *testing.T, path string, n int) {
	db, err := openSQLite(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	match := id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
		return id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: "CFE966F1-AB85-4F07-B57F-A230AAF50E4A", Time: time.Now()}, nil
	})
	key, err := loadKey()
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{db: db}
	if err := m.open(t.Context(), match, key); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := m.Verify(t.Context(), id2meta.Param{UserName: nameOf(i), IdentifyNum: number(i)}); err != nil {
			t.Fatal(err)
		}
	}
}

// watchMemory sends the peak of the resident set of a process, in KiB, when the
// process has ended. It does not take it from the process's resource usage: that
// begins with the memory of the parent, which holds all the people.
func watchMemory(pid int) <-chan int {
	result := make(chan int, 1)
	go func() {
		highest := 0
		for {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			_, after, found := strings.Cut(string(status), "VmHWM:")
			if err != nil || !found { // it has ended
				result <- highest
				return
			}
			if kib, err := strconv.Atoi(strings.Fields(after)[0]); err == nil {
				highest = kib
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	return result
}
