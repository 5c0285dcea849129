package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
)

// mockVerifier stands in for the service.
type mockVerifier struct{ mock.Mock }

func (m *mockVerifier) Verify(ctx context.Context, param id2meta.Param) (id2meta.Result, error) {
	args := m.Called(ctx, param)
	return args.Get(0).(id2meta.Result), args.Error(1)
}

// Timeout makes the lease of the cache short.
func (m *mockVerifier) Timeout() time.Duration { return 2 * time.Second }

// answers is a mock that gives the same answer to every question.
func answers(verdict id2meta.BizCode, err error) *mockVerifier {
	m := new(mockVerifier)
	m.On("Verify", mock.Anything, mock.Anything).Return(id2meta.Result{BizCode: verdict, RequestID: "R-1"}, err)
	return m
}

var testKey = bytes.Repeat([]byte{0x5a, 0x7b}, 16)

// service is a server under test.
type service struct {
	*server
	log *logBuffer
}

func newService(t *testing.T, verifier id2meta.Verifier) *service {
	t.Helper()
	return openService(t, verifier, filepath.Join(t.TempDir(), "test.db"))
}

// openService opens the database at an address of -db.
func openService(t testing.TB, verifier id2meta.Verifier, address string) *service {
	t.Helper()
	store, err := openStore(t.Context(), address, "")
	require.NoError(t, err)
	t.Cleanup(func() { store.db.Close() })
	require.NoError(t, store.migrate(t.Context()))
	log := new(logBuffer)
	server, err := newServer(verifier, store, testKey, slog.New(slog.NewTextHandler(log, nil)))
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, server.cache.Wait(ctx))
	})
	return &service{server: server, log: log}
}

// payments counts the rows that money hangs on.
func (s *service) payments(t *testing.T) (n int) {
	t.Helper()
	require.NoError(t, s.store.db.QueryRow(`SELECT COUNT(*) FROM withdrawals`).Scan(&n))
	return n
}

// yesterday makes all attempts those of yesterday.
func (s *service) yesterday(t *testing.T) {
	t.Helper()
	_, err := s.store.db.Exec(`UPDATE users SET day = day - 1`)
	require.NoError(t, err)
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string { return string(l.Bytes()) }

func (l *logBuffer) Bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}

// withdrawalOf is a request in words of its own; empty ones are good.
type withdrawalOf struct{ user, name, number, key, amount string }

func (w withdrawalOf) request(ctx context.Context) *http.Request {
	or := func(s, otherwise string) string {
		if s == "" {
			return otherwise
		}
		return s
	}
	body := fmt.Sprintf(`{"user":%q,"amount":%s,"name":%q,"id_number":%q}`,
		or(w.user, "alice"), or(w.amount, "10000"), or(w.name, "张三"), or(w.number, "11010519491231002X"))
	r := httptest.NewRequestWithContext(ctx, "POST", "/withdrawals", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if w.key != "" {
		r.Header.Set("Idempotency-Key", w.key)
	}
	return r
}

func (s *service) post(w withdrawalOf) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	s.handler().ServeHTTP(recorder, w.request(context.Background()))
	return recorder
}

func (s *service) mustPost(t *testing.T, status int, w withdrawalOf) string {
	t.Helper()
	got := s.post(w)
	require.Equal(t, status, got.Code, got.Body.String())
	return strings.TrimSpace(got.Body.String())
}

// errorOf returns the error of an answer, which has a message for the user beside it.
func errorOf(t *testing.T, body string) string {
	t.Helper()
	var got refusal
	require.NoError(t, json.Unmarshal([]byte(body), &got), body)
	require.NotEmpty(t, got.Message)
	return got.Code
}

func TestStatusCodes(t *testing.T) {
	throttled := &id2meta.APIError{StatusCode: 400, Code: "Throttling.User", Message: "denied", RetryAfter: 1200 * time.Millisecond}
	const (
		again    = `{"error":"try_again","message":"系统繁忙，请稍后再试。"}`
		internal = `{"error":"internal","message":"核验服务暂时不可用，请联系客服。"}`
		person   = `"message":"请核对姓名和身份证号。"`
	)
	for _, c := range []struct {
		sentence   string
		verdict    id2meta.BizCode
		err        error
		status     int
		body       string // "": whatever
		retryAfter string
	}{
		{"a match is paid", "1", nil, 201, "", ""},
		{"a mismatch is not", "2", nil, 422, `{"error":"mismatch","message":"姓名与身份证号不一致。"}`, ""},
		{"no record is not", "3", nil, 422, `{"error":"no_record","message":"未查到该身份信息，请核对后重试或联系客服。"}`, ""},

		{"a parameter that the service refuses is the client's fault", "", &id2meta.APIError{StatusCode: 200, Code: "401"}, 400,
			`{"error":"invalid_field","reason":"the service did not accept the name or the id_number",` + person + `}`, ""},
		{"a parameter that the service names is named as it is here", "", &id2meta.APIError{StatusCode: 200, Code: "401", Field: "IdentifyNum"}, 400,
			`{"error":"invalid_field","field":"id_number","reason":"the service did not accept the name or the id_number",` + person + `}`, ""},
		{"a repeated question may be asked later", "", id2meta.ErrRepeatedCall, 429, `{"error":"asked_too_often","message":"该身份信息核验次数过多，请过一段时间再试。"}`, "600"},

		{"throttled, the wait of the answer is passed on, rounded up", "", throttled, 503, again, "2"},
		{"throttled, the wait is found below other errors", "", fmt.Errorf("%w (after 3 attempts)", throttled), 503, again, "2"},
		{"throttled for centuries, the client is told a day", "", &id2meta.APIError{StatusCode: 400, Code: "Throttling.User", RetryAfter: math.MaxInt64}, 503, again, "86400"},
		{"throttled without a wait, there is a default", "", id2meta.ErrThrottled, 503, again, "5"},
		{"a source that is unavailable may be back later", "", id2meta.ErrSourceUnavailable, 503, again, "5"},
		{"a service that failed may be back later", "", id2meta.ErrUnavailable, 503, again, "5"},
		{"a timeout may be asked again", "", fmt.Errorf("id2meta: %w", context.DeadlineExceeded), 503, again, "5"},

		{"a credential is our own trouble", "", fmt.Errorf("%w: refused", id2meta.ErrCredential), 500, internal, ""},
		{"a permission is our own trouble", "", id2meta.ErrAccessDenied, 500, internal, ""},
		{"an overdue payment is our own trouble", "", id2meta.ErrOverdue, 500, internal, ""},
		{"a service that is not activated is our own trouble", "", id2meta.ErrNotActivated, 500, internal, ""},
		{"an answer that nobody expects is our own trouble", "", id2meta.ErrUnexpectedResponse, 500, internal, ""},
		{"an error that nobody knows is our own trouble", "", errors.New("?"), 500, internal, ""},
		{"a match beside an error is no match", "1", id2meta.ErrOverdue, 500, internal, ""},
		{"no verdict and no error is no match", "", nil, 500, internal, ""},
		{"a verdict that does not exist is no match", "4", nil, 500, internal, ""},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			s := newService(t, answers(c.verdict, c.err))
			got := s.post(withdrawalOf{})
			require.Equal(t, c.status, got.Code)
			require.Equal(t, c.retryAfter, got.Header().Get("Retry-After"))
			require.Equal(t, "application/json", got.Header().Get("Content-Type"))
			if c.body != "" {
				require.Equal(t, c.body+"\n", got.Body.String())
			}

			paid := 0
			if c.status == 201 {
				paid = 1
			}
			require.Equal(t, paid, s.payments(t))
			if c.status == 500 || c.status == 503 {
				require.Contains(t, s.log.String(), "err=", "the log says why")
			}
		})
	}
}

func TestInvalidPerson(t *testing.T) {
	for _, c := range []struct{ sentence, name, number, field, reason string }{
		{"a wrong check digit is told", "张三", "110105194912310021", "id_number", "the check digit is wrong"},
		{"digits in a name are told", "张3", "11010519491231002X", "name", "it contains digits, which the service does not accept in a name"},
		{"swapped fields are told by the names that they have here", "11010519491231002X", "张三", "name",
			"it is an ID number (name and id_number seem to be swapped)"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			verifier := new(mockVerifier) // panics when it is asked
			s := newService(t, verifier)
			body := s.mustPost(t, 400, withdrawalOf{name: c.name, number: c.number})
			var got refusal
			require.NoError(t, json.Unmarshal([]byte(body), &got))
			_, invalid := id2meta.Param{UserName: c.name, IdentifyNum: c.number}.Normalize()
			wrong, _ := errors.AsType[*id2meta.ParamError](invalid)
			require.Equal(t, refusal{Code: "invalid_field", Field: c.field, Reason: c.reason, Message: wrong.Chinese()}, got)
			require.Contains(t, s.log.String(), "user=alice", "who tries so many must be found")
		})
	}
}

func TestOtherRoutes(t *testing.T) {
	s := newService(t, new(mockVerifier))
	for _, c := range []struct {
		sentence, method, path string
		status                 int
	}{
		{"a process that lives says so", "GET", "/healthz", 200},
		{"a process that can pay says so", "GET", "/readyz", 200},
		{"metrics are told", "GET", "/metrics", 200},
		{"a person in the URL is not even looked at", "GET", "/withdrawals?name=a&id_number=b", 405},
		{"other paths are not found", "POST", "/", 404},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			got := httptest.NewRecorder()
			s.handler().ServeHTTP(got, httptest.NewRequest(c.method, c.path, nil))
			require.Equal(t, c.status, got.Code)
		})
	}
	t.Run("a page of another site pays nothing", func(t *testing.T) {
		got, r := httptest.NewRecorder(), withdrawalOf{}.request(t.Context())
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		s.handler().ServeHTTP(got, r)
		require.Equal(t, 403, got.Code)
	})
	t.Run("without a database the service is alive and not ready", func(t *testing.T) {
		s.store.db.Close()
		for path, status := range map[string]int{"/healthz": 200, "/readyz": 503} {
			got := httptest.NewRecorder()
			s.handler().ServeHTTP(got, httptest.NewRequest("GET", path, nil))
			require.Equal(t, status, got.Code, path)
		}
	})
}

func TestWhatIsRemembered(t *testing.T) { onEachDatabase(t, testWhatIsRemembered) }

func testWhatIsRemembered(t *testing.T, newService serviceMaker) {
	t.Run("who is verified is not asked about again, although the verdict has expired", func(t *testing.T) {
		verifier := answers("1", nil)
		s := newService(t, verifier)
		s.mustPost(t, 201, withdrawalOf{})
		var verdicts int // whoever deletes a user finds the verdict
		require.NoError(t, s.store.db.QueryRow(`SELECT COUNT(*) FROM id2meta_cache, users WHERE id = person`).Scan(&verdicts))
		require.Equal(t, 1, verdicts)
		_, err := s.store.db.Exec(`DELETE FROM id2meta_cache`)
		require.NoError(t, err)
		s.mustPost(t, 201, withdrawalOf{number: "11010519491231002x"})
		verifier.AssertNumberOfCalls(t, "Verify", 1)
	})
	for verdict, code := range map[id2meta.BizCode]string{"2": "mismatch", "3": "no_record"} {
		t.Run("a verdict is remembered: "+code, func(t *testing.T) {
			verifier := answers(verdict, nil)
			s := newService(t, verifier)
			s.mustPost(t, 422, withdrawalOf{})
			require.Equal(t, code, errorOf(t, s.mustPost(t, 422, withdrawalOf{number: "11010519491231002x"})))
			verifier.AssertNumberOfCalls(t, "Verify", 1)
		})
	}
	t.Run("an error is not remembered", func(t *testing.T) {
		verifier := new(mockVerifier)
		verifier.On("Verify", mock.Anything, mock.Anything).Return(id2meta.Result{}, id2meta.ErrUnavailable).Once()
		verifier.On("Verify", mock.Anything, mock.Anything).Return(id2meta.Result{BizCode: "1"}, nil).Once()
		s := newService(t, verifier)
		s.mustPost(t, 503, withdrawalOf{})
		s.mustPost(t, 201, withdrawalOf{})
	})
	t.Run("a typing error that was corrected is asked at once", func(t *testing.T) {
		s := newService(t, id2meta.VerifierFunc(func(_ context.Context, p id2meta.Param) (id2meta.Result, error) {
			if p.UserName == "李四" {
				return id2meta.Result{BizCode: "2"}, nil
			}
			return id2meta.Result{BizCode: "1"}, nil
		}))
		s.mustPost(t, 422, withdrawalOf{name: "李四"})
		s.mustPost(t, 201, withdrawalOf{})
	})
	t.Run("a payment says which answer of the service it rests on", func(t *testing.T) {
		at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		for id, stored := range map[string]string{"0A1B-2C": "0A1B-2C", "odd \x00 ID": ""} {
			s := newService(t, id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
				return id2meta.Result{BizCode: "1", RequestID: id, Time: at}, nil
			}))
			s.mustPost(t, 201, withdrawalOf{user: "alice"})
			s.mustPost(t, 201, withdrawalOf{user: "bob"}) // remembered
			var rows int
			require.NoError(t, s.store.db.QueryRow(s.store.dialect.sql(`SELECT COUNT(*) FROM withdrawals WHERE request_id = ? AND verified_at = ?`),
				stored, at.UnixMilli()).Scan(&rows))
			require.Equal(t, 2, rows)
		}
	})
}

func TestUsersAndPeople(t *testing.T) { onEachDatabase(t, testUsersAndPeople) }

func testUsersAndPeople(t *testing.T, newService serviceMaker) {
	const another = "verified_as_another_person"
	t.Run("a verified user cannot come as another person, and nobody is asked", func(t *testing.T) {
		verifier := answers("1", nil)
		s := newService(t, verifier)
		s.mustPost(t, 201, withdrawalOf{})
		require.Equal(t, another, errorOf(t, s.mustPost(t, 409, withdrawalOf{name: "李四", number: "440524188001010014"})))
		require.Equal(t, another, errorOf(t, s.mustPost(t, 409, withdrawalOf{name: "李四"})))
		verifier.AssertNumberOfCalls(t, "Verify", 1)
		require.Equal(t, 1, s.payments(t))
		s.mustPost(t, 201, withdrawalOf{})
	})
	t.Run("two users may be one person, who is asked about once", func(t *testing.T) {
		verifier := answers("1", nil)
		s := newService(t, verifier)
		s.mustPost(t, 201, withdrawalOf{user: "alice"})
		s.mustPost(t, 201, withdrawalOf{user: "bob"})
		verifier.AssertNumberOfCalls(t, "Verify", 1)
		require.Equal(t, another, errorOf(t, s.mustPost(t, 409, withdrawalOf{user: "bob", name: "李四"})))
	})
	t.Run("where a person must not be two users, the second is refused", func(t *testing.T) {
		verifier := answers("1", nil)
		s := newService(t, verifier)
		readme, err := os.ReadFile("README.md")
		require.NoError(t, err)
		const unique = `CREATE UNIQUE INDEX users_by_person ON users (person)`
		require.Contains(t, string(readme), unique)
		_, err = s.store.db.Exec(unique)
		require.NoError(t, err)
		s.mustPost(t, 201, withdrawalOf{user: "alice"})
		require.Equal(t, "person_has_another_account", errorOf(t, s.mustPost(t, 409, withdrawalOf{user: "bob"})))
		s.mustPost(t, 201, withdrawalOf{user: "bob", name: "李四"})
		s.mustPost(t, 201, withdrawalOf{user: "alice"})
		verifier.AssertNumberOfCalls(t, "Verify", 2)
	})
	t.Run("users whose names differ in one letter's case are two", func(t *testing.T) {
		s := newService(t, answers("1", nil))
		s.mustPost(t, 201, withdrawalOf{user: "alice"})
		s.mustPost(t, 201, withdrawalOf{user: "Alice", name: "李四"})
	})
	t.Run("of two matching people who come at once for one user only one is paid", func(t *testing.T) {
		both := make(chan struct{})
		var arrived sync.WaitGroup
		arrived.Add(2)
		go func() { arrived.Wait(); close(both) }()
		s := newService(t, id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
			arrived.Done()
			select {
			case <-both:
			case <-time.After(5 * time.Second): // if only one of them is asked about
			}
			return id2meta.Result{BizCode: "1"}, nil
		}))
		statuses := make(chan int, 2)
		for _, w := range []withdrawalOf{{}, {name: "李四", number: "440524188001010014"}} {
			go func() { statuses <- s.post(w).Code }()
		}
		require.ElementsMatch(t, []int{201, 409}, []int{<-statuses, <-statuses})
		require.Equal(t, 1, s.payments(t))
	})
	t.Run("a user who has become another person meanwhile is not bound anew", func(t *testing.T) {
		s := newService(t, new(mockVerifier))
		alice, bob := payment{User: "alice", Amount: 1, person: []byte("alice's")}, payment{User: "alice", Amount: 1, person: []byte("bob's")}
		_, err := s.store.pay(t.Context(), alice)
		require.ErrorIs(t, err, errNotVerified)
		require.NoError(t, s.store.attempt(t.Context(), alice))
		require.NoError(t, s.store.bind(t.Context(), alice, id2meta.Result{}))
		require.NoError(t, s.store.bind(t.Context(), alice, id2meta.Result{}), "another request of the same person")
		require.Equal(t, errOtherPerson, s.store.bind(t.Context(), bob, id2meta.Result{}))
		_, err = s.store.pay(t.Context(), bob)
		require.Equal(t, errOtherPerson, err)
		_, err = s.store.pay(t.Context(), alice)
		require.NoError(t, err)
		require.Equal(t, 1, s.payments(t))
	})
	t.Run("a user may claim to be five people a day", func(t *testing.T) {
		verifier := answers("2", nil)
		s := newService(t, verifier)
		names := []string{"赵一", "钱二", "孙三", "李四", "周五", "吴六"}
		for _, name := range names[:maxAttempts] {
			s.mustPost(t, 422, withdrawalOf{name: name})
			s.mustPost(t, 422, withdrawalOf{name: name}) // to say it again costs nothing
		}
		refused := s.post(withdrawalOf{name: names[5]})
		require.Equal(t, 429, refused.Code)
		require.Equal(t, "too_many_people", errorOf(t, refused.Body.String()))
		require.NotEmpty(t, refused.Header().Get("Retry-After"))
		verifier.AssertNumberOfCalls(t, "Verify", maxAttempts)

		s.mustPost(t, 422, withdrawalOf{name: names[5], user: "bob"})
		s.yesterday(t)
		s.mustPost(t, 422, withdrawalOf{name: names[5]})
	})
	t.Run("a user who guesses twenty at once costs no more than five calls", func(t *testing.T) {
		var asked atomic.Int64
		s := newService(t, id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
			asked.Add(1)
			return id2meta.Result{BizCode: "2"}, nil
		}))
		statuses := make(chan int, 20)
		for i := range cap(statuses) {
			go func() { statuses <- s.post(withdrawalOf{name: "张" + string(rune('一'+i))}).Code }()
		}
		counts := map[int]int{}
		for range cap(statuses) {
			counts[<-statuses]++
		}
		require.Equal(t, map[int]int{422: maxAttempts, 429: 20 - maxAttempts}, counts)
		require.EqualValues(t, maxAttempts, asked.Load())
	})
	t.Run("a failure that cost nothing may be repeated for ever", func(t *testing.T) {
		s := newService(t, answers("", id2meta.ErrUnavailable))
		for range 2 * maxAttempts {
			s.mustPost(t, 503, withdrawalOf{})
		}
	})
	maybeBilled := errors.Join(id2meta.ErrUnavailable, id2meta.ErrMaybeBilled)
	t.Run("a user is billed at most five times a day for one person without a verdict", func(t *testing.T) {
		verifier := answers("", maybeBilled)
		s := newService(t, verifier)
		for range maxAttempts {
			s.mustPost(t, 503, withdrawalOf{})
		}
		s.mustPost(t, 429, withdrawalOf{})
		verifier.AssertNumberOfCalls(t, "Verify", maxAttempts)
		s.yesterday(t)
		s.mustPost(t, 503, withdrawalOf{})
	})
	t.Run("of twenty at once about one person no more than five may be billed", func(t *testing.T) {
		verifier := newSlow()
		verifier.err = maybeBilled
		s := newService(t, verifier)
		statuses := make(chan int, 20)
		for range cap(statuses) {
			go func() { statuses <- s.post(withdrawalOf{}).Code }()
		}
		<-verifier.asked
		time.Sleep(50 * time.Millisecond)
		close(verifier.answer)
		for range cap(statuses) {
			require.Contains(t, []int{503, 429}, <-statuses) // 429: too late to share, and the fifth
		}
		require.LessOrEqual(t, verifier.calls, maxAttempts)
	})
}

func TestIdempotencyKey(t *testing.T) { onEachDatabase(t, testIdempotencyKey) }

func testIdempotencyKey(t *testing.T, newService serviceMaker) {
	verifier := answers("1", nil)
	s := newService(t, verifier)
	first := s.mustPost(t, 201, withdrawalOf{key: "k1"})
	t.Run("the same request is answered the same and not paid again", func(t *testing.T) {
		require.Equal(t, first, s.mustPost(t, 201, withdrawalOf{key: "k1", number: "11010519491231002x"}))
		require.Equal(t, 1, s.payments(t))
		require.Equal(t, 1, strings.Count(s.log.String(), "repeated=true"))
	})
	t.Run("another amount under the same key is refused", func(t *testing.T) {
		require.Equal(t, "idempotency_key_was_used", errorOf(t, s.mustPost(t, 409, withdrawalOf{key: "k1", amount: "1"})))
		require.Equal(t, 1, s.payments(t))
	})
	t.Run("another key is another payment", func(t *testing.T) {
		require.NotEqual(t, first, s.mustPost(t, 201, withdrawalOf{key: "k2"}))
		require.Equal(t, 2, s.payments(t))
	})
	t.Run("the same key of another user is another payment", func(t *testing.T) {
		require.NotEqual(t, first, s.mustPost(t, 201, withdrawalOf{key: "k1", user: "bob"}))
		require.Equal(t, 3, s.payments(t))
	})
	t.Run("without a key each request is a payment", func(t *testing.T) {
		s.mustPost(t, 201, withdrawalOf{})
		s.mustPost(t, 201, withdrawalOf{})
		require.Equal(t, 5, s.payments(t))
	})
	t.Run("of twenty at once one is paid", func(t *testing.T) {
		bodies := make(chan string, 20)
		for range cap(bodies) {
			go func() { bodies <- s.post(withdrawalOf{key: "k3"}).Body.String() }()
		}
		one := <-bodies
		require.Contains(t, one, `"id"`)
		for range cap(bodies) - 1 {
			require.Equal(t, one, <-bodies)
		}
		require.Equal(t, 6, s.payments(t))
	})
}

func TestNoPaymentWithoutTheDatabase(t *testing.T) {
	broken := func(t *testing.T, trigger string) (*service, *mockVerifier) {
		verifier := answers("1", nil)
		s := newService(t, verifier)
		_, err := s.store.db.Exec(`CREATE TRIGGER broken BEFORE ` + trigger + ` BEGIN SELECT RAISE(FAIL, 'broken'); END`)
		require.NoError(t, err)
		return s, verifier
	}
	for _, c := range []struct {
		sentence, trigger string
		calls             int
	}{
		{"an attempt that cannot be counted is not asked about", "UPDATE OF attempts ON users", 0},
		{"who cannot be claimed is not asked about", "INSERT ON id2meta_cache", 0},
		{"a match that cannot be bound to the user is not paid", "UPDATE OF person ON users", 1},
		{"a payment that cannot be written is not answered as paid", "INSERT ON withdrawals", 1},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			s, verifier := broken(t, c.trigger)
			require.Equal(t, "try_again", errorOf(t, s.mustPost(t, 503, withdrawalOf{})))
			verifier.AssertNumberOfCalls(t, "Verify", c.calls)
			require.Zero(t, s.payments(t))
			require.Contains(t, s.log.String(), "broken")
		})
	}
	t.Run("a verdict that cannot be remembered is paid, since the user is remembered", func(t *testing.T) {
		s, verifier := broken(t, "UPDATE ON id2meta_cache")
		s.mustPost(t, 201, withdrawalOf{})
		s.mustPost(t, 201, withdrawalOf{})
		verifier.AssertNumberOfCalls(t, "Verify", 1)
	})
	t.Run("a database that is locked may be free later, and nobody is asked", func(t *testing.T) {
		t.Parallel() // it takes storeTimeout
		verifier := answers("1", nil)
		s := newService(t, verifier)
		locked, err := s.store.db.Conn(t.Context())
		require.NoError(t, err)
		_, err = locked.ExecContext(t.Context(), "BEGIN IMMEDIATE")
		require.NoError(t, err)
		refused := s.post(withdrawalOf{})
		require.Equal(t, 503, refused.Code)
		require.Equal(t, "5", refused.Header().Get("Retry-After"))
		require.Contains(t, s.log.String(), "database")
		verifier.AssertNumberOfCalls(t, "Verify", 0)
		_, err = locked.ExecContext(t.Context(), "ROLLBACK")
		require.NoError(t, err)
		require.NoError(t, locked.Close())
	})
	t.Run("a payment without a match in the database is not made, whoever asks for it", func(t *testing.T) {
		s := newService(t, new(mockVerifier))
		_, err := s.store.pay(t.Context(), payment{User: "alice", Amount: 1, person: []byte("p")})
		require.ErrorIs(t, err, errNotVerified)
		require.Zero(t, s.payments(t))
	})
	t.Run("a database in a directory that does not exist is an error that names it", func(t *testing.T) {
		_, err := openStore(t.Context(), filepath.Join(t.TempDir(), "none", "x.db"), "")
		require.ErrorContains(t, err, "x.db")
	})
	t.Run("a database of another key is refused", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "odd name?#%41.db")
		s := openService(t, new(mockVerifier), path)
		require.NoError(t, s.check(t.Context()))
		files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
		require.NoError(t, err)
		require.Equal(t, []string{path, path + "-shm", path + "-wal"}, files)
		other, err := newServer(new(mockVerifier), s.store, bytes.Repeat([]byte{1, 2}, 16), slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		require.ErrorContains(t, other.check(t.Context()), "another hashKey")
	})
}

// slow is a verifier that answers when it is told to.
type slow struct {
	asked, answer chan struct{}
	calls         int
	err           error
}

func newSlow() *slow { return &slow{asked: make(chan struct{}, 100), answer: make(chan struct{})} }

func (s *slow) Verify(ctx context.Context, _ id2meta.Param) (id2meta.Result, error) {
	s.calls++ // a data race if two come at once
	s.asked <- struct{}{}
	select {
	case <-s.answer:
		return id2meta.Result{BizCode: "1", RequestID: "R-1"}, s.err
	case <-ctx.Done():
		return id2meta.Result{}, ctx.Err()
	}
}

// postAndLeave posts a withdrawal whose client leaves before verifier answers.
func (s *service) postAndLeave(t *testing.T, verifier *slow) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		s.handler().ServeHTTP(httptest.NewRecorder(), withdrawalOf{}.request(ctx))
		close(done)
	}()
	<-verifier.asked
	leave()
	<-done
	close(verifier.answer)
}

func TestConcurrentRequests(t *testing.T) { onEachDatabase(t, testConcurrentRequests) }

func testConcurrentRequests(t *testing.T, newService serviceMaker) {
	t.Run("fifty at once make one call", func(t *testing.T) {
		verifier := newSlow()
		s := newService(t, verifier)
		statuses := make(chan int, 50)
		for range cap(statuses) {
			go func() { statuses <- s.post(withdrawalOf{}).Code }()
		}
		<-verifier.asked
		time.Sleep(50 * time.Millisecond) // let the others come; if they are late they find the verdict
		close(verifier.answer)
		for range cap(statuses) {
			require.Equal(t, 201, <-statuses)
		}
		require.Equal(t, 1, verifier.calls)
	})
	t.Run("the first who leaves does not fail the second, and is not paid", func(t *testing.T) {
		verifier := newSlow()
		s := newService(t, verifier)
		ctx, leave := context.WithCancel(t.Context())
		first, second := make(chan *httptest.ResponseRecorder, 1), make(chan int, 1)
		go func() {
			recorder := httptest.NewRecorder()
			s.handler().ServeHTTP(recorder, withdrawalOf{}.request(ctx))
			first <- recorder
		}()
		<-verifier.asked
		go func() { second <- s.post(withdrawalOf{}).Code }()
		time.Sleep(50 * time.Millisecond)
		leave()
		time.Sleep(50 * time.Millisecond)
		close(verifier.answer)

		require.Equal(t, 201, <-second)
		require.Empty(t, (<-first).Body.String())
		require.Equal(t, 1, verifier.calls)
		require.Equal(t, 1, s.payments(t))
	})
	t.Run("the verdict is remembered though the only client has left", func(t *testing.T) {
		verifier := newSlow()
		s := newService(t, verifier)
		s.postAndLeave(t, verifier)
		require.Zero(t, s.payments(t))
		require.Contains(t, s.log.String(), "the client left")
		s.mustPost(t, 201, withdrawalOf{})
		require.Equal(t, 1, verifier.calls)
	})
	t.Run("a verified user who has left is not paid", func(t *testing.T) {
		s := newService(t, answers("1", nil))
		s.mustPost(t, 201, withdrawalOf{})
		ctx, leave := context.WithCancel(t.Context())
		leave()
		s.handler().ServeHTTP(httptest.NewRecorder(), withdrawalOf{}.request(ctx))
		require.Equal(t, 1, s.payments(t))
	})
	t.Run("all who wait share a failure, and the next one asks anew", func(t *testing.T) {
		verifier := newSlow()
		verifier.err = id2meta.ErrUnavailable
		s := newService(t, verifier)
		statuses := make(chan int, 5)
		for range cap(statuses) {
			go func() { statuses <- s.post(withdrawalOf{}).Code }()
		}
		<-verifier.asked
		time.Sleep(100 * time.Millisecond)
		close(verifier.answer)
		for range cap(statuses) {
			require.Equal(t, 503, <-statuses)
		}
		before := verifier.calls
		require.Less(t, before, cap(statuses))
		verifier.err = nil
		s.mustPost(t, 201, withdrawalOf{})
		require.Equal(t, before+1, verifier.calls)
	})
}
