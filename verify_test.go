package id2meta_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

func TestVerifyGivesTheVerdict(t *testing.T) {
	server := newServer(t)
	client := newClient(t, []string{server.Endpoint()})
	masked := func(name, number string) id2meta.Param {
		param, err := id2meta.MD5Param(name, number)
		require.NoError(t, err)
		return param
	}
	for _, test := range []struct {
		name  string
		param id2meta.Param
		want  id2meta.BizCode
	}{
		{"a name with its own number matches", zhangSan, id2meta.BizCodeMatch},
		{"another name is a mismatch", liSi, id2meta.BizCodeMismatch},
		{"an unknown number is no record", unknownPerson, id2meta.BizCodeNoRecord},
		{"a masked person matches", masked(zhangName, zhangNumber), id2meta.BizCodeMatch},
		{"a masked person with another name is a mismatch", masked("李四", zhangNumber), id2meta.BizCodeMismatch},
		{"white space, full-width digits and a small x are corrected", id2meta.Param{UserName: " 张三\t", IdentifyNum: "１１０１０５19491231002x "}, id2meta.BizCodeMatch},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := time.Now()
			result, err := client.Verify(t.Context(), test.param)
			require.NoError(t, err)
			assert.Equal(t, test.want, result.BizCode)
			assert.WithinRange(t, result.Time, before.Round(0), time.Now().Round(0))
			assert.Equal(t, result.Time, result.Time.UTC().Round(0), "in UTC, without the monotonic clock")
			assert.Equal(t, test.want == id2meta.BizCodeMatch, result.Match())
			calls := server.Calls()
			assert.Equal(t, calls[len(calls)-1].RequestID, result.RequestID)
		})
	}
}

func TestTimeoutIsTheTimeOfOneVerify(t *testing.T) {
	assert.Equal(t, 10*time.Second, newClient(t, []string{"127.0.0.1:1"}).Timeout())
	assert.Equal(t, 3*time.Second, newClient(t, []string{"127.0.0.1:1"}, id2meta.WithTimeout(3*time.Second)).Timeout())
	assert.Zero(t, new(id2meta.Client).Timeout())
}

func TestVerifyRefusesAClientThatNewDidNotMakeAndANilContext(t *testing.T) {
	for _, client := range []*id2meta.Client{nil, new(id2meta.Client)} {
		_, err := client.Verify(t.Context(), zhangSan)
		assert.ErrorContains(t, err, "New")
		client.CloseIdleConnections()
	}
	var none context.Context
	_, err := newClient(t, []string{"127.0.0.1:1"}).Verify(none, zhangSan)
	assert.ErrorContains(t, err, "context")
}

func TestClientShowsNothingWhenPrinted(t *testing.T) {
	server := newServer(t)
	client := newClient(t, []string{server.Endpoint()})
	_, err := client.Verify(t.Context(), zhangSan)
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		assert.Equal(t, "*id2meta.Client", fmt.Sprintf(verb, client), verb)
	}

	const secret = "a-secret-of-the-environment"
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "an-id")
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret)
	client, err = id2meta.New(id2meta.WithEndpoints(server.Endpoint()))
	require.NoError(t, err)
	_, err = client.Verify(t.Context(), zhangSan)
	assert.ErrorIs(t, err, id2meta.ErrCredential)
	assert.NotContains(t, fmt.Sprintf("%+v", reflect.ValueOf(client).Elem()), secret, "a copy of the Client")
}

func TestLogger(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	server := newServer(t)
	server.Inject(id2metatest.Answer("402", "later"))
	dead := refusing(t)
	client := newClient(t, []string{dead.endpoint, server.Endpoint()}, id2meta.WithLogger(logger), id2meta.WithMaxAttempts(4))
	_, err := client.Verify(t.Context(), zhangSan)
	require.NoError(t, err)

	records := strings.Split(strings.TrimSpace(out.String()), "\n")
	calls := server.Calls()
	for i, want := range [][]string{
		{"level=DEBUG", "attempt=1", "endpoint=" + dead.endpoint, "http_status=0", "duration="},
		{"level=WARN", "failover", "attempt=1", "wait=0s", "connection refused"},
		{"level=DEBUG", "attempt=2", "endpoint=" + server.Endpoint(), "http_status=200", "code=402", "request_id=" + calls[0].RequestID},
		{"level=WARN", "retry", "attempt=2", "authoritative source unavailable"},
		{"level=DEBUG", "attempt=3", "code=200", "request_id=" + calls[1].RequestID},
	} {
		require.Greater(t, len(records), i)
		for _, part := range want {
			assert.Contains(t, records[i], part)
		}
	}
	assert.Len(t, records, 5)
	assert.NotContains(t, out.String(), zhangName)
	assert.NotContains(t, out.String(), "19491231")
}

func TestLimiter(t *testing.T) {
	t.Run("is called once for each request, and retries are requests too", func(t *testing.T) {
		server := newServer(t)
		server.Inject(id2metatest.Answer("500", ""), id2metatest.Answer("500", ""))
		limiter := new(countingLimiter)
		_, err := newClient(t, []string{server.Endpoint()}, id2meta.WithLimiter(limiter)).Verify(t.Context(), zhangSan)
		require.NoError(t, err)
		assert.EqualValues(t, len(server.Calls()), limiter.calls.Load())
		assert.EqualValues(t, 3, limiter.calls.Load())
	})
	t.Run("is not called for an invalid person", func(t *testing.T) {
		limiter := new(countingLimiter)
		_, err := newClient(t, []string{"127.0.0.1:1"}, id2meta.WithLimiter(limiter)).Verify(t.Context(), id2meta.Param{})
		assert.ErrorIs(t, err, id2meta.ErrInvalidParam)
		assert.Zero(t, limiter.calls.Load())
	})
	t.Run("ends the call when it refuses the request", func(t *testing.T) {
		server := newServer(t)
		full := errors.New("queue full")
		_, err := newClient(t, []string{server.Endpoint()}, id2meta.WithLimiter(&countingLimiter{err: full})).Verify(t.Context(), zhangSan)
		assert.ErrorIs(t, err, full)
		assert.ErrorIs(t, err, id2meta.ErrThrottled)
		assert.Empty(t, server.Calls())
	})
}

// recordingLimiter records when it let each request go.
type recordingLimiter struct {
	id2meta.Limiter

	mu      sync.Mutex
	granted []time.Time
}

func (l *recordingLimiter) Wait(ctx context.Context) error {
	if err := l.Limiter.Wait(ctx); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.granted = append(l.granted, time.Now())
	return nil
}

// The service counts 50 calls a second for one account. With burst 1, one second holds
// 50 calls, and one more if calls fall on both ends of the second.
func TestRateLimiterKeepsTheLimitOfTheAccount(t *testing.T) {
	const perSecond, calls, callers = 50, 200, 20
	synctest.Test(t, func(t *testing.T) {
		service := &fakeService{answerAfter: 30 * time.Millisecond}
		limiter := &recordingLimiter{Limiter: rate.NewLimiter(perSecond, 1)}
		client := service.client(t, id2meta.WithLimiter(limiter))
		share(calls, callers, func() {
			_, err := client.Verify(t.Context(), zhangSan)
			assert.NoError(t, err)
		})

		arrived := service.requests
		require.Len(t, arrived, calls)
		require.Len(t, limiter.granted, calls)
		most, first := 0, 0
		for last := range arrived {
			require.False(t, arrived[last].Before(limiter.granted[last]), "a request did not wait for the limiter")
			for arrived[last].Sub(arrived[first]) >= time.Second {
				first++
			}
			most = max(most, last-first+1)
		}
		assert.LessOrEqual(t, most, perSecond+1)
		assert.GreaterOrEqual(t, most, perSecond, "the limiter was not used up")
	})
}

// The vendor's support can find a call by its request ID, even if the answer is broken.
func TestTheRequestIDComesFromTheHeaderToo(t *testing.T) {
	t.Parallel()
	const id = "24394B83-EE10-5C5F-A0BC-FBC680A694A4"
	broken := func(w http.ResponseWriter, status int) {
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(status)
		io.WriteString(w, `{"RequestId":"in the part that arrived"`)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	silent := func(w http.ResponseWriter, r *http.Request, status int) {
		w.WriteHeader(status)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	for _, test := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request)
		is     error
		status int
		billed bool
	}{
		{"a 200 that is not JSON", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }, id2meta.ErrUnexpectedResponse, 200, true},
		{"an empty 200", func(http.ResponseWriter, *http.Request) {}, id2meta.ErrUnexpectedResponse, 200, true},
		{"a 502 of a proxy", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, id2meta.ErrUnavailable, 502, true},
		{"a 404", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, id2meta.ErrUnexpectedResponse, 404, false},
		{"a failure whose body has no request ID", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"Code":"411"}`) }, id2meta.ErrAccessDenied, 200, false},
		{"a 200 that broke off", func(w http.ResponseWriter, _ *http.Request) { broken(w, 200) }, id2meta.ErrUnavailable, 200, true},
		{"a 403 that broke off", func(w http.ResponseWriter, _ *http.Request) { broken(w, 403) }, id2meta.ErrUnavailable, 403, true},
		{"a 200 whose body never arrives", func(w http.ResponseWriter, r *http.Request) { silent(w, r, 200) }, context.DeadlineExceeded, 200, true},
		{"a 500 whose body never arrives", func(w http.ResponseWriter, r *http.Request) { silent(w, r, 500) }, context.DeadlineExceeded, 500, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			result, err := verifyAt(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header()["x-acs-request-id"] = []string{id}
				test.answer(w, r)
			}, id2meta.WithMaxAttempts(1), id2meta.WithTimeout(3*time.Second))
			require.Zero(t, result)
			var e *id2meta.APIError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, id, e.RequestID)
			assert.Equal(t, test.status, e.StatusCode)
			assert.ErrorIs(t, err, test.is)
			assert.Equal(t, test.billed, errors.Is(err, id2meta.ErrMaybeBilled))
			assert.Contains(t, err.Error(), id)
			if test.is == context.DeadlineExceeded {
				for _, sentinel := range sentinels {
					assert.NotErrorIs(t, err, sentinel)
				}
			}
		})
	}
	t.Run("a verdict without a request ID in its body", func(t *testing.T) {
		result, err := verifyAt(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["x-acs-request-id"] = []string{id}
			io.WriteString(w, `{"Code":"200","ResultObject":{"BizCode":"1"}}`)
		})
		require.NoError(t, err)
		assert.Equal(t, id, result.RequestID)
	})
	t.Run("the request ID of the body counts first", func(t *testing.T) {
		result, err := verifyAt(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["x-acs-request-id"] = []string{id}
			io.WriteString(w, verdict)
		})
		require.NoError(t, err)
		assert.Equal(t, "8FC3D6AC-9FED-4311-8DA7-C4BF47D9F260", result.RequestID)
	})
	t.Run("a header that repeats the person is redacted", func(t *testing.T) {
		_, err := verifyAt(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["x-acs-request-id"] = []string{"for-" + zhangNumber}
			w.WriteHeader(404)
		})
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "19491231")
	})
}

func TestStatsCountsWhatIsPaidFor(t *testing.T) {
	t.Parallel()
	again := []id2meta.Option{id2meta.WithRetryUnanswered()}
	for _, test := range []struct {
		name   string
		param  id2meta.Param
		faults []id2metatest.Fault
		opts   []id2meta.Option
		want   id2meta.Stats
		ctx    func(*testing.T, *id2metatest.Server) context.Context // default: the test's
	}{
		{"a match", zhangSan, nil, nil, id2meta.Stats{Sent: 1, Match: 1}, nil},
		{"a mismatch", liSi, nil, nil, id2meta.Stats{Sent: 1, Mismatch: 1}, nil},
		{"no record", unknownPerson, nil, nil, id2meta.Stats{Sent: 1, NoRecord: 1}, nil},
		{"an invalid person", id2meta.Param{}, nil, nil, id2meta.Stats{Failed: 1}, nil},
		{"a match after a failure", zhangSan, []id2metatest.Fault{id2metatest.Answer("500", "")}, nil, id2meta.Stats{Sent: 2, Match: 1}, nil},
		{"a match after throttling", zhangSan, []id2metatest.Fault{id2metatest.Throttle(time.Millisecond)}, nil, id2meta.Stats{Sent: 2, Match: 1, Throttled: 1}, nil},
		{"a failure", zhangSan, []id2metatest.Fault{id2metatest.Answer("411", "")}, nil, id2meta.Stats{Sent: 1, Failed: 1}, nil},
		{"a dropped connection", zhangSan, []id2metatest.Fault{id2metatest.Drop()}, nil, id2meta.Stats{Sent: 1, Failed: 1, MaybeBilled: 1}, nil},
		{"a match after two dropped connections", zhangSan, []id2metatest.Fault{id2metatest.Drop(), id2metatest.Drop()}, again, id2meta.Stats{Sent: 3, Match: 1, MaybeBilled: 2}, nil},
		{"a silent server", zhangSan, []id2metatest.Fault{id2metatest.Hang()}, nil, id2meta.Stats{Sent: 1, Failed: 1, MaybeBilled: 1}, whenRequested(context.DeadlineExceeded)},
		{"a limiter that refuses", zhangSan, nil, []id2meta.Option{id2meta.WithLimiter(&countingLimiter{err: io.EOF})}, id2meta.Stats{Failed: 1, Throttled: 1}, nil},
		{"no connection", zhangSan, nil, []id2meta.Option{id2meta.WithEndpoints(refusing(t).endpoint)}, id2meta.Stats{Failed: 1}, nil},
		{"no credential", zhangSan, nil, []id2meta.Option{id2meta.WithCredential(&failingCredential{err: io.EOF})}, id2meta.Stats{Failed: 1}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t)
			server.Inject(test.faults...)
			client := newClient(t, []string{server.Endpoint()}, test.opts...)
			assert.Zero(t, client.Stats())
			ctx := t.Context()
			if test.ctx != nil {
				ctx = test.ctx(t, server)
			}
			_, _ = client.Verify(ctx, test.param)
			assert.Equal(t, test.want, client.Stats())

			stats, billed := client.Stats(), uint64(0)
			for _, call := range server.Calls() {
				if call.Billed {
					billed++
				}
			}
			assert.LessOrEqual(t, billed, stats.Match+stats.Mismatch+stats.NoRecord+stats.MaybeBilled, "the bill is not larger than Stats says")
		})
	}
	t.Run("many callers at once", func(t *testing.T) {
		server := newServer(t)
		client := newClient(t, []string{server.Endpoint()}, patient()...)
		var calls sync.WaitGroup
		for range 100 {
			calls.Go(func() {
				_, err := client.Verify(t.Context(), zhangSan)
				assert.NoError(t, err)
			})
		}
		calls.Wait()
		assert.Equal(t, id2meta.Stats{Sent: 100, Match: 100}, client.Stats())
	})
	t.Run("a nil Client has zero Stats", func(t *testing.T) {
		var client *id2meta.Client
		require.NotPanics(t, func() { assert.Zero(t, client.Stats()) })
	})
}
