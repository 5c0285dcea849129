package id2meta_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliyun/credentials-go/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Run(m)) }

const (
	zhang       = "张三"
	zhangNumber = "11010519491231002X"
	guNumber    = "440524188001010014" // nobody's, unless a test adds it
)

var zhangParam = id2meta.Param{UserName: zhang, IdentifyNum: zhangNumber}

// newServer starts a simulator that knows 张三.
func newServer(t testing.TB) *id2metatest.Server {
	t.Helper()
	server := id2metatest.NewServer()
	t.Cleanup(server.Close)
	server.AddPerson(zhang, zhangNumber)
	return server
}

// newClient makes a client with the HTTP client that New makes by itself, for
// the simulator's access key.
func newClient(t testing.TB, endpoints []string, opts ...id2meta.Option) *id2meta.Client {
	t.Helper()
	credential, err := credentials.NewCredential(new(credentials.Config).
		SetType("access_key").
		SetAccessKeyId(id2metatest.AccessKeyID).
		SetAccessKeySecret(id2metatest.AccessKeySecret))
	require.NoError(t, err)
	client, err := id2meta.New(append([]id2meta.Option{
		id2meta.WithEndpoints(endpoints...),
		id2meta.WithCredential(credential),
	}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return client
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
		{"a name with its own number matches", zhangParam, id2meta.BizCodeMatch},
		{"another name is a mismatch", id2meta.Param{UserName: "李四", IdentifyNum: zhangNumber}, id2meta.BizCodeMismatch},
		{"a number that nobody has is no record", id2meta.Param{UserName: zhang, IdentifyNum: guNumber}, id2meta.BizCodeNoRecord},
		{"a masked person matches", masked(zhang, zhangNumber), id2meta.BizCodeMatch},
		{"a masked person with another name is a mismatch", masked("李四", zhangNumber), id2meta.BizCodeMismatch},
		{"white space, full-width digits and x are set right", id2meta.Param{UserName: " 张三\t", IdentifyNum: "１１０１０５19491231002x "}, id2meta.BizCodeMatch},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, err := client.Verify(t.Context(), test.param)
			require.NoError(t, err)
			assert.Equal(t, test.want, result.BizCode)
			assert.Equal(t, test.want == id2meta.BizCodeMatch, result.Match())
			calls := server.Calls()
			assert.Equal(t, calls[len(calls)-1].RequestID, result.RequestID)
		})
	}
}

func TestVerifyRefusesWhatNewDidNotMake(t *testing.T) {
	for _, client := range []*id2meta.Client{nil, new(id2meta.Client)} {
		_, err := client.Verify(t.Context(), zhangParam)
		assert.ErrorContains(t, err, "New")
		client.CloseIdleConnections()
	}
	var none context.Context
	_, err := newClient(t, []string{"127.0.0.1:1"}).Verify(none, zhangParam)
	assert.ErrorContains(t, err, "context")
}

func TestClientShowsNothingWhenPrinted(t *testing.T) {
	server := newServer(t)
	client := newClient(t, []string{server.Endpoint()})
	_, err := client.Verify(t.Context(), zhangParam)
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		assert.Equal(t, "*id2meta.Client", fmt.Sprintf(verb, client), verb)
	}

	const secret = "a-secret-of-the-environment"
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "an-id")
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret)
	client, err = id2meta.New(id2meta.WithEndpoints(server.Endpoint()))
	require.NoError(t, err)
	_, err = client.Verify(t.Context(), zhangParam)
	assert.ErrorIs(t, err, id2meta.ErrCredential)
	assert.NotContains(t, fmt.Sprintf("%+v", reflect.ValueOf(client).Elem()), secret, "a copy, which go vet refuses")
}

func TestVerifySendsThePersonInTheBodyOnly(t *testing.T) {
	server := newServer(t)
	_, err := newClient(t, []string{server.Endpoint()}).Verify(t.Context(), zhangParam)
	require.NoError(t, err)
	call := server.Calls()[0]
	assert.Equal(t, http.MethodPost, call.Method)
	assert.Equal(t, "body", call.Params)
	assert.Equal(t, "Id2MetaVerify", call.Action)
	assert.Equal(t, "2019-03-07", call.Version)
	assert.Equal(t, "normal", call.ParamType)
	assert.Contains(t, call.UserAgent, "id2meta/")
}

func TestVerifyEndsWithItsContext(t *testing.T) {
	const soon = 500 * time.Millisecond // generous; 50 ms is the aim
	tests := []struct {
		name   string
		faults []id2metatest.Fault
		opts   []id2meta.Option
	}{
		{name: "while the server is silent", faults: []id2metatest.Fault{id2metatest.Hang()}},
		{name: "while waiting to try again", faults: []id2metatest.Fault{id2metatest.Throttle(8 * time.Second)}},
		{name: "while the limiter holds it back", opts: []id2meta.Option{id2meta.WithLimiter(never{})}},
	}
	for _, test := range tests {
		t.Run("canceled "+test.name, func(t *testing.T) {
			server := newServer(t)
			server.Inject(test.faults...)
			client := newClient(t, []string{server.Endpoint()}, test.opts...)
			ctx, cancel := context.WithCancel(t.Context())
			timer := time.AfterFunc(50*time.Millisecond, cancel)
			defer timer.Stop()
			started := time.Now()
			result, err := client.Verify(ctx, zhangParam)
			assert.ErrorIs(t, err, context.Canceled)
			assert.Zero(t, result)
			assert.Less(t, time.Since(started), 50*time.Millisecond+soon)
		})
	}
	for _, timeout := range []time.Duration{time.Nanosecond, 5 * time.Millisecond, 20 * time.Millisecond, 200 * time.Millisecond} {
		t.Run("a deadline of "+timeout.String()+" is what ends a call that it is too short for", func(t *testing.T) {
			server := newServer(t)
			for name, endpoints := range map[string][]string{
				"a silent one":     {mute(t).endpoint},
				"two silent ones":  {mute(t).endpoint, mute(t).endpoint},
				"one that is slow": {server.Endpoint()},
			} {
				for _, opts := range [][]id2meta.Option{nil, {id2meta.WithRetryUnanswered()}} {
					server.Inject(id2metatest.Hang(), id2metatest.Hang(), id2metatest.Hang())
					ctx, cancel := context.WithTimeout(t.Context(), timeout)
					_, err := newClient(t, endpoints, opts...).Verify(ctx, zhangParam)
					cancel()
					assert.ErrorIs(t, err, context.DeadlineExceeded, name)
				}
			}
		})
	}
	t.Run("a context that has ended sends nothing, and says so", func(t *testing.T) {
		server := newServer(t)
		client := newClient(t, []string{server.Endpoint()})
		_, err := client.Verify(t.Context(), zhangParam)
		require.NoError(t, err) // the credential is known from here on
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = client.Verify(ctx, zhangParam)
		assert.ErrorIs(t, err, context.Canceled)
		assert.NotErrorIs(t, err, id2meta.ErrMaybeBilled)
		assert.Len(t, server.Calls(), 1)
	})
	for _, how := range []string{"the caller's deadline", "WithTimeout"} {
		t.Run(how+" ends a call to a silent server", func(t *testing.T) {
			server := newServer(t)
			server.Inject(id2metatest.Hang())
			ctx, opts := t.Context(), []id2meta.Option(nil)
			if how == "WithTimeout" {
				opts = append(opts, id2meta.WithTimeout(50*time.Millisecond))
			} else {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
			}
			started := time.Now()
			_, err := newClient(t, []string{server.Endpoint()}, opts...).Verify(ctx, zhangParam)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.ErrorIs(t, err, id2meta.ErrMaybeBilled)
			assert.Less(t, time.Since(started), 50*time.Millisecond+soon)
			assert.Len(t, server.Calls(), 1)
		})
	}
	t.Run("an endpoint that gives no connection leaves no goroutine behind", func(t *testing.T) {
		silent := mute(t)
		client := newClient(t, []string{silent.endpoint}, id2meta.WithTimeout(100*time.Millisecond))
		before := goleak.IgnoreCurrent()
		_, err := client.Verify(t.Context(), zhangParam)
		assert.Error(t, err)
		// What serves the connection on the other side belongs to the test.
		goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("github.com/id2meta/id2meta_test.accepting.func1.1"),
			goleak.IgnoreAnyFunction("github.com/id2meta/id2meta_test.mute.func1"))
	})
}

// never is a limiter that lets nothing through.
type never struct{}

func (never) Wait(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestClientIsSafeForConcurrentUse(t *testing.T) {
	server := newServer(t)
	client := newClient(t, []string{server.Endpoint()})
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 5 {
				result, err := client.Verify(t.Context(), zhangParam)
				assert.NoError(t, err)
				assert.True(t, result.Match())
			}
		})
	}
	wg.Wait()
	assert.Len(t, server.Calls(), 64*5)
}

func TestFailoverToTheNextEndpoint(t *testing.T) {
	for _, test := range []struct {
		name string
		dead func(testing.TB) deadEnd
	}{
		{"when the connection is refused", refusing},
		{"when DNS knows no such host", unknown},
		{"when it does not speak TLS", plaintext},
		{"when it accepts and never answers the handshake", mute},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := newServer(t)
			dead := test.dead(t)
			// A third of the time is what the first of three attempts may take
			// to connect.
			client := newClient(t, []string{dead.endpoint, server.Endpoint()}, id2meta.WithTimeout(1500*time.Millisecond))
			for i := range 3 {
				started := time.Now()
				result, err := client.Verify(t.Context(), zhangParam)
				require.NoError(t, err)
				assert.True(t, result.Match())
				if i > 0 {
					assert.Less(t, time.Since(started), 400*time.Millisecond, "the dead endpoint was not set aside")
				}
			}
			assert.Len(t, server.Calls(), 3)
			if dead.asked != nil {
				assert.EqualValues(t, 1, dead.asked())
			}
		})
	}

	t.Run("but an endpoint is not set aside for a caller who left", func(t *testing.T) {
		server := newServer(t)
		slow := mute(t)
		client := newClient(t, []string{slow.endpoint, server.Endpoint()})
		for range 2 {
			ctx, cancel := context.WithCancel(t.Context())
			timer := time.AfterFunc(200*time.Millisecond, cancel)
			_, err := client.Verify(ctx, zhangParam)
			assert.ErrorIs(t, err, context.Canceled)
			timer.Stop()
		}
		assert.EqualValues(t, 2, slow.asked())
	})

	t.Run("but an endpoint is not set aside for a caller who had hardly any time", func(t *testing.T) {
		server := newServer(t)
		slow := mute(t)
		client := newClient(t, []string{slow.endpoint, server.Endpoint()})
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Millisecond)
			_, _ = client.Verify(ctx, zhangParam)
			cancel()
		}
		// On a busy machine the other endpoint may be too slow, too; then a call comes back.
		assert.GreaterOrEqual(t, slow.asked(), int64(2))
	})

	t.Run("within 3 s when there is more time", func(t *testing.T) {
		server := newServer(t)
		started := time.Now()
		// Not the library's own transport, whose dials end after 3 s too.
		client := newClient(t, []string{mute(t).endpoint, server.Endpoint()},
			id2meta.WithTimeout(30*time.Second), id2meta.WithHTTPClient(server.Client()))
		result, err := client.Verify(t.Context(), zhangParam)
		require.NoError(t, err)
		assert.True(t, result.Match())
		assert.InDelta(t, 3, time.Since(started).Seconds(), 0.5)
	})

	t.Run("and back to all of them when every one is set aside", func(t *testing.T) {
		first, second := plaintext(t), plaintext(t)
		client := newClient(t, []string{first.endpoint, second.endpoint}, id2meta.WithMaxAttempts(2))
		for range 3 {
			_, err := client.Verify(t.Context(), zhangParam)
			assert.ErrorIs(t, err, id2meta.ErrUnavailable)
		}
		assert.EqualValues(t, 3, first.asked())
		assert.EqualValues(t, 3, second.asked())
	})

	t.Run("never, when one attempt is all there is", func(t *testing.T) {
		server := newServer(t)
		client := newClient(t, []string{refusing(t).endpoint, server.Endpoint()}, id2meta.WithMaxAttempts(1))
		_, err := client.Verify(t.Context(), zhangParam)
		assert.ErrorIs(t, err, id2meta.ErrUnavailable)
		assert.Empty(t, server.Calls())
		result, err := client.Verify(t.Context(), zhangParam)
		require.NoError(t, err, "the next call must begin with the other endpoint")
		assert.True(t, result.Match())
	})
}

// The table "Retry" of the documentation of Verify, row by row.
func TestRetry(t *testing.T) {
	repeat := func(n int, fault id2metatest.Fault) (faults []id2metatest.Fault) {
		for range n {
			faults = append(faults, fault)
		}
		return faults
	}
	for _, test := range []struct {
		name     string
		faults   []id2metatest.Fault
		opts     []id2meta.Option
		requests int
		want     error // nil: a match
	}{
		{"HTTP 503 is retried", repeat(2, id2metatest.Status(503, "ServiceUnavailable", "busy")), nil, 3, nil},
		{"HTTP 500 without a Code is retried", repeat(2, id2metatest.Raw(500, "<html>")), nil, 3, nil},
		{"Code 500 is retried", repeat(2, id2metatest.Answer("500", "system error")), nil, 3, nil},
		{"Code 402 for the source's sake is retried", repeat(2, id2metatest.Answer("402", "权威源服务异常")), nil, 3, nil},
		{"Code 402 in words that nobody knows is retried", repeat(2, id2metatest.Answer("402", "source unavailable")), nil, 3, nil},
		{"Throttling is retried", repeat(2, id2metatest.Throttle(10*time.Millisecond)), nil, 3, nil},
		{"attempts are bounded", repeat(3, id2metatest.Answer("500", "system error")), nil, 3, id2meta.ErrUnavailable},
		{"more attempts can be allowed", repeat(4, id2metatest.Answer("402", "")), []id2meta.Option{id2meta.WithMaxAttempts(5)}, 5, nil},
		{"one attempt means no retry", repeat(1, id2metatest.Answer("500", "")), []id2meta.Option{id2meta.WithMaxAttempts(1)}, 1, id2meta.ErrUnavailable},

		{"a proxy's 502 without a known Code is not retried", repeat(1, id2metatest.Raw(502, "<html>")), nil, 1, id2meta.ErrUnavailable},
		{"a proxy's 504 without a known Code is not retried", repeat(1, id2metatest.Raw(504, "")), nil, 1, id2meta.ErrUnavailable},
		{"a proxy's 502 is retried if asked for", repeat(2, id2metatest.Raw(502, "<html>")), []id2meta.Option{id2meta.WithRetryUnanswered()}, 3, nil},
		{"a 502 with a Code of the gateway is retried", repeat(2, id2metatest.Status(502, "ServiceUnavailable", "")), nil, 3, nil},
		{"a dropped connection is not retried", repeat(1, id2metatest.Drop()), nil, 1, id2meta.ErrUnavailable},
		{"a truncated answer is not retried", repeat(1, id2metatest.Truncate()), nil, 1, id2meta.ErrUnavailable},
		{"a silent server is not retried", repeat(1, id2metatest.Hang()), []id2meta.Option{id2meta.WithTimeout(200 * time.Millisecond)}, 1, context.DeadlineExceeded},
		{"a dropped connection is retried if asked for", repeat(2, id2metatest.Drop()), []id2meta.Option{id2meta.WithRetryUnanswered()}, 3, nil},
		{"a truncated answer is retried if asked for", repeat(2, id2metatest.Truncate()), []id2meta.Option{id2meta.WithRetryUnanswered()}, 3, nil},
		{"a silent server is retried if asked for", repeat(2, id2metatest.Hang()), []id2meta.Option{id2meta.WithRetryUnanswered(), id2meta.WithTimeout(1500 * time.Millisecond)}, 3, nil},
		{"unanswered attempts are bounded", repeat(3, id2metatest.Drop()), []id2meta.Option{id2meta.WithRetryUnanswered()}, 3, id2meta.ErrUnavailable},

		{"a 200 that cannot be understood is not retried", repeat(1, id2metatest.Raw(200, "{}")), nil, 1, id2meta.ErrUnexpectedResponse},
		{"an unknown BizCode is not retried", repeat(1, id2metatest.Raw(200, `{"Code":"200","ResultObject":{"BizCode":"4"}}`)), nil, 1, id2meta.ErrUnexpectedResponse},
		{"a success with an HTTP 5xx is not retried, for it may be billed", repeat(1, id2metatest.Raw(504, `{"Code":"200","ResultObject":{"BizCode":"1"}}`)), nil, 1, id2meta.ErrUnavailable},
		{"a redirect is not retried", repeat(1, id2metatest.Raw(302, "")), nil, 1, id2meta.ErrUnexpectedResponse},
		{"Code 400 is not retried", repeat(1, id2metatest.Answer("400", "")), nil, 1, id2meta.ErrInvalidParam},
		{"Code 401 is not retried", repeat(1, id2metatest.Answer("401", "")), nil, 1, id2meta.ErrInvalidParam},
		{"Code 402 of a security policy is not retried", repeat(1, id2metatest.Answer("402", "Security policy restriction")), nil, 1, id2meta.ErrSourceUnavailable},
		{"Code 402 for want of a permission is not retried", repeat(1, id2metatest.Answer("402", "No permission to call")), nil, 1, id2meta.ErrAccessDenied},
		{"Code 403 is not retried", repeat(1, id2metatest.Answer("403", "")), nil, 1, id2meta.ErrRepeatedCall},
		{"Code 410 is not retried", repeat(1, id2metatest.Answer("410", "")), nil, 1, id2meta.ErrNotActivated},
		{"Code 411 is not retried", repeat(1, id2metatest.Answer("411", "")), nil, 1, id2meta.ErrAccessDenied},
		{"Code 412 is not retried", repeat(1, id2metatest.Answer("412", "")), nil, 1, id2meta.ErrOverdue},
		{"a refused credential is not retried", repeat(1, id2metatest.Status(404, "InvalidAccessKeyId.NotFound", "")), nil, 1, id2meta.ErrCredential},
		{"a missing permission is not retried", repeat(1, id2metatest.Status(403, "NoPermission", "")), nil, 1, id2meta.ErrAccessDenied},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := newServer(t)
			server.Inject(test.faults...)
			client := newClient(t, []string{server.Endpoint()}, test.opts...)
			result, err := client.Verify(t.Context(), zhangParam)
			assert.Len(t, server.Calls(), test.requests)
			if test.want == nil {
				require.NoError(t, err)
				assert.True(t, result.Match())
				return
			}
			assert.ErrorIs(t, err, test.want)
			assert.Zero(t, result)
			if test.requests > 1 {
				assert.ErrorContains(t, err, "after 3 attempts")
			}
		})
	}

	for name, fault := range map[string]id2metatest.Fault{
		"Code 500": id2metatest.Answer("500", ""),
		"HTTP 503": id2metatest.Status(503, "ServiceUnavailable", ""),
		"Code 402": id2metatest.Answer("402", ""),
	} {
		t.Run(name+" is retried at the next endpoint, and the first is not set aside", func(t *testing.T) {
			first, second := newServer(t), newServer(t)
			first.Inject(fault)
			client := newClient(t, []string{first.Endpoint(), second.Endpoint()})
			_, err := client.Verify(t.Context(), zhangParam)
			require.NoError(t, err)
			assert.Len(t, first.Calls(), 1)
			assert.Len(t, second.Calls(), 1)
			_, err = client.Verify(t.Context(), zhangParam)
			require.NoError(t, err)
			assert.Len(t, first.Calls(), 2)
		})
	}

	t.Run("the wait that a throttled answer names is kept", func(t *testing.T) {
		server := newServer(t)
		server.Inject(id2metatest.Throttle(300 * time.Millisecond))
		started := time.Now()
		_, err := newClient(t, []string{server.Endpoint()}).Verify(t.Context(), zhangParam)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, time.Since(started), 300*time.Millisecond)
	})

	t.Run("a wait that does not fit ends the call at once with the real error", func(t *testing.T) {
		server := newServer(t)
		server.Inject(id2metatest.Throttle(5 * time.Second))
		client := newClient(t, []string{server.Endpoint()}, id2meta.WithTimeout(2*time.Second))
		started := time.Now()
		_, err := client.Verify(t.Context(), zhangParam)
		assert.Less(t, time.Since(started), time.Second)
		assert.ErrorIs(t, err, id2meta.ErrThrottled)
		assert.NotErrorIs(t, err, context.DeadlineExceeded)
		var apiError *id2meta.APIError
		require.ErrorAs(t, err, &apiError)
		assert.Equal(t, 5*time.Second, apiError.RetryAfter)
	})

	t.Run("the last error also says that an earlier attempt may have been billed", func(t *testing.T) {
		server := newServer(t)
		server.Inject(id2metatest.Drop(), id2metatest.Answer("411", ""))
		client := newClient(t, []string{server.Endpoint()}, id2meta.WithRetryUnanswered())
		_, err := client.Verify(t.Context(), zhangParam)
		assert.ErrorIs(t, err, id2meta.ErrAccessDenied)
		assert.ErrorIs(t, err, id2meta.ErrMaybeBilled)
		assert.ErrorContains(t, err, "(after 2 attempts, of which an earlier one was not answered); the call may have been billed")

		server.Inject(id2metatest.Drop(), id2metatest.Answer("402", ""), id2metatest.Answer("411", ""))
		_, err = client.Verify(t.Context(), zhangParam)
		assert.ErrorIs(t, err, id2meta.ErrMaybeBilled)
		assert.ErrorContains(t, err, "(after 3 attempts, of which an earlier one was not answered); the call may have been billed")
	})

	t.Run("a limiter that has no room for a retry leaves the error that it was for", func(t *testing.T) {
		server := newServer(t)
		server.Inject(id2metatest.Answer("402", ""))
		limiter := rate.NewLimiter(rate.Every(time.Hour), 1)
		client := newClient(t, []string{server.Endpoint()}, id2meta.WithLimiter(limiter))
		_, err := client.Verify(t.Context(), zhangParam)
		assert.ErrorIs(t, err, id2meta.ErrThrottled)
		assert.ErrorIs(t, err, id2meta.ErrSourceUnavailable)
		assert.ErrorContains(t, err, "after 1 attempt:")
		assert.Len(t, server.Calls(), 1)
	})

	t.Run("the last attempt has all the time that is left, and ends with the deadline", func(t *testing.T) {
		server := newServer(t)
		server.Inject(repeat(2, id2metatest.Hang())...)
		client := newClient(t, []string{server.Endpoint()}, id2meta.WithRetryUnanswered(),
			id2meta.WithMaxAttempts(2), id2meta.WithTimeout(600*time.Millisecond))
		_, err := client.Verify(t.Context(), zhangParam)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Len(t, server.Calls(), 2)
		for range 5 {
			_, err = newClient(t, []string{mute(t).endpoint}, id2meta.WithMaxAttempts(1), id2meta.WithTimeout(20*time.Millisecond)).Verify(t.Context(), zhangParam)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		}
	})

	t.Run("a deadline in a later attempt also says what came before", func(t *testing.T) {
		server := newServer(t)
		server.Inject(id2metatest.Answer("500", ""), id2metatest.Hang())
		client := newClient(t, []string{server.Endpoint()}, id2meta.WithTimeout(600*time.Millisecond))
		_, err := client.Verify(t.Context(), zhangParam)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorIs(t, err, id2meta.ErrUnavailable)
	})
}

func TestConnectionsAreKept(t *testing.T) {
	const callers = 100
	server := newServer(t)
	relay := newRelay(t, server.Endpoint())
	client := newClient(t, []string{relay.endpoint()})
	for range 5 {
		for range callers { // so that each needs a connection of its own
			server.Inject(id2metatest.Delay(300 * time.Millisecond))
		}
		share(callers, callers, func() {
			_, err := client.Verify(t.Context(), zhangParam)
			assert.NoError(t, err)
		})
	}
	assert.LessOrEqual(t, relay.accepted.Load(), int64(callers+callers/10))
}

func TestClosedKeepAliveConnection(t *testing.T) {
	server := newServer(t)
	relay := newRelay(t, server.Endpoint())
	client := newClient(t, []string{relay.endpoint()}, id2meta.WithMaxAttempts(1))
	const rounds, callers = 30, 10
	for range rounds {
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				_, err := client.Verify(t.Context(), zhangParam)
				assert.NoError(t, err, "a connection that was closed between calls must not fail a call")
			})
		}
		wg.Wait()
		relay.cut()
	}
	assert.Len(t, server.Calls(), rounds*callers, "no call may be sent twice")
	assert.Greater(t, relay.accepted.Load(), int64(rounds-1))
}

func TestLogger(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	server := newServer(t)
	server.Inject(id2metatest.Answer("402", "later"))
	dead := refusing(t)
	client := newClient(t, []string{dead.endpoint, server.Endpoint()}, id2meta.WithLogger(logger), id2meta.WithMaxAttempts(4))
	_, err := client.Verify(t.Context(), zhangParam)
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
	assert.NotContains(t, out.String(), zhang)
	assert.NotContains(t, out.String(), "19491231")
}

// countingLimiter counts how often it was asked, and can refuse.
type countingLimiter struct {
	asked atomic.Int64
	err   error
}

func (l *countingLimiter) Wait(context.Context) error {
	l.asked.Add(1)
	return l.err
}

func TestLimiter(t *testing.T) {
	t.Run("is asked once for each request, retries included", func(t *testing.T) {
		server := newServer(t)
		server.Inject(id2metatest.Answer("500", ""), id2metatest.Answer("500", ""))
		limiter := new(countingLimiter)
		_, err := newClient(t, []string{server.Endpoint()}, id2meta.WithLimiter(limiter)).Verify(t.Context(), zhangParam)
		require.NoError(t, err)
		assert.EqualValues(t, len(server.Calls()), limiter.asked.Load())
		assert.EqualValues(t, 3, limiter.asked.Load())
	})
	t.Run("is not asked for a person that cannot be verified", func(t *testing.T) {
		limiter := new(countingLimiter)
		_, err := newClient(t, []string{"127.0.0.1:1"}, id2meta.WithLimiter(limiter)).Verify(t.Context(), id2meta.Param{})
		assert.ErrorIs(t, err, id2meta.ErrInvalidParam)
		assert.Zero(t, limiter.asked.Load())
	})
	t.Run("ends the call when it refuses", func(t *testing.T) {
		server := newServer(t)
		full := errors.New("queue full")
		_, err := newClient(t, []string{server.Endpoint()}, id2meta.WithLimiter(&countingLimiter{err: full})).Verify(t.Context(), zhangParam)
		assert.ErrorIs(t, err, full)
		assert.ErrorIs(t, err, id2meta.ErrThrottled)
		assert.Empty(t, server.Calls())
	})
}
