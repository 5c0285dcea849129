package main

import (
	"bytes"
	"context"
	"io"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/id2meta/id2meta/internal/simulator"
)

// The values of a column begin below its heading, whatever happens.
func TestLinesAreAligned(t *testing.T) {
	var out bytes.Buffer
	j := &journal{out: &out, outcomes: map[string]int{}}
	j.heading()
	heading := out.String()
	for _, call := range []simulator.Call{
		{Action: "Id2MetaVerify", ParamType: "normal", Params: "query", Signature: "ACS3-HMAC-SHA256", AccessKeyID: "a", Outcome: "match", Billed: true},
		{Action: "Id2MetaVerify", ParamType: "md5", Params: "body", Signature: "HMAC-SHA1", AccessKeyID: "a", Outcome: "InvalidSecurityToken.MismatchWithAccessKey"},
		{Action: "", ParamType: "", Params: "none", Signature: "HMAC-SHA1", Outcome: "MissingAccessKeyId", Fault: "Drop"},
		{Action: "Id2MetaVerifyIntl", ParamType: "other", Params: "body", Signature: "ACS3-HMAC-SHA256", AccessKeyID: "a", Outcome: "InvalidAction.NotFound"},
	} {
		out.Reset()
		call.Time = time.Now()
		j.record(call)
		line := out.String()
		for _, column := range []string{"action", "type", "in", "signature", "billed", "outcome"} {
			at := strings.Index(heading, column)
			assert.Equal(t, "  ", line[at-2:at], "before %s: %q", column, line)
			assert.NotEqual(t, " ", line[at:at+1], "%s: %q", column, line)
		}
	}
}

// It may run for weeks. A record of each request would take some hundred bytes.
func TestRequestsAreNotRemembered(t *testing.T) {
	const requests, most = 20_000, 1 << 20
	j := &journal{out: io.Discard, outcomes: map[string]int{}}
	sim := simulator.New(simulator.Config{NextFault: (&faults{plan: faultPlan{"500", 2}}).next, Record: j.record})
	ask := func(n int) {
		for range n {
			sim.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "https://127.0.0.1/?Action=Id2MetaVerify", nil))
		}
	}
	ask(1000)
	before := heap()
	ask(requests)
	grown := heap() - before
	assert.Less(t, grown, int64(most), "bytes of heap after %d requests", requests)
	assert.Equal(t, requests+1000, j.requests)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
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
