package gin

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// The sample number of GB 11643 and a name for it.
const (
	name   = "张三"
	number = "11010519491231002X"
	person = `{"userName":"张三","identifyNum":"11010519491231002X"}`
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode) // as in production, and without gin's notes on stdout
	os.Exit(m.Run())
}

func post(t *testing.T, handler http.Handler, body string) (status int, answer string) {
	t.Helper()
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/verify", strings.NewReader(body)))
	return recorder.Code, recorder.Body.String()
}

// holdsPerson also finds the birth date alone.
func holdsPerson(s string) bool {
	return strings.Contains(s, name) || strings.Contains(s, number) || strings.Contains(s, number[6:14])
}

type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestAgainstTheSimulator(t *testing.T) {
	const (
		typedWrong = `{"error":"请核对姓名和身份证号。"}`
		later      = `{"error":"系统繁忙，请稍后再试。"}`
		operator   = `{"error":"核验服务暂时不可用，请联系客服。"}`
	)
	for _, test := range []struct {
		name   string
		body   string
		fault  id2metatest.Fault
		status int
		answer string // empty: a sentence of the library, which may change
		calls  int
	}{
		{"a match", person, id2metatest.Fault{}, 200, `{"verdict":"match"}`, 1},
		{"a mismatch is an answer", `{"userName":"李四","identifyNum":"` + number + `"}`, id2metatest.Fault{}, 200, `{"verdict":"mismatch"}`, 1},
		{"no record is an answer", `{"userName":"张三","identifyNum":"440524188001010014"}`, id2metatest.Fault{}, 200, `{"verdict":"no record"}`, 1},
		{"a typing error costs no call", `{"userName":"张三","identifyNum":"110105194912310021"}`, id2metatest.Fault{}, 400, "", 0},
		{"the service refuses the name", person, id2metatest.Answer("401", "参数非法"), 400, typedWrong, 1},
		{"a person who was asked about too often", person, id2metatest.Answer("403", "重复调用"), 429, "", 1},
		{"an overdue payment is not the user's", person, id2metatest.Answer("412", "欠费"), 503, operator, 1},
		{"a connection that breaks", person, id2metatest.Drop(), 503, later, 1},
		{"a service that does not answer in time", person, id2metatest.Hang(), 503, later, 1},
		{"an answer that cannot be understood is no match", person, id2metatest.Raw(200, `{"Code":"200"}`), 503, operator, 1},
		{"no JSON", "userName=" + name, id2metatest.Fault{}, 400, `{"error":"请求格式不对。"}`, 0},
		{"a body without end", `{"userName":"` + strings.Repeat("张", 4096), id2metatest.Fault{}, 400, `{"error":"请求格式不对。"}`, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			simulator := id2metatest.NewServer()
			defer simulator.Close()
			simulator.AddPerson(name, number)
			simulator.Inject(test.fault)
			var logs buffer
			server, err := NewServer(&logs, append(simulator.Options(),
				id2meta.WithMaxAttempts(1), id2meta.WithTimeout(500*time.Millisecond))...)
			if err != nil {
				t.Fatal(err)
			}

			status, answer := post(t, server, test.body)
			if status != test.status || test.answer != "" && answer != test.answer || !strings.HasPrefix(answer, `{"`) {
				t.Errorf("answered %d %s, want %d %s", status, answer, test.status, test.answer)
			}
			if calls := len(simulator.Calls()); calls != test.calls {
				t.Errorf("%d calls, want %d", calls, test.calls)
			}
			if !strings.Contains(logs.String(), `"/verify"`) || holdsPerson(logs.String()) || holdsPerson(answer) {
				t.Error("the log lacks the request, or the log or the answer holds the person")
			}
		})
	}
}

// A test of the handler alone needs no simulator: a function is a Verifier.
func TestWithAMock(t *testing.T) {
	invalid := &id2meta.ParamError{Field: "IdentifyNum", Problem: id2meta.ProblemCheckDigit}
	for _, test := range []struct {
		name   string
		err    error
		status int
		text   string
	}{
		{"a verdict", nil, 200, `{"verdict":"match"}`},
		{"an invalid number", invalid, 400, invalid.Chinese()},
		{"throttled", fmt.Errorf("for the operators: %w", id2meta.ErrThrottled), 503, id2meta.RemedyTryLater.Chinese()},
		{"repeated", fmt.Errorf("for the operators: %w", id2meta.ErrRepeatedCall), 429, id2meta.RemedyNotThisPerson.Chinese()},
		{"a wrong key", fmt.Errorf("for the operators: %w", id2meta.ErrCredential), 503, id2meta.RemedyOperator.Chinese()},
		{"an error of somebody else", io.EOF, 503, id2meta.RemedyReport.Chinese()},
	} {
		t.Run(test.name, func(t *testing.T) {
			var asked []id2meta.Param
			mock := id2meta.VerifierFunc(func(_ context.Context, param id2meta.Param) (id2meta.Result, error) {
				asked = append(asked, param)
				if test.err != nil {
					return id2meta.Result{}, test.err
				}
				return id2meta.Result{BizCode: id2meta.BizCodeMatch}, nil
			})
			var logs buffer
			status, answer := post(t, newRouter(mock, &logs), person)
			if status != test.status || !strings.Contains(answer, test.text) || strings.Contains(answer, "operators") {
				t.Errorf("answered %d %s, want %d %s", status, answer, test.status, test.text)
			}
			if len(asked) != 1 || asked[0] != (id2meta.Param{UserName: name, IdentifyNum: number}) {
				t.Errorf("asked about %d people, or about somebody else", len(asked))
			}
			if test.err != nil && !strings.Contains(logs.String(), test.err.Error()) {
				t.Error("the log lacks the error")
			}
		})
	}
}

func TestUserWhoLeavesEndsTheCall(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan struct{})
	router := newRouter(id2meta.VerifierFunc(func(ctx context.Context, _ id2meta.Param) (id2meta.Result, error) {
		leave()
		<-ctx.Done()
		close(ended)
		return id2meta.Result{}, ctx.Err()
	}), io.Discard)
	go router.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, "/verify", strings.NewReader(person)))
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("Verify does not have the context of the request")
	}
}

// This is why the recipe passes c.Request.Context(). If gin changes, the README must.
func TestTheContextOfGinIsNeverCancelled(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequestWithContext(ctx, http.MethodPost, "/verify", nil)
	leave()
	if c.Request.Context().Err() == nil {
		t.Error("the context of the request is not cancelled")
	}
	if c.Done() != nil || c.Err() != nil {
		t.Error("gin's context is cancelled, too: the recipe need not avoid it")
	}
}

func TestMetrics(t *testing.T) {
	simulator := id2metatest.NewServer()
	defer simulator.Close()
	simulator.AddPerson(name, number)
	server, err := NewServer(io.Discard, simulator.Options()...)
	if err != nil {
		t.Fatal(err)
	}
	simulator.Inject(id2metatest.Fault{}, id2metatest.Fault{}, id2metatest.Drop())
	post(t, server, person)
	post(t, server, `{"userName":"李四","identifyNum":"`+number+`"}`)
	post(t, server, person) // dropped

	recorder := httptest.NewRecorder()
	server.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		`id2meta_verdicts_total{verdict="match"} 1`,
		`id2meta_verdicts_total{verdict="mismatch"} 1`,
		`id2meta_verdicts_total{verdict="no record"} 0`,
		`id2meta_failed_total 1`,
		`id2meta_sent_total 3`,
		`id2meta_maybe_billed_total 1`,
		`id2meta_throttled_total 0`,
	} {
		if !strings.Contains(recorder.Body.String(), line+"\n") {
			t.Errorf("no line %s in\n%s", line, recorder.Body)
		}
	}
}

func TestPanicIsLoggedWithoutThePerson(t *testing.T) {
	var logs buffer
	status, answer := post(t, newRouter(id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
		panic("a mistake")
	}), &logs), person)
	if status != http.StatusInternalServerError || !strings.Contains(logs.String(), "a mistake") || holdsPerson(logs.String()+answer) {
		t.Errorf("answered %d, the log lacks the panic, or there is the person", status)
	}
}

func TestRequestThatIsPrintedDoesNotShowThePerson(t *testing.T) {
	req := VerifyRequest{UserName: name, IdentifyNum: number}
	if printed := fmt.Sprintf("%v %s %+v", req, req, &req); holdsPerson(printed) || !strings.Contains(printed, "***") {
		t.Error("it does")
	}
}
