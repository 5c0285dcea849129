package main

import (
	"debug/elf"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// dockerfile returns what comes after a word in the Dockerfile, line by line.
func dockerfile(t *testing.T, word string) (lines []string) {
	t.Helper()
	content, err := os.ReadFile("Dockerfile")
	require.NoError(t, err)
	for line := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(line, word+" "); ok {
			lines = append(lines, strings.TrimSpace(rest))
		}
	}
	return lines
}

// There is no daemon where the tests run. But what the Dockerfile says can be done
// without one.
func TestDockerfile(t *testing.T) {
	t.Run("it builds with the version of Go that the module asks for", func(t *testing.T) {
		module, err := os.ReadFile("go.mod")
		require.NoError(t, err)
		version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(module))[1]
		require.Contains(t, dockerfile(t, "FROM"), "golang:"+version+" AS build")
	})
	t.Run("it builds where this module lies", func(t *testing.T) {
		require.Equal(t, []string{"/src/examples/withdraw"}, dockerfile(t, "WORKDIR"))
		require.Equal(t, []string{". /src", "--from=build /withdraw /usr/local/bin/withdraw"}, dockerfile(t, "COPY"))
		require.FileExists(t, "../../examples/withdraw/Dockerfile")
	})
	t.Run("it does not run as root", func(t *testing.T) {
		require.Equal(t, []string{"65532:65532"}, dockerfile(t, "USER"))
	})
	t.Run("what it builds is static and starts", func(t *testing.T) {
		if testing.Short() || runtime.GOOS != "linux" {
			t.Skip("builds the program, for Linux")
		}
		run := dockerfile(t, "RUN")
		require.Len(t, run, 1)
		program := filepath.Join(t.TempDir(), "withdraw")
		require.Contains(t, run[0], "-o /withdraw ")
		build := exec.Command("sh", "-c", strings.Replace(run[0], "-o /withdraw ", "-o "+program+" ", 1))
		output, err := build.CombinedOutput()
		require.NoError(t, err, "%s", output)

		file, err := elf.Open(program)
		require.NoError(t, err)
		defer file.Close()
		for _, segment := range file.Progs {
			require.NotEqual(t, elf.PT_INTERP, segment.Type, "it needs a loader")
		}
		_, err = file.DWARF()
		require.Error(t, err, "it is stripped")
		help := exec.Command(program, "-h")
		help.Env = []string{} // as in a container: none of this machine's
		output, err = help.CombinedOutput()
		require.NoError(t, err)
		require.Contains(t, string(output), hashKeyVariable)
	})
}

func TestCompose(t *testing.T) {
	content, err := os.ReadFile("compose.yaml")
	require.NoError(t, err)
	var compose struct {
		Services map[string]struct {
			Image, Restart string
			Build          struct{ Context, Dockerfile string }
			Command        []string
			Environment    map[string]string
			Deploy         struct{ Replicas int }
			Ports, Volumes []string
			DependsOn      map[string]struct{ Condition string } `yaml:"depends_on"`
			Healthcheck    struct {
				Test              []string
				Interval, Timeout string
			}
			ReadOnly        bool     `yaml:"read_only"`
			CapDrop         []string `yaml:"cap_drop"`
			StopGracePeriod string   `yaml:"stop_grace_period"`
		}
		Volumes map[string]struct{}
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(content)))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&compose))
	service := compose.Services["withdraw"]

	t.Run("there are three replicas, on as many ports of this machine only", func(t *testing.T) {
		require.Equal(t, 3, service.Deploy.Replicas)
		require.Equal(t, []string{"127.0.0.1:8080-8082:8080"}, service.Ports)
	})
	t.Run("the Dockerfile is where it says", func(t *testing.T) {
		require.FileExists(t, filepath.Join(service.Build.Context, service.Build.Dockerfile))
	})
	t.Run("the program takes its command, which names the other services", func(t *testing.T) {
		c, err := parse(service.Command, io.Discard)
		require.NoError(t, err)
		require.True(t, c.live)
		for address, name := range map[string]string{c.db: "postgres", c.redis: "redis"} {
			u, err := url.Parse(address)
			require.NoError(t, err)
			require.Equal(t, name, u.Hostname())
			require.Contains(t, compose.Services, name)
			require.Equal(t, "service_healthy", service.DependsOn[name].Condition)
		}
		u, err := url.Parse(c.db)
		require.NoError(t, err)
		require.Equal(t, compose.Services["postgres"].Environment["POSTGRES_USER"], u.User.Username())
		require.Equal(t, "/"+compose.Services["postgres"].Environment["POSTGRES_DB"], u.Path)
	})
	t.Run("the program knows its variables", func(t *testing.T) {
		require.Contains(t, service.Environment, hashKeyVariable)
		require.Contains(t, service.Environment, dbPasswordVariable)
	})
	t.Run("all secrets come from outside", func(t *testing.T) {
		for name, s := range compose.Services {
			for variable, value := range s.Environment {
				if !regexp.MustCompile(`PASSWORD|SECRET|KEY`).MatchString(variable) {
					continue
				}
				require.Regexp(t, `^\$\{[A-Z_]+:\?.*\}$`, value, "%s of %s", variable, name)
			}
			require.NotRegexp(t, `://[^/]*:[^/]*@`, strings.Join(s.Command, " "))
		}
	})
	t.Run("each service is watched and started again", func(t *testing.T) {
		require.Len(t, compose.Services, 3)
		for name, s := range compose.Services {
			require.NotEmpty(t, s.Healthcheck.Test, name)
			require.Equal(t, "CMD", s.Healthcheck.Test[0], name)
			require.Equal(t, "unless-stopped", s.Restart, name)
		}
		require.Contains(t, service.Healthcheck.Test, "http://127.0.0.1:8080/readyz")
	})
	t.Run("a replica has the time to end its requests", func(t *testing.T) {
		grace, err := time.ParseDuration(service.StopGracePeriod)
		require.NoError(t, err)
		require.Greater(t, grace, shutdownTimeout)
	})
	t.Run("what is paid outlives the containers", func(t *testing.T) {
		volume, _, _ := strings.Cut(compose.Services["postgres"].Volumes[0], ":")
		require.Contains(t, compose.Volumes, volume)
	})
}
