package kratos

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-kratos/kratos/v2/middleware/logging"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/examples/frameworks/kratos/api"
	"github.com/id2meta/id2meta/id2metatest"
)

func TestVerify(t *testing.T) {
	const (
		invalid     = `"reason":"INVALID_PERSON"`
		notVerified = `"reason":"NOT_VERIFIED"`
	)
	tests := []struct {
		name   string
		body   string
		fault  *id2metatest.Fault
		status int
		answer string // a part of it
		calls  int
	}{
		{"a match", person, nil, 200, `"verdict":"match"`, 1},
		{"a mismatch is an answer", `{"userName":"李四","identifyNum":"` + number + `"}`, nil, 200, `"verdict":"mismatch"`, 1},
		{"no record is an answer", `{"userName":"张三","identifyNum":"440524188001010014"}`, nil, 200, `"verdict":"no record"`, 1},
		{"a typing error costs no call", `{"userName":"张三","identifyNum":"110105194912310021"}`, nil,
			400, `"field":"IdentifyNum"`, 0},
		{"no body", ``, nil, 400, invalid, 0},
		{"the service refuses the name", person, fault(id2metatest.Answer("401", "参数非法")), 400, invalid, 1},
		{"an overdue payment is not the user's", person, fault(id2metatest.Answer("412", "欠费")), 503, notVerified, 1},
		{"an answer that cannot be understood is no match", person, fault(id2metatest.Raw(200, `{"Code":"200"}`)),
			503, notVerified, 1},
		{"a service that does not answer in time", person, fault(id2metatest.Hang()), 503, notVerified, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			simulator := id2metatest.NewServer()
			defer simulator.Close()
			simulator.AddPerson(name, number)
			if test.fault != nil {
				simulator.Inject(*test.fault)
			}
			var written buffer
			logger := logTo(&written)
			address, stop := run(t, wired(t, id2metaConf(simulator), logger, simulator.Options()...), logger)

			status, answer := post(t, address, test.body)
			// protojson puts a space behind some colons, at random.
			if spaceless := strings.ReplaceAll(answer, `": `, `":`); status != test.status || !strings.Contains(spaceless, test.answer) {
				t.Errorf("answered %d %s, want %d %s", status, answer, test.status, test.answer)
			}
			if calls := len(simulator.Calls()); calls != test.calls {
				t.Errorf("%d calls, want %d", calls, test.calls)
			}
			stop()
			if !strings.Contains(written.String(), "args={ParamType:") || holdsPerson(written.String()) {
				t.Error("the log lacks the request, or holds the person")
			}
			if holdsPerson(answer) || strings.Contains(answer, simulator.Endpoint()) {
				t.Error("the answer holds the person, or the cause")
			}
		})
	}
}

func fault(f id2metatest.Fault) *id2metatest.Fault { return &f }

// Kratos' default gives such requests to http.DefaultServeMux.
func TestDefaultServeMuxIsNotServed(t *testing.T) {
	http.HandleFunc("/debug/of-this-test", func(w http.ResponseWriter, _ *http.Request) {})
	address, _ := run(t, over(match, silent()), silent())
	for _, path := range []string{"/debug/of-this-test", "/v1/verify"} {
		response, err := http.Get(address + path) // and /v1/verify knows no GET
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusNotFound {
			t.Errorf("%s is answered with %d", path, response.StatusCode)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestCauseIsLogged(t *testing.T) {
	var written buffer
	logger := logTo(&written)
	down := func(context.Context, id2meta.Param) (id2meta.Result, error) {
		return id2meta.Result{}, fmt.Errorf("for the operators: %w", id2meta.ErrUnavailable)
	}
	address, stop := run(t, over(down, logger), logger)
	_, answer := post(t, address, person)
	stop()
	if !strings.Contains(written.String(), "for the operators") || strings.Contains(answer, "operators") {
		t.Error("the cause is not in the log, or is in the answer")
	}
}

func TestUserWhoLeavesEndsTheQuestion(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	address, _ := run(t, over(func(ctx context.Context, _ id2meta.Param) (id2meta.Result, error) {
		leave()
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return id2meta.Result{}, ctx.Err()
	}, silent()), silent())

	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/v1/verify", strings.NewReader(person))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if resp, err := http.DefaultClient.Do(request); err == nil {
		resp.Body.Close()
		t.Error("there is an answer")
	}
	select {
	case err := <-ended:
		if err != context.Canceled {
			t.Errorf("Verify ended by %v, want %v", err, context.Canceled)
		}
	case <-time.After(2 * time.Second):
		t.Error("Verify does not have the request's context")
	}
}

// Kratos gives a request 1 s if nothing else is said.
func TestQuestionHasTheTimeOfTheConfig(t *testing.T) {
	var left time.Duration
	address, stop := run(t, over(func(ctx context.Context, p id2meta.Param) (id2meta.Result, error) {
		deadline, _ := ctx.Deadline()
		left = time.Until(deadline)
		return match(ctx, p)
	}, silent()), silent())
	post(t, address, person)
	stop()
	if left < 2*time.Second || left > 3*time.Second {
		t.Errorf("%v are left, want nearly 3s", left)
	}
}

func TestPanicIsLoggedWithoutThePerson(t *testing.T) {
	var written buffer
	logger := logTo(&written)
	address, stop := run(t, over(func(context.Context, id2meta.Param) (id2meta.Result, error) {
		panic("a mistake")
	}, logger), logger)
	status, answer := post(t, address, person)
	stop()
	if status != http.StatusInternalServerError || holdsPerson(answer) {
		t.Errorf("answered %d", status)
	}
	if log := written.String(); !strings.Contains(log, "a mistake: {ParamType:") || holdsPerson(log) {
		t.Error("the log lacks the panic and its request, or holds the person")
	}
}

// What Kratos' logging middleware writes is the reason for api/redact.go. Should the
// rows that hold the person change, the README must.
func TestLoggingMiddleware(t *testing.T) {
	type plain struct{ UserName, IdentifyNum string }
	tests := []struct {
		name   string
		req    any
		person bool
	}{
		{"a struct is printed", &plain{name, number}, true},
		{"a protobuf message is printed", wrapperspb.String(name + number), true},
		{"a protobuf message with Redact is not", &api.VerifyRequest{UserName: name, IdentifyNum: number}, false},
		{"a Param is not", id2meta.Param{UserName: name, IdentifyNum: number}, false},
		{"a struct with a Param in an exported field is not", &struct{ Person id2meta.Param }{
			id2meta.Param{UserName: name, IdentifyNum: number}}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var written buffer
			handle := logging.Server(logTo(&written))(func(context.Context, any) (any, error) { return nil, nil })
			if _, err := handle(t.Context(), test.req); err != nil {
				t.Fatal(err)
			}
			if got := holdsPerson(written.String()); got != test.person {
				t.Errorf("the log holds the person: %v, want %v", got, test.person)
			}
			if !strings.Contains(written.String(), "args=") {
				t.Error("there is no request in the log")
			}
		})
	}
}

func TestRequestThatIsPrintedDoesNotShowThePerson(t *testing.T) {
	req := &api.VerifyRequest{UserName: name, IdentifyNum: number}
	if printed := fmt.Sprintf("%v %+v %#v %s %q %d", req, req, req, req, req, req); strings.Count(printed, "***") != 12 || holdsPerson(printed) {
		t.Error("it shows the person, or is not printed")
	}
	if !strings.Contains(req.String(), number) {
		t.Error("String is no longer what protoc-gen-go makes: say so in api/redact.go")
	}
}
