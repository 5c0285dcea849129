package kratos

import (
	"io"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-kratos/kratos/v2"
	"github.com/go-kratos/kratos/v2/config"
	"github.com/go-kratos/kratos/v2/config/file"
	"github.com/go-kratos/kratos/v2/log"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/examples/frameworks/internal/recipetest"
)

// configFile reads the configuration of the recipe, as main does.
func configFile(t *testing.T) Config {
	t.Helper()
	// It is not closed: the goroutine that watches the file would then use Kratos' global
	// logger, without a lock, while the next test sets it.
	source := config.New(config.WithSource(file.NewSource("configs/config.yaml")))
	if err := source.Load(); err != nil {
		t.Fatal(err)
	}
	var whole struct{ Verify Config }
	if err := source.Scan(&whole); err != nil {
		t.Fatal(err)
	}
	return whole.Verify
}

// serve runs the server in an app, as main does, on a free port of loopback.
func serve(t *testing.T, to io.Writer, c Config, verifier id2meta.Verifier) recipetest.Service {
	t.Helper()
	c.Addr = "127.0.0.1:0"
	logger := log.NewStdLogger(to)
	server := NewServer(c, verifier, logger)
	endpoint, err := server.Endpoint() // listens
	if err != nil {
		t.Fatal(err)
	}
	app := kratos.New(kratos.Logger(logger), kratos.Server(server))
	ended := make(chan error, 1)
	go func() { ended <- app.Run() }()
	stop := sync.OnceFunc(func() {
		if err := app.Stop(); err != nil {
			t.Errorf("Stop: %v", err)
		}
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return recipetest.Service{URL: endpoint.Scheme + "://" + endpoint.Host + "/v1/verify", Stop: stop}
}

func TestRecipe(t *testing.T) {
	c := configFile(t)
	recipetest.Run(t, func(t *testing.T, log io.Writer, opts ...id2meta.Option) recipetest.Service {
		verifier, cleanup, err := NewVerifier(c, append(opts, id2meta.WithTimeout(500*time.Millisecond))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cleanup)
		return serve(t, log, c, verifier)
	}, func(t *testing.T, log io.Writer, verifier id2meta.Verifier) recipetest.Service {
		return serve(t, log, c, verifier)
	})
}

func TestConfigFile(t *testing.T) {
	c := configFile(t)
	if want := []string{id2meta.EndpointDefault, id2meta.EndpointShanghai, id2meta.EndpointBeijing}; !reflect.DeepEqual(c.Endpoints, want) {
		t.Errorf("endpoints = %q, want %q", c.Endpoints, want)
	}
	// A call that the server cuts off may have been billed, and nobody has its verdict.
	if c.VerifyTimeoutMS != 2000 || c.VerifyTimeoutMS >= c.TimeoutMS {
		t.Errorf("a Verify may take %d ms, a request %d ms", c.VerifyTimeoutMS, c.TimeoutMS)
	}
	if _, _, err := NewVerifier(c); err != nil {
		t.Errorf("refused: %v", err)
	}
}

func TestConfigThatIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Config)
		reason string
	}{
		"per_second is missing":        {func(c *Config) { c.PerSecond = 0 }, "per_second"},
		"endpoints are missing":        {func(c *Config) { c.Endpoints = nil }, "WithEndpoints"},
		"verify_timeout_ms is missing": {func(c *Config) { c.VerifyTimeoutMS = 0 }, "WithTimeout"},
	} {
		t.Run(name, func(t *testing.T) {
			c := configFile(t)
			test.change(&c)
			verifier, cleanup, err := NewVerifier(c)
			if err == nil || !strings.Contains(err.Error(), test.reason) || verifier != nil || cleanup != nil {
				t.Errorf("error %v does not say %q, or there is a Verifier beside it", err, test.reason)
			}
		})
	}
}
