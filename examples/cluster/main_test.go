package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9/logging"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// TestMain also is the worker process: the demonstration starts its own
// executable again, which here is the test.
func TestMain(m *testing.M) {
	logging.Disable()
	if slices.Contains(os.Args, "-endpoint") {
		main()
		return
	}
	os.Exit(hermetic(m))
}

// hermetic keeps the tests from this machine's own Redis, credentials and
// metadata service, and makes this process trust the simulator.
func hermetic(m *testing.M) int {
	dir, err := os.MkdirTemp("", "id2meta-cluster-test-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	simulator := id2metatest.NewServer() // each has the same certificate
	defer simulator.Close()
	certificate := filepath.Join(dir, "simulator.pem")
	if err := os.WriteFile(certificate, simulator.CertificatePEM(), 0o600); err != nil {
		panic(err)
	}
	for name, value := range map[string]string{
		"HOME": dir, "SSL_CERT_FILE": certificate, "REDIS_URL": "",
		"ALIBABA_CLOUD_ACCESS_KEY_ID":         id2metatest.AccessKeyID,
		"ALIBABA_CLOUD_ACCESS_KEY_SECRET":     id2metatest.AccessKeySecret,
		"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
	} {
		os.Setenv(name, value)
	}
	return m.Run()
}

// newTestRedis starts a redis-server that ends with the test.
func newTestRedis(t *testing.T) *redisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed; on Debian: apt-get install redis-server")
	}
	server, err := startRedis(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.stop)
	return server
}

func newSimulator(t *testing.T) *id2metatest.Server {
	t.Helper()
	simulator := id2metatest.NewServer()
	t.Cleanup(simulator.Close)
	simulator.AddPerson(sampleName, sampleNumber)
	return simulator
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// Each process has one caller here, so that never more than four requests are
// between the limiter and the simulator. That makes the upper bound hold however
// busy this machine is: in any second Redis grants at most 50, and the four that
// were on their way when it began may arrive as well.
func TestFourProcessesAtFullSpeed(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 s")
	}
	redis, simulator := newTestRedis(t), newSimulator(t)
	c := config{
		redis: redis.url, key: "test", whenDown: "closed",
		processes: 4, workers: 1, duration: 20 * time.Second,
	}
	var log logBuffer
	workers, err := startWorkers(t.Context(), c, simulator, &log)
	if err != nil {
		t.Fatal(err)
	}
	defer workers.stop()
	<-workers.done
	if workers.err != nil {
		t.Fatalf("%v\n%s", workers.err, log.String())
	}
	calls := simulator.Calls()
	if len(calls) == 0 {
		t.Fatalf("no request arrived\n%s", log.String())
	}

	t.Run("never more than 50 and the burst of 4 arrive in any second", func(t *testing.T) {
		most := mostInOneSecond(calls)
		t.Logf("%d at most", most)
		if most > 50+4 {
			t.Errorf("%d requests in one second, more than 54", most)
		}
	})
	t.Run("at least 45 a second arrive in the mean", func(t *testing.T) {
		// On a busy machine, Redis may not answer within 250 ms, and then no request is sent.
		without := secondsWithoutRedis(log.String(), calls[0].Time, int(c.duration.Seconds()))
		n := 0
		for _, call := range calls {
			if after := call.Time.Sub(calls[0].Time); after < c.duration && !without[int(after.Seconds())] {
				n++
			}
		}
		seconds := int(c.duration.Seconds()) - len(without)
		rate := float64(n) / float64(seconds)
		t.Logf("%.2f a second in %d seconds", rate, seconds)
		if seconds < 5 || rate < 45 {
			t.Errorf("%.2f requests a second\n%s", rate, log.String())
		}
	})
	t.Run("every process gets a share", func(t *testing.T) {
		by := map[string]int{}
		for _, call := range calls {
			by[call.AccessKeyID]++
		}
		t.Log(by)
		for i := range c.processes {
			if n := by[accessKeyID(i)]; n < len(calls)/c.processes/4 {
				t.Errorf("%s sent %d of %d requests", accessKeyID(i), n, len(calls))
			}
		}
	})
	t.Run("every request is answered", func(t *testing.T) {
		for _, call := range calls {
			if call.BizCode != id2meta.BizCodeMatch {
				t.Fatalf("one was answered %s", call.Outcome)
			}
		}
	})
}

var redisLine = regexp.MustCompile(`time=(\S+) .*msg="Redis is (down|back).* process=(\d+)`)

// secondsWithoutRedis returns those of the n seconds from start in which a process did not reach
// Redis, by the log, and the seconds right before and after.
func secondsWithoutRedis(log string, start time.Time, n int) map[int]bool {
	without, down := map[int]bool{}, map[string]time.Time{}
	for _, line := range redisLine.FindAllStringSubmatch(log, -1) {
		at, err := time.Parse(time.RFC3339, line[1])
		if err != nil {
			panic(err)
		}
		process := line[3]
		if line[2] == "down" {
			down[process] = at
			continue
		}
		from := int(down[process].Sub(start).Seconds()) - 1
		for second := max(from, 0); second <= min(int(at.Sub(start).Seconds())+1, n-1); second++ {
			without[second] = true
		}
	}
	return without
}

func TestSecondsWithoutRedis(t *testing.T) {
	start := time.Date(2026, 11, 27, 0, 15, 10, 0, time.UTC)
	log := `time=2026-11-27T00:15:16.792Z level=WARN msg="Redis is down: failing closed, no request is sent" process=1 error="x"
time=2026-11-27T00:15:17.154Z level=WARN msg="Redis is down: failing closed, no request is sent" process=2 error="x"
time=2026-11-27T00:15:18.268Z level=INFO msg="Redis is back: the limit is shared again" process=1
time=2026-11-27T00:15:19.257Z level=INFO msg="Redis is back: the limit is shared again" process=2
`
	want := map[int]bool{5: true, 6: true, 7: true, 8: true, 9: true}
	if got := secondsWithoutRedis(log, start, 10); !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if got := secondsWithoutRedis("", start, 10); len(got) > 0 {
		t.Errorf("%v", got)
	}
}

func TestDemonstration(t *testing.T) {
	for _, test := range []struct{ whenDown, says string }{
		{"open", "failing open"},
		{"closed", "failing closed"},
	} {
		t.Run("shows what happens when Redis dies and the processes fail "+test.whenDown, func(t *testing.T) {
			newTestRedis(t).stop() // or skip
			var out bytes.Buffer
			var log logBuffer
			err := run(t.Context(), []string{"-processes", "2", "-workers", "2", "-duration", "2s",
				"-stop-redis-after", "1s", "-when-redis-is-down", test.whenDown}, nil, &out, &log)
			if err != nil {
				t.Fatalf("%v\n%s", err, log.String())
			}
			for _, want := range []string{"simulator", "process-2", "redis-server killed", "in the mean", "at most in any one second"} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("the output lacks %q:\n%s", want, out.String())
				}
			}
			if n := strings.Count(log.String(), test.says); n != 2 {
				t.Errorf("%d processes say %q, want 2:\n%s", n, test.says, log.String())
			}
			if all := out.String() + log.String(); strings.Contains(all, sampleName) || strings.Contains(all, sampleNumber) {
				t.Errorf("the person is in the output:\n%s", all)
			}
		})
	}
	t.Run("says how to get a redis-server where there is none", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		err := run(t.Context(), nil, nil, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "apt-get install redis-server") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("uses the Redis that is given and leaves it running", func(t *testing.T) {
		redis := newTestRedis(t)
		var out bytes.Buffer
		var log logBuffer
		err := run(t.Context(), []string{"-redis", redis.url, "-processes", "1", "-duration", "200ms"}, nil, &out, &log)
		if err != nil {
			t.Fatalf("%v\n%s", err, log.String())
		}
		client, _ := newRedis(redis.url)
		defer client.Close()
		if err := client.Ping(t.Context()).Err(); err != nil {
			t.Error(err)
		}
	})
	t.Run("ends its processes when it is interrupted", func(t *testing.T) {
		redis := newTestRedis(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		started := time.Now()
		err := run(ctx, []string{"-redis", redis.url, "-duration", "1m"}, nil, io.Discard, io.Discard)
		if err == nil || time.Since(started) > 20*time.Second {
			t.Errorf("after %v: %v", time.Since(started), err)
		}
	})
}

func TestCSV(t *testing.T) {
	redis, simulator := newTestRedis(t), newSimulator(t)
	c := config{redis: redis.url, key: "test", whenDown: "closed", workers: 2, endpoint: simulator.Endpoint()}
	people := fmt.Sprintf("%s,%s\n李四,%s\n%s,110105194912310021\n", sampleName, sampleNumber, sampleNumber, sampleName)
	var out bytes.Buffer
	var log logBuffer
	if err := verifyCSV(t.Context(), c, strings.NewReader(people), &out, log.logger()); err != nil {
		t.Fatal(err)
	}
	t.Run("each line has its verdict or its error", func(t *testing.T) {
		for _, want := range []string{"line 1: match\n", "line 2: mismatch\n", "line 3: id2meta: invalid IdentifyNum"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("the output lacks %q:\n%s", want, out.String())
			}
		}
	})
	t.Run("the person is neither in the output nor in the log", func(t *testing.T) {
		for _, secret := range []string{sampleName, "李四", sampleNumber, "110105194912310021"} {
			if strings.Contains(out.String()+log.String(), secret) {
				t.Errorf("%s%s", out.String(), log.String())
			}
		}
	})
	t.Run("a line that is no person is an error without it", func(t *testing.T) {
		err := verifyCSV(t.Context(), c, strings.NewReader(sampleName+";"+sampleNumber+"\n"), io.Discard, log.logger())
		if err == nil || strings.Contains(err.Error(), sampleNumber) {
			t.Errorf("error %v", err)
		}
	})
}

func TestFlags(t *testing.T) {
	for name, test := range map[string]struct{ args, want string }{
		"an unknown way to fail is refused":              {"-when-redis-is-down sideways", "open or closed"},
		"a live worker without Redis is refused":         {"-live", "-redis"},
		"no worker is refused":                           {"-workers 0", "positive"},
		"an argument is refused":                         {"people.csv", "people.csv"},
		"somebody else's Redis cannot be killed":         {"-redis redis://127.0.0.1:1/0 -stop-redis-after 1s", "-stop-redis-after"},
		"an address of another form is refused":          {"-redis 127.0.0.1:1 -live", "redis://host:6379"},
		"a wrong address is refused without its secrets": {"-redis http://u:hunter2@127.0.0.1:1 -live", "redis://host:6379"},
	} {
		t.Run(name, func(t *testing.T) {
			err := run(t.Context(), strings.Fields(test.args), strings.NewReader(""), io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestMostInOneSecond(t *testing.T) {
	for name, test := range map[string]struct {
		at   []int // milliseconds
		want int
	}{
		"nothing arrived":                         {nil, 0},
		"a whole second apart is not one second":  {[]int{0, 1000}, 1},
		"a window may begin at any request":       {[]int{0, 600, 700, 1500, 1599}, 4},
		"the fullest of several windows is found": {[]int{0, 10, 5000, 5001, 5002, 9000}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			var calls []id2metatest.Call
			for _, at := range test.at {
				calls = append(calls, id2metatest.Call{Time: time.UnixMilli(int64(at))})
			}
			if got := mostInOneSecond(calls); got != test.want {
				t.Errorf("%d, want %d", got, test.want)
			}
		})
	}
}
