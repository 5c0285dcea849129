package main

import (
	"bufio"
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
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testenv"
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

// command has an environment in which no credential can be found and nothing
// beyond this machine is asked for one.
func command(ctx context.Context, home string, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append([]string{asProgram + "=1", "HOME=" + home, "TMPDIR=" + home,
		"ALIBABA_CLOUD_ECS_METADATA_DISABLED=true", "GORACE=atexit_sleep_ms=0"}, env...)
	return cmd
}

// runToEnd runs the program, which is to end by itself, soon, and to leave nothing
// behind.
func runToEnd(t *testing.T, env []string, args ...string) (exit int, output string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // if it serves where it should refuse
	defer cancel()
	cmd := command(ctx, t.TempDir(), env, args...)
	cmd.Dir = t.TempDir()
	printed, _ := cmd.CombinedOutput()
	require.NoError(t, ctx.Err(), "%s", printed)
	left, err := os.ReadDir(cmd.Dir)
	require.NoError(t, err)
	require.Empty(t, left)
	return cmd.ProcessState.ExitCode(), string(printed)
}

// migrate runs the step before the replicas start.
func migrate(t *testing.T, address string) {
	t.Helper()
	exit, output := runToEnd(t, nil, "-migrate", "-db", address)
	require.Zero(t, exit, output)
}

// program is the program, running.
type program struct {
	cmd    *exec.Cmd
	base   string // of its URLs
	banner string
	stdout *bufio.Reader
	stderr testenv.Buffer
}

func start(t *testing.T, env []string, args ...string) *program {
	t.Helper()
	p := &program{cmd: command(t.Context(), t.TempDir(), env, append(args, "-listen", "127.0.0.1:0")...)}
	p.cmd.Stderr = &p.stderr
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

// startLive starts a program that asks a simulator with this access key.
func startLive(t *testing.T, simulator *id2metatest.Server, key string, args ...string) *program {
	t.Helper()
	simulator.AddCredential(key, id2metatest.AccessKeySecret, "")
	certificate := filepath.Join(t.TempDir(), "simulator.pem")
	require.NoError(t, os.WriteFile(certificate, simulator.CertificatePEM(), 0o600))
	return start(t, []string{"SSL_CERT_FILE=" + certificate, "ALIBABA_CLOUD_ACCESS_KEY_ID=" + key,
		"ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + id2metatest.AccessKeySecret, hashKeyVariable + "=" + strings.Repeat("5a7b", 16)},
		append(args, "-live", "-endpoint", simulator.Endpoint())...)
}

// end sends the program a signal, and returns how it ended.
func (p *program) end(t *testing.T, s os.Signal) error {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(s))
	_, err := io.Copy(io.Discard, p.stdout)
	require.NoError(t, err)
	return p.cmd.Wait()
}

// metric returns the value of a metric.
func (p *program) metric(t *testing.T, name string) string {
	t.Helper()
	answer, err := http.Get(p.base + "/metrics")
	require.NoError(t, err)
	defer answer.Body.Close()
	metrics, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(metrics)
	require.NotNil(t, found, string(metrics))
	return string(found[1])
}

// mustPost returns the answer to a good withdrawal.
func (p *program) mustPost(t *testing.T, status int) string {
	t.Helper()
	got, _, body, err := withdrawalOf{}.send(t.Context(), http.DefaultClient, p.base)
	require.NoError(t, err)
	require.Equal(t, status, got, body)
	return body
}

func TestProgram(t *testing.T) {
	key := []string{hashKeyVariable + "=" + strings.Repeat("5a7b", 16)}
	migrated := func(t *testing.T) string {
		path := filepath.Join(t.TempDir(), "kept.db")
		migrate(t, path)
		return path
	}
	t.Run("it says that it is the simulator, serves, and leaves nothing behind on SIGTERM", func(t *testing.T) {
		p := start(t, nil)
		require.Contains(t, p.banner, "SIMULATOR")
		p.mustPost(t, 201)
		database := regexp.MustCompile(`database (\S+)`).FindStringSubmatch(p.banner)[1]
		require.FileExists(t, database)
		require.NoError(t, p.end(t, syscall.SIGTERM))
		require.NoDirExists(t, filepath.Dir(database))
		requireNothingPersonal(t, "stderr", p.stderr.String())
	})
	t.Run("after kill -9 it knows whom it has verified", func(t *testing.T) {
		path := migrated(t)
		p := start(t, nil, "-db", path)
		p.mustPost(t, 201)
		require.Equal(t, "1", p.metric(t, "withdraw_verdicts_asked_total"))
		require.Equal(t, "2", p.metric(t, "withdraw_requests_sent_total"), "the other one is of the check at the start")
		require.Equal(t, "0", p.metric(t, "withdraw_requests_throttled_total"))
		require.Equal(t, "0", p.metric(t, "withdraw_maybe_billed_total"))
		require.Error(t, p.end(t, os.Kill))

		p = start(t, nil, "-db", path)
		p.mustPost(t, 201)
		require.Equal(t, "0", p.metric(t, "withdraw_verdicts_asked_total"))
		require.NoError(t, p.end(t, syscall.SIGTERM))
	})
	t.Run("on SIGTERM it saves the verdict of a client who has left", func(t *testing.T) {
		simulator := id2metatest.NewServer()
		t.Cleanup(simulator.Close)
		simulator.AddPerson(demoName, demoNumber)
		path := migrated(t)
		p := startLive(t, simulator, "first", "-db", path)
		simulator.Inject(id2metatest.Delay(time.Second))
		asked := testenv.EndWhen(t, context.Canceled, func() bool {
			return slices.ContainsFunc(simulator.Calls(), func(call id2metatest.Call) bool { return call.Person != "" })
		})
		_, _, _, err := withdrawalOf{}.send(asked, http.DefaultClient, p.base)
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, p.end(t, syscall.SIGTERM))

		p = startLive(t, simulator, "second", "-db", path)
		p.mustPost(t, 201)
		require.Equal(t, "0", p.metric(t, "withdraw_verdicts_asked_total"))
		require.NoError(t, p.end(t, syscall.SIGTERM))
	})
	t.Run("live without a credential answers 500, says why in the log and nothing in the answer", func(t *testing.T) {
		p := start(t, key, "-live", "-db", migrated(t))
		require.Contains(t, p.banner, "LIVE")
		require.NotContains(t, p.banner, "SIMULATOR")
		require.Equal(t, "internal", errorOf(t, p.mustPost(t, 500)))
		require.NoError(t, p.end(t, os.Interrupt))
		require.Contains(t, p.stderr.String(), "ALIBABA_CLOUD_ACCESS_KEY_ID")
		require.NotContains(t, p.stderr.String(), "5a7b")
	})
	t.Run("live does not believe what the simulator has said", func(t *testing.T) {
		path := migrated(t)
		require.NoError(t, start(t, key, "-db", path).end(t, syscall.SIGTERM))
		exit, output := runToEnd(t, key, "-live", "-db", path, "-listen", "127.0.0.1:0")
		require.Equal(t, 1, exit)
		require.Contains(t, output, "another hashKey")
	})

	empty, none := filepath.Join(t.TempDir(), "empty.db"), filepath.Join(t.TempDir(), "none.db")
	for _, c := range []struct {
		sentence string
		env      []string
		args     []string
		exit     int
		says     string
	}{
		{"without its tables it does not start, and says how to make them", key, []string{"-live", "-db", empty, "-listen", "127.0.0.1:0"}, 1, "withdraw -migrate"},
		{"an endpoint of another form is refused", key, []string{"-live", "-db", none, "-endpoint", "https://127.0.0.1:1/"}, 1, "WithEndpoints"},
		{"live without a hash key is refused", nil, []string{"-live", "-db", "x.db"}, 1, "openssl rand -hex 32"},
		{"live without a database is refused", nil, []string{"-live"}, 2, "-db"},
		{"a Redis of another form is refused without its password", nil, []string{"-redis", "http://u:hunter2@127.0.0.1:1"}, 1, "redis://host"},
		{"an unknown flag is refused", nil, []string{"-demo=1"}, 2, "-live"},
		{"an argument is refused", nil, []string{"live"}, 2, "flags only"},
		{"an address that cannot be had is refused", nil, []string{"-listen", "127.0.0.1:99999"}, 1, "99999"},
		{"-h tells the flags and the variable", nil, []string{"-h"}, 0, hashKeyVariable},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			exit, output := runToEnd(t, c.env, c.args...)
			require.Equal(t, c.exit, exit, output)
			require.Contains(t, output, c.says)
			require.NotContains(t, output, "hunter2")
		})
	}
	require.NoFileExists(t, none, "what is refused makes nothing before")
}

func TestGracefulShutdown(t *testing.T) {
	v := newSlow()
	s := newService(t, v)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	base := "http://" + listener.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, listener, s.handler(), slog.New(slog.DiscardHandler)) }()
	status := make(chan int, 1)
	go func() {
		sent, _, _, _ := withdrawalOf{}.send(t.Context(), http.DefaultClient, base)
		status <- sent
	}()
	<-v.asked
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

	close(v.release)
	require.Equal(t, 201, <-status)
	require.NoError(t, <-ended)
	require.Equal(t, 1, s.payments(t))
}
