package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMeasureMemory prints what README.md says about memory: the peak of the
// resident set of a real process that asks a simulator over HTTPS.
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
			t.Run(format+" "+size, func(t *testing.T) { measure(t, binary, format, n) })
		}
	}
}

func measure(t *testing.T, binary, format string, n int) {
	var w work
	if format == "CSV" {
		w = newWork(t, people(n))
	} else {
		w = newWork(t, bookOf(t, n)).inBook() // into a workbook, too
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
