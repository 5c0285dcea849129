package gozero

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/zeromicro/go-zero/core/logx"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

func TestVerify(t *testing.T) {
	tests := []struct {
		name   string
		body   string
		fault  *id2metatest.Fault
		status int
		answer string
		calls  int
	}{
		{"a match", person, nil, 200, `{"verdict":"match"}`, 1},
		{"a mismatch is an answer", `{"userName":"李四","identifyNum":"` + number + `"}`, nil, 200, `{"verdict":"mismatch"}`, 1},
		{"no record is an answer", `{"userName":"张三","identifyNum":"440524188001010014"}`, nil, 200, `{"verdict":"no record"}`, 1},
		{"a typing error costs no call", `{"userName":"张三","identifyNum":"110105194912310021"}`, nil,
			400, `{"error":"invalid","field":"IdentifyNum"}`, 0},
		{"the service refuses the name", person, fault(id2metatest.Answer("401", "参数非法")), 400, `{"error":"invalid"}`, 1},
		{"a number that is no string", `{"userName":"张三","identifyNum":110105194912310021}`, nil,
			400, `{"error":"not the JSON of a request"}`, 0},
		{"a name that is missing", `{"identifyNum":"` + number + `"}`, nil, 400, `{"error":"not the JSON of a request"}`, 0},
		{"no body", ``, nil, 400, `{"error":"not the JSON of a request"}`, 0},
		{"an overdue payment is not the user's", person, fault(id2metatest.Answer("412", "欠费")),
			503, `{"error":"not verified; try again later"}`, 1},
		{"an answer that cannot be understood is no match", person, fault(id2metatest.Raw(200, `{"Code":"200"}`)),
			503, `{"error":"not verified; try again later"}`, 1},
		{"a service that does not answer in time", person, fault(id2metatest.Hang()),
			503, `{"error":"not verified; try again later"}`, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			simulator := id2metatest.NewServer()
			defer simulator.Close()
			simulator.AddPerson(name, number)
			if test.fault != nil {
				simulator.Inject(*test.fault)
			}
			c := configOf(t, withoutLog, "ID2Meta: {Timeout: 500ms}")
			server := serve(t, NewServer(c, simulator.Options()...))

			status, answer := post(t, server, test.body)
			if status != test.status || answer != test.answer {
				t.Errorf("answered %d %s, want %d %s", status, answer, test.status, test.answer)
			}
			if calls := len(simulator.Calls()); calls != test.calls {
				t.Errorf("%d calls, want %d", calls, test.calls)
			}
		})
	}
}

func fault(f id2metatest.Fault) *id2metatest.Fault { return &f }

func TestUserWhoLeavesEndsTheQuestion(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan struct{})
	handler := VerifyHandler(&ServiceContext{Verifier: id2meta.VerifierFunc(
		func(ctx context.Context, _ id2meta.Param) (id2meta.Result, error) {
			leave()
			<-ctx.Done()
			close(ended)
			return id2meta.Result{}, ctx.Err()
		})})
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/verify", strings.NewReader(person))
	r.Header.Set("Content-Type", "application/json")
	go handler(httptest.NewRecorder(), r)
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("Verify does not have the request's context")
	}
}

// What go-zero's log middleware writes is the reason for "Log: false" in
// etc/verify.yaml. Should the rows with it change, the README must.
func TestLogs(t *testing.T) {
	ok := id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
		return id2meta.Result{BizCode: id2meta.BizCodeMatch}, nil
	})
	down := id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
		return id2meta.Result{}, fmt.Errorf("no verdict: %w", id2meta.ErrUnavailable)
	})
	crash := id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) { panic("a mistake") })
	late := id2meta.VerifierFunc(func(ctx context.Context, _ id2meta.Param) (id2meta.Result, error) {
		<-ctx.Done()
		return id2meta.Result{}, ctx.Err()
	})
	tests := []struct {
		name     string
		config   string
		verifier id2meta.Verifier
		status   int
		logged   string // a part of what must be in the log
		person   bool
	}{
		{"go-zero's default, 200", "", ok, 200, "POST", false},
		{"go-zero's default, 503, writes the body", "", down, 503, "no verdict", true},
		{"go-zero's default, a panic, writes the body", "", crash, 500, "a mistake", true},
		// A timeout writes it too, but go-zero then reads the body's copy while the handler
		// that it gave up may still write it: a data race that -race reports.
		{"verbose, 200, writes the body", "Verbose: true", ok, 200, "POST", true},
		{"Log: false, 200", withoutLog, ok, 200, "", false},
		{"Log: false, 503", withoutLog, down, 503, "no verdict", false},
		{"Log: false, a panic", withoutLog, crash, 500, "a mistake", false},
		{"Log: false, a timeout", withoutLog + "\nTimeout: 100", late, 503, "", false},
		{"Log: false and verbose, 503", withoutLog + "\nVerbose: true", down, 503, "no verdict", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			written := logs(t)
			server := over(t, configOf(t, test.config), test.verifier)
			status, answer := post(t, server, person)
			server.Close() // the log is written after the answer

			if status != test.status {
				t.Errorf("answered %d, want %d", status, test.status)
			}
			if !strings.Contains(written.String(), test.logged) {
				t.Errorf("the log lacks %q", test.logged)
			}
			if got := holdsPerson(written.String()); got != test.person {
				t.Errorf("the log holds the person: %v, want %v", got, test.person)
			}
			if holdsPerson(answer) {
				t.Error("the answer holds the person")
			}
		})
	}
}

func TestNoLogOfARealQuestionHoldsThePerson(t *testing.T) {
	simulator := id2metatest.NewServer()
	defer simulator.Close()
	written := logs(t)
	server := serve(t, NewServer(configOf(t, withoutLog), simulator.Options()...))
	simulator.Inject(id2metatest.Answer("412", "欠费 "+name+" "+number))

	if status, _ := post(t, server, person); status != http.StatusServiceUnavailable {
		t.Errorf("answered %d, want 503", status)
	}
	server.Close()
	if log := written.String(); !strings.Contains(log, "Code 412") || holdsPerson(log) {
		t.Error("the log lacks the Code, or holds the person")
	}
}

func TestRequestThatIsLoggedDoesNotShowThePerson(t *testing.T) {
	req := VerifyRequest{UserName: name, IdentifyNum: number}
	written := logs(t)
	logx.Infof("%v %+v %s", req, req, &req)
	logx.Infow("request", logx.Field("request", req))
	logx.Infow("request", logx.Field("inside", map[string]any{"request": &req}))
	logx.Infov(req)
	if log := written.String(); strings.Count(log, "***") < 12 || holdsPerson(log) {
		t.Error("the log lacks the requests, or holds the person")
	}

	var read VerifyRequest
	if err := json.Unmarshal([]byte(person), &read); err != nil || read != req {
		t.Errorf("read from JSON: not the same (error %v)", err)
	}
}
