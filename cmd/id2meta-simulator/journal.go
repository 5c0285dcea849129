package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/id2meta/id2meta/internal/simulator"
)

// journal writes a line for each call and counts the calls. It keeps only the counts, so
// the program can run for a long time.
type journal struct {
	mu       sync.Mutex
	out      io.Writer
	requests int
	billed   int
	faults   int
	outcomes map[string]int // bounded: the keys are words of the simulator
}

// columns are the time, the action, the ParamType, the place of the parameters, the
// signature, whether the call is billed, and the outcome. The outcome is last, because
// it may be long.
const columns = "%-12s  %-13s  %-6s  %-5s  %-16s  %-6s  %s\n"

const timeOfDay = "15:04:05.000"

func (j *journal) heading() {
	j.mu.Lock()
	defer j.mu.Unlock()
	fmt.Fprintf(j.out, columns, "time", "action", "type", "in", "signature", "billed", "outcome")
}

// record is the function Record of the simulator. It shows a word from the client, such
// as the action, only if the word is known. Any other word may be a name.
func (j *journal) record(c simulator.Call) {
	action := c.Action
	if action != "Id2MetaVerify" {
		action = "other"
	}
	signature := c.Signature
	if c.AccessKeyID == "" {
		signature = "none"
	}
	billed := "-"
	if c.Billed {
		billed = "billed"
	}
	outcome := c.Outcome
	switch {
	case c.Fault == "":
	case c.HTTPStatus == 0:
		outcome += " (fault " + c.Fault + ": not answered)"
	default:
		outcome += " (fault " + c.Fault + ")"
	}

	j.mu.Lock()
	defer j.mu.Unlock()
	fmt.Fprintf(j.out, columns, c.Time.Format(timeOfDay), action, cmp.Or(c.ParamType, "none"), c.Params, signature, billed, outcome)
	j.requests++
	if c.Billed {
		j.billed++
	}
	if c.Fault != "" {
		j.faults++
	}
	j.outcomes[c.Outcome]++
}

// Write takes the log of net/http, which reports connections without a request. The
// usual reason is a client that does not trust the certificate. Its TLS library ends the
// handshake in a way of its own: Go sends an alert, OpenSSL an alert that net/http cannot
// read, and Node only closes the connection. So does a client that gives up its dial, and
// nothing tells the two apart.
func (j *journal) Write(p []byte) (int, error) {
	why := "a request made the simulator fail: this is a defect of the simulator"
	switch text := string(p); {
	case strings.Contains(text, "HTTP request to an HTTPS server"):
		why = "a client spoke HTTP: it must speak HTTPS"
	case strings.Contains(text, "TLS handshake error"):
		why = "a TLS handshake failed: does the client trust the certificate?"
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	fmt.Fprintf(j.out, "%-12s  %s\n", time.Now().Format(timeOfDay), why)
	return len(p), nil
}

func (j *journal) summary() {
	j.mu.Lock()
	defer j.mu.Unlock()
	fmt.Fprintf(j.out, "\n%d requests, %d billed, %d with a fault\n", j.requests, j.billed, j.faults)
	for _, outcome := range slices.Sorted(maps.Keys(j.outcomes)) {
		fmt.Fprintf(j.out, "%7d  %s\n", j.outcomes[outcome], outcome)
	}
}
