package testserver

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// asChild makes the test binary start a Redis and wait to be killed.
const asChild = "ID2META_TESTSERVER_CHILD"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// That a server keeps its data and its address over a stop and a kill is what
// verdictcache's TestFailClosed needs; a dump without the data fails withdraw's
// TestReplicas and verdictcache's TestSearchFindsWhatADatabaseWasTold.

func TestServerLeavesNothing(t *testing.T) {
	for name, start := range map[string]func(testing.TB, ...string) *Server{"PostgreSQL": PostgreSQL, "MariaDB": MariaDB, "Redis": Redis} {
		t.Run(name, func(t *testing.T) {
			var s *Server
			t.Run("after the test", func(t *testing.T) {
				s = start(t)
				s.Stop()
				s.Stop() // does no harm
				s.Start()
			})
			if s == nil {
				t.SkipNow()
			}
			wantGone(t, s.PID())
			if _, err := os.Stat(s.Dir()); !os.IsNotExist(err) {
				t.Errorf("the directory is there: %v", err)
			}
		})
	}
}

// The programs of a test that was killed must not stay on the machine.
func TestServerEndsWithTheTestsProcess(t *testing.T) {
	if os.Getenv(asChild) != "" {
		fmt.Println("pid", Redis(t).PID())
		time.Sleep(time.Minute)
		return
	}
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends a process with its parent")
	}
	find(t, "redis-server")
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), asChild+"=1", "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()

	pid := 0
	for lines := bufio.NewScanner(out); pid == 0 && lines.Scan(); {
		if _, text, found := strings.Cut(lines.Text(), "pid "); found {
			pid, _ = strconv.Atoi(text)
		}
	}
	if pid == 0 || !runs(pid) {
		t.Fatalf("no server with the PID %d", pid)
	}
	cmd.Process.Kill()
	wantGone(t, pid)
}

func TestProgramThatIsNotThereSkipsTheTest(t *testing.T) {
	skipped := false
	t.Run("that needs it", func(t *testing.T) {
		defer func() { skipped = t.Skipped() }()
		find(t, "no-such-program")
	})
	if !skipped {
		t.Error("the test went on")
	}
}

func wantGone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); runs(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d still runs", pid)
		}
	}
}

// runs reports whether there is such a process that is not merely unburied.
func runs(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		process, err := os.FindProcess(pid)
		return err == nil && process.Signal(syscall.Signal(0)) == nil
	}
	return !bytes.Contains(status, []byte("State:\tZ"))
}
