package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/testenv"
)

// verifier stands in for the service. A zero verifier panics when it is asked.
type verifier struct {
	answer id2meta.VerifierFunc
	calls  atomic.Int64
}

func (v *verifier) Verify(ctx context.Context, p id2meta.Param) (id2meta.Result, error) {
	v.calls.Add(1)
	return v.answer(ctx, p)
}

// answers is a verifier that always gives the same answer, a moment after it was asked:
// whoever comes at the same time comes meanwhile, or else finds the answer.
func answers(verdict id2meta.BizCode, err error) *verifier {
	return &verifier{answer: func(context.Context, id2meta.Param) (id2meta.Result, error) {
		time.Sleep(20 * time.Millisecond)
		return id2meta.Result{BizCode: verdict, RequestID: "R-1"}, err
	}}
}

// service is a server under test.
type service struct {
	*server
	log *testenv.Buffer
}

// newSQLite returns the address of a database that is new and empty.
func newSQLite(t testing.TB) string { return filepath.Join(t.TempDir(), "odd name?#%41.db") }

func newService(t *testing.T, v id2meta.Verifier) *service {
	t.Helper()
	return openService(t, v, newSQLite(t))
}

// openService opens the database at an address of -db.
func openService(t testing.TB, v id2meta.Verifier, address string) *service {
	t.Helper()
	store, err := openStore(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(func() { store.db.Close() })
	require.NoError(t, store.migrate(t.Context()))
	log := new(testenv.Buffer)
	server, err := newServer(v, store, bytes.Repeat([]byte{0x5a, 0x7b}, 16), newLogger(log))
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, server.cache.Wait(ctx))
	})
	return &service{server: server, log: log}
}

// count returns the number of rows that a condition selects: "withdrawals WHERE …".
func (s *service) count(t *testing.T, of string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, s.store.db.QueryRow(s.store.sql("SELECT COUNT(*) FROM "+of), args...).Scan(&n))
	return n
}

// payments counts the rows that money hangs on.
func (s *service) payments(t *testing.T) int { return s.count(t, "withdrawals") }

// exec runs a statement as an operator would.
func (s *service) exec(t *testing.T, statement string) {
	t.Helper()
	_, err := s.store.db.Exec(statement)
	require.NoError(t, err)
}

// yesterday makes all attempts those of yesterday.
func (s *service) yesterday(t *testing.T) { s.exec(t, `UPDATE users SET day = day - 1`) }

// newLogger logs all that there is to log.
func newLogger(log *testenv.Buffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// withdrawalOf is a request in words of its own; empty ones are good.
type withdrawalOf struct{ user, name, number, key, amount string }

func (w withdrawalOf) request(ctx context.Context) *http.Request {
	body := fmt.Sprintf(`{"user":%q,"amount":%s,"name":%q,"id_number":%q}`,
		cmp.Or(w.user, "alice"), cmp.Or(w.amount, "10000"), cmp.Or(w.name, demoName), cmp.Or(w.number, demoNumber))
	r := httptest.NewRequestWithContext(ctx, "POST", "/withdrawals", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if w.key != "" {
		r.Header.Set("Idempotency-Key", w.key)
	}
	return r
}

// send sends the request to a server.
func (w withdrawalOf) send(ctx context.Context, client *http.Client, base string) (status int, header http.Header, body string, err error) {
	recorded := w.request(ctx)
	r, err := http.NewRequestWithContext(ctx, "POST", base+"/withdrawals", recorded.Body)
	if err != nil {
		return 0, nil, "", err
	}
	r.Header = recorded.Header
	answer, err := client.Do(r)
	if err != nil {
		return 0, nil, "", err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, string(content), err
}

// do answers a request.
func (s *service) do(r *http.Request) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	s.handler().ServeHTTP(recorder, r)
	return recorder
}

// get returns the status of an answer.
func (s *service) get(path string) int { return s.do(httptest.NewRequest("GET", path, nil)).Code }

func (s *service) post(w withdrawalOf) *httptest.ResponseRecorder {
	return s.do(w.request(context.Background()))
}

func (s *service) mustPost(t *testing.T, status int, w withdrawalOf) string {
	t.Helper()
	got := s.post(w)
	require.Equal(t, status, got.Code, got.Body.String())
	return strings.TrimSpace(got.Body.String())
}

// atOnce posts n withdrawals at the same time. It returns how often each status came,
// and how often each body.
func (s *service) atOnce(n int, w func(i int) withdrawalOf) (statuses map[int]int, bodies map[string]int) {
	answers := make(chan *httptest.ResponseRecorder, n)
	for i := range n {
		go func() { answers <- s.post(w(i)) }()
	}
	statuses, bodies = map[int]int{}, map[string]int{}
	for range n {
		got := <-answers
		statuses[got.Code]++
		bodies[got.Body.String()]++
	}
	return statuses, bodies
}

// errorOf returns the error of an answer, which has a message for the user beside it.
func errorOf(t *testing.T, body string) string {
	t.Helper()
	var got refusal
	require.NoError(t, json.Unmarshal([]byte(body), &got), body)
	require.NotEmpty(t, got.Message)
	return got.Code
}

func requireNothingPersonal(t *testing.T, where, content string) {
	t.Helper()
	for _, secret := range []string{
		"张三", "张", "李四", "王五", `\u5f20`, `\u738b`, "%E5%BC%A0",
		"11010519491231002", "110105", "19491231", "1949-12-31", "440524", "18800101",
		"MTEwMTA1MTk0OTEyMzEwMDJY", // the number in base64
	} {
		require.False(t, strings.Contains(strings.ToLower(content), strings.ToLower(secret)), "%s holds %q", where, secret)
	}
}

// idNumber is a number for each n from 0.
func idNumber(n int) string {
	return testenv.IDNumber(time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n))
}
