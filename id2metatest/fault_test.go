package id2metatest_test

import (
	"context"
	"io"
	"math"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/id2metatest"
)

func lastCall(t *testing.T, s *id2metatest.Server) id2metatest.Call {
	t.Helper()
	calls := s.Calls()
	require.NotEmpty(t, calls)
	return calls[len(calls)-1]
}

func TestFaultsThatReplaceTheAnswer(t *testing.T) {
	for _, test := range []struct {
		name    string
		fault   id2metatest.Fault
		made    string // the name of the fault's constructor
		status  int
		code    string
		body    string // the whole of it, if not empty
		outcome string
	}{
		{"Answer", id2metatest.Answer("402", "权威源服务异常"), "Answer", 200, "402", "", "402"},
		{"Answer with 200 gives no verdict", id2metatest.Answer("200", "success"), "Answer", 200, "200", "", "200"},
		{"Status", id2metatest.Status(503, "ServiceUnavailable", "later"), "Status", 503, "ServiceUnavailable", "", "ServiceUnavailable"},
		{"Throttle", id2metatest.Throttle(0), "Throttle", 400, "Throttling.User", "", "Throttling.User"},
		{"Raw with numbers", id2metatest.Raw(200, `{"Code":200,"ResultObject":{"BizCode":1}}`), "Raw", 200, "",
			`{"Code":200,"ResultObject":{"BizCode":1}}`, "raw"},
		{"Raw with HTML", id2metatest.Raw(502, "<html>"), "Raw", 502, "", "<html>", "raw"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			s.Inject(test.fault)
			a := ask{nonce: "same"}
			ans := a.mustSend(t, s)
			assert.Equal(t, test.status, ans.status)
			assert.Equal(t, test.code, ans.Code)
			if test.body == "" {
				assert.Empty(t, ans.bizCode)
			} else {
				assert.Equal(t, test.body, ans.body)
			}
			call := lastCall(t, s)
			assert.True(t, !call.Billed && call.BizCode == "" && call.Outcome == test.outcome && call.HTTPStatus == test.status &&
				call.Fault == test.made && call.Person != "", "recorded as %+v", call)
			assert.Equal(t, call.RequestID, ans.header.Get("x-acs-request-id"))
			assert.Equal(t, "1", a.mustSend(t, s).bizCode, "the request after it: the fault left the nonce unused")
		})
	}
}

func TestThrottleTellsItsWaitInThreeHeaders(t *testing.T) {
	for _, test := range []struct {
		name string
		wait time.Duration
		want string // in ms
	}{
		{"a wait is rounded up to a millisecond", 1499*time.Millisecond + 1, "1500"},
		{"a whole number of milliseconds stays", 700 * time.Millisecond, "700"},
		{"the longest wait does not become negative", math.MaxInt64, "9223372036855"},
		{"no wait sends no header", 0, ""},
		{"a negative wait sends no header", -time.Second, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			s.Inject(id2metatest.Throttle(test.wait))
			header := ask{}.mustSend(t, s).header
			limit := ""
			if test.want != "" {
				limit = "Limit:50,Remain:0,TimeLeft:" + test.want + ",Reset:" + test.want
			}
			for name, want := range map[string]string{
				"x-acs-retry-after": test.want, "x-ratelimit-user-api": limit, "x-ratelimit-user": limit,
			} {
				assert.Equal(t, want, header.Get(name), name)
				assert.LessOrEqual(t, len(header.Values(name)), 1, name)
			}
		})
	}
}

func TestFaultsThatDisturbTheWay(t *testing.T) {
	const delay = 50 * time.Millisecond
	for _, test := range []struct {
		name   string
		fault  id2metatest.Fault
		err    error // of the client
		status int   // of the record
	}{
		{"Delay", id2metatest.Delay(delay), nil, 200},
		{"Drop", id2metatest.Drop(), io.EOF, 0},
		{"Truncate", id2metatest.Truncate(), io.ErrUnexpectedEOF, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			s.Inject(test.fault)
			start := time.Now()
			ans, err := ask{}.send(t, s)
			assert.ErrorIs(t, err, test.err)
			wantBilled(t, s, test.name, test.status)
			switch test.name {
			case "Delay":
				assert.GreaterOrEqual(t, time.Since(start), delay)
				assert.Equal(t, "1", ans.bizCode)
			case "Truncate":
				assert.Regexp(t, `^{"RequestId":`, ans.body)
				assert.NotContains(t, ans.body, "BizCode")
				length, _ := strconv.Atoi(ans.header.Get("Content-Length"))
				assert.Len(t, ans.body, length/2)
				assert.Equal(t, lastCall(t, s).RequestID, ans.header.Get("x-acs-request-id"))
			}
		})
	}
	t.Run("Hang", func(t *testing.T) {
		s := newServer(t)
		s.Inject(id2metatest.Hang())
		assert.ErrorIs(t, leaveOnArrival(t, s), context.Canceled)
		wantBilled(t, s, "Hang", 0) // on record before the client has left
	})
}

func wantBilled(t *testing.T, s *id2metatest.Server, fault string, status int) {
	t.Helper()
	call := lastCall(t, s)
	assert.True(t, call.Billed && call.Outcome == "match" && call.Fault == fault && call.HTTPStatus == status, "recorded as %+v", call)
	assert.Equal(t, 1, s.Billed(name, number))
}

func TestFaultOnARefusedRequestIsUsedUpAndBillsNobody(t *testing.T) {
	s := newServer(t)
	s.Inject(id2metatest.Drop())
	_, err := ask{secret: "wrong"}.send(t, s)
	assert.Error(t, err, "the connection was not dropped")
	call := lastCall(t, s)
	assert.True(t, !call.Billed && call.Outcome == "SignatureDoesNotMatch", "recorded as %+v", call)
	assert.Equal(t, "1", ask{}.mustSend(t, s).bizCode, "the request after it")
}

func TestFaultsAreTakenInOrder(t *testing.T) {
	s := newServer(t)
	s.Inject(id2metatest.Answer("402", ""), id2metatest.Fault{})
	s.Inject(id2metatest.Answer("500", ""))
	var got []string
	for range 4 {
		got = append(got, ask{}.mustSend(t, s).Code)
	}
	assert.Equal(t, []string{"402", "200", "500", "200"}, got)
}

func TestStatusThatCannotEndARequestPanics(t *testing.T) {
	for _, status := range []int{0, 99, 100, 199, 1000} {
		assert.Panics(t, func() { id2metatest.Status(status, "", "") }, status)
		assert.Panics(t, func() { id2metatest.Raw(status, "") }, status)
	}
	id2metatest.Raw(http.StatusFound, "")
}

func panicMessage(f func()) (message string) {
	defer func() {
		if r := recover(); r != nil {
			message = r.(string)
		}
	}()
	f()
	return ""
}
