package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/id2metatest"
)

// replica is the program as a process, which is started again whenever it ends, as
// an orchestrator would.
type replica struct {
	base    string // of its URLs
	command func() (cmd *exec.Cmd, accessKeyID string)

	mu          sync.Mutex
	cmd         *exec.Cmd
	accessKeyID string
	stopping    bool
	killed      map[string]time.Time // by access key ID
	stderr      bytes.Buffer
	ended       chan error // how it ended at last
}

// startReplica starts one that asks the simulator. Each of its processes has an
// access key of its own, so that the simulator tells them apart.
func startReplica(t *testing.T, simulator *id2metatest.Server, name string, args ...string) *replica {
	t.Helper()
	dir := t.TempDir()
	certificate := filepath.Join(dir, "simulator.pem")
	require.NoError(t, os.WriteFile(certificate, simulator.CertificatePEM(), 0o600))
	address := freeAddress(t)
	processes := 0
	r := &replica{
		base: "http://" + address,
		command: func() (*exec.Cmd, string) {
			processes++
			id := fmt.Sprintf("%s-%d", name, processes)
			simulator.AddCredential(id, id2metatest.AccessKeySecret, "")
			cmd := exec.Command(os.Args[0], append(args, "-live", "-listen", address, "-endpoint", simulator.Endpoint())...)
			cmd.Env = []string{asProgram + "=1", "HOME=" + dir, "GORACE=atexit_sleep_ms=0", "SSL_CERT_FILE=" + certificate,
				"ALIBABA_CLOUD_ACCESS_KEY_ID=" + id, "ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + id2metatest.AccessKeySecret,
				"ALIBABA_CLOUD_ECS_METADATA_DISABLED=true", hashKeyVariable + "=" + strings.Repeat("5a7b", 16)}
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			return cmd, id
		},
		killed: map[string]time.Time{},
		ended:  make(chan error, 1),
	}
	go func() { r.ended <- r.keep() }()
	t.Cleanup(func() {
		r.signal(syscall.SIGKILL, true)
		<-r.ended
	})
	return r
}

// keep starts a process whenever there is none, until stopping.
func (r *replica) keep() (err error) {
	for {
		r.mu.Lock()
		if r.stopping {
			r.mu.Unlock()
			return err
		}
		r.cmd, r.accessKeyID = r.command()
		r.cmd.Stderr = &lockedWriter{mu: &r.mu, to: &r.stderr}
		err = r.cmd.Start()
		r.mu.Unlock()
		if err != nil {
			return err
		}
		err = r.cmd.Wait()
		time.Sleep(50 * time.Millisecond)
	}
}

// signal sends the process a signal, the last one if stopping.
func (r *replica) signal(s syscall.Signal, stopping bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopping = r.stopping || stopping
	if s == syscall.SIGKILL {
		r.killed[r.accessKeyID] = time.Now()
	}
	if r.cmd != nil && r.cmd.Process != nil {
		r.cmd.Process.Signal(s)
	}
}

// stop ends it in its orderly way.
func (r *replica) stop(t *testing.T) {
	t.Helper()
	r.signal(syscall.SIGTERM, true)
	err := <-r.ended
	r.ended <- err
	require.NoError(t, err, r.log())
}

func (r *replica) log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stderr.String()
}

// ready waits until it can pay.
func (r *replica) ready(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for get(ctx, r.base+"/readyz") != 200 {
		require.NoError(t, ctx.Err(), r.log())
		sleep(ctx, 20*time.Millisecond)
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	to *bytes.Buffer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

// sleep returns early when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
