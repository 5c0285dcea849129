package redislimiter

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/id2meta/id2meta"
)

// A worker is a process of its own: this test program, started again with these
// variables. It asks its Limiter at full speed until its standard input is closed, and
// prints the time of each grant.
const (
	workerRedis = "REDISLIMITER_WORKER_REDIS"
	workerOpen  = "REDISLIMITER_WORKER_OPEN" // "true": WithFailOpen
	workerLimit = "REDISLIMITER_WORKER_DAILY_LIMIT"
)

// work is the worker.
func work(dsn string) error {
	options, err := redis.ParseURL(dsn)
	if err != nil {
		return err
	}
	options.ContextTimeoutEnabled = true
	client := redis.NewClient(options)
	defer client.Close()
	opts := []Option{WithLogger(slog.New(slog.NewTextHandler(os.Stderr, nil)))}
	if os.Getenv(workerOpen) == "true" {
		opts = append(opts, WithFailOpen())
	}
	if n, err := strconv.Atoi(os.Getenv(workerLimit)); err == nil {
		opts = append(opts, WithDailyLimit(n))
	}
	limiter, err := New(client, "test", opts...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		bufio.NewReader(os.Stdin).ReadByte() // until it is closed
		cancel()
	}()
	for {
		switch err := limiter.Wait(ctx); {
		case err == nil:
			fmt.Println(time.Now().UnixNano())
		case ctx.Err() != nil, errors.Is(err, id2meta.ErrDailyLimit):
			return nil
		case !errors.Is(err, id2meta.ErrUnavailable):
			return err
		default:
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// workers are running workers.
type workers struct {
	t     *testing.T
	log   logBuffer
	stops []func()
	group sync.WaitGroup

	mu     sync.Mutex
	grants [][]time.Time // of each worker
}

func startWorkers(t *testing.T, server redisServer, n int, env ...string) *workers {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := &workers{t: t, grants: make([][]time.Time, n)}
	for i := range n {
		command := exec.CommandContext(t.Context(), program)
		command.Env = append(os.Environ(), append(env, workerRedis+"="+server.DSN())...)
		command.Stderr = &w.log
		stdin, err := command.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		w.stops = append(w.stops, func() { stdin.Close() })
		w.group.Go(func() {
			for lines := bufio.NewScanner(stdout); lines.Scan(); {
				ns, err := strconv.ParseInt(lines.Text(), 10, 64)
				if err != nil {
					t.Error(err)
				}
				w.mu.Lock()
				w.grants[i] = append(w.grants[i], time.Unix(0, ns))
				w.mu.Unlock()
			}
			if err := command.Wait(); err != nil {
				t.Errorf("worker %d: %v", i, err)
			}
		})
	}
	t.Cleanup(func() { w.stop() })
	return w
}

// stop ends the workers.
func (w *workers) stop() {
	for _, stop := range w.stops {
		stop()
	}
	w.wait()
}

// wait waits until the workers have ended.
func (w *workers) wait() { w.group.Wait() }

// between returns how many requests each worker was granted in a time.
func (w *workers) between(from, to time.Time) (each []int, all []time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, grants := range w.grants {
		in := slices.DeleteFunc(slices.Clone(grants), func(g time.Time) bool { return g.Before(from) || !g.Before(to) })
		each, all = append(each, len(in)), append(all, in...)
	}
	slices.SortFunc(all, time.Time.Compare)
	return each, all
}

// mostInOneSecond returns the most times in any second, wherever it begins.
func mostInOneSecond(times []time.Time) int {
	most, oldest := 0, 0
	for newest := range times {
		for times[newest].Sub(times[oldest]) >= time.Second {
			oldest++
		}
		most = max(most, newest-oldest+1)
	}
	return most
}

// Redis grants at most 50 requests in any second. A worker that was granted a request
// may print the time late, and then the request counts in the next second: one request
// for each worker.
func TestProcessesShareOneLimitWhileRedisDies(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 s")
	}
	const processes = 4
	t.Run("closed: nothing is granted until Redis is back, and never more than the limit", func(t *testing.T) {
		server := newTestRedis(t)
		w := startWorkers(t, server, processes)
		time.Sleep(5 * time.Second)
		healthy := !strings.Contains(w.log.String(), "Redis is down") // it may not answer in time on a busy machine
		server.Kill()
		killed := time.Now()
		time.Sleep(3 * time.Second)
		server.Start()
		back := time.Now()
		time.Sleep(5 * time.Second)
		w.stop()

		end := time.Now()
		each, before := w.between(time.Time{}, killed)
		_, during := w.between(killed.Add(time.Second), back.Add(-time.Second))
		eachAfter, after := w.between(back, end)
		_, all := w.between(time.Time{}, end)
		t.Logf("before %v, without Redis %d, after %v, at most %d in a second", each, len(during), eachAfter, mostInOneSecond(all))
		if len(during) > 0 {
			t.Errorf("%d requests were granted without Redis", len(during))
		}
		if most := mostInOneSecond(all); most > 50+processes {
			t.Errorf("%d requests in one second", most)
		}
		if len(before) < 2*47 || len(after) < 2*47 {
			t.Fatalf("%d requests before, %d after\n%s", len(before), len(after), w.log.String())
		}
		rate := float64(len(before)-1) / before[len(before)-1].Sub(before[0]).Seconds()
		t.Logf("%.1f requests a second before", rate)
		if healthy && rate < 45 {
			t.Errorf("%.1f requests a second", rate)
		}
		for i := range processes {
			if each[i]+eachAfter[i] < (len(before)+len(after))/processes/4 {
				t.Errorf("worker %d was granted %d and %d requests", i, each[i], eachAfter[i])
			}
		}
		for _, text := range []string{"Redis is down: failing closed", "Redis is back"} {
			if n := strings.Count(w.log.String(), text); n < processes {
				t.Errorf("%d workers say %q:\n%s", n, text, w.log.String())
			}
		}
	})
	t.Run("open: each process goes on with a limit of its own, until Redis is back", func(t *testing.T) {
		server := newTestRedis(t)
		w := startWorkers(t, server, processes, workerOpen+"=true")
		time.Sleep(2 * time.Second)
		server.Kill()
		killed := time.Now()
		time.Sleep(4 * time.Second)
		up := time.Now()
		server.Start()
		time.Sleep(3 * time.Second) // one for the pause before Redis is asked again
		back := time.Now()
		time.Sleep(3 * time.Second)
		w.stop()

		each, during := w.between(killed.Add(time.Second), up)
		_, after := w.between(back, time.Now())
		t.Logf("without Redis %v, after: at most %d in a second", each, mostInOneSecond(after))
		if most := mostInOneSecond(during); most > processes*(50+1) {
			t.Errorf("%d requests in one second without Redis", most)
		}
		for i, n := range each {
			if n < 47 {
				t.Errorf("worker %d was granted only %d requests in 3 s\n%s", i, n, w.log.String())
			}
		}
		if most := mostInOneSecond(after); most > 50+processes || len(after) < 47 {
			t.Errorf("%d requests in one second, %d in all, after Redis was back", most, len(after))
		}
		for _, text := range []string{"Redis is down: failing open", "Redis is back"} {
			if n := strings.Count(w.log.String(), text); n < processes {
				t.Errorf("%d workers say %q:\n%s", n, text, w.log.String())
			}
		}
	})
}

func TestProcessesShareOneDailyLimit(t *testing.T) {
	server := newTestRedis(t)
	for _, want := range []int{60, 0} { // the second time all processes are new
		w := startWorkers(t, server, 2, workerLimit+"=60")
		w.wait() // they end when the limit is reached
		_, all := w.between(time.Time{}, time.Now())
		if len(all) != want {
			t.Errorf("%d requests were granted, want %d", len(all), want)
		}
	}
	limiter := mustNew(t, newTestClient(t, server, nil), "test")
	wantToday(t, limiter, 60)
}
