package main

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testenv"
)

// What the service does, and what a Client may return, is answered as the README says.
// Nothing personal is in the answer, the log or the database's files, whatever the
// service repeats.
func TestAnswers(t *testing.T) {
	simulator := id2metatest.NewServer()
	t.Cleanup(simulator.Close)
	simulator.AddPerson(demoName, demoNumber)
	log := new(testenv.Buffer)
	client, err := id2meta.New(append(simulator.Options(), id2meta.WithMaxAttempts(1), id2meta.WithLogger(newLogger(log)))...)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	service := func(fault id2metatest.Fault) *verifier {
		return &verifier{answer: func(ctx context.Context, p id2meta.Param) (id2meta.Result, error) {
			simulator.Inject(fault)
			return client.Verify(ctx, p)
		}}
	}
	fails := func(err error) *verifier { return answers("", err) }
	nobody := new(verifier)
	const (
		person   = demoName + " " + demoNumber
		again    = `{"error":"try_again","message":"系统繁忙，请稍后再试。"}`
		internal = `{"error":"internal","message":"核验服务暂时不可用，请联系客服。"}`
		tooOften = `{"error":"asked_too_often","message":"该身份信息核验次数过多，请过一段时间再试。"}`
		check    = `"reason":"the service did not accept the name or the id_number","message":"请核对姓名和身份证号。"}`
	)
	for _, c := range []struct {
		sentence   string
		verifier   *verifier
		request    withdrawalOf
		status     int
		body       string // "": whatever
		retryAfter string
	}{
		{"a match is paid", service(id2metatest.Fault{}), withdrawalOf{}, 201, "", ""},
		{"a mismatch is not", service(id2metatest.Fault{}), withdrawalOf{name: "李四"}, 422, `{"error":"mismatch","message":"姓名与身份证号不一致。"}`, ""},
		{"no record is not", service(id2metatest.Fault{}), withdrawalOf{number: "440524188001010014"}, 422,
			`{"error":"no_record","message":"未查到该身份信息，请核对后重试或联系客服。"}`, ""},

		{"a wrong check digit is told", nobody, withdrawalOf{number: "110105194912310021"}, 400,
			`{"error":"invalid_field","field":"id_number","reason":"the check digit is wrong","message":"校验码不对，请核对身份证号。"}`, ""},
		{"swapped fields are told by the names that they have here", nobody, withdrawalOf{name: demoNumber, number: demoName}, 400,
			`{"error":"invalid_field","field":"name","reason":"it is an ID number (name and id_number seem to be swapped)","message":"姓名和身份证号填反了。"}`, ""},
		{"a parameter that the service refuses is the client's fault", service(id2metatest.Answer("401", person)), withdrawalOf{}, 400,
			`{"error":"invalid_field",` + check, ""},
		{"a parameter that the service names is named as it is here", service(id2metatest.Answer("401", "参数非法(identifyNum)")), withdrawalOf{}, 400,
			`{"error":"invalid_field","field":"id_number",` + check, ""},
		{"a question that is repeated too often may be asked later", service(id2metatest.Answer("403", "")), withdrawalOf{}, 429, tooOften, "600"},

		{"throttled, the wait of the answer is passed on, rounded up", service(id2metatest.Throttle(1200 * time.Millisecond)), withdrawalOf{}, 503, again, "2"},
		{"throttled without a wait, there is a default", fails(id2meta.ErrThrottled), withdrawalOf{}, 503, again, "5"},
		{"a source that is unavailable may be back later", service(id2metatest.Answer("402", person)), withdrawalOf{}, 503, again, "5"},
		{"a dropped connection is a service that failed", service(id2metatest.Drop()), withdrawalOf{}, 503, again, "5"},
		{"a timeout may be asked again", fails(fmt.Errorf("id2meta: %w", context.DeadlineExceeded)), withdrawalOf{}, 503, again, "5"},

		{"an overdue payment is our own trouble", service(id2metatest.Answer("412", "")), withdrawalOf{}, 500, internal, ""},
		{"HTML is our own trouble", service(id2metatest.Raw(200, "<p>"+person+" 19491231")), withdrawalOf{}, 500, internal, ""},
		{"an error that nobody knows is our own trouble", fails(errors.New("?")), withdrawalOf{}, 500, internal, ""},
		{"a match beside an error is no match", answers("1", id2meta.ErrOverdue), withdrawalOf{}, 500, internal, ""},
		{"no verdict and no error is no match", answers("", nil), withdrawalOf{}, 500, internal, ""},
		{"a verdict that does not exist is no match", answers("4", nil), withdrawalOf{}, 500, internal, ""},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			s := newService(t, c.verifier)
			paid, asked := 0, 1
			if c.status == 201 {
				paid = 1
			}
			if c.verifier == nobody {
				asked = 0
			}
			c.request.key = "for " + person
			got := s.post(c.request)
			require.Equal(t, c.status, got.Code)
			require.Equal(t, c.retryAfter, got.Header().Get("Retry-After"))
			require.Equal(t, "application/json", got.Header().Get("Content-Type"))
			if c.body != "" {
				require.Equal(t, c.body+"\n", got.Body.String())
			}
			require.Equal(t, paid, s.payments(t))
			require.EqualValues(t, asked, c.verifier.calls.Load())

			require.Contains(t, s.log.String(), "user=alice", "who tries so many must be found")
			if paid == 0 {
				require.Contains(t, s.log.String(), "err=", "the log says why")
			}
			requireNothingPersonal(t, "the answer", got.Body.String())
			requireNothingPersonal(t, "the log", s.log.String())
			s.requireNothingPersonalInFiles(t)
		})
	}
	require.Contains(t, log.String(), "msg=", "or the test looks at the wrong place")
	requireNothingPersonal(t, "the log of the Client", log.String())
}

// requireNothingPersonalInFiles searches the files of SQLite. While the service runs, what
// was written last stands beside the database.
func (s *service) requireNothingPersonalInFiles(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.Dir(s.store.name), "*"))
	require.NoError(t, err)
	require.Equal(t, []string{s.store.name, s.store.name + "-shm", s.store.name + "-wal"}, files)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		requireNothingPersonal(t, file, string(content))
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode(), "nobody else may read %s", file)
	}
}

func TestOtherRoutes(t *testing.T) {
	s := newService(t, new(verifier))
	for _, c := range []struct {
		sentence, method, path string
		status                 int
	}{
		{"a process that lives says so", "GET", "/healthz", 200},
		{"a process that can pay says so", "GET", "/readyz", 200},
		{"a person in the URL is not even looked at", "GET", "/withdrawals?name=a&id_number=b", 405},
		{"other paths are not found", "POST", "/", 404},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			require.Equal(t, c.status, s.do(httptest.NewRequest(c.method, c.path, nil)).Code)
		})
	}
	t.Run("a page of another site pays nothing", func(t *testing.T) {
		r := withdrawalOf{}.request(t.Context())
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		require.Equal(t, 403, s.do(r).Code)
	})
	t.Run("without a database the service is alive and not ready", func(t *testing.T) {
		s.store.db.Close()
		require.Equal(t, 200, s.get("/healthz"))
		require.Equal(t, 503, s.get("/readyz"))
	})
}
