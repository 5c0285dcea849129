// Package testserver starts real database servers for tests: PostgreSQL, MariaDB and
// Redis. Each server has its own data and a socket in a temporary directory, which is
// removed when the test ends. The package needs no database driver. If the program of a
// server is not installed, the test is skipped with a message that names the program.
package testserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	// startTime is the time limit for a start of the server. It is long because the
	// machine may be busy.
	startTime = 60 * time.Second
	// stopTime is the time limit for an orderly stop. After that the server is killed.
	stopTime = 30 * time.Second
	// maxStarts is the number of attempts to start a server. After a kill, PostgreSQL
	// refuses to start until the last of its child processes has ended.
	maxStarts = 20
)

// Server is one running server. Its fsync is off: the data survive a kill of the server,
// but not a crash of the machine. Only the goroutine of the test may call Start, Stop and
// Kill.
type Server struct {
	t        testing.TB
	kind     kind
	args     []string // of the caller, for the server
	dir      string
	words    *strings.Replacer // for the command lines
	uid, gid int               // of the server
	process  *process
}

// process is a program that runs or has ended.
type process struct {
	*os.Process
	ended chan struct{}
}

// start makes the directory of a server, and starts the server.
func start(t testing.TB, k kind, args []string) *Server {
	t.Helper()
	s := &Server{t: t, kind: k, args: args, uid: os.Getuid(), gid: os.Getgid()}
	for _, line := range []string{k.serve, k.install, k.ready, k.dump} {
		if name, _, _ := strings.Cut(line, " "); name != "" {
			find(t, name)
		}
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	// The path of t.TempDir holds the name of the test. It may be too long, because the
	// path of a socket has at most about a hundred bytes.
	s.dir, err = os.MkdirTemp("", "id2meta-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Stop()
		if err := os.RemoveAll(s.dir); err != nil {
			t.Errorf("testserver: %v", err)
		}
	})
	s.words = strings.NewReplacer("DIR", s.dir, "USER", me.Username, `""`, "")
	if s.uid == 0 && k.user != "" {
		s.giveTo(k.user)
	}
	if k.install != "" {
		s.run(k.install)
	}
	s.Start()
	return s
}

// giveTo makes a user the owner of the server and of its directory.
func (s *Server) giveTo(name string) {
	s.t.Helper()
	owner, err := user.Lookup(name)
	if err != nil {
		s.t.Skipf("testserver: %s refuses to run as root: %v", s.kind.name, err)
	}
	s.uid, _ = strconv.Atoi(owner.Uid)
	s.gid, _ = strconv.Atoi(owner.Gid)
	if err := os.Chown(s.dir, s.uid, s.gid); err != nil {
		s.t.Fatal(err)
	}
}

// DSN returns the address of the server with user and database, in the form that the Go
// clients take: pgx and lib/pq, go-sql-driver/mysql, or redis.ParseURL. The DSN stays the
// same when the server is stopped and started.
func (s *Server) DSN() string { return s.words.Replace(s.kind.dsn) }

// Dir returns the directory of the server. It holds the data and, in the file "log", the
// output of the server.
func (s *Server) Dir() string { return s.dir }

// PID returns the process ID of the server since its last start.
func (s *Server) PID() int { return s.process.Pid }

// Start starts the server again after [Server.Stop] or [Server.Kill], with the same data
// and address, and waits until the server answers. If the server does not answer, the
// test fails.
func (s *Server) Start() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	var err error
	for range maxStarts {
		if err = s.startOnce(ctx); err == nil || ctx.Err() != nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		s.t.Fatalf("testserver: %s does not start: %v\n%s", s.kind.name, err, s.logTail())
	}
}

// startOnce starts the server once, and waits for it to answer or to end.
func (s *Server) startOnce(ctx context.Context) error {
	process, err := s.launch()
	if err != nil {
		return err
	}
	s.process = process
	for {
		err := s.command(ctx, s.kind.ready).Run()
		if err == nil {
			return nil
		}
		select {
		case <-process.ended:
			return errors.New("it ended by itself")
		case <-ctx.Done():
			s.Kill()
			return fmt.Errorf("no answer within %v: %w", startTime, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// launch starts the program in a goroutine that keeps its thread until the program ends.
// The kernel kills the program when that thread ends. So the program cannot outlive the
// process of the test.
func (s *Server) launch() (*process, error) {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := s.command(context.Background(), s.kind.serve, s.args...)
	cmd.Stdout, cmd.Stderr = log, log

	started := make(chan error, 1)
	ended := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return &process{cmd.Process, ended}, nil
}

// Stop ends the server in an orderly way. If the server does not run, Stop does nothing.
func (s *Server) Stop() {
	s.t.Helper()
	if s.process == nil {
		return
	}
	s.process.Signal(s.kind.stop) // the error means that the process has ended already
	select {
	case <-s.process.ended:
	case <-time.After(stopTime):
		s.Kill()
		s.t.Errorf("testserver: %s did not stop within %v and was killed\n%s", s.kind.name, stopTime, s.logTail())
	}
}

// Kill ends the server at once, as a crash would.
func (s *Server) Kill() {
	s.process.Kill()
	<-s.process.ended
}

// Dump returns all data of the server, in the form of the server's own dump tool.
func (s *Server) Dump() []byte {
	s.t.Helper()
	return s.run(s.kind.dump)
}

// run runs a command line to its end, and returns its output. If the program fails, the
// test fails.
func (s *Server) run(line string) []byte {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	cmd := s.command(ctx, line)
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("testserver: %s: %v\n%s%s", filepath.Base(cmd.Path), err, out, problem.Bytes())
	}
	return out
}

// command returns a command that runs as the user of the server, without the environment
// of the test, and ends with the process of the test.
func (s *Server) command(ctx context.Context, line string, args ...string) *exec.Cmd {
	words := strings.Fields(line)
	program := find(s.t, words[0])
	for i, word := range words {
		words[i] = s.words.Replace(word)
	}
	cmd := exec.CommandContext(ctx, program, append(words[1:], args...)...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "LC_ALL=C"}
	cmd.SysProcAttr = attributes(s.uid, s.gid)
	return cmd
}

// logTail returns the end of the server's output.
func (s *Server) logTail() []byte {
	const enough = 2000
	log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return log[max(0, len(log)-enough):]
}

// find returns the path of a program. If there is none, find skips the test.
func find(t testing.TB, program string) string {
	t.Helper()
	versions, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is well formed
	slices.Reverse(versions)                                  // the newest first
	for _, dir := range append(versions, "", "/usr/sbin", "/usr/libexec") {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path
		}
	}
	t.Skipf("testserver: there is no %s on this machine", program)
	return ""
}
