package id2meta_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
)

// The vendor's support can find a call by its request ID, even if the answer is broken.
func TestTheRequestIDComesFromTheHeaderToo(t *testing.T) {
	t.Parallel()
	const id = "24394B83-EE10-5C5F-A0BC-FBC680A694A4"
	broken := func(w http.ResponseWriter, status int) {
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(status)
		io.WriteString(w, `{"RequestId":"in the part that arrived"`)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	silent := func(w http.ResponseWriter, r *http.Request, status int) {
		w.WriteHeader(status)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	for _, test := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request)
		is     error
		status int
		billed bool
	}{
		{"a 200 that is not JSON", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }, id2meta.ErrUnexpectedResponse, 200, true},
		{"an empty 200", func(http.ResponseWriter, *http.Request) {}, id2meta.ErrUnexpectedResponse, 200, true},
		{"a 502 of a proxy", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, id2meta.ErrUnavailable, 502, true},
		{"a 404", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, id2meta.ErrUnexpectedResponse, 404, false},
		{"a failure whose body has no request ID", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"Code":"411"}`) }, id2meta.ErrAccessDenied, 200, false},
		{"a 200 that broke off", func(w http.ResponseWriter, _ *http.Request) { broken(w, 200) }, id2meta.ErrUnavailable, 200, true},
		{"a 403 that broke off", func(w http.ResponseWriter, _ *http.Request) { broken(w, 403) }, id2meta.ErrUnavailable, 403, true},
		{"a 200 whose body never arrives", func(w http.ResponseWriter, r *http.Request) { silent(w, r, 200) }, context.DeadlineExceeded, 200, true},
		{"a 500 whose body never arrives", func(w http.ResponseWriter, r *http.Request) { silent(w, r, 500) }, context.DeadlineExceeded, 500, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			result, err := verifyAt(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header()["x-acs-request-id"] = []string{id}
				test.answer(w, r)
			}, id2meta.WithMaxAttempts(1), id2meta.WithTimeout(3*time.Second))
			require.Zero(t, result)
			var e *id2meta.APIError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, id, e.RequestID)
			assert.Equal(t, test.status, e.StatusCode)
			assert.ErrorIs(t, err, test.is)
			assert.Equal(t, test.billed, errors.Is(err, id2meta.ErrMaybeBilled))
			assert.Contains(t, err.Error(), id)
			if test.is == context.DeadlineExceeded {
				for _, sentinel := range sentinels {
					assert.NotErrorIs(t, err, sentinel)
				}
			}
		})
	}
	t.Run("a verdict without a request ID in its body", func(t *testing.T) {
		result, err := verifyAt(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["x-acs-request-id"] = []string{id}
			io.WriteString(w, `{"Code":"200","ResultObject":{"BizCode":"1"}}`)
		})
		require.NoError(t, err)
		assert.Equal(t, id, result.RequestID)
	})
	t.Run("the request ID of the body counts first", func(t *testing.T) {
		result, err := verifyAt(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["x-acs-request-id"] = []string{id}
			io.WriteString(w, verdict)
		})
		require.NoError(t, err)
		assert.Equal(t, "8FC3D6AC-9FED-4311-8DA7-C4BF47D9F260", result.RequestID)
	})
	t.Run("a header that repeats the person is redacted", func(t *testing.T) {
		_, err := verifyAt(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["x-acs-request-id"] = []string{"for-" + zhangNumber}
			w.WriteHeader(404)
		})
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "19491231")
	})
}
