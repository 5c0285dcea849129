package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// asProgram makes the test binary the program itself, which can then be sent
// signals without being built again.
const asProgram = "WITHDRAW_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	code := m.Run()
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// program is the program, running.
type program struct {
	cmd    *exec.Cmd
	base   string // of its URLs
	banner string
	stdout *bufio.Reader
	stderr *bytes.Buffer // to be read after wait
}

// command has an environment in which no credential can be found and nothing
// beyond this machine is asked for one.
func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // if it serves where it should refuse
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append([]string{asProgram + "=1", "HOME=" + t.TempDir(), "TMPDIR=" + t.TempDir(),
		"ALIBABA_CLOUD_ECS_METADATA_DISABLED=true", "GORACE=atexit_sleep_ms=0"}, env...)
	return cmd
}

func start(t *testing.T, env []string, args ...string) *program {
	t.Helper()
	p := &program{cmd: command(t, env, append(args, "-listen", "127.0.0.1:0")...), stderr: new(bytes.Buffer)}
	p.cmd.Stderr = p.stderr
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	p.stdout = bufio.NewReader(stdout)
	for range 2 {
		line, err := p.stdout.ReadString('\n')
		require.NoError(t, err)
		p.banner += line
	}
	p.base = regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(p.banner)
	require.NotEmpty(t, p.base, p.banner)
	return p
}

// wait returns how the program ended.
func (p *program) wait(t *testing.T) error {
	t.Helper()
	_, err := io.Copy(io.Discard, p.stdout)
	require.NoError(t, err)
	return p.cmd.Wait()
}

// migrate runs the step before the replicas start.
func migrate(t *testing.T, address string) {
	t.Helper()
	output, err := command(t, nil, "-migrate", "-db", address).CombinedOutput()
	require.NoError(t, err, "%s", output)
}

// metric returns the value of a metric.
func (p *program) metric(t *testing.T, name string) string {
	t.Helper()
	answer, err := http.Get(p.base + "/metrics")
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(string(body))[1]
}

// terminate ends the program in its orderly way.
func (p *program) terminate(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, p.wait(t))
}

func TestProgram(t *testing.T) {
	t.Run("it says that it is the simulator, serves, and leaves nothing behind on SIGTERM", func(t *testing.T) {
		p := start(t, nil)
		require.Contains(t, p.banner, "SIMULATOR")
		status, _, body := send(t, p.base, withdrawalOf{})
		require.Equal(t, 201, status, body)
		database := regexp.MustCompile(`database (\S+)`).FindStringSubmatch(p.banner)[1]
		require.FileExists(t, database)

		p.terminate(t)
		require.NoDirExists(t, filepath.Dir(database))
		requireNothingPersonal(t, "stderr", p.stderr.Bytes())
	})
	t.Run("after kill -9 it knows whom it has verified", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "kept.db")
		migrate(t, path)
		p := start(t, nil, "-db", path)
		status, _, body := send(t, p.base, withdrawalOf{})
		require.Equal(t, 201, status, body)
		require.Equal(t, "1", p.metric(t, "withdraw_verdicts_asked_total"))
		require.NoError(t, p.cmd.Process.Kill())
		require.Error(t, p.wait(t))

		p = start(t, nil, "-db", path)
		status, _, body = send(t, p.base, withdrawalOf{})
		require.Equal(t, 201, status, body)
		require.Equal(t, "0", p.metric(t, "withdraw_verdicts_asked_total"))
		p.terminate(t)
	})

	key := []string{hashKeyVariable + "=" + strings.Repeat("5a7b", 16)}
	t.Run("live without a credential answers 500, says why in the log and nothing in the answer", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "live.db")
		migrate(t, path)
		p := start(t, key, "-live", "-db", path)
		require.Contains(t, p.banner, "LIVE")
		require.NotContains(t, p.banner, "SIMULATOR")
		status, _, body := send(t, p.base, withdrawalOf{})
		require.Equal(t, 500, status)
		require.Equal(t, "internal", errorOf(t, body))
		require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
		require.NoError(t, p.wait(t))
		require.Contains(t, p.stderr.String(), "ALIBABA_CLOUD_ACCESS_KEY_ID")
		require.NotContains(t, p.stderr.String(), "5a7b")
	})
	t.Run("live does not believe what the simulator has said", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "simulated.db")
		migrate(t, path)
		start(t, key, "-db", path).terminate(t)
		output, err := command(t, key, "-live", "-db", path, "-listen", "127.0.0.1:0").CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(output), "another hashKey")
	})
	t.Run("without its tables it does not start, and says how to make them", func(t *testing.T) {
		output, err := command(t, key, "-live", "-db", filepath.Join(t.TempDir(), "empty.db"), "-listen", "127.0.0.1:0").CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(output), "withdraw -migrate")
	})
	t.Run("an endpoint of another form is refused before anything is made", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "none.db")
		output, err := command(t, key, "-live", "-db", path, "-endpoint", "https://127.0.0.1:1/").CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(output), "WithEndpoints")
		require.NoFileExists(t, path)
	})

	for _, c := range []struct {
		sentence string
		args     []string
		exit     int
		says     string
	}{
		{"live without a hash key is refused", []string{"-live", "-db", "x.db"}, 1, "openssl rand -hex 32"},
		{"live without a database is refused", []string{"-live"}, 2, "-db"},
		{"a Redis of another form is refused without its password", []string{"-redis", "http://u:hunter2@127.0.0.1:1"}, 1, "redis://host"},
		{"an unknown flag is refused", []string{"-demo=1"}, 2, "-live"},
		{"an argument is refused", []string{"live"}, 2, "flags only"},
		{"an address that cannot be had is refused", []string{"-listen", "127.0.0.1:99999"}, 1, "99999"},
		{"-h tells the flags and the variable", []string{"-h"}, 0, hashKeyVariable},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			cmd := command(t, nil, c.args...)
			cmd.Dir = t.TempDir()
			output, err := cmd.CombinedOutput()
			require.Equal(t, c.exit, cmd.ProcessState.ExitCode(), "%v", err)
			require.Contains(t, string(output), c.says)
			left, err := os.ReadDir(cmd.Dir)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

func TestGracefulShutdown(t *testing.T) {
	verifier := newSlow()
	s := newService(t, verifier)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	base := "http://" + listener.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, listener, s.handler(), slog.New(slog.DiscardHandler)) }()

	status := make(chan int, 1)
	go func() {
		sent, _, _ := send(t, base, withdrawalOf{})
		status <- sent
	}()
	<-verifier.asked
	stop()

	// The door is shut for new ones while the one inside is being served.
	require.Eventually(t, func() bool {
		_, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(base + "/healthz")
		return err != nil
	}, 5*time.Second, 5*time.Millisecond)
	select {
	case err := <-ended:
		t.Fatalf("it ended with a request under way: %v", err)
	case <-time.After(100 * time.Millisecond):
	}

	close(verifier.answer)
	require.Equal(t, 201, <-status)
	require.NoError(t, <-ended)
	require.Equal(t, 1, s.payments(t))
}

// serveForTest serves a handler until the test ends, and returns the base of its URLs.
func serveForTest(t *testing.T, handler http.Handler) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, listener, handler, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	return "http://" + listener.Addr().String()
}
