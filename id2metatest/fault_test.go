package id2metatest_test

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/id2meta/id2meta/id2metatest"
)

func lastCall(t *testing.T, s *id2metatest.Server) id2metatest.Call {
	t.Helper()
	calls := s.Calls()
	if len(calls) == 0 {
		t.Fatal("no call was recorded")
	}
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
			ans := ask{}.mustSend(t, s)
			if ans.status != test.status || ans.Code != test.code || ans.bizCode != "" && test.body == "" {
				t.Errorf("got HTTP %d, %s", ans.status, ans.body)
			}
			if test.body != "" && ans.body != test.body {
				t.Errorf("got %q", ans.body)
			}
			call := lastCall(t, s)
			if call.Billed || call.BizCode != "" || call.Outcome != test.outcome || call.HTTPStatus != test.status ||
				call.Fault != test.made || call.Person == "" {
				t.Errorf("recorded as %+v", call)
			}
			if ans := (ask{}).mustSend(t, s); ans.bizCode != "1" {
				t.Errorf("the request after it got %s", ans.body)
			}
		})
	}
}

func TestStatusHasTheFieldsOfTheGateway(t *testing.T) {
	s := newServer(t)
	s.Inject(id2metatest.Status(503, "ServiceUnavailable", "later"))
	ans := ask{}.mustSend(t, s)
	if ans.HostId != s.Endpoint() || ans.Message != "later" || ans.RequestId != lastCall(t, s).RequestID ||
		!strings.Contains(ans.Recommend, "ServiceUnavailable") {
		t.Error(ans.body)
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
				if got := header.Values(name); strings.Join(got, " ") != want || len(got) > 1 {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestFaultsThatDisturbTheWay(t *testing.T) {
	t.Run("Delay answers later", func(t *testing.T) {
		const delay = 50 * time.Millisecond
		s := newServer(t)
		s.Inject(id2metatest.Delay(delay))
		start := time.Now()
		ans := ask{}.mustSend(t, s)
		if took := time.Since(start); took < delay || ans.bizCode != "1" {
			t.Errorf("after %v: %s", took, ans.body)
		}
		wantBilled(t, s, "Delay", 200)
	})
	t.Run("Drop closes the connection without an answer", func(t *testing.T) {
		s := newServer(t)
		s.Inject(id2metatest.Drop())
		if ans, err := (ask{}).send(t, s); !errors.Is(err, io.EOF) {
			t.Errorf("got HTTP %d, %v", ans.status, err)
		}
		wantBilled(t, s, "Drop", 0)
	})
	t.Run("Truncate sends the headers and half of the body", func(t *testing.T) {
		s := newServer(t)
		s.Inject(id2metatest.Truncate())
		ans, err := ask{}.send(t, s)
		if !errors.Is(err, io.ErrUnexpectedEOF) || ans.status != 200 ||
			!strings.HasPrefix(ans.body, `{"RequestId":`) || strings.Contains(ans.body, "BizCode") {
			t.Errorf("got HTTP %d, %q, %v", ans.status, ans.body, err)
		}
		if length, _ := strconv.Atoi(ans.header.Get("Content-Length")); length/2 != len(ans.body) {
			t.Errorf("%d bytes of %d arrived, want half", len(ans.body), length)
		}
		wantBilled(t, s, "Truncate", 200)
	})
	t.Run("Hang answers never, and is on record before", func(t *testing.T) {
		s := newServer(t)
		s.Inject(id2metatest.Hang())
		if err := leaveOnArrival(t, s); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that only the client ended it", err)
		}
		wantBilled(t, s, "Hang", 0)
	})
}

func wantBilled(t *testing.T, s *id2metatest.Server, fault string, status int) {
	t.Helper()
	call := lastCall(t, s)
	if !call.Billed || call.Outcome != "match" || call.Fault != fault || call.HTTPStatus != status {
		t.Errorf("recorded as %+v", call)
	}
	if n := s.Billed(name, number); n != 1 {
		t.Errorf("billed %d times, want 1", n)
	}
}

func TestFaultOnARefusedRequestIsUsedUpAndBillsNobody(t *testing.T) {
	s := newServer(t)
	s.Inject(id2metatest.Drop())
	if _, err := (ask{secret: "wrong"}).send(t, s); err == nil {
		t.Error("the connection was not dropped")
	}
	if call := lastCall(t, s); call.Billed || call.Outcome != "SignatureDoesNotMatch" {
		t.Errorf("recorded as %+v", call)
	}
	if ans := (ask{}).mustSend(t, s); ans.bizCode != "1" {
		t.Errorf("the request after it got %s", ans.body)
	}
}

func TestFaultThatReplacesTheAnswerLeavesTheNonceUnused(t *testing.T) {
	s := newServer(t)
	s.Inject(id2metatest.Throttle(0))
	a := ask{nonce: "same"}
	a.mustSend(t, s)
	if ans := a.mustSend(t, s); ans.bizCode != "1" {
		t.Errorf("the request after it got %s", ans.body)
	}
}

func TestFaultsAreTakenInOrder(t *testing.T) {
	s := newServer(t)
	s.Inject(id2metatest.Answer("402", ""), id2metatest.Fault{})
	s.Inject(id2metatest.Answer("500", ""))
	var got []string
	for range 4 {
		got = append(got, ask{}.mustSend(t, s).Code)
	}
	if want := "402 200 500 200"; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEveryFaultIsTakenByOneOfManyAtOnce(t *testing.T) {
	const requests, faults = 64, 40
	s := newServer(t)
	for range faults {
		s.Inject(id2metatest.Status(503, "ServiceUnavailable", ""))
	}
	statuses := make(chan int, requests)
	for range requests {
		go func() {
			ans, err := ask{}.send(t, s)
			if err != nil {
				t.Error(err)
			}
			statuses <- ans.status
		}()
	}
	count := map[int]int{}
	for range requests {
		count[<-statuses]++
	}
	if count[503] != faults || count[200] != requests-faults {
		t.Errorf("HTTP status: count is %v", count)
	}
	if n := s.Billed(name, number); n != requests-faults {
		t.Errorf("billed %d times, want %d", n, requests-faults)
	}
	for i, call := range s.Calls() {
		if (call.Fault == "Status") != (i < faults) {
			t.Errorf("call %d has the fault %q: the order of the calls is not that of the faults", i, call.Fault)
		}
	}
}

func TestStatusThatCannotEndARequestPanics(t *testing.T) {
	for _, status := range []int{0, 99, 100, 199, 1000} {
		for _, make := range []func(){
			func() { id2metatest.Status(status, "", "") },
			func() { id2metatest.Raw(status, "") },
		} {
			if message := panicMessage(make); message == "" {
				t.Errorf("%d is accepted", status)
			}
		}
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
