package main

import (
	"context"
	"io"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
)

func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	small, large := peak(t, 1_000), peak(t, 40_000)
	t.Logf("%.2f MiB for 1,000 rows, %.2f MiB for 40,000", small, large)
	// To keep only the verdicts would take 0.6 MiB more, the rows 3, and their
	// records 10.
	if large > small+0.5 {
		t.Errorf("%.2f MiB for 1,000 rows, and %.2f MiB for 40,000", small, large)
	}
}

// peak returns the most that is in use on the heap, in MiB, while n rows are
// verified by a Verifier that answers at once.
func peak(t *testing.T, n int) float64 {
	t.Helper()
	dir := t.TempDir()
	o := options{
		in:        filepath.Join(dir, "people.csv"),
		out:       filepath.Join(dir, "verdicts.csv"),
		rate:      rateFlag(rate.Inf),
		parallel:  20,
		encoding:  "auto",
		progress:  time.Hour,
		simulator: true,
	}
	write(t, o.in, people(n))
	base := heap()
	highest := base
	var calls atomic.Int64
	var quiet sync.RWMutex // held for reading by who works, for writing by who measures
	verifier := id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
		if calls.Add(1)%int64(n/10) == 0 {
			quiet.Lock()
			highest = max(highest, heap())
			quiet.Unlock()
		}
		quiet.RLock()
		defer quiet.RUnlock()
		return id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: "CFE966F1-AB85-4F07-B57F-A230AAF50E4A"}, nil
	})
	counts, err := process(t.Context(), o, verifier, io.Discard, silent(t))
	if err != nil || counts.match != n {
		t.Fatalf("%v, %v", counts, err)
	}
	return highest - base
}

// heap leaves out what is garbage.
func heap() float64 {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return float64(sample[0].Value.Uint64()) / (1 << 20)
}
