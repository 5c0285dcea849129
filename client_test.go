package id2meta_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// A service can be tested without the network: the service depends on the interface
// [id2meta.Verifier], and its tests use a mock instead of a Client.

// payouts is such a service. It pays only to people who were verified.
type payouts struct {
	verifier id2meta.Verifier
	paid     int
}

var errNotVerified = errors.New("not verified")

func (p *payouts) pay(ctx context.Context, name, number string, amount int) error {
	result, err := p.verifier.Verify(ctx, id2meta.Param{UserName: name, IdentifyNum: number})
	if err != nil {
		return err
	}
	if !result.Match() {
		return errNotVerified
	}
	p.paid += amount
	return nil
}

// mockVerifier is a Verifier with testify's expectations.
type mockVerifier struct{ mock.Mock }

func (m *mockVerifier) Verify(ctx context.Context, param id2meta.Param) (id2meta.Result, error) {
	args := m.Called(ctx, param)
	return args.Get(0).(id2meta.Result), args.Error(1)
}

func TestServiceWithMockVerifier(t *testing.T) {
	for _, test := range []struct {
		name   string
		result id2meta.Result
		err    error
		paid   int
		want   error
	}{
		{"a match is paid", id2meta.Result{BizCode: id2meta.BizCodeMatch}, nil, 100, nil},
		{"a mismatch is not paid", id2meta.Result{BizCode: id2meta.BizCodeMismatch}, nil, 0, errNotVerified},
		{"no record is not paid", id2meta.Result{BizCode: id2meta.BizCodeNoRecord}, nil, 0, errNotVerified},
		{"a throttled call is not paid", id2meta.Result{}, &id2meta.APIError{Code: "Throttling.User"}, 0, id2meta.ErrThrottled},
		{"an invalid number is not paid", id2meta.Result{}, &id2meta.ParamError{Field: "IdentifyNum", Reason: "it is empty"}, 0, id2meta.ErrInvalidParam},
		{"the zero Result is not paid", id2meta.Result{}, nil, 0, errNotVerified},
	} {
		t.Run(test.name, func(t *testing.T) {
			verifier := new(mockVerifier)
			verifier.On("Verify", mock.Anything, zhangSan).Return(test.result, test.err).Once()
			service := &payouts{verifier: verifier}
			err := service.pay(t.Context(), zhangName, zhangNumber, 100)
			assert.ErrorIs(t, err, test.want)
			assert.Equal(t, test.paid, service.paid)
			verifier.AssertExpectations(t)
		})
	}
}

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
}

func TestMistakesOfTheProgramAreErrors(t *testing.T) {
	for _, client := range []*id2meta.Client{nil, new(id2meta.Client)} {
		_, err := client.Verify(t.Context(), zhangSan)
		assert.ErrorContains(t, err, "New")
		assert.ErrorContains(t, client.Check(t.Context()), "New")
		assert.Zero(t, client.Timeout())
		assert.Zero(t, client.Stats())
		client.CloseIdleConnections()
	}
	client := newClient(t, []string{"127.0.0.1:1"})
	var none context.Context
	_, err := client.Verify(none, zhangSan)
	assert.ErrorContains(t, err, "context")
	assert.ErrorContains(t, client.Check(none), "context")
}

func TestClientShowsNothingWhenPrinted(t *testing.T) {
	server := newServer(t)
	client := newClient(t, []string{server.Endpoint()})
	requireMatch(t, client)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		assert.Equal(t, "*id2meta.Client", fmt.Sprintf(verb, client), verb)
	}

	const secret = "a-secret-of-the-environment"
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "an-id")
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret)
	client, err := id2meta.New(id2meta.WithEndpoints(server.Endpoint()))
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
	requireMatch(t, client)

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
		requireMatch(t, newClient(t, []string{server.Endpoint()}, id2meta.WithLimiter(limiter)))
		assert.EqualValues(t, len(server.Calls()), limiter.calls.Load())
		assert.EqualValues(t, 3, limiter.calls.Load())
	})
	t.Run("is not called for an invalid person", func(t *testing.T) {
		limiter := new(countingLimiter)
		_, err := newClient(t, []string{"127.0.0.1:1"}, id2meta.WithLimiter(limiter)).Verify(t.Context(), id2meta.Param{})
		assert.ErrorIs(t, err, id2meta.ErrInvalidParam)
		assert.Zero(t, limiter.calls.Load())
	})
}

// The Stats of calls without a verdict are in the tables of answer_test.go and errors_test.go.
func TestStatsOfCallsWithAVerdict(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		param  id2meta.Param
		faults []id2metatest.Fault
		want   id2meta.Stats
	}{
		{"a match", zhangSan, nil, id2meta.Stats{Sent: 1, Match: 1}},
		{"a mismatch", liSi, nil, id2meta.Stats{Sent: 1, Mismatch: 1}},
		{"no record", unknownPerson, nil, id2meta.Stats{Sent: 1, NoRecord: 1}},
		{"an invalid person", id2meta.Param{}, nil, id2meta.Stats{Failed: 1}},
		{"a match after a failure", zhangSan, []id2metatest.Fault{id2metatest.Answer("500", "")}, id2meta.Stats{Sent: 2, Match: 1}},
		{"a match after throttling", zhangSan, []id2metatest.Fault{id2metatest.Throttle(time.Millisecond)}, id2meta.Stats{Sent: 2, Match: 1, Throttled: 1}},
		{"a match after two dropped connections", zhangSan, []id2metatest.Fault{id2metatest.Drop(), id2metatest.Drop()}, id2meta.Stats{Sent: 3, Match: 1, MaybeBilled: 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t)
			server.Inject(test.faults...)
			client := newClient(t, []string{server.Endpoint()}, id2meta.WithRetryUnanswered())
			assert.Zero(t, client.Stats())
			_, _ = client.Verify(t.Context(), test.param)
			assert.Equal(t, test.want, client.Stats())
		})
	}
	// Many callers at once dial more connections than they need: some of them come after their
	// attempt has ended, and must not be lent to a request.
	t.Run("many callers at once", func(t *testing.T) {
		server := newServer(t)
		client := newClient(t, []string{server.Endpoint()}, patient()...)
		share(512, 128, func() {
			result, err := client.Verify(t.Context(), zhangSan)
			assert.NoError(t, err)
			assert.True(t, result.Match())
		})
		assert.Equal(t, id2meta.Stats{Sent: 512, Match: 512}, client.Stats())
	})
}
