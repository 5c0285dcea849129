package id2meta_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
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
	_, err := client.Verify(t.Context(), zhangSan)
	assert.NoError(t, err)
}

func TestCheckReturnsWhatVerifyWouldReturn(t *testing.T) {
	for _, test := range []struct {
		name   string
		fault  id2metatest.Fault
		want   error
		remedy id2meta.Remedy
	}{
		{"an unknown access key", id2metatest.Status(404, "InvalidAccessKeyId.NotFound", ""), id2meta.ErrCredential, id2meta.RemedyOperator},
		{"a wrong secret", id2metatest.Status(400, "SignatureDoesNotMatch", ""), id2meta.ErrCredential, id2meta.RemedyOperator},
		{"a RAM policy", id2metatest.Status(403, "Forbidden.RAM", ""), id2meta.ErrAccessDenied, id2meta.RemedyOperator},
		{"no permission", id2metatest.Status(403, "NoPermission", ""), id2meta.ErrAccessDenied, id2meta.RemedyOperator},
		{"not activated", id2metatest.Answer("410", ""), id2meta.ErrNotActivated, id2meta.RemedyOperator},
		{"no policy of the RAM user", id2metatest.Answer("411", ""), id2meta.ErrAccessDenied, id2meta.RemedyOperator},
		{"overdue", id2metatest.Answer("412", ""), id2meta.ErrOverdue, id2meta.RemedyOperator},
		{"throttled", id2metatest.Throttle(time.Hour), id2meta.ErrThrottled, id2meta.RemedyTryLater},
		{"an answer that cannot be understood", id2metatest.Raw(200, "<html>"), id2meta.ErrUnexpectedResponse, id2meta.RemedyReport},
		{"a verdict on nobody", id2metatest.Raw(200, verdict), id2meta.ErrUnexpectedResponse, id2meta.RemedyReport},
		{"Code 400 in an answer that broke off", id2metatest.Truncate(), id2meta.ErrUnavailable, id2meta.RemedyTryLater},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := newServer(t)
			client := newClient(t, []string{server.Endpoint()})
			server.Inject(test.fault, test.fault, test.fault)
			err := client.Check(t.Context())
			require.ErrorIs(t, err, test.want)
			assert.Equal(t, test.remedy, id2meta.RemedyOf(err))
			assert.NotErrorIs(t, err, id2meta.ErrMaybeBilled, "nobody was asked about")
			stats := client.Stats()
			stats.Sent = 0
			assert.Zero(t, stats)
		})
	}
}

func TestCheckEndsWithItsContext(t *testing.T) {
	server := newServer(t)
	server.Inject(id2metatest.Hang())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	started := time.Now()
	assert.ErrorIs(t, newClient(t, []string{server.Endpoint()}).Check(ctx), context.DeadlineExceeded)
	assert.Less(t, time.Since(started), 5*time.Second)
}

func TestCheckOfMistakesOfTheProgram(t *testing.T) {
	assert.ErrorContains(t, new(id2meta.Client).Check(t.Context()), "New")
	var none context.Context
	assert.ErrorContains(t, newClient(t, []string{"127.0.0.1:1"}).Check(none), "context")
}

func TestDailyLimit(t *testing.T) {
	newYear := time.Date(2026, 12, 31, 23, 0, 0, 0, time.FixedZone("Asia/Shanghai", 8*60*60))
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(newYear))
		service := &fakeService{}
		limiter := &countingLimiter{}
		client := service.client(t, id2meta.WithDailyLimit(3), id2meta.WithLimiter(limiter))
		for range 3 {
			_, err := client.Verify(t.Context(), zhangSan)
			require.NoError(t, err)
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
		_, err := client.Verify(t.Context(), zhangSan)
		require.NoError(t, err)
	})
}

func TestACallOverMidnightCountsForTheDayInWhichItWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 12, 31, 15, 59, 59, 0, time.UTC)))
		service := &fakeService{answerAfter: 2 * time.Second}
		client := service.client(t, id2meta.WithDailyLimit(1))
		_, err := client.Verify(t.Context(), zhangSan)
		require.NoError(t, err)
		require.Zero(t, client.Stats().Today, "it is one second after midnight in China")
		_, err = client.Verify(t.Context(), zhangSan)
		require.NoError(t, err)
		_, err = client.Verify(t.Context(), zhangSan)
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

func TestAWrongClockIsToldWithItsDirection(t *testing.T) {
	for name, test := range map[string]struct {
		date time.Duration
		want string
	}{
		"an hour ahead":  {-time.Hour, "ahead of the service"},
		"an hour behind": {time.Hour, "behind the service"},
	} {
		t.Run(name, func(t *testing.T) {
			e := requireAPIError(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Date", time.Now().Add(test.date).UTC().Format(http.TimeFormat))
				w.WriteHeader(400)
				w.Write([]byte(`{"Code":"InvalidTimeStamp.Expired","Message":"Specified time stamp or date value is expired."}`))
			})
			assert.ErrorContains(t, e, "the clock of this machine is wrong (")
			assert.ErrorContains(t, e, test.want)
			assert.Regexp(t, `\((1h0m[0-3]s|59m5[789]s) `, e.Error())
		})
	}
}

func TestAProxyThatAsksForAPasswordIsTheOperatorsMatter(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	defer proxy.Close()
	address, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	client := newClient(t, []string{"service.invalid"},
		id2meta.WithHTTPClient(&http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(address)}}))
	_, err = client.Verify(t.Context(), zhangSan)
	assert.ErrorIs(t, err, id2meta.ErrUnavailable)
	assert.NotErrorIs(t, err, id2meta.ErrMaybeBilled)
	assert.Equal(t, id2meta.RemedyOperator, id2meta.RemedyOf(err))
}

func TestALimiterSaysWhyItRefuses(t *testing.T) {
	for _, test := range []struct {
		name      string
		err       error
		want      []error
		not       error
		remedy    id2meta.Remedy
		throttled uint64
	}{
		{"any error is a refusal", assert.AnError, []error{id2meta.ErrThrottled, assert.AnError}, id2meta.ErrUnavailable, id2meta.RemedyTryLater, 1},
		{"ErrUnavailable is a failure of the limiter", fmt.Errorf("redis: %w", id2meta.ErrUnavailable),
			[]error{id2meta.ErrUnavailable}, id2meta.ErrThrottled, id2meta.RemedyTryLater, 0},
		{"ErrDailyLimit is the limit of the day", fmt.Errorf("%w: %w", id2meta.ErrThrottled, id2meta.ErrDailyLimit),
			[]error{id2meta.ErrThrottled, id2meta.ErrDailyLimit}, id2meta.ErrUnavailable, id2meta.RemedyOperator, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			service := &fakeService{}
			client := service.client(t, id2meta.WithLimiter(limiterFunc(func(context.Context) error { return test.err })))
			_, err := client.Verify(t.Context(), zhangSan)
			for _, want := range test.want {
				require.ErrorIs(t, err, want)
			}
			require.NotErrorIs(t, err, test.not)
			require.NotErrorIs(t, err, id2meta.ErrMaybeBilled)
			require.Equal(t, test.remedy, id2meta.RemedyOf(err))
			require.Equal(t, test.throttled, client.Stats().Throttled)
			require.Zero(t, service.requested())
			var e *id2meta.APIError
			if errors.As(err, &e) {
				require.Positive(t, e.RetryAfter)
			} else {
				require.NotErrorIs(t, err, id2meta.ErrDailyLimit)
			}
		})
	}
}
