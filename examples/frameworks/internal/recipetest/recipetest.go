// Package recipetest is what each recipe promises, whatever its framework.
package recipetest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testenv"
)

// The person whom the simulator knows. The number is the sample of GB 11643.
const (
	name   = "张三"
	number = "11010519491231002X"
	Person = `{"name":"张三","number":"11010519491231002X"}`
)

// Service is a recipe that serves HTTP. Stop ends it, and then its log is complete.
type Service struct {
	URL  string // of its POST
	Stop func()
}

// Run runs a recipe, with its middlewares, in front of the simulator. The functions
// start the recipe with a Client of its own, and with another Verifier.
func Run(t *testing.T,
	withClient func(t *testing.T, log io.Writer, opts ...id2meta.Option) Service,
	withVerifier func(t *testing.T, log io.Writer, verifier id2meta.Verifier) Service,
) {
	correct, operator := id2meta.RemedyCorrectInput.Chinese(), id2meta.RemedyOperator.Chinese()
	for _, test := range []struct {
		name, body string
		fault      id2metatest.Fault
		status     int
		answer     string
		calls      int
	}{
		{"a match", Person, id2metatest.Fault{}, 200, `"verdict":"match"`, 1},
		{"a mismatch is an answer", `{"name":"李四","number":"` + number + `"}`, id2metatest.Fault{}, 200, `"verdict":"mismatch"`, 1},
		{"no record is an answer", `{"name":"张三","number":"440524188001010014"}`, id2metatest.Fault{}, 200, `"verdict":"no record"`, 1},
		{"a typing error costs no call", `{"name":"张三","number":"110105194912310021"}`, id2metatest.Fault{}, 400, "校验", 0},
		{"what is no JSON costs no call", "name=" + name, id2metatest.Fault{}, 400, "格式", 0},
		{"the service refuses the name", Person, id2metatest.Answer("401", "参数非法"), 400, correct, 1},
		{"a person who was asked about too often", Person, id2metatest.Answer("403", ""), 429, id2meta.RemedyNotThisPerson.Chinese(), 1},
		{"an overdue payment is not the user's", Person, id2metatest.Answer("412", name+number), 503, operator, 1},
		{"an answer that cannot be understood is no match", Person, id2metatest.Raw(200, `{"Code":"200"}`), 503, "error", 1},
		{"a service that does not answer in time", Person, id2metatest.Hang(), 503, id2meta.RemedyTryLater.Chinese(), 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			simulator := id2metatest.NewServer()
			defer simulator.Close()
			simulator.AddPerson(name, number)
			simulator.Inject(test.fault)
			var log testenv.Buffer
			service := withClient(t, &log, simulator.Options()...)

			status, answer := post(t, service.URL, test.body)
			service.Stop()
			if status != test.status || !strings.Contains(answer, test.answer) && test.answer != "error" {
				t.Errorf("answered %d %s, want %d %s", status, answer, test.status, test.answer)
			}
			if calls := len(simulator.Calls()); calls != test.calls {
				t.Errorf("%d calls, want %d", calls, test.calls)
			}
			if holdsPerson(log.String()) || holdsPerson(answer) {
				t.Error("the log or the answer holds the person")
			}
		})
	}
	t.Run("the cause is logged and not told", func(t *testing.T) {
		var log testenv.Buffer
		service := withVerifier(t, &log, id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
			return id2meta.Result{}, errors.New("for the operators")
		}))
		status, answer := post(t, service.URL, Person)
		service.Stop()
		if status != 503 || strings.Contains(answer, "operators") || !strings.Contains(log.String(), "for the operators") {
			t.Errorf("answered %d %s, logged %s", status, answer, log.String())
		}
	})
	t.Run("a panic is logged without the person", func(t *testing.T) {
		var log testenv.Buffer
		service := withVerifier(t, &log, id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
			panic("a mistake")
		}))
		status, answer := post(t, service.URL, Person)
		service.Stop()
		if status != 500 || !strings.Contains(log.String(), "a mistake") || holdsPerson(log.String()+answer) {
			t.Errorf("answered %d, the log lacks the panic, or there is the person", status)
		}
	})
	t.Run("a user who leaves ends the call", func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		service := withVerifier(t, io.Discard, id2meta.VerifierFunc(func(ctx context.Context, _ id2meta.Param) (id2meta.Result, error) {
			leave()
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Second): // in synctest's place: a real server is in between
			}
			ended <- ctx.Err()
			return id2meta.Result{}, io.ErrUnexpectedEOF
		}))
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, service.URL, strings.NewReader(Person))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
			t.Error("there is an answer")
		}
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Verify ended by %v, want the context of the request", err)
		}
	})
}

func post(t *testing.T, url, body string) (status int, answer string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(read)
}

// holdsPerson also finds the birth date alone.
func holdsPerson(s string) bool {
	return strings.Contains(s, name) || strings.Contains(s, number) || strings.Contains(s, number[6:14])
}
