package redislimiter

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
)

// fast is a rate that no test of the daily limit waits for.
func fast() Option { return WithRate(1_000_000, 1000) }

func wantDailyLimit(t *testing.T, err error) {
	t.Helper()
	assert.ErrorIs(t, err, id2meta.ErrDailyLimit)
	assert.ErrorIs(t, err, id2meta.ErrThrottled)
	assert.NotErrorIs(t, err, id2meta.ErrUnavailable)
}

func wantToday(t *testing.T, limiter *Limiter, want int) {
	t.Helper()
	n, err := limiter.Today(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, want, n)
}

func TestDailyLimit(t *testing.T) {
	server := newTestRedis(t)
	t.Run("of many callers in several processes, n are granted", func(t *testing.T) {
		const n = 150
		var granted, refused atomic.Int64
		var group sync.WaitGroup
		for range 4 {
			limiter := mustNew(t, newTestClient(t, server, nil), "many", fast(), WithDailyLimit(n))
			for range 10 {
				group.Go(func() {
					for range 10 {
						switch err := limiter.Wait(t.Context()); {
						case err == nil:
							granted.Add(1)
						case errors.Is(err, id2meta.ErrDailyLimit):
							refused.Add(1)
						default:
							t.Error(err)
						}
					}
				})
			}
		}
		group.Wait()
		assert.EqualValues(t, n, granted.Load())
		assert.EqualValues(t, 400-n, refused.Load())
	})
	t.Run("a caller is refused at once, is told until when, and uses nothing of the rate", func(t *testing.T) {
		limiter, client, _ := newTestLimiter(t, server, WithDailyLimit(7))
		used := in(5 * time.Second)
		hold(t, client, used, today(), 7)
		started := time.Now()
		for range 100 {
			wantDailyLimit(t, limiter.Wait(t.Context()))
		}
		assert.Less(t, time.Since(started), soon)
		err := limiter.Wait(t.Context())
		e, ok := errors.AsType[*dailyLimitError](err)
		require.True(t, ok, err)
		assert.InDelta(t, time.Until(time.Unix((today()+1)*secondsOfDay-secondsEastOfUTC, 0)), e.wait, float64(5*time.Second))
		assert.ErrorContains(t, err, "limit of 7 requests")
		assert.NotContains(t, err.Error(), `"test"`, "the key")
		got, err := client.HGet(t.Context(), "test", "used_until").Int64()
		assert.NoError(t, err)
		assert.Equal(t, used, got)
		wantToday(t, limiter, 7)
	})
	t.Run("after midnight the count begins again", func(t *testing.T) {
		limiter, client, _ := newTestLimiter(t, server, WithDailyLimit(7))
		hold(t, client, in(-time.Hour), today()-1, 7)
		wantToday(t, limiter, 0)
		for range 7 {
			require.NoError(t, limiter.Wait(t.Context()))
		}
		wantDailyLimit(t, limiter.Wait(t.Context()))
		wantToday(t, limiter, 7)
	})
	t.Run("the count survives new processes and a new Redis", func(t *testing.T) {
		server := newTestRedis(t)
		for range 3 {
			require.NoError(t, mustNew(t, newTestClient(t, server, nil), "test", WithDailyLimit(3)).Wait(t.Context()))
			server.Stop()
			server.Start()
		}
		limiter := mustNew(t, newTestClient(t, server, nil), "test", WithDailyLimit(3))
		wantToday(t, limiter, 3)
		wantDailyLimit(t, limiter.Wait(t.Context()))
	})
	t.Run("without a limit requests count, too, and the count lives longer than the day", func(t *testing.T) {
		limiter, client, _ := newTestLimiter(t, server)
		client.Del(t.Context(), "test")
		wantToday(t, limiter, 0)
		for range 3 {
			require.NoError(t, limiter.Wait(t.Context()))
		}
		wantToday(t, limiter, 3)
		ttl, err := client.PTTL(t.Context(), "test").Result()
		assert.NoError(t, err)
		assert.GreaterOrEqual(t, ttl, 25*time.Hour)
	})
	t.Run("a Client says so, and until when, and sends nothing", func(t *testing.T) {
		simulator := newSimulator(t)
		limiter := mustNew(t, newTestClient(t, server, nil), "client", WithDailyLimit(2))
		client := newVerifier(t, simulator, limiter)
		for range 2 {
			_, err := client.Verify(t.Context(), sample)
			require.NoError(t, err)
		}
		_, err := client.Verify(t.Context(), sample)
		wantDailyLimit(t, err)
		e, ok := errors.AsType[*id2meta.APIError](err)
		require.True(t, ok, err)
		assert.Positive(t, e.RetryAfter)
		assert.Equal(t, id2meta.RemedyOperator, id2meta.RemedyOf(err))
		assert.Len(t, simulator.Calls(), 2)
	})
}

// atTime returns the script that grants, with a clock that stands at the second.
func atTime(second int64) *redis.Script {
	return redis.NewScript(strings.Replace(grantSource, "redis.call('TIME')", "{'"+strconv.FormatInt(second, 10)+"', '0'}", 1))
}

func TestMidnightInChinaByTheClockOfRedis(t *testing.T) {
	server := newTestRedis(t)
	client := newTestClient(t, server, nil)
	// 2026-12-01 00:00 in China.
	midnight := time.Date(2026, 11, 30, 16, 0, 0, 0, time.UTC).Unix()
	for i, test := range []struct {
		second  int64
		want    string
		seconds int64 // to wait
	}{
		{midnight - 3600, "granted", 0},
		{midnight - 2, "granted", 0},
		{midnight - 1, "daily limit", 1},
		{midnight, "granted", 0}, // a new day
		// A replica whose clock is behind may become the primary right after midnight: the
		// new day goes on, since Redis has begun it.
		{midnight - 1, "granted", 0},
		{midnight - 5, "daily limit", 5 + 86400},
		{midnight - 60, "bad state", 0}, // no clock is that far behind
		{midnight, "daily limit", 86400},
		{midnight + 86399, "daily limit", 1},
		{midnight + 86400, "granted", 0},
	} {
		reply, err := atTime(test.second).Run(t.Context(), client, []string{"test"}, clockTolerance.Microseconds(), 5_000_000, 1000, 2).Slice()
		require.NoError(t, err)
		assert.Equal(t, []any{test.want, test.seconds * 1_000_000}, reply, "step %d", i)
	}
}

func TestTheDailyLimitWithoutRedis(t *testing.T) {
	t.Run("open: the process goes on until it was granted n", func(t *testing.T) {
		server := newTestRedis(t)
		limiter, _, _ := newTestLimiter(t, server, WithFailOpen(), fast(), WithDailyLimit(5))
		for i := range 5 {
			if i == 2 {
				server.Kill()
			}
			require.NoError(t, limiter.Wait(t.Context()))
		}
		for range 3 {
			wantDailyLimit(t, limiter.Wait(t.Context()))
		}
		_, err := limiter.Today(t.Context())
		assert.ErrorIs(t, err, id2meta.ErrUnavailable)
		server.Start()
		eventually(t, func() error { return limiter.Wait(t.Context()) }) // Redis has counted 2
		wantToday(t, limiter, 3)
	})
	t.Run("closed: nothing is granted", func(t *testing.T) {
		server := newTestRedis(t)
		limiter, _, _ := newTestLimiter(t, server, fast(), WithDailyLimit(5))
		require.NoError(t, limiter.Wait(t.Context()))
		server.Kill()
		err := limiter.Wait(t.Context())
		assert.ErrorIs(t, err, id2meta.ErrUnavailable)
		assert.NotErrorIs(t, err, id2meta.ErrDailyLimit)
	})
	t.Run("a clock before 1970 grants no more than n", func(t *testing.T) {
		var g grants
		for i, day := range []int{0, 1, 2, 3} {
			at := time.Date(1969, 12, 1+day, 0, 0, 0, 0, time.UTC)
			if err := g.reached(at, 2); errors.Is(err, id2meta.ErrDailyLimit) != (i >= 2) {
				t.Errorf("day %d: error %v", day, err)
			}
			g.add(at)
		}
		if err := g.reached(time.Now(), 2); err != nil {
			t.Errorf("the clock is right again: error %v", err)
		}
	})
	t.Run("midnight in China by the clock of the process", func(t *testing.T) {
		midnight := time.Date(2026, 11, 30, 16, 0, 0, 0, time.UTC)
		var g grants
		for i, test := range []struct {
			at   time.Time
			wait time.Duration // 0: granted
		}{
			{midnight.Add(-time.Hour), 0},
			{midnight.Add(-time.Second), 0},
			{midnight.Add(-time.Millisecond), time.Millisecond},
			{midnight, 0},
			{midnight.Add(-time.Minute), 0}, // set back: still the new day
			{midnight.Add(time.Hour), 23 * time.Hour},
			{midnight.Add(24 * time.Hour), 0},
		} {
			err := g.reached(test.at, 2)
			if e, ok := errors.AsType[*dailyLimitError](err); ok != (test.wait > 0) || ok && e.wait != test.wait {
				t.Errorf("step %d: error %v, want a wait of %v", i, err, test.wait)
			}
			if err == nil {
				g.add(test.at)
			}
		}
	})
}
