package testserver

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

// database is a server with a way to write to it and to read it without a driver.
type database struct {
	name  string
	start func(t testing.TB, args ...string) *Server
	write func(s *Server) []string
	read  func(s *Server) []string
}

var databases = []database{
	{"PostgreSQL", PostgreSQL,
		func(s *Server) []string {
			return []string{psql(s), "-qc", "create table planted (v text); insert into planted values ('here I am')"}
		},
		func(s *Server) []string { return []string{psql(s), "-Atc", "select v from planted"} }},
	{"MariaDB", MariaDB,
		func(s *Server) []string {
			return append(mariadb(s), "create table planted (v text); insert into planted values ('here I am')")
		},
		func(s *Server) []string { return append(mariadb(s), "select v from planted") }},
	{"Redis", Redis,
		func(s *Server) []string { return append(redisCLI(s), "SET", "planted", "here I am") },
		func(s *Server) []string { return append(redisCLI(s), "GET", "planted") }},
}

func psql(s *Server) string { return filepath.Join(filepath.Dir(s.kind.program), "psql") }

func mariadb(s *Server) []string {
	return []string{"mariadb", "--no-defaults", "-S", filepath.Join(s.dir, "socket"), "-u", "root", "-N", "test", "-e"}
}

func redisCLI(s *Server) []string { return []string{"redis-cli", "-s", filepath.Join(s.dir, "socket")} }

func (d database) plant(s *Server) { args := d.write(s); s.run(args[0], args[1:]...) }

func (d database) wantPlanted(t *testing.T, s *Server) {
	t.Helper()
	args := d.read(s)
	if got := s.run(args[0], args[1:]...); !bytes.Equal(bytes.TrimSpace(got), []byte("here I am")) {
		t.Errorf("read %q", got)
	}
}

func TestServer(t *testing.T) {
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			s := d.start(t)
			d.plant(s)
			dsn := s.DSN()

			t.Run("keeps its data over a stop", func(t *testing.T) {
				s.Stop()
				wantGone(t, s.PID())
				s.Start()
				d.wantPlanted(t, s)
			})
			t.Run("keeps its data over a kill", func(t *testing.T) {
				s.Kill()
				wantGone(t, s.PID())
				s.Start()
				d.wantPlanted(t, s)
			})
			t.Run("keeps its address", func(t *testing.T) {
				if got := s.DSN(); got != dsn {
					t.Errorf("%s became %s", dsn, got)
				}
			})
			t.Run("dumps all that it holds", func(t *testing.T) {
				if dump := s.Dump(); !bytes.Contains(dump, []byte("here I am")) {
					t.Errorf("%d bytes, without what was planted", len(dump))
				}
			})
			t.Run("stops twice", func(t *testing.T) {
				s.Stop()
				s.Stop()
			})
		})
	}
}

func TestServerLeavesNothing(t *testing.T) {
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			var s *Server
			t.Run("after the test", func(t *testing.T) { s = d.start(t) })
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

func TestTwoServersHaveNothingInCommon(t *testing.T) {
	a, b := Redis(t), Redis(t)
	databases[2].plant(a)
	args := databases[2].read(b)
	if got := b.run(args[0], args[1:]...); len(bytes.TrimSpace(got)) != 0 {
		t.Errorf("the other has %q", got)
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
	find(t, nil, "redis-server")
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

func TestProgramThatIsNotThere(t *testing.T) {
	r := record(t, func(t testing.TB) { find(t, []string{"/usr/sbin"}, "no-such-program") })
	if !strings.Contains(r.skipped, "there is no no-such-program") {
		t.Errorf("skipped with %q", r.skipped)
	}
}

func TestServerThatDoesNotStartSaysWhy(t *testing.T) {
	find(t, nil, "redis-server")
	r := record(t, func(t testing.TB) { Redis(t, "--no-such-option", "1") })
	if !strings.Contains(r.failed, "no-such-option") {
		t.Errorf("failed with %q", r.failed)
	}
}

// recorder is a test that notes what became of it.
type recorder struct {
	testing.TB
	skipped, failed string
}

func record(t *testing.T, f func(testing.TB)) *recorder {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	return r
}

func (r *recorder) Skipf(format string, args ...any) {
	r.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
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
