package kratos

import (
	"net"
	"net/http"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-kratos/kratos/v2/config"
	"github.com/go-kratos/kratos/v2/config/file"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/examples/frameworks/kratos/conf"
	"github.com/id2meta/id2meta/id2metatest"
)

func TestConfigFile(t *testing.T) {
	// It is not closed: the goroutine that watches the file would then use Kratos' global
	// logger, without a lock, while the next test sets it.
	source := config.New(config.WithSource(file.NewSource("configs/config.yaml")))
	if err := source.Load(); err != nil {
		t.Fatal(err)
	}
	var c conf.Bootstrap
	if err := source.Scan(&c); err != nil {
		t.Fatal(err)
	}

	want := []string{id2meta.EndpointDefault, id2meta.EndpointShanghai, id2meta.EndpointBeijing}
	if got := c.GetId2Meta().GetEndpoints(); !reflect.DeepEqual(got, want) {
		t.Errorf("endpoints = %q, want %q", got, want)
	}
	if got := c.GetId2Meta().GetPerSecond(); got != 45 {
		t.Errorf("per_second = %d, want 45", got)
	}
	// A question that the server cuts off may have been billed, and nobody has its verdict.
	question, whole := c.GetId2Meta().GetTimeout().AsDuration(), c.GetServer().GetTimeout().AsDuration()
	if question != 2*time.Second || question >= whole {
		t.Errorf("a Verify may take %v, a request %v", question, whole)
	}
	_, cleanup, err := WireServer(c.GetServer(), c.GetId2Meta(), silent(), nil)
	if err != nil {
		t.Fatal(err)
	}
	cleanup()
}

func TestConfigThatIsRefused(t *testing.T) {
	whole := func() *conf.ID2Meta {
		return &conf.ID2Meta{Endpoints: []string{id2meta.EndpointDefault}, Timeout: durationpb.New(time.Second), PerSecond: 45}
	}
	tests := []struct {
		name   string
		change func(*conf.ID2Meta) *conf.ID2Meta
		reason string // "": it is not refused
	}{
		{"nothing is missing", func(c *conf.ID2Meta) *conf.ID2Meta { return c }, ""},
		{"the section is missing", func(*conf.ID2Meta) *conf.ID2Meta { return nil }, "per_second"},
		{"per_second is missing", func(c *conf.ID2Meta) *conf.ID2Meta { c.PerSecond = 0; return c }, "per_second"},
		{"per_second is more than the account has", func(c *conf.ID2Meta) *conf.ID2Meta { c.PerSecond = 51; return c }, "per_second"},
		{"endpoints are missing", func(c *conf.ID2Meta) *conf.ID2Meta { c.Endpoints = nil; return c }, "WithEndpoints"},
		{"the timeout is missing", func(c *conf.ID2Meta) *conf.ID2Meta { c.Timeout = nil; return c }, "WithTimeout"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			verifier, cleanup, err := NewVerifier(test.change(whole()), silent())
			if test.reason == "" {
				if err != nil || verifier == nil || cleanup == nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.reason) {
				t.Errorf("error %v does not say %q", err, test.reason)
			}
			if verifier != nil || cleanup != nil { // wire calls a cleanup that is there
				t.Error("there is a Verifier or a cleanup beside the error")
			}
		})
	}
}

func TestEndpointsOfTheConfigAreAskedInTheirOrderAndAFailoverIsLogged(t *testing.T) {
	simulator := id2metatest.NewServer()
	defer simulator.Close()
	simulator.AddPerson(name, number)
	c := id2metaConf(simulator)
	c.Endpoints = []string{deadEndpoint(t), simulator.Endpoint()}
	var written buffer
	logger := logTo(&written)
	address, stop := run(t, wired(t, c, logger, simulator.Options()...), logger)

	if status, answer := post(t, address, person); status != http.StatusOK || !strings.Contains(answer, `"verdict":"match"`) {
		t.Errorf("answered %d %s", status, answer)
	}
	stop()
	if calls := len(simulator.Calls()); calls != 1 {
		t.Errorf("%d calls, want 1", calls)
	}
	warning := lineWith(written.String(), "WARN")
	if !strings.Contains(warning, c.Endpoints[0]) || holdsPerson(written.String()) {
		t.Errorf("the dead endpoint is not in the warning %q, or the log holds the person", warning)
	}
}

func lineWith(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}

func deadEndpoint(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestRequestsWaitForTheLimiterOfTheConfig(t *testing.T) {
	simulator := id2metatest.NewServer()
	defer simulator.Close()
	simulator.AddPerson(name, number)
	c := id2metaConf(simulator)
	c.PerSecond = 1
	address, _ := run(t, wired(t, c, silent(), simulator.Options()...), silent())

	// The first request is answered, and the second is refused: its turn comes after its
	// timeout. On a busy machine, a request may end by its timeout for another reason.
	verdicts, refusals, started := 0, 0, time.Now()
	for verdicts == 0 || refusals == 0 {
		switch status, answer := post(t, address, person); status {
		case http.StatusOK:
			verdicts++
		case http.StatusServiceUnavailable:
			refusals++
		default:
			t.Fatalf("answered %d %s", status, answer)
		}
		if time.Since(started) > 20*time.Second {
			t.Fatalf("%d verdicts, %d refusals", verdicts, refusals)
		}
	}
	if calls, most := len(simulator.Calls()), 1+int(time.Since(started).Seconds()); calls > most {
		t.Errorf("%d calls, want at most %d", calls, most)
	}
}

func TestCleanupClosesTheIdleConnections(t *testing.T) {
	simulator := id2metatest.NewServer()
	defer simulator.Close()
	simulator.AddPerson(name, number)
	transport := &closing{RoundTripper: simulator.Client().Transport}
	opts := append(simulator.Options(), id2meta.WithHTTPClient(&http.Client{Transport: transport}))
	server, cleanup, err := WireServer(serverConf(), id2metaConf(simulator), silent(), opts)
	if err != nil {
		t.Fatal(err)
	}
	address, stop := run(t, server, silent())
	if status, answer := post(t, address, person); status != http.StatusOK {
		t.Errorf("answered %d %s", status, answer)
	}
	stop()
	if transport.closed != 0 {
		t.Error("closed before the cleanup")
	}
	cleanup()
	if transport.closed != 1 {
		t.Errorf("closed %d times, want 1", transport.closed)
	}
}

type closing struct {
	http.RoundTripper
	closed int
}

func (c *closing) CloseIdleConnections() { c.closed++ }

func TestWireGenIsUpToDate(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds wire")
	}
	out, err := exec.CommandContext(t.Context(), "go", "tool", "wire", "diff", ".").CombinedOutput()
	if err != nil {
		t.Errorf("run go tool wire ./kratos: %v\n%s", err, out)
	}
}
