package gozero

import (
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/zeromicro/go-zero/core/conf"
	"github.com/zeromicro/go-zero/core/logx"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

func TestConfigFile(t *testing.T) {
	var c Config
	conf.MustLoad("etc/verify.yaml", &c)

	want := []string{id2meta.EndpointDefault, id2meta.EndpointShanghai, id2meta.EndpointBeijing}
	if !reflect.DeepEqual(c.ID2Meta.Endpoints, want) {
		t.Errorf("Endpoints = %q, want %q", c.ID2Meta.Endpoints, want)
	}
	if c.ID2Meta.PerSecond != 45 {
		t.Errorf("PerSecond = %d, want 45", c.ID2Meta.PerSecond)
	}
	if c.Middlewares.Log {
		t.Error("the middleware that writes the bodies of requests is on")
	}
	if !c.Middlewares.Timeout || !c.Middlewares.Breaker {
		t.Error("turning one middleware off turned others off")
	}
	wantTimeouts(t, c)
	if NewServiceContext(c).Verifier == nil {
		t.Error("no Verifier")
	}
}

func TestDefaultsOfTheConfig(t *testing.T) {
	c := configOf(t)
	if len(c.ID2Meta.Endpoints) != 0 || c.ID2Meta.PerSecond != 45 {
		t.Errorf("ID2Meta = %+v", c.ID2Meta)
	}
	wantTimeouts(t, c)
	if NewServiceContext(c).Verifier == nil {
		t.Error("no Verifier")
	}
}

// A question that go-zero cuts off may have been billed, and nobody has its verdict.
func wantTimeouts(t *testing.T, c Config) {
	t.Helper()
	if whole := time.Duration(c.Timeout) * time.Millisecond; c.ID2Meta.Timeout != 2*time.Second || c.ID2Meta.Timeout >= whole {
		t.Errorf("a Verify may take %v, a request %v", c.ID2Meta.Timeout, whole)
	}
}

func TestConfigThatIsRefused(t *testing.T) {
	tests := []struct {
		line    string
		refused bool
	}{
		{"PerSecond: 1", false},
		{"PerSecond: 50", false},
		{"PerSecond: 0", true},
		{"PerSecond: 51", true},
		{"PerSecond: many", true},
		{"Timeout: 1500ms", false},
		{"Timeout: soon", true},
	}
	for _, test := range tests {
		t.Run(test.line, func(t *testing.T) {
			var c Config
			err := conf.LoadFromYamlBytes([]byte("Name: v\nPort: 1\nID2Meta: {"+test.line+"}"), &c)
			if refused := err != nil; refused != test.refused {
				t.Errorf("refused: %v (%v), want %v", refused, err, test.refused)
			}
		})
	}
}

func TestServiceContextThatCannotBeMade(t *testing.T) {
	logx.ExitOnFatal.Set(false)
	t.Cleanup(func() { logx.ExitOnFatal.Set(true) })
	log.SetOutput(io.Discard) // logx.Must writes there too
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	c := configOf(t, `ID2Meta: {Endpoints: ["https://cloudauth.aliyuncs.com"]}`)
	defer func() {
		if msg, _ := recover().(string); !strings.Contains(msg, "WithEndpoints: endpoint 1") {
			t.Errorf("panic %q does not name the endpoint", msg)
		}
	}()
	NewServiceContext(c)
}

// Endpoints come from the configuration, the credential from the environment, as in
// production. Only the simulator's certificate needs an option.
func TestEndpointsOfTheConfigAreAskedInTheirOrder(t *testing.T) {
	simulator := id2metatest.NewServer()
	defer simulator.Close()
	simulator.AddPerson(name, number)
	t.Setenv("HOME", t.TempDir())
	t.Setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", id2metatest.AccessKeyID)
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", id2metatest.AccessKeySecret)

	c := configOf(t, withoutLog, "ID2Meta:", "  Endpoints:", "  - "+deadEndpoint(t), "  - "+simulator.Endpoint())
	server := serve(t, NewServer(c, id2meta.WithHTTPClient(simulator.Client())))

	if status, answer := post(t, server, person); status != http.StatusOK || answer != `{"verdict":"match"}` {
		t.Errorf("answered %d %s", status, answer)
	}
	if calls := len(simulator.Calls()); calls != 1 {
		t.Errorf("%d calls, want 1", calls)
	}
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
	c := configOf(t, withoutLog, "ID2Meta: {PerSecond: 1, Timeout: 500ms}")
	server := serve(t, NewServer(c, simulator.Options()...))

	// The first request is answered, and the second is refused: its turn comes after its
	// timeout. On a busy machine, a request may end by its timeout for another reason.
	verdicts, refusals, started := 0, 0, time.Now()
	for verdicts == 0 || refusals == 0 {
		switch status, answer := post(t, server, person); status {
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
