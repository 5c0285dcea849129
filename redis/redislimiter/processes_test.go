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
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
)

// A worker is a process of its own: this test program, started again with these
// variables. It asks its Limiter at full speed until its standard input is closed, and
// prints the time of each grant.
const (
	workerRedis = "REDISLIMITER_WORKER_REDIS"
	workerOpen  = "REDISLIMITER_WORKER_OPEN" // "true": WithFailOpen
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
		case ctx.Err() != nil:
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
	require.NoError(t, err)
	w := &workers{t: t, grants: make([][]time.Time, n)}
	for i := range n {
		command := exec.CommandContext(t.Context(), program)
		command.Env = append(os.Environ(), append(env, workerRedis+"="+server.DSN())...)
		command.Stderr = &w.log
		stdin, err := command.StdinPipe()
		require.NoError(t, err)
		stdout, err := command.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, command.Start())
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
	w.group.Wait()
}

// wantAllSay requires that each worker has logged the texts.
func (w *workers) wantAllSay(texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		assert.GreaterOrEqual(w.t, strings.Count(w.log.String(), text), len(w.grants), "%q in the log:\n%s", text, &w.log)
	}
}

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
func TestProcessesShareOneLimitWhileRedisFails(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 30 s")
	}
	const processes, most = 4, 50 + 4
	for _, test := range []struct {
		name, env, says string
		open            bool
		fail, mend      func(redisServer)
	}{
		{"closed: nothing is granted until Redis is started again", workerOpen + "=", "Redis is down: failing closed", false,
			func(r redisServer) { r.Kill() }, func(r redisServer) { r.Start() }},
		{"open: each process goes on with a limit of its own while Redis hangs", workerOpen + "=true", "Redis is down: failing open", true,
			redisServer.hang, redisServer.resume},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := newTestRedis(t)
			w := startWorkers(t, server, processes, test.env)
			time.Sleep(4 * time.Second)
			test.fail(server)
			failed := time.Now()
			time.Sleep(4 * time.Second)
			up := time.Now()
			test.mend(server)
			time.Sleep(3 * time.Second) // one for the pause before Redis is asked again
			back := time.Now()
			time.Sleep(3 * time.Second)
			w.stop()
			// On a busy machine Redis may not answer in time at other moments, too.
			calm := strings.Count(w.log.String(), "Redis is down") == processes

			each, before := w.between(time.Time{}, failed)
			eachDuring, during := w.between(failed.Add(time.Second), up)
			eachAfter, after := w.between(back, time.Now())
			t.Logf("before %v, without Redis %v, after %v; at most %d, %d and %d in a second", each, eachDuring, eachAfter,
				mostInOneSecond(before), mostInOneSecond(during), mostInOneSecond(after))
			require.GreaterOrEqual(t, len(before), 2*47, &w.log)
			require.GreaterOrEqual(t, len(after), 47, &w.log)
			if rate := float64(len(before)-1) / before[len(before)-1].Sub(before[0]).Seconds(); calm {
				assert.GreaterOrEqual(t, rate, 45.0, "a second, before")
			}
			if calm || !test.open {
				assert.LessOrEqual(t, mostInOneSecond(before), most)
				assert.LessOrEqual(t, mostInOneSecond(after), most)
			}
			for i := range processes {
				assert.GreaterOrEqual(t, each[i]+eachAfter[i], (len(before)+len(after))/processes/4, "granted to worker %d", i)
				if test.open {
					assert.GreaterOrEqual(t, eachDuring[i], 47, "granted to worker %d in 3 s without Redis\n%s", i, &w.log)
				}
			}
			if test.open {
				assert.LessOrEqual(t, mostInOneSecond(during), processes*(50+1), "without Redis")
			} else {
				_, all := w.between(time.Time{}, time.Now())
				assert.Empty(t, during, "granted without Redis")
				assert.LessOrEqual(t, mostInOneSecond(all), most)
			}
			w.wantAllSay(test.says, "Redis is back")
		})
	}
}
