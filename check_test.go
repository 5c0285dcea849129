package id2meta_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

func TestCheckAsksAboutNobody(t *testing.T) {
	server := newServer(t)
	limiter := &countingLimiter{}
	client := newClient(t, []string{server.Endpoint()}, id2meta.WithLimiter(limiter), id2meta.WithDailyLimit(1))
	require.NoError(t, client.Check(t.Context()))
	require.Len(t, server.Calls(), 1)
	call := server.Calls()[0]
	assert.Equal(t, "400", call.Outcome)
	assert.False(t, call.Billed)
	assert.Empty(t, call.Person)
	assert.Equal(t, id2meta.Stats{Sent: 1}, client.Stats(), "Check is no call, and does not count for the daily limit")
	assert.Zero(t, limiter.calls.Load(), "Check does not wait for the limiter")
	requireMatch(t, client)
}

func TestCheckWithoutAnAnswer(t *testing.T) {
	server := newServer(t)
	client := newClient(t, []string{server.Endpoint()})
	server.Inject(id2metatest.Truncate()) // Code 400, but the answer broke off
	err := client.Check(t.Context())
	requireOnly(t, id2meta.ErrUnavailable, err)
	assert.NotErrorIs(t, err, id2meta.ErrMaybeBilled, "nobody was asked about")

	server.Inject(id2metatest.Raw(200, verdict))
	requireOnly(t, id2meta.ErrUnexpectedResponse, client.Check(t.Context()))

	server.Inject(id2metatest.Hang())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	assert.ErrorIs(t, client.Check(ctx), context.DeadlineExceeded)
	stats := client.Stats()
	stats.Sent = 0
	assert.Zero(t, stats, "Check is no call")
}

func TestDailyLimit(t *testing.T) {
	newYear := time.Date(2026, 12, 31, 23, 0, 0, 0, time.FixedZone("Asia/Shanghai", 8*60*60))
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(newYear))
		service := &fakeService{}
		limiter := &countingLimiter{}
		client := service.client(t, id2meta.WithDailyLimit(3), id2meta.WithLimiter(limiter))
		for range 3 {
			requireMatch(t, client)
		}
		require.Equal(t, uint64(3), client.Stats().Today)

		for _, ask := range []func() error{
			func() error { _, err := client.Verify(t.Context(), zhangSan); return err },
			func() error { return client.Check(t.Context()) },
		} {
			err := ask()
			require.ErrorIs(t, err, id2meta.ErrThrottled)
			require.ErrorIs(t, err, id2meta.ErrDailyLimit)
			require.NotErrorIs(t, err, id2meta.ErrMaybeBilled)
			require.Equal(t, id2meta.RemedyOperator, id2meta.RemedyOf(err))
			var e *id2meta.APIError
			require.ErrorAs(t, err, &e)
			require.Equal(t, time.Hour, e.RetryAfter)
			require.EqualError(t, err, "id2meta: the daily limit is reached: 3 requests have been sent today (retry after 1h0m0s)")
		}
		require.Equal(t, 3, service.requested(), "nothing is sent")
		require.Equal(t, 3, int(limiter.calls.Load()), "the limiter is not asked")

		time.Sleep(time.Hour)
		require.Zero(t, client.Stats().Today, "midnight in China")
		requireMatch(t, client)
	})
}

func TestACallOverMidnightCountsForTheDayInWhichItWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 12, 31, 15, 59, 59, 0, time.UTC)))
		service := &fakeService{answerAfter: 2 * time.Second}
		client := service.client(t, id2meta.WithDailyLimit(1))
		requireMatch(t, client)
		require.Zero(t, client.Stats().Today, "it is one second after midnight in China")
		requireMatch(t, client)
		_, err := client.Verify(t.Context(), zhangSan)
		require.ErrorIs(t, err, id2meta.ErrDailyLimit)
		require.Equal(t, 2, service.requested())
	})
}

func TestARequestThatWasNotSentDoesNotCountForTheDay(t *testing.T) {
	server := newServer(t)
	for name, opts := range map[string][]id2meta.Option{
		"no connection":      {id2meta.WithEndpoints(refusing(t).endpoint)},
		"the limiter refuse": {id2meta.WithLimiter(limiterFunc(func(context.Context) error { return assert.AnError }))},
	} {
		t.Run(name, func(t *testing.T) {
			client := newClient(t, []string{server.Endpoint()}, append(opts, id2meta.WithDailyLimit(1), id2meta.WithMaxAttempts(1))...)
			for range 3 {
				_, err := client.Verify(t.Context(), zhangSan)
				require.Error(t, err)
				require.NotErrorIs(t, err, id2meta.ErrDailyLimit)
			}
			require.Zero(t, client.Stats().Today)
		})
	}
}

func TestManyCallersDoNotExceedTheDailyLimit(t *testing.T) {
	service := &fakeService{}
	client := service.client(t, id2meta.WithDailyLimit(20))
	share(100, 10, func() { client.Verify(t.Context(), zhangSan) })
	assert.Equal(t, 20, service.requested())
	assert.Equal(t, uint64(20), client.Stats().Today)
}

func TestEachRetryCountsForTheDay(t *testing.T) {
	server := newServer(t)
	server.Inject(id2metatest.Answer("500", ""), id2metatest.Answer("500", ""))
	client := newClient(t, []string{server.Endpoint()}, id2meta.WithDailyLimit(2))
	_, err := client.Verify(t.Context(), zhangSan)
	require.ErrorIs(t, err, id2meta.ErrDailyLimit)
	require.ErrorIs(t, err, id2meta.ErrUnavailable, "the reason for the retry")
	require.Equal(t, id2meta.RemedyOperator, id2meta.RemedyOf(err))
	require.Len(t, server.Calls(), 2)
}
