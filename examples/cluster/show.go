package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/id2meta/id2meta/id2metatest"
)

// show runs the whole thing on this machine: the simulator here, Redis, and the
// worker processes, which are this program once more.
func show(ctx context.Context, c config, stdout, stderr io.Writer) error {
	var server *redisServer
	if c.redis == "" {
		var err error
		if server, err = startRedis(ctx); err != nil {
			return err
		}
		defer server.stop()
		c.redis = server.url
		c.key = "id2meta-demonstration"
		fmt.Fprintf(stdout, "redis      a redis-server of its own on %s\n", server.addr)
	} else {
		fmt.Fprintln(stdout, "redis      the one that was given")
	}
	simulator := id2metatest.NewServer()
	defer simulator.Close()
	simulator.AddPerson(sampleName, sampleNumber)
	fmt.Fprintf(stdout, "service    the simulator on %s (free; -live asks the real one, which is billed)\n", simulator.Endpoint())
	fmt.Fprintf(stdout, "processes  %d, each with %d callers at full speed for %v, fail %s\n", c.processes, c.workers, c.duration, c.whenDown)
	fmt.Fprint(stdout, "limit      47 a second, burst 4, shared\n\n")

	workers, err := startWorkers(ctx, c, simulator, stderr)
	if err != nil {
		return err
	}
	defer workers.stop()
	t := table{out: stdout, processes: c.processes}
	t.header()
	started, killed := time.Now(), c.stopRedis == 0
	for finished := false; !finished; {
		select {
		case <-workers.done:
			finished = true
		case <-time.After(100 * time.Millisecond):
		}
		if !killed && time.Since(started) >= c.stopRedis {
			killed = true
			server.kill()
			fmt.Fprintln(stdout, "        redis-server killed")
		}
		t.update(simulator.Calls(), finished)
	}
	t.summary(simulator.Calls())
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return workers.err
}

// workers are the worker processes of the demonstration.
type workers struct {
	dir    string
	cancel context.CancelFunc
	done   chan struct{} // closed when all have ended
	err    error         // of the first that failed; read it after done
}

func startWorkers(ctx context.Context, c config, simulator *id2metatest.Server, stderr io.Writer) (*workers, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "id2meta-cluster-")
	if err != nil {
		return nil, err
	}
	certificate := filepath.Join(dir, "simulator.pem")
	if err := os.WriteFile(certificate, simulator.CertificatePEM(), 0o600); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &workers{dir: dir, cancel: cancel, done: make(chan struct{})}
	shared := &lockedWriter{to: stderr}
	var running sync.WaitGroup
	var failing sync.Once
	for i := range c.processes {
		// Each process is a RAM user of the one account, so that the simulator
		// tells their requests apart.
		id := accessKeyID(i)
		simulator.AddCredential(id, id2metatest.AccessKeySecret, "")
		command := exec.CommandContext(ctx, program, "-endpoint", simulator.Endpoint(), "-key", c.key,
			"-when-redis-is-down", c.whenDown, "-workers", strconv.Itoa(c.workers), "-duration", c.duration.String())
		command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
		command.WaitDelay = 5 * time.Second
		command.Stderr = shared
		command.Env = []string{
			"PATH=" + os.Getenv("PATH"),
			"HOME=" + dir, // no profile of yours is read
			"REDIS_URL=" + c.redis,
			"SSL_CERT_FILE=" + certificate,
			"ALIBABA_CLOUD_ACCESS_KEY_ID=" + id,
			"ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + id2metatest.AccessKeySecret,
			"ALIBABA_CLOUD_ECS_METADATA_DISABLED=true",
		}
		if err := command.Start(); err != nil {
			cancel()
			running.Wait()
			os.RemoveAll(dir)
			return nil, fmt.Errorf("worker process %d: %w", i+1, err)
		}
		running.Go(func() {
			if err := command.Wait(); err != nil {
				failing.Do(func() { w.err = fmt.Errorf("worker process %d: %w", i+1, err) })
			}
		})
	}
	go func() {
		running.Wait()
		close(w.done)
	}()
	return w, nil
}

func (w *workers) stop() {
	w.cancel()
	<-w.done
	os.RemoveAll(w.dir)
}

func accessKeyID(process int) string { return "process-" + strconv.Itoa(process+1) }

// lockedWriter keeps the lines of the worker processes whole.
type lockedWriter struct {
	mu sync.Mutex
	to io.Writer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

// table prints how many requests arrived in each second since the first.
type table struct {
	out       io.Writer
	processes int
	printed   int // seconds
}

func (t *table) header() {
	fmt.Fprint(t.out, "second  requests")
	for i := range t.processes {
		fmt.Fprintf(t.out, "  %9s", accessKeyID(i))
	}
	fmt.Fprintln(t.out)
}

// update prints the seconds that are over.
func (t *table) update(calls []id2metatest.Call, finished bool) {
	if len(calls) == 0 {
		return
	}
	first := calls[0].Time
	over := int(time.Since(first) / time.Second)
	if finished {
		over = int(calls[len(calls)-1].Time.Sub(first)/time.Second) + 1
	}
	for ; t.printed < over; t.printed++ {
		by := map[string]int{}
		total := 0
		for _, call := range calls {
			if int(call.Time.Sub(first)/time.Second) == t.printed {
				by[call.AccessKeyID]++
				total++
			}
		}
		var row strings.Builder
		fmt.Fprintf(&row, "%6d  %8d", t.printed+1, total)
		for i := range t.processes {
			fmt.Fprintf(&row, "  %9d", by[accessKeyID(i)])
		}
		fmt.Fprintln(t.out, row.String())
	}
}

func (t *table) summary(calls []id2metatest.Call) {
	if len(calls) == 0 {
		fmt.Fprintln(t.out, "\nno request arrived")
		return
	}
	answered := 0
	for _, call := range calls {
		if call.Billed {
			answered++
		}
	}
	fmt.Fprintf(t.out, "\n%d requests, %d answered with a verdict\n", len(calls), answered)
	fmt.Fprintf(t.out, "%.1f a second in the mean\n", mean(calls))
	fmt.Fprintf(t.out, "%d at most in any one second, wherever it begins\n", mostInOneSecond(calls))
}

// mean returns the requests a second from the first to the last.
func mean(calls []id2metatest.Call) float64 {
	took := calls[len(calls)-1].Time.Sub(calls[0].Time)
	if took < time.Second {
		took = time.Second
	}
	return float64(len(calls)) / took.Seconds()
}

// mostInOneSecond returns the most requests that arrived in any window of one
// second, wherever it begins.
func mostInOneSecond(calls []id2metatest.Call) int {
	most, oldest := 0, 0
	for newest := range calls {
		for calls[newest].Time.Sub(calls[oldest].Time) >= time.Second {
			oldest++
		}
		most = max(most, newest-oldest+1)
	}
	return most
}
