package id2meta_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/identity"
	"github.com/id2meta/id2meta/internal/testenv"
)

// failures are the codes of the vendor's pages "身份二要素核验 · 纯服务端(API)接入"
// and "服务端错误码", and the codes of the gateway.
var failures = []struct {
	status   int
	code     string
	sentinel error
}{
	{200, "400", id2meta.ErrInvalidParam},
	{200, "401", id2meta.ErrInvalidParam},
	{200, "402", id2meta.ErrSourceUnavailable},
	{200, "403", id2meta.ErrRepeatedCall},
	{200, "410", id2meta.ErrNotActivated},
	{200, "411", id2meta.ErrAccessDenied},
	{200, "412", id2meta.ErrOverdue},
	{200, "500", id2meta.ErrUnavailable},

	{400, "Throttling", id2meta.ErrThrottled},
	{400, "Throttling.User", id2meta.ErrThrottled},
	{429, "Throttling.Api", id2meta.ErrThrottled},
	{503, "Throttling", id2meta.ErrThrottled},
	{404, "InvalidAccessKeyId.NotFound", id2meta.ErrCredential},
	{403, "InvalidAccessKeyId.Inactive", id2meta.ErrCredential},
	{400, "InvalidAccessKeyId", id2meta.ErrCredential},
	{400, "MissingAccessKeyId", id2meta.ErrCredential},
	{400, "SignatureDoesNotMatch", id2meta.ErrCredential},
	{400, "IncompleteSignature", id2meta.ErrCredential},
	{400, "InvalidSecurityToken.Expired", id2meta.ErrCredential},
	{400, "InvalidSecurityToken.MismatchWithAccessKey", id2meta.ErrCredential},
	{400, "MissingSecurityToken", id2meta.ErrCredential},
	{400, "InvalidTimeStamp.Expired", id2meta.ErrCredential},
	{400, "IllegalTimestamp", id2meta.ErrCredential},
	{400, "SignatureNonceUsed", id2meta.ErrCredential},
	{403, "Forbidden", id2meta.ErrAccessDenied},
	{403, "Forbidden.RAM", id2meta.ErrAccessDenied},
	{403, "NoPermission", id2meta.ErrAccessDenied},
	{503, "ServiceUnavailable", id2meta.ErrUnavailable},
	{500, "InternalError", id2meta.ErrUnavailable},

	// If the Code is empty or unknown, the HTTP status decides.
	{429, "", id2meta.ErrThrottled},
	{429, "Unknown.Code", id2meta.ErrThrottled},
	{500, "", id2meta.ErrUnavailable},
	{502, "Unknown.Code", id2meta.ErrUnavailable},
	{504, "200", id2meta.ErrUnavailable},
	{400, "", id2meta.ErrUnexpectedResponse},
	{404, "InvalidAction.NotFound", id2meta.ErrUnexpectedResponse},
	{403, "Unknown.Code", id2meta.ErrUnexpectedResponse},
	{200, "", id2meta.ErrUnexpectedResponse},
	{200, "200", id2meta.ErrUnexpectedResponse}, // without a verdict
	{200, "201", id2meta.ErrUnexpectedResponse},
	{200, "404", id2meta.ErrUnexpectedResponse},
	// These only look like codes.
	{400, "throttling", id2meta.ErrUnexpectedResponse},
	{400, "ThrottlingUser", id2meta.ErrUnexpectedResponse},
	{200, "411.0", id2meta.ErrUnexpectedResponse},
	{200, " 411", id2meta.ErrUnexpectedResponse},
}

func TestEveryFailureOfTheServiceHasOneSentinel(t *testing.T) {
	server := newServer(t)
	client := newClient(t, []string{server.Endpoint()}, id2meta.WithMaxAttempts(1))

	for _, test := range failures {
		t.Run(fmt.Sprintf("HTTP %d with Code %q", test.status, test.code), func(t *testing.T) {
			if test.status == http.StatusOK {
				server.Inject(id2metatest.Answer(test.code, "as the service says"))
			} else {
				server.Inject(id2metatest.Status(test.status, test.code, "as the service says"))
			}
			result, err := client.Verify(t.Context(), zhangSan)
			requireOnly(t, test.sentinel, err)
			require.Zero(t, result)

			calls := server.Calls()
			var e *id2meta.APIError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, server.Endpoint(), e.Endpoint)
			assert.Equal(t, test.status, e.StatusCode)
			assert.Equal(t, test.code, e.Code)
			assert.Equal(t, "as the service says", e.Message)
			assert.Equal(t, calls[len(calls)-1].RequestID, e.RequestID)
			assert.Zero(t, e.RetryAfter)
			if test.status == http.StatusOK {
				assert.Empty(t, e.Recommend)
			} else {
				assert.True(t, strings.HasPrefix(e.Recommend, "https://api.aliyun.com/troubleshoot?"), e.Recommend)
			}
			for _, part := range []string{test.sentinel.Error(), e.Endpoint, strconv.Itoa(e.StatusCode), e.Code, e.Message, e.RequestID, e.Recommend} {
				assert.Contains(t, err.Error(), part)
			}
		})
	}
	assert.Len(t, server.Calls(), len(failures), "one request each")
}

// The tests of a service make APIErrors themselves.
func TestAnAPIErrorThatATestMakesHasTheSentinelOfItsCode(t *testing.T) {
	for _, test := range failures {
		t.Run(fmt.Sprintf("HTTP %d with Code %q", test.status, test.code), func(t *testing.T) {
			requireOnly(t, test.sentinel, &id2meta.APIError{StatusCode: test.status, Code: test.code})
			requireOnly(t, test.sentinel, fmt.Errorf("verifying the user: %w", &id2meta.APIError{StatusCode: test.status, Code: test.code}))
			requireOnly(t, test.sentinel, errors.Join(errors.New("one"), &id2meta.APIError{StatusCode: test.status, Code: test.code}))
		})
	}
	t.Run("the zero APIError is an unexpected response", func(t *testing.T) {
		requireOnly(t, id2meta.ErrUnexpectedResponse, &id2meta.APIError{})
	})
}

// The three meanings of Code 402 are told apart by its Message.
func TestCode402(t *testing.T) {
	t.Parallel()
	const policy = "a security policy of the console refused"
	for _, test := range []struct {
		message  string
		sentinel error
		policy   bool
	}{
		{"权威源服务异常", id2meta.ErrSourceUnavailable, false},
		{"Authoritative source service unavailable", id2meta.ErrSourceUnavailable, false},
		{"", id2meta.ErrSourceUnavailable, false},
		{"anything else", id2meta.ErrSourceUnavailable, false},
		{"Security policy restriction", id2meta.ErrSourceUnavailable, true},
		{"security policy restriction.", id2meta.ErrSourceUnavailable, true},
		{"安全策略限制", id2meta.ErrSourceUnavailable, true},
		{"安全策略限制,请重新尝试。", id2meta.ErrSourceUnavailable, true},
		{"No permission to call", id2meta.ErrAccessDenied, false},
		{"You do not have permission to call this API.", id2meta.ErrAccessDenied, false},
		{"无调用权限", id2meta.ErrAccessDenied, false},
		// A longer text may mean the opposite.
		{"the source has No permission to call home", id2meta.ErrSourceUnavailable, false},
		{"not a Security policy restriction", id2meta.ErrSourceUnavailable, false},
	} {
		t.Run(test.message, func(t *testing.T) {
			e := requireAPIError(t, func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, `{"Code":"402","Message":"`+test.message+`"}`)
			})
			requireOnly(t, test.sentinel, e)
			assert.Equal(t, test.policy, strings.Contains(e.Error(), policy), e.Error())
		})
	}
	t.Run("the words mean nothing with another Code", func(t *testing.T) {
		requireOnly(t, id2meta.ErrUnavailable, &id2meta.APIError{Code: "500", Message: "No permission to call"})
		assert.NotContains(t, (&id2meta.APIError{Code: "403", Message: "Security policy restriction"}).Error(), policy)
	})
}

// A published answer with Code 401 names the field in its Message and has the form of a
// failure of the gateway. The HTTP status of that answer is not published.
func TestCode401NamesTheField(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ code, message, field string }{
		{"401", "参数非法(identifyNum)", "IdentifyNum"},
		{"401", "参数非法(userName)", "UserName"},
		{"401", "参数非法(paramType)", "ParamType"},
		{"400", "参数不能为空(UserName)", "UserName"},
		{"401", "参数非法", ""},
		{"401", "参数非法(other)", ""},
		{"401", "identifyNum", ""},
		{"411", "参数非法(identifyNum)", ""},
	} {
		for _, status := range []int{200, 400, 401} {
			t.Run(fmt.Sprintf("%s with Code %s and HTTP %d", test.message, test.code, status), func(t *testing.T) {
				e := requireAPIError(t, func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(status)
					fmt.Fprintf(w, `{"RequestId":"24394B83-EE10-5C5F-A0BC-FBC680A694A4","HostId":"cloudauth.cn-hangzhou.aliyuncs.com",`+
						`"Code":%q,"Message":%q,"Recommend":"https://api.aliyun.com/troubleshoot?q=401&product=Cloudauth"}`, test.code, test.message)
				})
				assert.Equal(t, test.field, e.Field)
				assert.Equal(t, test.code, e.Code)
				assert.Equal(t, status, e.StatusCode)
				if test.code != "411" {
					requireOnly(t, id2meta.ErrInvalidParam, e)
				}
			})
		}
	}
}

func TestACodeMeansTheSameWithEveryStatus(t *testing.T) {
	t.Parallel()
	for _, test := range failures[:8] {
		for _, status := range []int{200, 400, 401} {
			t.Run(fmt.Sprintf("Code %s and HTTP %d", test.code, status), func(t *testing.T) {
				err := error(requireAPIError(t, func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(status)
					fmt.Fprintf(w, `{"Code":%q}`, test.code)
				}))
				requireOnly(t, test.sentinel, err)
				assert.NotErrorIs(t, err, id2meta.ErrMaybeBilled)
			})
		}
	}
}

// ErrMaybeBilled stands beside an error if and only if the service may have answered a
// request with a verdict that did not arrive. The simulator tells what it billed.
func TestErrMaybeBilled(t *testing.T) {
	t.Parallel()
	deadline := whenRequested(context.DeadlineExceeded)
	again := []id2meta.Option{id2meta.WithRetryUnanswered(), id2meta.WithMaxAttempts(2)}
	unknownBizCode := id2metatest.Raw(200, `{"Code":"200","ResultObject":{"BizCode":"4"}}`)
	type test struct {
		name   string
		faults []id2metatest.Fault
		opts   []id2meta.Option
		ctx    func(*testing.T, *id2metatest.Server) context.Context // default: the test's
		person id2meta.Param                                         // default: zhangSan
		want   bool
	}
	tests := []test{
		// The request was sent, and no verdict arrived.
		{name: "a dropped connection", faults: []id2metatest.Fault{id2metatest.Drop()}, want: true},
		{name: "a truncated answer", faults: []id2metatest.Fault{id2metatest.Truncate()}, want: true},
		{name: "a deadline while the server is silent", faults: []id2metatest.Fault{id2metatest.Hang()}, ctx: deadline, want: true},
		{name: "WithTimeout while the server is silent", faults: []id2metatest.Fault{id2metatest.Hang()}, opts: []id2meta.Option{id2meta.WithTimeout(3 * time.Second), id2meta.WithMaxAttempts(1)}, want: true},
		{name: "a cancel while the server is silent", faults: []id2metatest.Fault{id2metatest.Hang()}, ctx: whenRequested(context.Canceled), want: true},
		{name: "a deadline while the answer is delayed", faults: []id2metatest.Fault{id2metatest.Delay(time.Minute)}, ctx: deadline, want: true},
		{name: "a 200 that is empty", faults: []id2metatest.Fault{id2metatest.Raw(200, "")}, want: true},
		{name: "a 200 that cannot be understood", faults: []id2metatest.Fault{id2metatest.Raw(200, "<html>")}, want: true},
		{name: "a 200 that is too long", faults: []id2metatest.Fault{id2metatest.Raw(200, verdict+strings.Repeat(" ", 1<<20))}, want: true},
		{name: "a 200 with an unknown Code", faults: []id2metatest.Fault{id2metatest.Answer("299", "")}, want: true},
		{name: "an unknown BizCode", faults: []id2metatest.Fault{unknownBizCode}, want: true},
		{name: "a success without a BizCode", faults: []id2metatest.Fault{id2metatest.Raw(200, `{"Code":"200"}`)}, want: true},
		{name: "a proxy that had no answer", faults: []id2metatest.Fault{id2metatest.Raw(504, "<html>")}, opts: []id2meta.Option{id2meta.WithMaxAttempts(1)}, want: true},
		{name: "a proxy that had no answer, and then a failure", faults: []id2metatest.Fault{id2metatest.Raw(502, ""), id2metatest.Answer("411", "")}, want: true},
		{name: "a verdict behind a 504", faults: []id2metatest.Fault{id2metatest.Raw(504, verdict)}, want: true},
		{name: "a verdict behind a 404", faults: []id2metatest.Fault{id2metatest.Raw(404, verdict)}, want: true},

		// A later attempt does not change that.
		{name: "a drop, and then another", faults: []id2metatest.Fault{id2metatest.Drop(), id2metatest.Drop()}, opts: again, want: true},
		{name: "a drop, and then a failure", faults: []id2metatest.Fault{id2metatest.Drop(), id2metatest.Answer("411", "")}, opts: again, want: true},
		{name: "a drop, and then throttling", faults: []id2metatest.Fault{id2metatest.Drop(), id2metatest.Throttle(time.Hour)}, opts: again, want: true},
		{name: "a drop, and then a limiter that refuses", faults: []id2metatest.Fault{id2metatest.Drop()},
			opts: append(again, id2meta.WithLimiter(rate.NewLimiter(rate.Every(time.Hour), 1))), want: true},
		{name: "a drop, and then a deadline in the second attempt", faults: []id2metatest.Fault{id2metatest.Truncate(), id2metatest.Hang()}, opts: again,
			ctx: func(t *testing.T, server *id2metatest.Server) context.Context {
				return testenv.EndWhen(t, context.DeadlineExceeded, func() bool { return len(server.Calls()) == 2 })
			}, want: true},
		{name: "a failure, and then a drop", faults: []id2metatest.Fault{id2metatest.Answer("500", ""), id2metatest.Drop()}, want: true},

		// The service told a failure.
		{name: "Code 500 to the last", faults: []id2metatest.Fault{id2metatest.Answer("500", ""), id2metatest.Answer("500", ""), id2metatest.Answer("500", "")}},
		{name: "Code 402 to the last", faults: []id2metatest.Fault{id2metatest.Answer("402", ""), id2metatest.Answer("402", ""), id2metatest.Answer("402", "")}},
		{name: "HTTP 500 in HTML to the last", faults: []id2metatest.Fault{id2metatest.Raw(500, "<html>"), id2metatest.Raw(500, "<html>"), id2metatest.Raw(500, "<html>")}},
		{name: "HTTP 504 with a Code of the gateway", faults: []id2metatest.Fault{id2metatest.Status(504, "ServiceUnavailable", "")}, opts: []id2meta.Option{id2meta.WithMaxAttempts(1)}},
		{name: "throttling for longer than there is time", faults: []id2metatest.Fault{id2metatest.Throttle(time.Hour)}},
		{name: "an unknown Code of the gateway", faults: []id2metatest.Fault{id2metatest.Status(404, "InvalidAction.NotFound", "")}},
		{name: "a redirect", faults: []id2metatest.Fault{id2metatest.Raw(302, "")}},

		// Nothing was sent.
		{name: "a person who cannot be verified", person: id2meta.Param{UserName: zhangName, IdentifyNum: "1"}},
		{name: "a deadline in the past", ctx: within(-time.Second)},
		{name: "no connection", opts: []id2meta.Option{id2meta.WithEndpoints(refusing(t).endpoint)}},
		{name: "a deadline while connecting", opts: []id2meta.Option{id2meta.WithEndpoints(mute(t).endpoint)}, ctx: within(50 * time.Millisecond)},
		{name: "a limiter that refuses", opts: []id2meta.Option{id2meta.WithLimiter(&countingLimiter{err: io.EOF})}},
		{name: "a deadline while the limiter holds the request back", opts: []id2meta.Option{id2meta.WithLimiter(never)}, ctx: within(50 * time.Millisecond)},
		{name: "no credential", opts: []id2meta.Option{id2meta.WithCredential(&failingCredential{err: io.EOF})}},
	}
	for _, failed := range failures {
		if failed.code == "200" || failed.status == 502 || failed.sentinel == id2meta.ErrUnexpectedResponse && failed.status == 200 {
			continue // these rows are above
		}
		fault := id2metatest.Status(failed.status, failed.code, "")
		if failed.status == 200 {
			fault = id2metatest.Answer(failed.code, "")
		}
		tests = append(tests, test{
			name:   fmt.Sprintf("HTTP %d with Code %q", failed.status, failed.code),
			faults: []id2metatest.Fault{fault},
			opts:   []id2meta.Option{id2meta.WithMaxAttempts(1)},
		})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t)
			server.Inject(test.faults...)
			client := newClient(t, []string{server.Endpoint()}, test.opts...)
			person, ctx := test.person, t.Context()
			if person == (id2meta.Param{}) {
				person = zhangSan
			}
			if test.ctx != nil {
				ctx = test.ctx(t, server)
			}
			result, err := client.Verify(ctx, person)
			require.Error(t, err)
			assert.Zero(t, result)
			assert.Equal(t, test.want, errors.Is(err, id2meta.ErrMaybeBilled), "%v", err)
			if server.Billed(zhangName, zhangNumber) > 0 {
				assert.ErrorIs(t, err, id2meta.ErrMaybeBilled, "it was billed")
			}
			if len(server.Calls()) == 0 {
				assert.NotErrorIs(t, err, id2meta.ErrMaybeBilled, "nothing was sent")
			}
			kinds := 0
			for _, sentinel := range append(sentinels, context.Canceled, context.DeadlineExceeded) {
				if errors.Is(err, sentinel) {
					kinds++
				}
			}
			assert.Positive(t, kinds, "it stands beside another error")
			if e, ok := errors.AsType[*id2meta.APIError](err); ok {
				assert.NotErrorIs(t, e, id2meta.ErrMaybeBilled, "an APIError keeps its one sentinel")
			}
		})
	}
}

func TestAParamErrorNamesFieldAndReason(t *testing.T) {
	err := error(&id2meta.ParamError{Field: "UserName", Reason: "it is empty"})
	requireOnly(t, id2meta.ErrInvalidParam, err)
	requireOnly(t, id2meta.ErrInvalidParam, fmt.Errorf("form: %w", err))
	assert.EqualError(t, err, "id2meta: invalid UserName: it is empty")
}

func TestRetryAfterIsTheLongestWaitThatAThrottledAnswerNames(t *testing.T) {
	t.Parallel()
	const body = `{"Code":"Throttling.User","Message":"Request was denied due to user flow control."}`
	for _, test := range []struct {
		name   string
		header map[string]string
		want   time.Duration
	}{
		{"the count of the user and the API", map[string]string{"x-ratelimit-user-api": "Limit:1,Remain:0,TimeLeft:2000,Reset:1234"}, 2 * time.Second},
		{"the count of the user", map[string]string{"x-ratelimit-user": "Limit:1,Remain:0,TimeLeft:1500,Reset:1234"}, 1500 * time.Millisecond},
		{"spaces behind the commas", map[string]string{"x-ratelimit-user": "Limit:1, Remain:0, TimeLeft:1500, Reset:1234"}, 1500 * time.Millisecond},
		{"the second count is longer", map[string]string{"x-ratelimit-user-api": "TimeLeft:100", "x-ratelimit-user": "TimeLeft:300"}, 300 * time.Millisecond},
		{"the first count is longer", map[string]string{"x-ratelimit-user-api": "TimeLeft:300", "x-ratelimit-user": "TimeLeft:100"}, 300 * time.Millisecond},
		{"Retry-After in seconds", map[string]string{"Retry-After": "3"}, 3 * time.Second},
		{"Retry-After is longer than a count", map[string]string{"Retry-After": "3", "x-ratelimit-user": "TimeLeft:100"}, 3 * time.Second},
		{"a count is longer than Retry-After", map[string]string{"Retry-After": "3", "x-ratelimit-user": "TimeLeft:4000"}, 4 * time.Second},
		{"a Retry-After in the past", map[string]string{"Retry-After": "Mon, 02 Jan 2006 15:04:05 GMT"}, 0},
		{"a count beside a Retry-After in the past", map[string]string{"Retry-After": "Mon, 02 Jan 2006 15:04:05 GMT", "x-ratelimit-user": "TimeLeft:100"}, 100 * time.Millisecond},
		{"no header", nil, 0},
		{"a negative count", map[string]string{"x-ratelimit-user": "TimeLeft:-5"}, 0},
		{"a negative Retry-After", map[string]string{"Retry-After": "-5"}, 0},
		{"a count that is no number", map[string]string{"x-ratelimit-user": "TimeLeft:soon"}, 0},
		{"a count of months", map[string]string{"x-ratelimit-user": "TimeLeft:5000000000"}, 5000000 * time.Second},
		{"a count that is longer than a duration", map[string]string{"x-ratelimit-user": "TimeLeft:9223372036854775807"}, math.MaxInt64},
		{"a count that is longer than a number", map[string]string{"Retry-After": "99999999999999999999999"}, math.MaxInt64},
		{"a fraction", map[string]string{"Retry-After": "1.5"}, 0},
		{"a count without a value", map[string]string{"x-ratelimit-user": "TimeLeft"}, 0},
		{"another field alone", map[string]string{"x-ratelimit-user": "Reset:1234"}, 0},
		{"nothing but commas", map[string]string{"x-ratelimit-user": ",,,:,"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := requireAPIError(t, func(w http.ResponseWriter, _ *http.Request) {
				for name, value := range test.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(http.StatusBadRequest)
				io.WriteString(w, body)
			})
			assert.Equal(t, test.want, e.RetryAfter)
			assert.Equal(t, test.want > 0, strings.Contains(e.Error(), "retry after "+test.want.String()))
		})
	}
	t.Run("Retry-After as a date", func(t *testing.T) {
		e := requireAPIError(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", time.Now().Add(time.Minute).UTC().Format(http.TimeFormat))
			w.WriteHeader(http.StatusTooManyRequests)
		})
		assert.Greater(t, e.RetryAfter, 50*time.Second)
		assert.LessOrEqual(t, e.RetryAfter, time.Minute)
	})
	for _, number := range []string{"9223372037", "9223372036854775807", "18446744073709551616", strings.Repeat("9", 1000)} {
		for header, value := range map[string]string{"Retry-After": number, "x-ratelimit-user": "TimeLeft:" + number} {
			t.Run(header+" that does not fit into a duration is not negative", func(t *testing.T) {
				e := requireAPIError(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set(header, value)
					w.WriteHeader(http.StatusTooManyRequests)
				})
				assert.GreaterOrEqual(t, e.RetryAfter, time.Duration(0))
			})
		}
	}
	t.Run("only a throttled answer names a wait", func(t *testing.T) {
		e := requireAPIError(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3")
			io.WriteString(w, `{"Code":"411"}`)
		})
		assert.Zero(t, e.RetryAfter)
	})
	t.Run("a throttled answer of the simulator names a wait", func(t *testing.T) {
		server := newServer(t)
		server.Inject(id2metatest.Throttle(time.Hour))
		_, err := newClient(t, []string{server.Endpoint()}).Verify(t.Context(), zhangSan)
		requireOnly(t, id2meta.ErrThrottled, err)
		var e *id2meta.APIError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, time.Hour, e.RetryAfter)
	})
}

// The service never sends the answers of the following tests. None of them may become a
// verdict.

func TestBothFormsOfAVerdictAreUnderstood(t *testing.T) {
	server := newServer(t)
	client := newClient(t, []string{server.Endpoint()})
	for _, test := range []struct {
		name, body string
		want       id2meta.BizCode
	}{
		{"strings", verdict, id2meta.BizCodeMatch},
		{"numbers", `{"Code":200,"ResultObject":{"BizCode":1}}`, id2meta.BizCodeMatch},
		{"a string and a number", `{"Code":"200","ResultObject":{"BizCode":2}}`, id2meta.BizCodeMismatch},
		{"a number and a string", `{"Code":200,"ResultObject":{"BizCode":"3"}}`, id2meta.BizCodeNoRecord},
		{"any order, and white space around it", "\r\n\t {\"ResultObject\" : {\"BizCode\" : \"2\"} , \"Code\" : 200} \n", id2meta.BizCodeMismatch},
		{"escapes, which JSON allows", `{"\u0043ode":"\u0032\u0030\u0030","ResultObject":{"BizCode":"\u0031"}}`, id2meta.BizCodeMatch},
		{"other fields", `{"Code":200,"code":500,"x":[{"Code":411},null,1e9],"ResultObject":{"bizCode":3,"BizCode":1,"y":{"BizCode":2}}}`, id2meta.BizCodeMatch},
		{"null in fields that are not needed", `{"Code":200,"Message":null,"RequestId":null,"ResultObject":{"BizCode":1}}`, id2meta.BizCodeMatch},
		{"almost 1 MiB", verdict + strings.Repeat(" ", 1<<20-len(verdict)), id2meta.BizCodeMatch},
	} {
		t.Run(test.name, func(t *testing.T) {
			server.Inject(id2metatest.Raw(200, test.body))
			result, err := client.Verify(t.Context(), zhangSan)
			require.NoError(t, err)
			assert.Equal(t, test.want, result.BizCode)
			assert.Equal(t, test.want == id2meta.BizCodeMatch, result.Match())
		})
	}
}

// oddBodies are not verdicts. Most of them hold a verdict that a lenient decoder would
// find.
var oddBodies = []struct{ name, body string }{
	{"nothing", ""},
	{"white space", " \n"},
	{"an empty object", `{}`},
	{"null", `null`},
	{"an array", `[]`},
	{"an array around the answer", `[` + verdict + `]`},
	{"a string", `"200"`},
	{"the answer in a string", strconv.Quote(verdict)},
	{"a number", `200`},
	{"true", `true`},
	{"HTML", `<!DOCTYPE html><html><body>200 OK</body></html>`},
	{"XML", `<Id2MetaVerifyResponse><Code>200</Code><ResultObject><BizCode>1</BizCode></ResultObject></Id2MetaVerifyResponse>`},
	{"a form", `Code=200&BizCode=1`},
	{"JSON without its end", verdict[:len(verdict)-1]},
	{"JSON cut in the verdict", verdict[:len(verdict)-4]},
	{"two answers", verdict + verdict},
	{"letters behind it", verdict + "x"},
	{"a comma behind it", verdict + ","},
	{"a bracket behind it", verdict + "}"},
	{"a zero byte behind it", verdict + "\x00"},
	{"a byte order mark before it", "\ufeff" + verdict},
	{"UTF-16", string([]byte{0xff, 0xfe, '{', 0, '}', 0})},
	{"invalid UTF-8 in the message", strings.Replace(verdict, "success", "\xb3\xc9\xb9\xa6", 1)},
	{"invalid UTF-8 in a name", `{"C\xffode":1,` + verdict[1:]},
	{"a comment", `/* */` + verdict},
	{"single quotes", `{'Code':'200','ResultObject':{'BizCode':'1'}}`},
	{"a comma too many", `{"Code":"200","ResultObject":{"BizCode":"1"},}`},
	{"a comma too few", `{"Code":"200" "ResultObject":{"BizCode":"1"}}`},

	{"no Code", `{"ResultObject":{"BizCode":"1"}}`},
	{"a null Code", `{"Code":null,"ResultObject":{"BizCode":"1"}}`},
	{"an empty Code", `{"Code":"","ResultObject":{"BizCode":"1"}}`},
	{"an unknown Code", `{"Code":"299","ResultObject":{"BizCode":"1"}}`},
	{"the Code true", `{"Code":true,"ResultObject":{"BizCode":"1"}}`},
	{"the Code in an array", `{"Code":["200"],"ResultObject":{"BizCode":"1"}}`},
	{"the Code in an object", `{"Code":{"Code":"200"},"ResultObject":{"BizCode":"1"}}`},
	{"the Code 200.0", `{"Code":200.0,"ResultObject":{"BizCode":"1"}}`},
	{"the Code 2e2", `{"Code":2e2,"ResultObject":{"BizCode":"1"}}`},
	{"the Code 0200", `{"Code":0200,"ResultObject":{"BizCode":"1"}}`},
	{"the Code with a space", `{"Code":"200 ","ResultObject":{"BizCode":"1"}}`},
	{"the Code in full-width digits", `{"Code":"２００","ResultObject":{"BizCode":"1"}}`},
	{"another spelling of Code", `{"code":"200","ResultObject":{"BizCode":"1"}}`},
	{"two Codes", `{"Code":"411","Code":"200","ResultObject":{"BizCode":"1"}}`},
	{"two equal Codes", `{"Code":"200","Code":"200","ResultObject":{"BizCode":"1"}}`},
	{"a null Code before a good one", `{"Code":null,"Code":"200","ResultObject":{"BizCode":"1"}}`},
	{"two Codes of which one is escaped", `{"Code":"200","\u0043ode":"200","ResultObject":{"BizCode":"1"}}`},

	{"no BizCode", `{"Code":"200","ResultObject":{}}`},
	{"a null BizCode", `{"Code":"200","ResultObject":{"BizCode":null}}`},
	{"an empty BizCode", `{"Code":"200","ResultObject":{"BizCode":""}}`},
	{"the BizCode 0", `{"Code":"200","ResultObject":{"BizCode":"0"}}`},
	{"the BizCode 4", `{"Code":"200","ResultObject":{"BizCode":4}}`},
	{"the BizCode 1.0", `{"Code":"200","ResultObject":{"BizCode":1.0}}`},
	{"the BizCode 1e0", `{"Code":"200","ResultObject":{"BizCode":1e0}}`},
	{"the BizCode 01", `{"Code":"200","ResultObject":{"BizCode":"01"}}`},
	{"the BizCode -1", `{"Code":"200","ResultObject":{"BizCode":-1}}`},
	{"the BizCode true", `{"Code":"200","ResultObject":{"BizCode":true}}`},
	{"the BizCode in words", `{"Code":"200","ResultObject":{"BizCode":"match"}}`},
	{"the BizCode in an array", `{"Code":"200","ResultObject":{"BizCode":["1"]}}`},
	{"another spelling of BizCode", `{"Code":"200","ResultObject":{"bizcode":"1"}}`},
	{"two BizCodes", `{"Code":"200","ResultObject":{"BizCode":"2","BizCode":"1"}}`},
	{"a BizCode outside the ResultObject", `{"Code":"200","BizCode":"1"}`},
	{"a BizCode too deep", `{"Code":"200","ResultObject":{"ResultObject":{"BizCode":"1"}}}`},
	{"no ResultObject", `{"Code":"200"}`},
	{"a null ResultObject", `{"Code":"200","ResultObject":null}`},
	{"the ResultObject an array", `{"Code":"200","ResultObject":[{"BizCode":"1"}]}`},
	{"the ResultObject a string", `{"Code":"200","ResultObject":"{\"BizCode\":\"1\"}"}`},
	{"two ResultObjects", `{"Code":"200","ResultObject":{"BizCode":"2"},"ResultObject":{"BizCode":"1"}}`},
	{"an empty ResultObject behind a good one", `{"Code":"200","ResultObject":{"BizCode":"1"},"ResultObject":{}}`},
	{"another spelling of ResultObject", `{"Code":"200","resultObject":{"BizCode":"1"}}`},
	{"the answer one level down", `{"Data":` + verdict + `}`},

	{"a Message that is an object", `{"Message":{},"Code":"200","ResultObject":{"BizCode":"1"}}`},
	{"a RequestId that is true", `{"RequestId":true,"Code":"200","ResultObject":{"BizCode":"1"}}`},
	{"two Messages", `{"Message":"a","Message":"b","Code":"200","ResultObject":{"BizCode":"1"}}`},
	{"two fields of one unknown name", `{"x":1,"x":2,"Code":"200","ResultObject":{"BizCode":"1"}}`},
	{"arrays 20,000 deep", `{"x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `,` + verdict[1:]},
	{"objects 250,000 deep and no end", strings.Repeat(`{"":`, 250_000)},
	{"8 MiB of white space behind a verdict", verdict + strings.Repeat(" ", 8<<20)},
	{"8 MiB of white space before a verdict", strings.Repeat(" ", 8<<20) + verdict},
	{"8 MiB of message", strings.Replace(verdict, "success", strings.Repeat("x", 8<<20), 1)},
}

func TestAnOddAnswerIsNoVerdictAndIsNotRetried(t *testing.T) {
	server := newServer(t)
	client := newClient(t, []string{server.Endpoint()})
	for _, test := range oddBodies {
		t.Run(test.name, func(t *testing.T) {
			before := len(server.Calls())
			server.Inject(id2metatest.Raw(200, test.body))
			result, err := client.Verify(t.Context(), zhangSan)
			require.Zero(t, result)
			requireOnly(t, id2meta.ErrUnexpectedResponse, err)
			assert.Less(t, len(err.Error()), 2048)
			require.Len(t, server.Calls(), before+1)
		})
	}
}

// A ResultObject that is no object holds no verdict. The Code still says what happened.
func TestAFailureWithAnOddResultObjectKeepsItsCode(t *testing.T) {
	t.Parallel()
	for _, object := range []string{`""`, `[]`, `[{"BizCode":"1"},[1]]`, `0`, `false`, `null`, `{}`, `{"BizCode":"1"}`} {
		t.Run(object, func(t *testing.T) {
			e := requireAPIError(t, func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, `{"ResultObject":`+object+`,"Code":"412","RequestId":"8FC3D6AC-9FED-4311-8DA7-C4BF47D9F260"}`)
			})
			requireOnly(t, id2meta.ErrOverdue, e)
			assert.Equal(t, "8FC3D6AC-9FED-4311-8DA7-C4BF47D9F260", e.RequestID)
			assert.NotErrorIs(t, e, id2meta.ErrMaybeBilled)
		})
	}
}

// The timeout of a given HTTP client is not the caller's own deadline.
func TestTheTimeoutOfAGivenHTTPClientIsNotTheCallersDeadline(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	server.Inject(id2metatest.Hang())
	httpClient := *server.Client()
	httpClient.Timeout = 500 * time.Millisecond
	_, err := newClient(t, []string{server.Endpoint()}, id2meta.WithHTTPClient(&httpClient)).Verify(t.Context(), zhangSan)
	requireOnly(t, id2meta.ErrUnavailable, err)
	assert.ErrorIs(t, err, id2meta.ErrMaybeBilled)
	assert.NotErrorIs(t, err, context.DeadlineExceeded)
}

// The time to read many fields must not grow with the square of their number: then it would be
// minutes, and not a second.
func TestAnAnswerOfManyFieldsIsReadQuickly(t *testing.T) {
	t.Parallel()
	var body bytes.Buffer
	body.WriteString("{")
	for i := 0; body.Len() < 1<<20-200; i++ {
		fmt.Fprintf(&body, `"%x":0,`, i)
	}
	body.WriteString(verdict[1:])
	server := newServer(t)
	client := newClient(t, []string{server.Endpoint()}, id2meta.WithTimeout(30*time.Second))
	server.Inject(id2metatest.Raw(200, body.String()))
	result, err := client.Verify(t.Context(), zhangSan)
	require.NoError(t, err)
	assert.True(t, result.Match())
}

func TestAnEndlessAnswerIsCut(t *testing.T) {
	t.Parallel()
	left := make(chan struct{})
	started := time.Now()
	result, err := verifyAt(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(left)
		io.WriteString(w, verdict)
		spaces := bytes.Repeat([]byte(" "), 1<<16)
		for r.Context().Err() == nil {
			if _, err := w.Write(spaces); err != nil {
				return
			}
		}
	})
	require.Zero(t, result)
	requireOnly(t, id2meta.ErrUnexpectedResponse, err)
	assert.Less(t, time.Since(started), 5*time.Second)
	select {
	case <-left:
	case <-time.After(5 * time.Second):
		t.Error("the client goes on reading")
	}
}

func TestAnAnswerThatUnpacksToMuchMoreIsCut(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	packer, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	io.WriteString(packer, verdict)
	spaces := bytes.Repeat([]byte(" "), 1<<20)
	for range 64 {
		packer.Write(spaces)
	}
	packer.Close()
	require.Less(t, packed.Len(), 1<<20, "small enough to be let through while it is packed")
	result, err := verifyAt(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(packed.Bytes())
	})
	require.Zero(t, result)
	requireOnly(t, id2meta.ErrUnexpectedResponse, err)
}

func TestOnlyHTTP200IsAVerdict(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]error{
		201: id2meta.ErrUnexpectedResponse,
		202: id2meta.ErrUnexpectedResponse,
		203: id2meta.ErrUnexpectedResponse,
		204: id2meta.ErrUnexpectedResponse,
		206: id2meta.ErrUnexpectedResponse,
		300: id2meta.ErrUnexpectedResponse,
		304: id2meta.ErrUnexpectedResponse,
		400: id2meta.ErrUnexpectedResponse,
		401: id2meta.ErrUnexpectedResponse,
		404: id2meta.ErrUnexpectedResponse,
		429: id2meta.ErrThrottled,
		500: id2meta.ErrUnavailable,
		502: id2meta.ErrUnavailable,
		599: id2meta.ErrUnavailable,
	} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			result, err := verifyAt(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				io.WriteString(w, verdict)
			}, id2meta.WithMaxAttempts(1))
			require.Zero(t, result)
			requireOnly(t, want, err)
		})
	}
}

func TestARedirectIsNeitherAVerdictNorFollowed(t *testing.T) {
	t.Parallel()
	other := id2metatest.NewServer()
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{"https://" + other.Endpoint() + "/", "//" + other.Endpoint(), "/again", "http://" + other.Endpoint(), ":", ""} {
			t.Run(fmt.Sprintf("%d to %q", status, location), func(t *testing.T) {
				requests := 0
				result, err := verifyAt(t, func(w http.ResponseWriter, _ *http.Request) {
					requests++
					w.Header()["Location"] = []string{location}
					w.WriteHeader(status)
					io.WriteString(w, verdict)
				})
				require.Zero(t, result)
				require.Error(t, err)
				assert.Equal(t, 1, requests)
			})
		}
	}
	assert.Empty(t, other.Calls())
}

// A constant with a word that no field ever gets would be a promise that is not kept.
func TestEveryConstantIsADocumentedProblem(t *testing.T) {
	for _, constant := range []id2meta.Problem{
		id2meta.ProblemEmpty, id2meta.ProblemSwapped, id2meta.ProblemLostCharacter, id2meta.ProblemHiddenForDisplay, id2meta.ProblemFirstGeneration,
		id2meta.ProblemSpreadsheetNumber, id2meta.ProblemBirthDate, id2meta.ProblemCheckDigit, id2meta.ProblemParamType,
	} {
		require.True(t, slices.ContainsFunc(identity.Texts(), func(text identity.Text) bool { return string(text.Problem) == string(constant) }), constant)
	}
}

func TestChineseNeedsOnlyFieldAndProblem(t *testing.T) {
	for _, test := range []struct {
		err  id2meta.ParamError
		want string
	}{
		{id2meta.ParamError{Field: "IdentifyNum", Problem: id2meta.ProblemCheckDigit}, "校验码不对，请核对身份证号。"},
		{id2meta.ParamError{Field: "IdentifyNum", Problem: id2meta.ProblemFirstGeneration}, "15 位号码请换成 18 位身份证号。"},
		{id2meta.ParamError{Field: "UserName", Problem: id2meta.ProblemSwapped}, "姓名和身份证号填反了。"},
		{id2meta.ParamError{Field: "UserName", Problem: id2meta.ProblemEmpty}, "请填写姓名。"},
		{id2meta.ParamError{Field: "ParamType", Problem: id2meta.ProblemParamType}, "系统设置有误，请联系客服。"},
		{id2meta.ParamError{Field: "UserName", Problem: "newer"}, "姓名填写有误，请核对。"},
		{id2meta.ParamError{Field: "IdentifyNum"}, "身份证号填写有误，请核对。"},
		{id2meta.ParamError{}, "请核对姓名和身份证号。"},
	} {
		require.Equal(t, test.want, test.err.Chinese())
	}
}

func ExampleParamError_Chinese() {
	for _, person := range []id2meta.Param{
		{UserName: "张○○", IdentifyNum: "11010519491231002X"},
		{UserName: "张三", IdentifyNum: "1.10105E+17"},
		{UserName: "11010519491231002X", IdentifyNum: "张三"},
	} {
		if paramErr, ok := person.Validate().(*id2meta.ParamError); ok {
			fmt.Println(paramErr.Field, paramErr.Problem, paramErr.Chinese())
		}
	}
	// Output:
	// UserName hidden_for_display 姓名有一部分被隐去了，请填写完整姓名。
	// IdentifyNum spreadsheet_number 身份证号的后几位被 Excel 等表格软件改掉了，请把单元格设为文本，再重新填写完整号码。
	// UserName swapped 姓名和身份证号填反了。
}

func TestRemedyOf(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want id2meta.Remedy
	}{
		{"no error", nil, id2meta.RemedyNone},
		{"an invalid number", &id2meta.ParamError{Field: "IdentifyNum"}, id2meta.RemedyCorrectInput},
		{"an unknown ParamType", id2meta.Param{ParamType: "sm9"}.Validate(), id2meta.RemedyReport},
		{"a masked person as plaintext", id2meta.Param{UserName: maskedZhangName}.Validate(), id2meta.RemedyReport},
		{"plaintext as a masked person", id2meta.Param{ParamType: id2meta.ParamTypeMD5, UserName: zhangName}.Validate(), id2meta.RemedyReport},
		{"plaintext as an encrypted person", id2meta.Param{ParamType: id2meta.ParamTypeSM2, UserName: zhangName}.Validate(), id2meta.RemedyReport},
		{"an illegal parameter", &id2meta.APIError{StatusCode: 200, Code: "401"}, id2meta.RemedyCorrectInput},
		{"throttling", &id2meta.APIError{StatusCode: 400, Code: "Throttling.User"}, id2meta.RemedyTryLater},
		{"an unavailable source", &id2meta.APIError{StatusCode: 200, Code: "402", Message: "权威源服务异常"}, id2meta.RemedyTryLater},
		{"a security policy", &id2meta.APIError{StatusCode: 200, Code: "402", Message: "Security policy restriction"}, id2meta.RemedyOperator},
		{"no permission", &id2meta.APIError{StatusCode: 200, Code: "402", Message: "No permission to call."}, id2meta.RemedyOperator},
		{"a repeated call", &id2meta.APIError{StatusCode: 200, Code: "403"}, id2meta.RemedyNotThisPerson},
		{"a service that is not activated", &id2meta.APIError{StatusCode: 200, Code: "410"}, id2meta.RemedyOperator},
		{"an overdue payment", &id2meta.APIError{StatusCode: 200, Code: "412"}, id2meta.RemedyOperator},
		{"a wrong clock", &id2meta.APIError{StatusCode: 400, Code: "IllegalTimestamp"}, id2meta.RemedyOperator},
		{"a system error", &id2meta.APIError{StatusCode: 200, Code: "500"}, id2meta.RemedyTryLater},
		{"a proxy without an answer", &id2meta.APIError{StatusCode: 502}, id2meta.RemedyTryLater},
		{"a login page", &id2meta.APIError{StatusCode: 302}, id2meta.RemedyOperator},
		{"a proxy that wants a password", &id2meta.APIError{StatusCode: 407}, id2meta.RemedyOperator},
		{"an earlier error behind the last one", fmt.Errorf("%w (after 1 attempt: %w)", &id2meta.APIError{StatusCode: 502}, &id2meta.APIError{StatusCode: 200, Code: "411"}), id2meta.RemedyTryLater},
		{"an unknown verdict", &id2meta.APIError{StatusCode: 200, Code: "200"}, id2meta.RemedyReport},
		{"the zero APIError", &id2meta.APIError{}, id2meta.RemedyReport},
		{"a caller who left", context.Canceled, id2meta.RemedyTryLater},
		{"a deadline", context.DeadlineExceeded, id2meta.RemedyTryLater},
		{"a deadline that may be billed", errors.Join(context.DeadlineExceeded, id2meta.ErrMaybeBilled), id2meta.RemedyTryLater},
		{"an error that is not of this library", io.EOF, id2meta.RemedyReport},

		// Mocks and other Verifiers may return a sentinel itself.
		{"ErrInvalidParam", id2meta.ErrInvalidParam, id2meta.RemedyCorrectInput},
		{"ErrThrottled", id2meta.ErrThrottled, id2meta.RemedyTryLater},
		{"ErrSourceUnavailable", id2meta.ErrSourceUnavailable, id2meta.RemedyTryLater},
		{"ErrRepeatedCall", id2meta.ErrRepeatedCall, id2meta.RemedyNotThisPerson},
		{"ErrNotActivated", id2meta.ErrNotActivated, id2meta.RemedyOperator},
		{"ErrAccessDenied", id2meta.ErrAccessDenied, id2meta.RemedyOperator},
		{"ErrOverdue", id2meta.ErrOverdue, id2meta.RemedyOperator},
		{"ErrCredential", id2meta.ErrCredential, id2meta.RemedyOperator},
		{"ErrUnavailable", id2meta.ErrUnavailable, id2meta.RemedyTryLater},
		{"ErrUnexpectedResponse", id2meta.ErrUnexpectedResponse, id2meta.RemedyReport},
	} {
		t.Run(test.name, func(t *testing.T) {
			assert.Equal(t, test.want, id2meta.RemedyOf(test.err))
			if test.err != nil {
				assert.Equal(t, test.want, id2meta.RemedyOf(fmt.Errorf("paying out: %w", test.err)), "wrapped")
			}
		})
	}
}

func TestTheRemedyOfWhatVerifyReturns(t *testing.T) {
	t.Parallel()
	stranger := httptest.NewUnstartedServer(http.NotFoundHandler())
	stranger.TLS = &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}
	stranger.Config.ErrorLog = log.New(io.Discard, "", 0) // the client hangs up
	stranger.StartTLS()
	t.Cleanup(stranger.Close)
	for _, test := range []struct {
		name   string
		faults []id2metatest.Fault
		opts   []id2meta.Option
		want   id2meta.Remedy
		is     error
		ctx    func(*testing.T, *id2metatest.Server) context.Context // default: the test's
	}{
		{"an untrusted certificate", nil, []id2meta.Option{id2meta.WithEndpoints(stranger.Listener.Addr().String())}, id2meta.RemedyOperator, id2meta.ErrUnavailable, nil},
		{"no connection", nil, []id2meta.Option{id2meta.WithEndpoints(refusing(t).endpoint)}, id2meta.RemedyTryLater, id2meta.ErrUnavailable, nil},
		{"a security policy", []id2metatest.Fault{id2metatest.Answer("402", "安全策略限制")}, nil, id2meta.RemedyOperator, id2meta.ErrSourceUnavailable, nil},
		{"a dropped connection", []id2metatest.Fault{id2metatest.Drop()}, nil, id2meta.RemedyTryLater, id2meta.ErrUnavailable, nil},
		{"a truncated answer", []id2metatest.Fault{id2metatest.Truncate()}, nil, id2meta.RemedyTryLater, id2meta.ErrUnavailable, nil},
		{"a silent server", []id2metatest.Fault{id2metatest.Hang()}, nil, id2meta.RemedyTryLater, context.DeadlineExceeded, whenRequested(context.DeadlineExceeded)},
		{"a limiter that refuses", nil, []id2meta.Option{id2meta.WithLimiter(&countingLimiter{err: io.EOF})}, id2meta.RemedyTryLater, id2meta.ErrThrottled, nil},
		{"no credential", nil, []id2meta.Option{id2meta.WithCredential(&failingCredential{err: io.EOF})}, id2meta.RemedyOperator, id2meta.ErrCredential, nil},
		{"a credential that the service refuses", []id2metatest.Fault{id2metatest.Status(400, "InvalidSecurityToken.Expired", "")}, nil, id2meta.RemedyOperator, id2meta.ErrCredential, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t)
			server.Inject(test.faults...)
			ctx := t.Context()
			if test.ctx != nil {
				ctx = test.ctx(t, server)
			}
			_, err := newClient(t, []string{server.Endpoint()}, test.opts...).Verify(ctx, zhangSan)
			require.ErrorIs(t, err, test.is)
			assert.Equal(t, test.want, id2meta.RemedyOf(err), err)
		})
	}
}

func TestEachRemedyHasEnglishAndChineseWords(t *testing.T) {
	seen := map[string]bool{}
	for r := id2meta.RemedyNone; r <= id2meta.RemedyReport; r++ {
		assert.False(t, seen[r.String()], r)
		seen[r.String()] = true
		if r == id2meta.RemedyNone {
			assert.Empty(t, r.Chinese())
			continue
		}
		assert.True(t, strings.HasSuffix(r.Chinese(), "。"), r)
		assert.False(t, strings.ContainsFunc(r.Chinese(), func(c rune) bool { return unicode.Is(unicode.Latin, c) }), r)
	}
	assert.Equal(t, id2meta.RemedyReport.String(), id2meta.Remedy(99).String(), "an unknown Remedy says that the error must be reported")
}

// selfSigned returns a certificate for 127.0.0.1 that no client trusts.
func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
