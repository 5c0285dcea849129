package main

import (
	"bytes"
	"context"
	"io"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/id2meta/id2meta/internal/simulator"
)

// It may run for weeks. A record of each request would take some hundred bytes.
func TestRequestsAreNotRemembered(t *testing.T) {
	const requests, most = 20_000, 1 << 20
	j := &journal{out: io.Discard, outcomes: map[string]int{}}
	sim := simulator.New(simulator.Config{NextFault: (&faults{plan: faultPlan{"500", 2}}).next, Record: j.record})
	heapAfter := func(requests int) int64 {
		for range requests {
			sim.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "https://127.0.0.1/?Action=Id2MetaVerify", nil))
		}
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	before := heapAfter(1000)
	assert.Less(t, heapAfter(requests)-before, int64(most), "bytes of heap after %d requests", requests)
	assert.Equal(t, requests+1000, j.requests)
}

func TestNothingIsLeftRunning(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{"-listen", "127.0.0.1:0", "-cert", filepath.Join(t.TempDir(), "cert.pem")}, &stdout, &stderr)
	require.Equal(t, exitDone, code, stderr.String())
	assert.Contains(t, stdout.String(), "0 requests, 0 billed, 0 with a fault\n")
}
