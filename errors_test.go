package id2meta_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/identity"
	"github.com/id2meta/id2meta/internal/testenv"
)

// What Verify returns if no answer arrives, or if an attempt fails in another way than the
// attempt before. ErrMaybeBilled stands beside the error if and only if the service may have
// answered a request with a verdict that did not arrive. The simulator tells what it billed.
func TestWhatVerifyReturnsWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) }))
	t.Cleanup(proxy.Close)
	behindProxy := &http.Client{Transport: &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }}}

	type faults = []id2metatest.Fault
	type options = []id2meta.Option
	type list = []error
	drop, truncate, hang := id2metatest.Drop(), id2metatest.Truncate(), id2metatest.Hang()
	answer := func(code string) id2metatest.Fault { return id2metatest.Answer(code, "") }
	throttle := id2metatest.Throttle(time.Hour) // longer than there is time
	limited := func(err error) options { return options{id2meta.WithLimiter(&countingLimiter{err: err})} }
	deadline := whenRequested(context.DeadlineExceeded)
	again := options{id2meta.WithRetryUnanswered(), id2meta.WithMaxAttempts(2)}
	once := func(err error) id2meta.Option { // the limiter lets one request go
		asked := 0
		return id2meta.WithLimiter(limiterFunc(func(context.Context) error {
			if asked++; asked == 1 {
				return nil
			}
			return err
		}))
	}

	for _, test := range []struct {
		name   string
		faults faults
		opts   options
		ctx    func(*testing.T, *id2metatest.Server) context.Context // nil: the test's
		is     list                                                  // what errors.Is finds, beside ErrMaybeBilled
		remedy id2meta.Remedy
		want   id2meta.Stats
	}{
		// The request was sent, and no verdict arrived.
		{"a dropped connection", faults{drop}, nil, nil, list{id2meta.ErrUnavailable}, tryLater, id2meta.Stats{Sent: 1, MaybeBilled: 1}},
		{"a truncated answer", faults{truncate}, nil, nil, list{id2meta.ErrUnavailable}, tryLater, id2meta.Stats{Sent: 1, MaybeBilled: 1}},
		{"a deadline while the server is silent", faults{hang}, nil, deadline, list{context.DeadlineExceeded}, tryLater, id2meta.Stats{Sent: 1, MaybeBilled: 1}},
		{"WithTimeout while the server is silent", faults{hang}, options{id2meta.WithTimeout(3 * time.Second), id2meta.WithMaxAttempts(1)}, nil,
			list{context.DeadlineExceeded}, tryLater, id2meta.Stats{Sent: 1, MaybeBilled: 1}},
		{"a cancel while the server is silent", faults{hang}, nil, whenRequested(context.Canceled), list{context.Canceled}, tryLater, id2meta.Stats{Sent: 1, MaybeBilled: 1}},
		{"a deadline while the answer is delayed", faults{id2metatest.Delay(time.Minute)}, nil, deadline, list{context.DeadlineExceeded}, tryLater, id2meta.Stats{Sent: 1, MaybeBilled: 1}},

		// A later attempt does not change that.
		{"a drop, and then another", faults{drop, drop}, again, nil, list{id2meta.ErrUnavailable}, tryLater, id2meta.Stats{Sent: 2, MaybeBilled: 2}},
		{"a truncated answer, and then another", faults{truncate, truncate}, again, nil, list{id2meta.ErrUnavailable}, tryLater, id2meta.Stats{Sent: 2, MaybeBilled: 2}},
		{"a drop, and then a failure", faults{drop, answer("411")}, again, nil, list{id2meta.ErrAccessDenied}, operator, id2meta.Stats{Sent: 2, MaybeBilled: 1}},
		{"a drop, and then throttling", faults{drop, throttle}, again, nil, list{id2meta.ErrThrottled}, tryLater, id2meta.Stats{Sent: 2, MaybeBilled: 1, Throttled: 1}},
		{"a drop, and then a limiter that refuses", faults{drop}, append(again, once(assert.AnError)), nil,
			list{id2meta.ErrThrottled, id2meta.ErrUnavailable, assert.AnError}, tryLater, id2meta.Stats{Sent: 1, MaybeBilled: 1, Throttled: 1}},
		{"a truncated answer, and then a deadline in the second attempt", faults{truncate, hang}, again,
			func(t *testing.T, server *id2metatest.Server) context.Context {
				return testenv.EndWhen(t, context.DeadlineExceeded, func() bool { return len(server.Calls()) == 2 })
			}, list{context.DeadlineExceeded, id2meta.ErrUnavailable}, tryLater, id2meta.Stats{Sent: 2, MaybeBilled: 2}},
		{"a failure, and then a drop", faults{answer("500"), drop}, nil, nil, list{id2meta.ErrUnavailable}, tryLater, id2meta.Stats{Sent: 2, MaybeBilled: 1}},

		// The service told a failure.
		{"a failure, and then a limiter that refuses", faults{answer("402")}, options{once(assert.AnError)}, nil,
			list{id2meta.ErrThrottled, id2meta.ErrSourceUnavailable, assert.AnError}, tryLater, id2meta.Stats{Sent: 1, Throttled: 1}},
		{"a failure, and then a limiter that fails", faults{answer("402")}, options{once(fmt.Errorf("redis: %w", id2meta.ErrUnavailable))}, nil,
			list{id2meta.ErrUnavailable, id2meta.ErrSourceUnavailable}, tryLater, id2meta.Stats{Sent: 1}},
		{"throttling for longer than there is time", faults{throttle}, nil, nil, list{id2meta.ErrThrottled}, tryLater, id2meta.Stats{Sent: 1, Throttled: 1}},

		// Nothing was sent.
		{"a deadline in the past", nil, nil, within(-time.Second), list{context.DeadlineExceeded}, tryLater, id2meta.Stats{}},
		{"no connection", nil, options{id2meta.WithEndpoints(refusing(t).endpoint)}, nil, list{id2meta.ErrUnavailable}, tryLater, id2meta.Stats{}},
		{"an untrusted certificate", nil, options{id2meta.WithRootCAs(x509.NewCertPool())}, nil, list{id2meta.ErrUnavailable}, operator, id2meta.Stats{}},
		{"a proxy that asks for a password", nil, options{id2meta.WithHTTPClient(behindProxy)}, nil, list{id2meta.ErrUnavailable}, operator, id2meta.Stats{}},
		{"a deadline while connecting", nil, options{id2meta.WithEndpoints(mute(t).endpoint), id2meta.WithMaxAttempts(1)}, within(50 * time.Millisecond), list{context.DeadlineExceeded}, tryLater, id2meta.Stats{}},
		{"no credential", nil, options{id2meta.WithCredential(&failingCredential{err: io.EOF})}, nil, list{id2meta.ErrCredential}, operator, id2meta.Stats{}},
		{"a limiter that refuses", nil, limited(assert.AnError), nil, list{id2meta.ErrThrottled, assert.AnError}, tryLater, id2meta.Stats{Throttled: 1}},
		{"a limiter that fails", nil, limited(fmt.Errorf("redis: %w", id2meta.ErrUnavailable)), nil, list{id2meta.ErrUnavailable}, tryLater, id2meta.Stats{}},
		{"a limiter that has reached the limit of the day", nil, limited(fmt.Errorf("%w: %w", id2meta.ErrThrottled, id2meta.ErrDailyLimit)), nil,
			list{id2meta.ErrThrottled, id2meta.ErrDailyLimit}, operator, id2meta.Stats{Throttled: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t)
			server.Inject(test.faults...)
			client := newClient(t, []string{server.Endpoint()}, test.opts...)
			ctx := t.Context()
			if test.ctx != nil {
				ctx = test.ctx(t, server)
			}
			result, err := client.Verify(ctx, zhangSan)
			require.Error(t, err)
			assert.Zero(t, result)
			for _, sentinel := range append(sentinels, context.Canceled, context.DeadlineExceeded, id2meta.ErrDailyLimit, assert.AnError) {
				assert.Equal(t, slices.Contains(test.is, sentinel), errors.Is(err, sentinel), "errors.Is(err, %q), err = %v", sentinel, err)
			}
			assert.Equal(t, test.remedy, id2meta.RemedyOf(err))
			assert.Equal(t, test.want.MaybeBilled > 0, errors.Is(err, id2meta.ErrMaybeBilled), err)
			assert.Len(t, server.Calls(), int(test.want.Sent))
			if server.Billed(zhangName, zhangNumber) > 0 {
				assert.ErrorIs(t, err, id2meta.ErrMaybeBilled, "it was billed")
			}
			e, ok := errors.AsType[*id2meta.APIError](err)
			if ok {
				assert.NotErrorIs(t, e, id2meta.ErrMaybeBilled, "an APIError keeps its one sentinel")
			}
			if errors.Is(err, id2meta.ErrDailyLimit) {
				require.True(t, ok)
				assert.Positive(t, e.RetryAfter)
			}
			test.want.Failed = 1
			assert.Equal(t, test.want, client.Stats())
		})
	}
}

// Go reads the CA certificates of a machine once in a process. So this test starts a process.
func TestAMachineWithoutCACertificatesIsTold(t *testing.T) {
	const child = "ID2META_TEST_WITHOUT_CA"
	if os.Getenv(child) == "" {
		command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
		command.Env = append(os.Environ(), child+"=1")
		output, err := command.CombinedOutput()
		require.NoError(t, err, "%s", output)
		return
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		t.Skip("Go asks the system for its CA certificates, and no variable")
	}
	t.Setenv("SSL_CERT_FILE", os.DevNull)
	t.Setenv("SSL_CERT_DIR", t.TempDir())
	_, err := newClient(t, []string{newServer(t).Endpoint()}, id2meta.WithMaxAttempts(1)).Verify(t.Context(), zhangSan)
	requireOnly(t, id2meta.ErrUnavailable, err)
	assert.ErrorContains(t, err, "(this machine has no CA certificates)")
	assert.Equal(t, operator, id2meta.RemedyOf(err))
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

// The error of a given transport may hold a whole answer.
func TestALongErrorOfATransportCostsLittleTime(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"10 MB":                           strings.Repeat("11010519491231002X%", 10_000_000/19),
		"10 MB of bytes that are no text": strings.Repeat("\xff", 10_000_000),
	} {
		t.Run(name, func(t *testing.T) {
			broken := roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("token refused: " + text) })
			client := newClient(t, []string{"service.example"}, id2meta.WithMaxAttempts(1), id2meta.WithHTTPClient(&http.Client{Transport: broken}))
			started := time.Now()
			_, err := client.Verify(t.Context(), zhangSan)
			require.ErrorIs(t, err, id2meta.ErrUnavailable)
			assert.Less(t, len(fmt.Sprintf("%v %+v %#v", err, err, err)), 4096)
			assert.Less(t, time.Since(started), 2*time.Second)
		})
	}
}

func TestAParamErrorNamesFieldAndReason(t *testing.T) {
	err := error(&id2meta.ParamError{Field: "UserName", Reason: "it is empty"})
	requireOnly(t, id2meta.ErrInvalidParam, err)
	requireOnly(t, id2meta.ErrInvalidParam, fmt.Errorf("form: %w", err))
	assert.EqualError(t, err, "id2meta: invalid UserName: it is empty")
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
		{"an invalid number", &id2meta.ParamError{Field: "IdentifyNum"}, correctInput},
		{"an unknown ParamType", id2meta.Param{ParamType: "sm9"}.Validate(), report},
		{"a masked person as plaintext", id2meta.Param{UserName: maskedZhangName}.Validate(), report},
		{"plaintext as a masked person", id2meta.Param{ParamType: id2meta.ParamTypeMD5, UserName: zhangName}.Validate(), report},
		{"plaintext as an encrypted person", id2meta.Param{ParamType: id2meta.ParamTypeSM2, UserName: zhangName}.Validate(), report},
		{"an earlier error behind the last one", fmt.Errorf("%w (after 1 attempt: %w)", &id2meta.APIError{StatusCode: 502}, &id2meta.APIError{StatusCode: 200, Code: "411"}), tryLater},
		{"a caller who left", context.Canceled, tryLater},
		{"a deadline", context.DeadlineExceeded, tryLater},
		{"a deadline that may be billed", errors.Join(context.DeadlineExceeded, id2meta.ErrMaybeBilled), tryLater},
		{"an error that is not of this library", io.EOF, report},

		// Mocks and other Verifiers may return a sentinel itself.
		{"ErrInvalidParam", id2meta.ErrInvalidParam, correctInput},
		{"ErrThrottled", id2meta.ErrThrottled, tryLater},
		{"ErrSourceUnavailable", id2meta.ErrSourceUnavailable, tryLater},
		{"ErrRepeatedCall", id2meta.ErrRepeatedCall, notThisPerson},
		{"ErrNotActivated", id2meta.ErrNotActivated, operator},
		{"ErrAccessDenied", id2meta.ErrAccessDenied, operator},
		{"ErrOverdue", id2meta.ErrOverdue, operator},
		{"ErrCredential", id2meta.ErrCredential, operator},
		{"ErrUnavailable", id2meta.ErrUnavailable, tryLater},
		{"ErrUnexpectedResponse", id2meta.ErrUnexpectedResponse, report},
	} {
		t.Run(test.name, func(t *testing.T) {
			assert.Equal(t, test.want, id2meta.RemedyOf(test.err))
			if test.err != nil {
				assert.Equal(t, test.want, id2meta.RemedyOf(fmt.Errorf("paying out: %w", test.err)), "wrapped")
			}
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

func TestTheTextOfAnErrorSaysWhatToDo(t *testing.T) {
	const policy = "a security policy of the console refused"
	for _, test := range []struct{ code, message, text string }{
		{"402", "Security policy restriction", policy},
		{"410", "", "activate the service in the console"},
		{"411", "", "grant the RAM user the policy AliyunYundunCloudAuthFullAccess"},
		{"412", "", "settle the account's bill"},
		{"SignatureDoesNotMatch", "", "wrong secret, or a proxy changed the request"},
		{"InvalidTimeStamp.Expired", "", "the clock of this machine is wrong"},
		{"Forbidden.RAM", "", "the RAM policy does not allow yundun-cloudauth:Id2MetaVerify"},
		{"NoPermission", "", "the RAM policy does not allow yundun-cloudauth:Id2MetaVerify"},
	} {
		assert.ErrorContains(t, &id2meta.APIError{Code: test.code, Message: test.message}, test.text)
	}
	for code, message := range map[string]string{"402": "No permission to call", "403": "Security policy restriction"} {
		assert.NotContains(t, (&id2meta.APIError{Code: code, Message: message}).Error(), policy)
	}
}

// A published answer with Code 401 names the field in its Message and has the form of a
// failure of the gateway. The HTTP status of that answer is not published.
func TestCode401NamesTheField(t *testing.T) {
	server := newServer(t)
	client := newClient(t, []string{server.Endpoint()})
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
		for _, fault := range []id2metatest.Fault{
			id2metatest.Answer(test.code, test.message), id2metatest.Status(http.StatusUnauthorized, test.code, test.message),
		} {
			server.Inject(fault)
			_, err := client.Verify(t.Context(), zhangSan)
			var e *id2meta.APIError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, test.field, e.Field, "HTTP %d, Code %s, %s", e.StatusCode, test.code, test.message)
		}
	}
}

// Package transport has the tests of all headers that name a wait.
func TestAThrottledAnswerNamesItsWait(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		body string
		want time.Duration
	}{
		{`{"Code":"Throttling.User"}`, 1500 * time.Millisecond},
		{`{"Code":"411"}`, 0}, // not throttled
	} {
		e := requireAPIError(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("x-ratelimit-user", "Limit:1,Remain:0,TimeLeft:1500,Reset:1234")
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, test.body)
		})
		assert.Equal(t, test.want, e.RetryAfter)
		assert.Equal(t, test.want > 0, strings.Contains(e.Error(), "(retry after 1.5s)"), e)
	}
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
			assert.Regexp(t, `\((1h0m\d+s|59m\d+s) `, e.Error())
		})
	}
}

// The vendor's support can find a call by its request ID, even if the answer is broken.
func TestTheRequestIDComesFromTheHeaderToo(t *testing.T) {
	t.Parallel()
	const id = "24394B83-EE10-5C5F-A0BC-FBC680A694A4"
	broken := func(w http.ResponseWriter, status int) {
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(status)
		io.WriteString(w, verdict) // the part that arrived reads like a whole answer
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
}
