package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/testenv"
	"github.com/id2meta/id2meta/verdictcache"
)

func TestMain(m *testing.M) { os.Exit(testenv.Run(m)) }

const zhangSan = `{"name":"张三","id_number":"11010519491231002X"}`

// start runs the service with its simulator, and returns its address and its log.
func start(t *testing.T) (url string, log *testenv.Buffer, stop func()) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	free.Close()
	log = new(testenv.Buffer)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, address, false, slog.New(slog.NewTextHandler(log, nil))) }()
	require.Eventually(t, func() bool { return get("http://"+address+"/readyz") == http.StatusOK }, 10*time.Second, 10*time.Millisecond)
	stop = sync.OnceFunc(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return "http://" + address, log, stop
}

// get returns the status, or 0 if there is no answer.
func get(url string) int {
	response, err := http.Get(url)
	if err != nil {
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}

func post(t *testing.T, url, body string) (status int, answer string, header http.Header) {
	t.Helper()
	response, err := http.Post(url+"/verify", "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text), response.Header
}

func TestTheServiceOverHTTP(t *testing.T) {
	url, log, _ := start(t)
	for _, test := range []struct {
		name, body string
		status     int
		answer     string
	}{
		{"a person with the own number matches", zhangSan, 200, `{"match":true,"verdict":"match"}`},
		{"the same person matches again", zhangSan, 200, `{"match":true,"verdict":"match"}`},
		{"another name is a mismatch", `{"name":"李四","id_number":"11010519491231002X"}`, 200, `{"match":false,"verdict":"mismatch"}`},
		{"a number that nobody has is no record", `{"name":"张三","id_number":"440524188001010014"}`, 200, `{"match":false,"verdict":"no record"}`},
		{"a wrong number is told in Chinese", `{"name":"张三","id_number":"110105194912310021"}`, 422, `校验码`},
		{"an empty form is told, too", `{}`, 422, `请填写`},
		{"what is no JSON is refused", `name=张三`, 400, `JSON`},
		{"a long body is cut", strings.Repeat(" ", 5000) + zhangSan, 400, `JSON`},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, answer, _ := post(t, url, test.body)
			assert.Equal(t, test.status, status)
			assert.Contains(t, answer, test.answer)
		})
	}
	assert.Equal(t, http.StatusMethodNotAllowed, get(url+"/verify?name=x"), "a person in a URL")
	for _, personal := range []string{"张三", "李四", "19491231", "11010519"} {
		assert.NotContains(t, log.String(), personal)
	}

	response, err := http.Get(url + "/stats")
	require.NoError(t, err)
	defer response.Body.Close()
	var stats struct {
		Client id2meta.Stats
		Cache  verdictcache.Stats
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&stats))
	assert.EqualValues(t, 1, stats.Client.Match)
	assert.EqualValues(t, 1, stats.Cache.Remembered)
}

func TestAWrongKeyIsToldAtTheStart(t *testing.T) {
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "")
	err := run(t.Context(), "127.0.0.1:0", true, slog.New(slog.DiscardHandler))
	require.ErrorIs(t, err, id2meta.ErrCredential)
	assert.Equal(t, id2meta.RemedyOperator, id2meta.RemedyOf(err))
}

func TestEachRemedyHasItsStatus(t *testing.T) {
	for _, test := range []struct {
		name   string
		err    error
		status int
	}{
		{"a wrong parameter", id2meta.ErrInvalidParam, http.StatusUnprocessableEntity},
		{"throttling", id2meta.ErrThrottled, http.StatusServiceUnavailable},
		{"a person about whom the service was asked too often", id2meta.ErrRepeatedCall, http.StatusTooManyRequests},
		{"an overdue payment", id2meta.ErrOverdue, http.StatusInternalServerError},
		{"an answer that nobody understands", id2meta.ErrUnexpectedResponse, http.StatusInternalServerError},
	} {
		t.Run(test.name, func(t *testing.T) {
			verifier := id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
				return id2meta.Result{}, test.err
			})
			server := httptest.NewServer(handler(verifier, slog.New(slog.DiscardHandler)))
			defer server.Close()
			status, answer, header := post(t, server.URL, zhangSan)
			assert.Equal(t, test.status, status)
			assert.Contains(t, answer, id2meta.RemedyOf(test.err).Chinese())
			assert.Contains(t, answer, `"match":false`)
			assert.Equal(t, test.status == http.StatusServiceUnavailable, header.Get("Retry-After") != "")
		})
	}
}

// A request that is under way when the service is told to stop gets its answer.
func TestShutdownWaitsForTheRequestsUnderWay(t *testing.T) {
	url, _, stop := start(t)
	reader, writer := io.Pipe()
	answered := make(chan int, 1)
	go func() {
		response, err := http.Post(url+"/verify", "application/json", reader)
		if assert.NoError(t, err) {
			response.Body.Close()
			answered <- response.StatusCode
		}
		close(answered)
	}()
	_, err := writer.Write([]byte(zhangSan[:10])) // the request has arrived in part
	require.NoError(t, err)
	time.Sleep(100 * time.Millisecond)
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	time.Sleep(100 * time.Millisecond)
	_, err = writer.Write([]byte(zhangSan[10:]))
	require.NoError(t, err)
	writer.Close()
	assert.Equal(t, http.StatusOK, <-answered)
	<-stopped
}
