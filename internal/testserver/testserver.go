// Package testserver starts real database servers for tests: PostgreSQL, MariaDB
// and Redis, each with data of its own and a socket in a temporary directory, gone
// when the test ends. It needs no driver and asks for none; where the program is
// not installed, the test is skipped and says what is missing.
package testserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

const (
	// startTime bounds everything that a server does before it answers; a busy
	// machine needs a while.
	startTime = 60 * time.Second
	// stopTime is what an orderly end may take before it becomes a kill.
	stopTime = 30 * time.Second
	// maxStarts is how often a server is tried that ends before it answers: after
	// a kill, PostgreSQL refuses to start until the last of its children is gone.
	maxStarts = 20
)

// Server is one running server, with fsync off: its data outlives it, also when
// it is killed, but not the machine. The test's goroutine alone calls Start, Stop
// and Kill.
type Server struct {
	t       testing.TB
	kind    kind
	dir     string
	owner   *owner // nil: the user who runs the test
	process *process
}

// kind is what one program differs in from another.
type kind struct {
	name    string
	program string
	args    []string
	stop    os.Signal
	dsn     string
	dump    []string // the command that writes all data to its standard output
	env     []string // how the programs of the package find the server
	ready   func(ctx context.Context, s *Server) error
}

// process is a program that runs, or did.
type process struct {
	*os.Process
	ended chan struct{}
}

// newServer makes a directory that the user called name owns, if that is another.
// An empty name means the user who runs the test.
func newServer(t testing.TB, userName string) *Server {
	t.Helper()
	s := &Server{t: t}
	if userName != "" && os.Geteuid() == 0 {
		var err error
		if s.owner, err = lookupOwner(userName); err != nil {
			t.Skipf("testserver: this program refuses to run as root: %v", err)
		}
	}
	// Not t.TempDir: its path holds the name of the test, and that of a socket may
	// have about a hundred bytes.
	dir, err := os.MkdirTemp("", "id2meta-")
	if err != nil {
		t.Fatal(err)
	}
	s.dir = dir
	t.Cleanup(func() {
		s.Stop()
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("testserver: %v", err)
		}
	})
	if s.owner != nil {
		if err := os.Chown(dir, s.owner.uid, s.owner.gid); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// DSN returns the server's address with user and database, in the form that its
// Go client takes: pgx and lib/pq, go-sql-driver/mysql, or redis.ParseURL. It
// stays the same when the server is stopped and started.
func (s *Server) DSN() string { return s.kind.dsn }

// Dir returns the directory that holds all that the server writes: its data and,
// in the file "log", what it says.
func (s *Server) Dir() string { return s.dir }

// PID returns the process ID of the server that was started last.
func (s *Server) PID() int { return s.process.Pid }

// Start starts the server again after [Server.Stop] or [Server.Kill], with its
// data and address, and waits until it answers. The test fails if it does not.
func (s *Server) Start() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	var err error
	for range maxStarts {
		if err = s.start(ctx); err == nil || ctx.Err() != nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		s.t.Fatalf("testserver: %s does not start: %v\n%s", s.kind.name, err, s.lastWords())
	}
}

// start starts the server once, and waits for it to answer or to end.
func (s *Server) start(ctx context.Context) error {
	process, err := s.launch()
	if err != nil {
		return err
	}
	s.process = process
	for {
		err := s.kind.ready(ctx, s)
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

// launch runs the program. The goroutine that started it waits for it, on a thread
// that it keeps: the kernel kills the program when that thread is gone, and so
// with the test's process, but not while both run.
func (s *Server) launch() (*process, error) {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := s.command(context.Background(), s.kind.program, s.kind.args...)
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

// Stop ends the server in its orderly way. It does nothing if it does not run.
func (s *Server) Stop() {
	s.t.Helper()
	if s.process == nil {
		return
	}
	s.process.Signal(s.kind.stop) // fails if it has ended, which is what is wanted
	select {
	case <-s.process.ended:
	case <-time.After(stopTime):
		s.Kill()
		s.t.Errorf("testserver: %s did not stop within %v and was killed\n%s", s.kind.name, stopTime, s.lastWords())
	}
}

// Kill ends the server at once, as a crash would.
func (s *Server) Kill() {
	s.process.Kill()
	<-s.process.ended
}

// Dump returns all that the server holds, as the tool of its own package writes it.
func (s *Server) Dump() []byte {
	s.t.Helper()
	return s.run(s.kind.dump[0], s.kind.dump[1:]...)
}

// run runs a program to its end, and returns its output. If it fails, so does the
// test.
func (s *Server) run(program string, args ...string) []byte {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	cmd := s.command(ctx, program, args...)
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("testserver: %s: %v\n%s%s", filepath.Base(program), err, out, problem.Bytes())
	}
	return out
}

// command is a program that runs as the server's user, sees nothing of the test's
// environment, and does not outlive the test's process.
func (s *Server) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = s.dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "LC_ALL=C"}, s.kind.env...)
	cmd.SysProcAttr = attributes(s.owner)
	return cmd
}

// lastWords returns the end of what the server said.
func (s *Server) lastWords() []byte {
	const enough = 2000
	log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return log[max(0, len(log)-enough):]
}

// find returns where the first of the programs is that is there, in the PATH or in
// one of the directories. It skips the test if none is.
func find(t testing.TB, dirs []string, programs ...string) string {
	t.Helper()
	for _, program := range programs {
		if path, err := exec.LookPath(program); err == nil {
			return path
		}
		for _, dir := range dirs {
			if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
				return path
			}
		}
	}
	t.Skipf("testserver: there is no %s on this machine", programs[0])
	return ""
}
