package redislimiter

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// soon is far less than the waits that these tests cut short, and far more than
// a busy machine needs.
const soon = 3 * time.Second

// today returns the day in China, as it stands in Redis.
func today() int64 { return (time.Now().Unix() + secondsEastOfUTC) / secondsOfDay }

// in returns a time as it stands in Redis.
func in(d time.Duration) int64 { return time.Now().Add(d).UnixMicro() }

// hold stores a state of the limit.
func hold(t *testing.T, client *redis.Client, usedUntil, day, sent any) {
	t.Helper()
	require.NoError(t, client.HSet(t.Context(), "test", "used_until", usedUntil, "day", day, "sent", sent).Err())
}

// exhaust uses up the shared limit for the next d.
func exhaust(t *testing.T, client *redis.Client, d time.Duration) {
	t.Helper()
	hold(t, client, in(d), today(), 0)
}

func TestWait(t *testing.T) {
	server := newTestRedis(t)

	t.Run("a wait ends when it is cancelled", func(t *testing.T) {
		limiter, client, _ := newTestLimiter(t, server)
		exhaust(t, client, 8*time.Second)
		requireCanceled(t, limiter)
	})
	t.Run("a caller in the queue can be cancelled", func(t *testing.T) {
		limiter, client, _ := newTestLimiter(t, server)
		exhaust(t, client, 8*time.Second)
		first, stop := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { limiter.Wait(first) })
		defer group.Wait()
		defer stop()
		for len(limiter.turn) == 0 {
			time.Sleep(time.Millisecond)
		}
		requireCanceled(t, limiter)
	})
	t.Run("a caller behind too long a queue is refused at once", func(t *testing.T) {
		limiter, client, _ := newTestLimiter(t, server)
		exhaust(t, client, 0)
		limiter.waiting.Add(60 * defaultPerSecond)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		assert.ErrorIs(t, limiter.Wait(ctx), errTooLate)
		limiter.waiting.Add(-60 * defaultPerSecond)
		assert.NoError(t, limiter.Wait(ctx), "with nobody ahead")
	})
}

// A Limiter refuses a caller at once whose wait does not fit into the deadline, and
// reserves nothing for it: the next caller with time enough waits as long as if the other
// had not been there.
func TestARefusedCallerUsesNothing(t *testing.T) {
	server := newTestRedis(t)
	limiter, client, _ := newTestLimiter(t, server)
	exhaust(t, client, 8*time.Second)
	before, err := client.HGetAll(t.Context(), "test").Result()
	require.NoError(t, err)
	started := time.Now()
	for range 100 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		assert.ErrorIs(t, limiter.Wait(ctx), errTooLate)
		cancel()
	}
	assert.Less(t, time.Since(started), soon)
	after, err := client.HGetAll(t.Context(), "test").Result()
	assert.NoError(t, err)
	assert.Equal(t, before, after)
	assert.Zero(t, limiter.waiting.Load(), "callers in the queue")
}

// In a rush on a limit that is shared, the queue of one process is slower than the
// limit alone tells. A caller that will not get its turn in time should hear so early.
func TestARushOnASharedLimitIsRefusedEarly(t *testing.T) {
	server := newTestRedis(t)
	const (
		processes = 4
		timeout   = 2 * time.Second
	)
	var granted, early, late atomic.Int64
	var group sync.WaitGroup
	for range processes {
		limiter := mustNew(t, newTestClient(t, server, nil), "test")
		group.Go(func() { // 40 callers a second, where 12 can be served
			for range 8 * 40 {
				group.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), timeout)
					defer cancel()
					started := time.Now()
					switch err := limiter.Wait(ctx); {
					case err == nil:
						granted.Add(1)
					case time.Since(started) < timeout/2:
						early.Add(1)
					default:
						late.Add(1)
					}
				})
				time.Sleep(time.Second / 40)
			}
		})
	}
	group.Wait()
	t.Logf("granted %d, refused early %d, refused late %d", granted.Load(), early.Load(), late.Load())
	assert.GreaterOrEqual(t, granted.Load(), int64(4*defaultPerSecond), "granted in 8 s")
	assert.GreaterOrEqual(t, early.Load(), late.Load(), "more are refused early than late")
}

// However many callers a process has, one of them asks Redis at a time.
func TestRedisIsAskedByOneCallerOfAProcess(t *testing.T) {
	server := newTestRedis(t)
	limiter, client, _ := newTestLimiter(t, server)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var granted atomic.Int64
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			for limiter.Wait(ctx) == nil {
				granted.Add(1)
			}
		})
	}
	group.Wait()
	asked := commands(t, client)
	assert.Positive(t, granted.Load())
	assert.LessOrEqual(t, asked, 3*granted.Load()+10, "commands for %d requests", granted.Load())
}

// Redis tells the same wait to all processes. If they asked again together, the process
// that is nearest to Redis would always be the first.
func TestProcessesThatWaitDoNotAskAgainTogether(t *testing.T) {
	client := redis.NewClient(&redis.Options{ContextTimeoutEnabled: true})
	defer client.Close()
	synctest.Test(t, func(t *testing.T) {
		const told = time.Second
		took := map[time.Duration]bool{}
		for range 20 {
			r := &scriptedRedis{client, [][]any{{"wait", told.Microseconds()}, aGrant}}
			started := time.Now()
			require.NoError(t, mustNew(t, r, "test").Wait(t.Context()))
			took[time.Since(started)] = true
		}
		for d := range took {
			assert.Greater(t, d, told)
			assert.LessOrEqual(t, d, told+time.Second/defaultPerSecond)
		}
		assert.Greater(t, len(took), 10, "different times")
	})
}

// failures are what the process sees of a Redis that died or that hangs.
var failures = map[string]func(redisServer){
	"is killed": func(r redisServer) { r.Kill() },
	"hangs":     redisServer.hang,
}

func TestRedisFails(t *testing.T) {
	start := func(t *testing.T, opts ...Option) (redisServer, *id2metatest.Server, *id2meta.Client, *logBuffer) {
		server, simulator := newTestRedis(t), newSimulator(t)
		limiter, _, log := newTestLimiter(t, server, opts...)
		client := newVerifier(t, simulator, limiter)
		for range 5 {
			if _, err := client.Verify(t.Context(), sample); err != nil {
				t.Fatalf("while Redis is up: %v", err)
			}
		}
		return server, simulator, client, log
	}
	for failure, fail := range failures {
		t.Run("open: Verify goes on when Redis "+failure, func(t *testing.T) {
			server, simulator, client, log := start(t, WithFailOpen())
			fail(server)
			// Had each caller to find out for itself, the last would wait for
			// 20 askTimeouts, which is 5 s.
			started := time.Now()
			var group sync.WaitGroup
			for range 20 {
				group.Go(func() {
					result, err := client.Verify(t.Context(), sample)
					if err != nil || !result.Match() {
						t.Errorf("%v, %v", result, err)
					}
				})
			}
			group.Wait()
			assert.Less(t, time.Since(started), soon)
			assert.Len(t, simulator.Calls(), 25)
			log.wantOnce(t, "Redis is down: failing open")
		})
		t.Run("closed: Verify says that it is unavailable and nothing is sent when Redis "+failure, func(t *testing.T) {
			server, simulator, client, log := start(t)
			fail(server)
			started := time.Now()
			for range 20 {
				_, err := client.Verify(t.Context(), sample)
				assert.ErrorIs(t, err, id2meta.ErrUnavailable)
				assert.NotErrorIs(t, err, id2meta.ErrThrottled)
				assert.NotErrorIs(t, err, context.DeadlineExceeded, "it is taken for the caller's deadline")
			}
			assert.Less(t, time.Since(started), soon)
			assert.Len(t, simulator.Calls(), 5)
			log.wantOnce(t, "Redis is down: failing closed")
		})
	}
}

// scriptedRedis answers with replies, and then hangs.
type scriptedRedis struct {
	*redis.Client
	replies [][]any
}

var aGrant = []any{"granted", int64(0)}

func (r *scriptedRedis) EvalSha(ctx context.Context, _ string, _ []string, _ ...any) *redis.Cmd {
	cmd := redis.NewCmd(ctx)
	if len(r.replies) == 0 {
		<-ctx.Done()
		cmd.SetErr(ctx.Err())
		return cmd
	}
	cmd.SetVal(r.replies[0])
	r.replies = r.replies[1:]
	return cmd
}

// A Client gives the Limiter what is left of a call, which may be less than the 250 ms
// that Redis may take.
func TestACallerWithLittleTimeWhileRedisHangs(t *testing.T) {
	const left = 200 * time.Millisecond
	wait := func(t *testing.T, limiter *Limiter, left time.Duration) (took time.Duration, err error) {
		ctx, cancel := context.WithTimeout(t.Context(), left)
		defer cancel()
		started := time.Now()
		err = limiter.Wait(ctx)
		return time.Since(started), err
	}
	for _, test := range []struct {
		name string
		opts []Option
		run  func(t *testing.T, limiter *Limiter, r *scriptedRedis, log *logBuffer)
	}{
		{"open: the caller goes on in time", []Option{WithFailOpen()}, func(t *testing.T, limiter *Limiter, _ *scriptedRedis, log *logBuffer) {
			took, err := wait(t, limiter, left)
			assert.NoError(t, err)
			assert.Equal(t, left/2, took)
			assert.Empty(t, log.String())
			for range 20 {
				_, err := wait(t, limiter, left)
				assert.NoError(t, err)
			}
			log.wantOnce(t, "Redis is down: failing open")
		}},
		{"closed: the caller hears the reason in time", nil, func(t *testing.T, limiter *Limiter, _ *scriptedRedis, log *logBuffer) {
			for range 20 {
				took, err := wait(t, limiter, left)
				assert.ErrorIs(t, err, id2meta.ErrUnavailable)
				assert.NotErrorIs(t, err, context.DeadlineExceeded)
				assert.LessOrEqual(t, took, left/2)
			}
			time.Sleep(retryAfter) // Redis is asked once more
			wait(t, limiter, left)
			log.wantOnce(t, "Redis is down: failing closed")
		}},
		{"a Redis that answers in between is not blamed", []Option{WithFailOpen()}, func(t *testing.T, limiter *Limiter, r *scriptedRedis, log *logBuffer) {
			for range 8 {
				_, err := wait(t, limiter, left)
				assert.NoError(t, err)
				r.replies = [][]any{aGrant}
				_, err = wait(t, limiter, left)
				assert.NoError(t, err)
			}
			assert.Empty(t, log.String())
		}},
		{"a caller without any time does not ask, and Redis is not blamed", []Option{WithFailOpen()}, func(t *testing.T, limiter *Limiter, _ *scriptedRedis, log *logBuffer) {
			for range 100 {
				_, err := wait(t, limiter, 0)
				assert.Error(t, err)
			}
			assert.Empty(t, log.String())
		}},
		{"a caller that is cancelled is not kept", []Option{WithFailOpen()}, func(t *testing.T, limiter *Limiter, _ *scriptedRedis, _ *logBuffer) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(20*time.Millisecond, cancel)
			started := time.Now()
			assert.ErrorIs(t, limiter.Wait(ctx), context.Canceled)
			assert.Equal(t, 20*time.Millisecond, time.Since(started))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := redis.NewClient(&redis.Options{ContextTimeoutEnabled: true})
			defer client.Close()
			synctest.Test(t, func(t *testing.T) {
				r, log := &scriptedRedis{client, nil}, new(logBuffer)
				test.run(t, mustNew(t, r, "test", append(test.opts, WithLogger(log.logger()))...), r, log)
			})
		})
	}
}

func eventually(t *testing.T, try func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// Whatever stands under the key, a Limiter neither spins nor grants without limit.
func TestAStoredValueThatIsNoStateOfTheLimit(t *testing.T) {
	server := newTestRedis(t)
	values := map[string]func(t *testing.T, client *redis.Client){
		"a word": func(t *testing.T, client *redis.Client) { client.Set(t.Context(), "test", "id2meta", 0) },
		"a list": func(t *testing.T, client *redis.Client) { client.RPush(t.Context(), "test", "1") },
		"a field that is missing": func(t *testing.T, client *redis.Client) {
			hold(t, client, in(0), today(), 0)
			client.HDel(t.Context(), "test", "sent")
		},
	}
	for name, state := range map[string][3]any{
		"a wait that overflows":        {"9999999999999999999", today(), 0},
		"a wait of years":              {in(10 * 365 * 24 * time.Hour), today(), 0},
		"a wait of an hour":            {in(time.Hour), today(), 0},
		"a wait of half a minute":      {in(30 * time.Second), today(), 0},
		"the largest number":           {"1.7e308", today(), 0},
		"more than the largest number": {"1e999", today(), 0},
		"infinity":                     {"inf", today(), 0},
		"not a number":                 {"nan", today(), 0},
		"not a number, with a sign":    {"-nan", today(), 0},
		"a hexadecimal number":         {"0xffffffffffffff", today(), 0},
		"a time in Unix nanoseconds":   {time.Now().UnixNano(), today(), 0},
		"an empty string":              {"", today(), 0},
		"bytes that are no text":       {"\x00\xff\xfe", today(), 0},
		"a megabyte":                   {strings.Repeat("9", 1<<20), today(), 0},
		"a day that is no number":      {in(0), "Monday", 0},
		"a day that is not a number":   {in(0), "nan", 0},
		"the day after tomorrow":       {in(0), today() + 2, 0},
		"a day before 1970":            {in(0), -1, 0},
		"a count that is no number":    {in(0), today(), "many"},
		"a count that is not a number": {in(0), today(), "nan"},
		"a count that is negative":     {in(0), today(), -1},
		"a count that is infinite":     {in(0), today(), "inf"},
	} {
		values[name] = func(t *testing.T, client *redis.Client) { hold(t, client, state[0], state[1], state[2]) }
	}
	for name, set := range values {
		t.Run(name+": each request is refused", func(t *testing.T) {
			limiter, client, log := newTestLimiter(t, server)
			client.Del(t.Context(), "test")
			set(t, client)
			asked := commands(t, client)
			for range 50 {
				ctx, cancel := context.WithTimeout(t.Context(), soon)
				require.ErrorIs(t, limiter.Wait(ctx), id2meta.ErrUnavailable)
				cancel()
			}
			// The first question may take two commands: the script is not known yet.
			assert.LessOrEqual(t, commands(t, client)-asked, int64(4))
			log.wantOnce(t, "level=WARN")
		})
	}
	t.Run("open, the process goes on alone until somebody deletes the key, as the log says", func(t *testing.T) {
		limiter, client, log := newTestLimiter(t, server, WithFailOpen())
		require.NoError(t, client.Set(t.Context(), "test", "400000000", 0).Err())
		require.NoError(t, limiter.Wait(t.Context()))
		assert.Contains(t, log.String(), "delete the key")
		client.Del(t.Context(), "test")
		eventually(t, func() error {
			if err := limiter.Wait(t.Context()); err != nil {
				return err
			}
			return client.HGet(t.Context(), "test", "sent").Err()
		})
		for range 3 {
			assert.NoError(t, limiter.Wait(t.Context()))
		}
		log.wantOnce(t, "Redis is back")
	})
	for name, usedUntil := range map[string]any{
		"a time long ago": 1,
		"a negative time": -5,
		"minus infinity":  "-inf",
		"a full bucket":   in(0),
	} {
		t.Run(name+" is a limit that nobody uses", func(t *testing.T) {
			limiter, client, log := newTestLimiter(t, server)
			hold(t, client, usedUntil, today(), 0)
			assert.NoError(t, limiter.Wait(t.Context()))
			assert.Empty(t, log.String())
		})
	}
}

// commands is how many scripts Redis has run or refused to run.
func commands(t *testing.T, client *redis.Client) (n int64) {
	t.Helper()
	stats, err := client.Info(t.Context(), "commandstats").Result()
	require.NoError(t, err)
	for _, match := range regexp.MustCompile(`cmdstat_eval(?:sha)?:calls=(\d+)`).FindAllStringSubmatch(stats, -1) {
		calls, _ := strconv.ParseInt(match[1], 10, 64)
		n += calls
	}
	return n
}

// requireCanceled requires that a Wait ends soon after its context was canceled.
func requireCanceled(t *testing.T, limiter *Limiter) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	started := time.Now()
	assert.ErrorIs(t, limiter.Wait(ctx), context.Canceled)
	assert.Less(t, time.Since(started), soon)
}
