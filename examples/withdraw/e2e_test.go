package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// newSimulator knows 张三, and its client logs all that it can.
func newSimulator(t *testing.T, log io.Writer, options ...id2meta.Option) (*id2metatest.Server, *id2meta.Client) {
	t.Helper()
	simulator := id2metatest.NewServer()
	t.Cleanup(simulator.Close)
	simulator.AddPerson(demoName, demoNumber)
	simulator.AddPerson("王五", idNumber(0))
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	options = append(append(simulator.Options(), id2meta.WithLogger(logger)), options...)
	client, err := id2meta.New(options...)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return simulator, client
}

// send returns the answer to a withdrawal.
func send(t *testing.T, base string, w withdrawalOf) (status int, header http.Header, body string) {
	t.Helper()
	status, header, body, err := w.send(t.Context(), http.DefaultClient, base)
	require.NoError(t, err)
	return status, header, body
}

func TestEndToEnd(t *testing.T) {
	log := new(logBuffer)
	simulator, client := newSimulator(t, log, id2meta.WithMaxAttempts(1))
	path := filepath.Join(t.TempDir(), "withdraw.db")

	t.Run("the second withdrawal costs no call, also after a restart", func(t *testing.T) {
		s := openService(t, client, path)
		web := httptest.NewServer(s.handler())
		status, _, body := send(t, web.URL, withdrawalOf{})
		require.Equal(t, 201, status, body)
		var paid payment
		require.NoError(t, json.Unmarshal([]byte(body), &paid))
		require.Equal(t, "alice", paid.User)
		require.EqualValues(t, 10000, paid.Amount)
		require.NotEmpty(t, paid.ID)
		require.Len(t, simulator.Calls(), 1)

		status, _, body = send(t, web.URL, withdrawalOf{name: " 张三", number: "１１０１０５１９４９１２３１００２ｘ"})
		require.Equal(t, 201, status, body)
		require.Len(t, simulator.Calls(), 1)
		web.Close()
		require.NoError(t, s.store.db.Close())

		s = openService(t, client, path)
		web = httptest.NewServer(s.handler())
		defer web.Close()
		status, _, body = send(t, web.URL, withdrawalOf{})
		require.Equal(t, 201, status, body)
		require.Len(t, simulator.Calls(), 1)
		require.Equal(t, 3, s.payments(t))
	})

	for _, c := range []struct {
		sentence, user, name, number string
		fault                        id2metatest.Fault
		status                       int
		retryAfter                   string
	}{
		{"another name is a mismatch", "bob", "李四", "", id2metatest.Fault{}, 422, ""},
		{"another number has no record", "bob", "", "440524188001010014", id2metatest.Fault{}, 422, ""},
		{"a throttled account says when to come again", "carol", "王五", idNumber(0), id2metatest.Throttle(1200 * time.Millisecond), 503, "2"},
		{"a source that is unavailable may be back", "carol", "王五", idNumber(0), id2metatest.Answer("402", "王五 "+idNumber(0)), 503, "5"},
		{"a gateway that fails may be back", "carol", "王五", idNumber(0), id2metatest.Status(503, "ServiceUnavailable", "王五 "+idNumber(0)), 503, "5"},
		{"a dropped connection is a service that failed", "carol", "王五", idNumber(0), id2metatest.Drop(), 503, "5"},
		{"a parameter that the service refuses is a 400", "carol", "王五", idNumber(0), id2metatest.Answer("401", idNumber(0)), 400, ""},
		{"a question that is repeated too often is a 429", "carol", "王五", idNumber(0), id2metatest.Answer("403", ""), 429, "600"},
		{"a service that is not activated is a 500", "carol", "王五", idNumber(0), id2metatest.Answer("410", "王五"), 500, ""},
		{"a missing permission is a 500", "carol", "王五", idNumber(0), id2metatest.Answer("411", ""), 500, ""},
		{"an overdue payment is a 500", "carol", "王五", idNumber(0), id2metatest.Answer("412", ""), 500, ""},
		{"a wrong access key is a 500", "carol", "王五", idNumber(0), id2metatest.Status(404, "InvalidAccessKeyId.NotFound", ""), 500, ""},
		{"HTML is a 500", "carol", "王五", idNumber(0), id2metatest.Raw(200, "<p>王五 "+idNumber(0)+" 19500101"), 500, ""},
		{"after all that a match is paid", "carol", "王五", idNumber(0), id2metatest.Fault{}, 201, ""},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			s := openService(t, client, path)
			s.logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			web := httptest.NewServer(s.handler())
			defer web.Close()
			simulator.Inject(c.fault)
			before, paid := len(simulator.Calls()), s.payments(t)

			status, header, body := send(t, web.URL, withdrawalOf{user: c.user, name: c.name, number: c.number})
			require.Equal(t, c.status, status, body)
			require.Equal(t, c.retryAfter, header.Get("Retry-After"))
			require.Len(t, simulator.Calls(), before+1)
			if c.status == 201 {
				paid++
			}
			require.Equal(t, paid, s.payments(t))
			requireNothingPersonal(t, "the answer", []byte(body))
			require.NoError(t, s.store.db.Close())
		})
	}

	t.Run("neither the log nor the database knows the person", func(t *testing.T) {
		require.Contains(t, log.String(), "user=carol", "or the test looks at the wrong place")
		requireNothingPersonal(t, "the log", log.Bytes())
		files, err := os.ReadDir(filepath.Dir(path))
		require.NoError(t, err)
		found := false
		for _, file := range files {
			content, err := os.ReadFile(filepath.Join(filepath.Dir(path), file.Name()))
			require.NoError(t, err)
			requireNothingPersonal(t, file.Name(), content)
			found = found || bytes.Contains(content, []byte("carol"))
		}
		require.True(t, found, "or the test looks at the wrong place")
	})
}

// While the service runs, what was written last stands in a file beside the
// database, and is to be searched as well.
func TestNothingPersonalWhileItRuns(t *testing.T) {
	dir := t.TempDir()
	s := openService(t, answers("1", nil), filepath.Join(dir, "withdraw.db"))
	s.mustPost(t, 201, withdrawalOf{key: "for 张三, 11010519491231002X"})
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Contains(t, files, filepath.Join(dir, "withdraw.db-wal"))
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		requireNothingPersonal(t, file, content)
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode(), "nobody else may read %s", file)
	}
	requireNothingPersonal(t, "the log", s.log.Bytes())
}

func requireNothingPersonal(t *testing.T, where string, content []byte) {
	t.Helper()
	for _, secret := range []string{
		"张三", "张", "李四", "王五", `\u5f20`, `\u738b`, "%E5%BC%A0", "19500101", "1950-01-01",
		"11010519491231002", "110105", "19491231", "1949-12-31", "440524", "18800101",
		"MTEwMTA1MTk0OTEyMzEwMDJY", // the number in base64
	} {
		require.False(t, bytes.Contains(bytes.ToLower(content), bytes.ToLower([]byte(secret))), "%s holds %q", where, secret)
	}
}
