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

// TestMeasure prints what README.md says about memory and speed: the peak of the resident
// set of a real process that asks a simulator over HTTPS, first about new people and then
// about people who are all known.
//
//	ID2META_BATCH_MEASURE=1000,100000,1000000 go test -run TestMeasure/.csv -v -timeout 60m .
func TestMeasure(t *testing.T) {
	sizes := os.Getenv("ID2META_BATCH_MEASURE")
	if sizes == "" {
		t.Skip("it takes minutes; ID2META_BATCH_MEASURE=1000,100000,1000000 runs it")
	}
	binary := filepath.Join(t.TempDir(), "batch")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, format := range []string{".csv", ".xlsx"} {
		for size := range strings.SplitSeq(sizes, ",") {
			t.Run(format+" "+size, func(t *testing.T) {
				n, err := strconv.Atoi(size)
				if err != nil {
					t.Fatal(err)
				}
				w := newWork(t, people(n))
				if format == ".xlsx" {
					w = newWork(t, bookOf(t, n)).inBook() // into a workbook, too
				}
				w.binary = binary
				for _, who := range []string{"new", "known"} {
					begun := time.Now()
					p := w.start(t)
					highest := peakMemory(p.Process.Pid)
					said := p.end(t, exitComplete)
					took := time.Since(begun)
					t.Logf("%s, %d %s people: peak resident set %.1f MiB, %v, %.0f rows/s\n%s",
						format, n, who, float64(<-highest)/1024, took.Round(time.Second), float64(n)/took.Seconds(), said)
				}
			})
		}
	}
}

// peakMemory sends the peak of the resident set of a process, in KiB, when the process has
// ended. The process's resource usage would begin with the memory of its parent, which holds
// all the people.
func peakMemory(pid int) <-chan int {
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
			highest, _ = strconv.Atoi(strings.Fields(after)[0])
			time.Sleep(20 * time.Millisecond)
		}
	}()
	return result
}
