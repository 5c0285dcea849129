package main

import (
	"context"
	"fmt"
	"io"
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
	cmd  *exec.Cmd
	base string // of its URLs
	log  testenv.Buffer
}

var serving = regexp.MustCompile(`serving (http://127\.0\.0\.1:\d+)`)

func start(t *testing.T, env []string, args ...string) *program {
	t.Helper()
	p := &program{cmd: command(t.Context(), t.TempDir(), env, append(args, "-listen", "127.0.0.1:0")...)}
	p.cmd.Stderr = &p.log
	require.NoError(t, p.cmd.Start())
	require.Eventually(t, func() bool { return serving.MatchString(p.log.String()) }, 30*time.Second, 5*time.Millisecond, "it does not serve:\n%s", &p.log)
	p.base = serving.FindStringSubmatch(p.log.String())[1]
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
		require.Contains(t, p.log.String(), "simulator")
		p.mustPost(t, 201)
		database := regexp.MustCompile(`database=(\S+)`).FindStringSubmatch(p.log.String())[1]
		require.FileExists(t, database)
		require.NoError(t, p.end(t, syscall.SIGTERM))
		require.NoDirExists(t, filepath.Dir(database))
		requireNothingPersonal(t, "the log", p.log.String())
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
	t.Run("on SIGTERM it pays the client who waits, and saves the verdict of one who has left", func(t *testing.T) {
		simulator := id2metatest.NewServer()
		t.Cleanup(simulator.Close)
		simulator.AddPerson(demoName, demoNumber)
		simulator.AddPerson(demoName, idNumber(0))
		path := migrated(t)
		p := startLive(t, simulator, "first", "-db", path)
		simulator.Inject(id2metatest.Delay(time.Second), id2metatest.Delay(2*time.Second))
		asks := func(n int) func() bool { return func() bool { return len(simulator.Calls()) == 1+n } } // 1: the check at the start
		waits := make(chan int, 1)
		go func() {
			status, _, _, _ := withdrawalOf{user: "bob", number: idNumber(0)}.send(t.Context(), http.DefaultClient, p.base)
			waits <- status
		}()
		require.Eventually(t, asks(1), 10*time.Second, time.Millisecond)
		asked := testenv.EndWhen(t, context.Canceled, asks(2))
		_, _, _, err := withdrawalOf{}.send(asked, http.DefaultClient, p.base)
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, p.end(t, syscall.SIGTERM))
		require.Equal(t, 201, <-waits)

		p = startLive(t, simulator, "second", "-db", path)
		p.mustPost(t, 201)
		require.Equal(t, "0", p.metric(t, "withdraw_verdicts_asked_total"))
		require.NoError(t, p.end(t, syscall.SIGTERM))
	})
	t.Run("live without a credential answers 500, says why in the log and nothing in the answer", func(t *testing.T) {
		p := start(t, key, "-live", "-db", migrated(t))
		require.Contains(t, p.log.String(), "live=true")
		require.NotContains(t, p.log.String(), "simulator")
		require.Equal(t, "internal", errorOf(t, p.mustPost(t, 500)))
		require.NoError(t, p.end(t, os.Interrupt))
		require.Contains(t, p.log.String(), "ALIBABA_CLOUD_ACCESS_KEY_ID")
		require.NotContains(t, p.log.String(), "5a7b")
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
		{"with the simulator it makes no tables in a database of yours", key, []string{"-db", empty, "-listen", "127.0.0.1:0"}, 1, "withdraw -migrate"},
		{"an endpoint of another form is refused", key, []string{"-live", "-db", none, "-endpoint", "https://127.0.0.1:1/"}, 1, "WithEndpoints"},
		{"live without a hash key is refused", nil, []string{"-live", "-db", "x.db"}, 1, "openssl rand -hex 32"},
		{"live without a database is refused", nil, []string{"-live"}, 2, "-db"},
		{"a Redis of another form is refused without its password", nil, []string{"-redis", "redis://u:hunter2@127.0.0.1:port"}, 1, "redis://host"},
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
