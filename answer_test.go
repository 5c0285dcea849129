package id2meta_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// answer is an answer of the service, or of a proxy in front of the service.
type answer struct {
	name          string
	fault         id2metatest.Fault
	status        int
	code, message string
}

// api returns a failure of the API.
func api(code, message string) answer {
	return answer{fmt.Sprintf("Code %s, %s", code, message), id2metatest.Answer(code, message), http.StatusOK, code, message}
}

// gateway returns a failure of the vendor's gateway.
func gateway(status int, code string) answer {
	const message = "as the gateway says"
	return answer{fmt.Sprintf("HTTP %d, Code %q", status, code), id2metatest.Status(status, code, message), status, code, message}
}

// raw returns any other answer.
func raw(status int, body string) answer {
	return answer{name: fmt.Sprintf("HTTP %d, %.60q", status, body), fault: id2metatest.Raw(status, body), status: status}
}

// fate is what becomes of a request whose answer holds no verdict.
type fate int

const (
	refused   fate = iota // not billed, and not sent again
	repeated              // not billed, and sent again
	uncertain             // it may have been billed, and is sent again only WithRetryUnanswered
	final                 // it may have been billed, and is never sent again
)

const (
	correctInput  = id2meta.RemedyCorrectInput
	tryLater      = id2meta.RemedyTryLater
	notThisPerson = id2meta.RemedyNotThisPerson
	operator      = id2meta.RemedyOperator
	report        = id2meta.RemedyReport
)

// failure is an answer that holds no verdict, and what Verify makes of the answer.
type failure struct {
	answer
	is     error // the one sentinel
	fate   fate
	remedy id2meta.Remedy
}

// failures are the Codes of the vendor's pages "身份二要素核验 · 纯服务端(API)接入" and
// "服务端错误码", the Codes of the gateway, and the answers of proxies.
func failures() []failure {
	all := []failure{
		{api("400", "参数不能为空"), id2meta.ErrInvalidParam, refused, correctInput},
		{api("401", "参数非法"), id2meta.ErrInvalidParam, refused, correctInput},
		{api("402", "权威源服务异常"), id2meta.ErrSourceUnavailable, repeated, tryLater},
		{api("402", "Authoritative source service unavailable"), id2meta.ErrSourceUnavailable, repeated, tryLater},
		{api("402", "anything else"), id2meta.ErrSourceUnavailable, repeated, tryLater},
		{api("402", "Security policy restriction"), id2meta.ErrSourceUnavailable, refused, operator},
		{api("402", "security policy restriction."), id2meta.ErrSourceUnavailable, refused, operator},
		{api("402", "安全策略限制"), id2meta.ErrSourceUnavailable, refused, operator},
		{api("402", "安全策略限制,请重新尝试。"), id2meta.ErrSourceUnavailable, refused, operator},
		{api("402", "No permission to call"), id2meta.ErrAccessDenied, refused, operator},
		{api("402", "You do not have permission to call this API."), id2meta.ErrAccessDenied, refused, operator},
		{api("402", "无调用权限"), id2meta.ErrAccessDenied, refused, operator},
		// A longer text may mean the opposite, and with another Code the text means nothing.
		{api("402", "the source has No permission to call home"), id2meta.ErrSourceUnavailable, repeated, tryLater},
		{api("402", "not a Security policy restriction"), id2meta.ErrSourceUnavailable, repeated, tryLater},
		{api("500", "No permission to call"), id2meta.ErrUnavailable, repeated, tryLater},
		{api("403", "Security policy restriction"), id2meta.ErrRepeatedCall, refused, notThisPerson},
		{api("410", "未开通服务"), id2meta.ErrNotActivated, refused, operator},
		{api("411", "RAM无权限"), id2meta.ErrAccessDenied, refused, operator},
		{api("412", "欠费中"), id2meta.ErrOverdue, refused, operator},
		{api("500", "系统错误"), id2meta.ErrUnavailable, repeated, tryLater},

		{gateway(400, "Throttling"), id2meta.ErrThrottled, repeated, tryLater},
		{gateway(400, "Throttling.User"), id2meta.ErrThrottled, repeated, tryLater},
		{gateway(429, "Throttling.Api"), id2meta.ErrThrottled, repeated, tryLater},
		{gateway(503, "Throttling"), id2meta.ErrThrottled, repeated, tryLater},
		{gateway(404, "InvalidAccessKeyId.NotFound"), id2meta.ErrCredential, refused, operator},
		{gateway(403, "InvalidAccessKeyId.Inactive"), id2meta.ErrCredential, refused, operator},
		{gateway(400, "InvalidAccessKeyId"), id2meta.ErrCredential, refused, operator},
		{gateway(400, "MissingAccessKeyId"), id2meta.ErrCredential, refused, operator},
		{gateway(400, "SignatureDoesNotMatch"), id2meta.ErrCredential, refused, operator},
		{gateway(400, "IncompleteSignature"), id2meta.ErrCredential, refused, operator},
		{gateway(400, "InvalidSecurityToken.Expired"), id2meta.ErrCredential, refused, operator},
		{gateway(400, "InvalidSecurityToken.MismatchWithAccessKey"), id2meta.ErrCredential, refused, operator},
		{gateway(400, "MissingSecurityToken"), id2meta.ErrCredential, refused, operator},
		{gateway(400, "InvalidTimeStamp.Expired"), id2meta.ErrCredential, refused, operator},
		{gateway(400, "IllegalTimestamp"), id2meta.ErrCredential, refused, operator},
		{gateway(400, "SignatureNonceUsed"), id2meta.ErrCredential, refused, operator},
		{gateway(403, "Forbidden"), id2meta.ErrAccessDenied, refused, operator},
		{gateway(403, "Forbidden.RAM"), id2meta.ErrAccessDenied, refused, operator},
		{gateway(403, "NoPermission"), id2meta.ErrAccessDenied, refused, operator},
		{gateway(503, "ServiceUnavailable"), id2meta.ErrUnavailable, repeated, tryLater},
		{gateway(502, "ServiceUnavailable"), id2meta.ErrUnavailable, repeated, tryLater},
		{gateway(504, "ServiceUnavailable"), id2meta.ErrUnavailable, repeated, tryLater},
		{gateway(500, "InternalError"), id2meta.ErrUnavailable, repeated, tryLater},

		// If the Code is empty or unknown, the HTTP status decides.
		{gateway(429, ""), id2meta.ErrThrottled, repeated, tryLater},
		{gateway(429, "Unknown.Code"), id2meta.ErrThrottled, repeated, tryLater},
		{raw(500, "<html>"), id2meta.ErrUnavailable, repeated, tryLater},
		{gateway(501, ""), id2meta.ErrUnavailable, repeated, tryLater},
		{gateway(503, ""), id2meta.ErrUnavailable, repeated, tryLater},
		{gateway(502, "Unknown.Code"), id2meta.ErrUnavailable, uncertain, tryLater},
		{raw(502, "<html>"), id2meta.ErrUnavailable, uncertain, tryLater},
		{raw(504, ""), id2meta.ErrUnavailable, uncertain, tryLater},
		{raw(524, ""), id2meta.ErrUnavailable, uncertain, tryLater},
		{raw(408, ""), id2meta.ErrUnexpectedResponse, final, tryLater},
		{raw(499, ""), id2meta.ErrUnexpectedResponse, final, tryLater},
		{raw(302, ""), id2meta.ErrUnexpectedResponse, refused, operator},
		{raw(304, ""), id2meta.ErrUnexpectedResponse, refused, operator},
		{raw(407, ""), id2meta.ErrUnexpectedResponse, refused, operator},
		{gateway(403, "Unknown.Code"), id2meta.ErrUnexpectedResponse, refused, operator},
		{gateway(400, ""), id2meta.ErrUnexpectedResponse, refused, report},
		{gateway(404, "InvalidAction.NotFound"), id2meta.ErrUnexpectedResponse, refused, report},
		{raw(204, ""), id2meta.ErrUnexpectedResponse, final, report},
		{api("", "no Code"), id2meta.ErrUnexpectedResponse, final, report},
		{api("200", "no verdict"), id2meta.ErrUnexpectedResponse, final, report},
		{api("201", "success"), id2meta.ErrUnexpectedResponse, final, report},
		{api("404", "success"), id2meta.ErrUnexpectedResponse, final, report},
		// These only look like Codes.
		{gateway(400, "throttling"), id2meta.ErrUnexpectedResponse, refused, report},
		{gateway(400, "ThrottlingUser"), id2meta.ErrUnexpectedResponse, refused, report},
		{api("411.0", ""), id2meta.ErrUnexpectedResponse, final, report},
		{api(" 411", ""), id2meta.ErrUnexpectedResponse, final, report},

		// A verdict with an HTTP status other than 200.
		{raw(201, verdict), id2meta.ErrUnexpectedResponse, uncertain, report},
		{raw(206, verdict), id2meta.ErrUnexpectedResponse, uncertain, report},
		{raw(300, verdict), id2meta.ErrUnexpectedResponse, uncertain, report},
		{raw(302, verdict), id2meta.ErrUnexpectedResponse, uncertain, report},
		{raw(404, verdict), id2meta.ErrUnexpectedResponse, uncertain, report},
		{raw(429, verdict), id2meta.ErrThrottled, uncertain, tryLater},
		{raw(500, verdict), id2meta.ErrUnavailable, uncertain, tryLater},
		{raw(504, verdict), id2meta.ErrUnavailable, uncertain, tryLater},
		{raw(599, verdict), id2meta.ErrUnavailable, uncertain, tryLater},

		// A failure and a verdict in one answer: one of them is wrong, and the source may
		// have answered.
		{raw(200, `{"Code":"500","ResultObject":{"BizCode":"1"}}`), id2meta.ErrUnavailable, final, tryLater},
		{raw(200, `{"Code":500,"ResultObject":{"BizCode":1}}`), id2meta.ErrUnavailable, final, tryLater},
		{raw(200, `{"Code":"500","ResultObject":{"BizCode":"4"}}`), id2meta.ErrUnavailable, final, tryLater},
		{raw(200, `{"Code":"402","ResultObject":{"BizCode":"2"}}`), id2meta.ErrSourceUnavailable, final, tryLater},
		{raw(200, `{"Code":"402","Message":"Security policy restriction","ResultObject":{"BizCode":"2"}}`), id2meta.ErrSourceUnavailable, final, operator},
		{raw(200, `{"Code":"403","ResultObject":{"BizCode":"3"}}`), id2meta.ErrRepeatedCall, final, notThisPerson},
		{raw(200, `{"Code":"401","ResultObject":{"BizCode":"1"}}`), id2meta.ErrInvalidParam, final, correctInput},
		{raw(400, `{"Code":"Throttling.User","ResultObject":{"BizCode":"1"}}`), id2meta.ErrThrottled, final, tryLater},
		{raw(429, `{"ResultObject":{"BizCode":"1"}}`), id2meta.ErrThrottled, final, tryLater},
		{raw(503, `{"ResultObject":{"BizCode":"1"}}`), id2meta.ErrUnavailable, final, tryLater},
		{raw(503, `{"Code":"ServiceUnavailable","ResultObject":{"BizCode":"1"}}`), id2meta.ErrUnavailable, final, tryLater},
		{raw(404, `{"Code":"InvalidAccessKeyId.NotFound","ResultObject":{"BizCode":"1"}}`), id2meta.ErrCredential, final, operator},
		{raw(302, `{"ResultObject":{"BizCode":"1"}}`), id2meta.ErrUnexpectedResponse, final, operator},
		// The verdict is not where it belongs, or the answer cannot be read.
		{raw(503, verdict[:len(verdict)-1]), id2meta.ErrUnavailable, final, tryLater},
		{raw(503, verdict+verdict), id2meta.ErrUnavailable, final, tryLater},
		{raw(503, `[`+verdict+`]`), id2meta.ErrUnavailable, final, tryLater},
		{raw(503, `{"Data":`+verdict+`}`), id2meta.ErrUnavailable, final, tryLater},
		{raw(503, `<BizCode>1</BizCode>`), id2meta.ErrUnavailable, final, tryLater},
		{raw(200, `{"Code":"500","BizCode":"1"}`), id2meta.ErrUnavailable, final, tryLater},
		{raw(200, `{"Code":"500","resultObject":{"bizCode":"1"}}`), id2meta.ErrUnavailable, final, tryLater},
		{raw(200, `{"Code":"500","ResultObject":"{\"BizCode\":\"1\"}"}`), id2meta.ErrUnavailable, final, tryLater},
		{raw(200, `{"Code":"500","ResultObject":[{"BizCode":"1"},[1]]}`), id2meta.ErrUnavailable, final, tryLater},
		{raw(200, `{"Code":"500","ResultObject":{"\u0042izCode":"1"}}`), id2meta.ErrUnavailable, final, tryLater},
		// No verdict beside the failure. A ResultObject that is no object holds none.
		{raw(200, `{"Code":"500","ResultObject":{}}`), id2meta.ErrUnavailable, repeated, tryLater},
		{raw(200, `{"Code":"500","ResultObject":{"BizCode":null}}`), id2meta.ErrUnavailable, repeated, tryLater},
		{raw(200, `{"Code":"500","Message":"BizCode"}`), id2meta.ErrUnavailable, repeated, tryLater},
	}
	for _, object := range []string{`""`, `[]`, `[{},[1]]`, `0`, `false`, `null`} {
		all = append(all, failure{raw(200, `{"ResultObject":`+object+`,"Code":"412"}`), id2meta.ErrOverdue, refused, operator})
	}
	for code, is := range map[string]error{"400": id2meta.ErrInvalidParam, "411": id2meta.ErrAccessDenied, "412": id2meta.ErrOverdue} {
		remedy := operator
		if code == "400" {
			remedy = correctInput
		}
		for _, status := range []int{400, 401} { // a Code means the same with every status
			all = append(all, failure{gateway(status, code), is, refused, remedy})
		}
	}
	for _, odd := range oddBodies {
		answer := raw(http.StatusOK, odd.body)
		answer.name = odd.name
		all = append(all, failure{answer, id2meta.ErrUnexpectedResponse, final, report})
	}
	return all
}

func TestWhatVerifyAndCheckMakeOfAnAnswerWithoutAVerdict(t *testing.T) {
	t.Parallel()
	for _, test := range failures() {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, retryUnanswered := range []bool{false, true} {
				server := newServer(t)
				var opts []id2meta.Option
				if retryUnanswered {
					opts = append(opts, id2meta.WithRetryUnanswered())
				}
				client := newClient(t, []string{server.Endpoint()}, append(opts, id2meta.WithMaxAttempts(2))...)

				server.Inject(test.fault, test.fault)
				result, err := client.Verify(t.Context(), zhangSan)
				require.Zero(t, result)
				requireOnly(t, test.is, err)
				maybeBilled := test.fate == uncertain || test.fate == final
				assert.Equal(t, maybeBilled, errors.Is(err, id2meta.ErrMaybeBilled), err)
				assert.Equal(t, test.remedy, id2meta.RemedyOf(err))
				again := test.fate == repeated || test.fate == uncertain && retryUnanswered
				calls := server.Calls()
				require.Equal(t, again, len(calls) == 2, "%d requests", len(calls))
				assert.Equal(t, again, strings.Contains(err.Error(), "after 2 attempts"), err)

				var e *id2meta.APIError
				require.ErrorAs(t, err, &e)
				assert.NotErrorIs(t, e, id2meta.ErrMaybeBilled, "an APIError keeps its one sentinel")
				assert.Equal(t, server.Endpoint(), e.Endpoint)
				assert.Equal(t, test.status, e.StatusCode)
				assert.Zero(t, e.RetryAfter)
				if test.message != "" {
					assert.Equal(t, calls[len(calls)-1].RequestID, e.RequestID)
					assert.Equal(t, test.code, e.Code)
					assert.Equal(t, test.message, e.Message)
					assert.Equal(t, test.status != http.StatusOK, strings.HasPrefix(e.Recommend, "https://api.aliyun.com/troubleshoot?"), e.Recommend)
				}
				for _, part := range []string{test.is.Error(), e.Endpoint, strconv.Itoa(e.StatusCode), e.Code, e.Message, e.RequestID, e.Recommend} {
					assert.Contains(t, err.Error(), part)
				}
				assert.Less(t, len(err.Error()), 2048)

				sent := uint64(len(calls))
				want := id2meta.Stats{Sent: sent, Failed: 1}
				if maybeBilled {
					want.MaybeBilled = sent
				}
				if test.is == id2meta.ErrThrottled {
					want.Throttled = sent
				}
				assert.Equal(t, want, client.Stats())

				if again { // the second answer is the verdict
					server.Inject(test.fault)
					requireMatch(t, client)
				}

				server.Inject(test.fault, test.fault)
				err = client.Check(t.Context())
				assert.NotErrorIs(t, err, id2meta.ErrMaybeBilled, "nobody was asked about")
				if test.is == id2meta.ErrInvalidParam && test.fate == refused {
					assert.NoError(t, err, "the service refused the empty number, and nothing before it")
				} else {
					requireOnly(t, test.is, err)
					assert.Equal(t, test.remedy, id2meta.RemedyOf(err))
				}
			}
		})
	}
}

// The tests of a service make APIErrors themselves.
func TestAnAPIErrorThatATestMakesHasTheSentinelAndTheRemedyOfItsCode(t *testing.T) {
	for _, test := range append(failures(), failure{is: id2meta.ErrUnexpectedResponse, remedy: report}) {
		if test.code == "" && test.status != 0 {
			continue // the answer has no Code, or a verdict beside the Code
		}
		t.Run(test.name, func(t *testing.T) {
			e := &id2meta.APIError{StatusCode: test.status, Code: test.code, Message: test.message}
			for _, err := range []error{e, fmt.Errorf("verifying the user: %w", e), errors.Join(errors.New("one"), e)} {
				requireOnly(t, test.is, err)
				assert.Equal(t, test.remedy, id2meta.RemedyOf(err))
			}
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
	requireMatch(t, client)
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

// A server, or a proxy that loses count, sends two answers in one write. Nobody gets the
// verdict about somebody else.
func TestTwoAnswersInOneWriteAreNotTwoVerdicts(t *testing.T) {
	const mismatch = `{"Code":"200","ResultObject":{"BizCode":"2"}}`
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, both, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		for err == nil {
			for _, answer := range []string{mismatch, verdict} {
				fmt.Fprintf(both, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
			}
			both.Flush()
			_, err = http.ReadRequest(both.Reader)
		}
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	client := newClient(t, []string{server.Listener.Addr().String()}, patient()...)
	var verdicts atomic.Int64
	share(500, 8, func() {
		result, err := client.Verify(t.Context(), zhangSan)
		if err == nil {
			verdicts.Add(1)
			assert.Equal(t, id2meta.BizCodeMismatch, result.BizCode)
			return
		}
		assert.ErrorIs(t, err, id2meta.ErrUnexpectedResponse)
		assert.ErrorIs(t, err, id2meta.ErrMaybeBilled)
	})
	assert.Positive(t, verdicts.Load())
}
