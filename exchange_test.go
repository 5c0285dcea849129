package id2meta_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// A failure and a verdict in one answer: one of them is wrong, and the source may have
// answered. The answer is no verdict, is not retried, and may have been billed.
func TestAVerdictBesideAFailureIsNoVerdictAndMayBeBilled(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status int
		body   string
		want   error
	}{
		{200, `{"Code":"500","ResultObject":{"BizCode":"1"}}`, id2meta.ErrUnavailable},
		{200, `{"Code":500,"ResultObject":{"BizCode":1}}`, id2meta.ErrUnavailable},
		{200, `{"Code":"402","ResultObject":{"BizCode":"2"}}`, id2meta.ErrSourceUnavailable},
		{200, `{"Code":"402","Message":"Security policy restriction","ResultObject":{"BizCode":"2"}}`, id2meta.ErrSourceUnavailable},
		{200, `{"Code":"403","ResultObject":{"BizCode":"3"}}`, id2meta.ErrRepeatedCall},
		{200, `{"Code":"401","ResultObject":{"BizCode":"1"}}`, id2meta.ErrInvalidParam},
		{200, `{"Code":"411","ResultObject":{"BizCode":"1"}}`, id2meta.ErrAccessDenied},
		{200, `{"Code":"500","ResultObject":{"BizCode":"4"}}`, id2meta.ErrUnavailable},
		{400, `{"Code":"Throttling.User","ResultObject":{"BizCode":"1"}}`, id2meta.ErrThrottled},
		{429, `{"ResultObject":{"BizCode":"1"}}`, id2meta.ErrThrottled},
		{503, `{"ResultObject":{"BizCode":"1"}}`, id2meta.ErrUnavailable},
		{503, `{"Code":"ServiceUnavailable","ResultObject":{"BizCode":"1"}}`, id2meta.ErrUnavailable},
		{500, `{"Code":"InternalError","ResultObject":{"BizCode":"1"}}`, id2meta.ErrUnavailable},
		{404, `{"Code":"InvalidAccessKeyId.NotFound","ResultObject":{"BizCode":"1"}}`, id2meta.ErrCredential},
		{302, `{"ResultObject":{"BizCode":"1"}}`, id2meta.ErrUnexpectedResponse},

		// The verdict is not where it belongs, or the answer cannot be read.
		{503, verdict[:len(verdict)-1], id2meta.ErrUnavailable},
		{503, verdict + verdict, id2meta.ErrUnavailable},
		{503, `[` + verdict + `]`, id2meta.ErrUnavailable},
		{503, `{"Data":` + verdict + `}`, id2meta.ErrUnavailable},
		{503, `<BizCode>1</BizCode>`, id2meta.ErrUnavailable},
		{200, `{"Code":"500","BizCode":"1"}`, id2meta.ErrUnavailable},
		{200, `{"Code":"500","resultObject":{"bizCode":"1"}}`, id2meta.ErrUnavailable},
		{200, `{"Code":"500","ResultObject":"{\"BizCode\":\"1\"}"}`, id2meta.ErrUnavailable},
		{200, `{"Code":"500","ResultObject":[{"BizCode":"1"}]}`, id2meta.ErrUnavailable},
		{200, `{"Code":"500","ResultObject":{"\u0042izCode":"1"}}`, id2meta.ErrUnavailable},
	} {
		for name, opts := range map[string][]id2meta.Option{"by default": nil, "WithRetryUnanswered": {id2meta.WithRetryUnanswered()}} {
			t.Run(fmt.Sprintf("HTTP %d, %s, %s", test.status, test.body, name), func(t *testing.T) {
				server := newServer(t)
				server.Inject(id2metatest.Raw(test.status, test.body))
				client := newClient(t, []string{server.Endpoint()}, opts...)
				result, err := client.Verify(t.Context(), zhangSan)
				assert.Zero(t, result)
				requireOnly(t, test.want, err)
				assert.ErrorIs(t, err, id2meta.ErrMaybeBilled)
				assert.Len(t, server.Calls(), 1, "not sent again")
				assert.EqualValues(t, 1, client.Stats().MaybeBilled)
			})
		}
	}
	for _, body := range []string{`{"Code":"500","ResultObject":{}}`, `{"Code":"500","ResultObject":{"BizCode":null}}`, `{"Code":"500","Message":"BizCode"}`} {
		t.Run("no verdict beside the failure: "+body, func(t *testing.T) {
			server := newServer(t)
			server.Inject(id2metatest.Raw(200, body))
			result, err := newClient(t, []string{server.Endpoint()}).Verify(t.Context(), zhangSan)
			require.NoError(t, err, "it is sent again")
			assert.True(t, result.Match())
		})
	}
}

// ownContext is a context of a caller's own. Each method that is set replaces the method of
// the embedded context.
type ownContext struct {
	context.Context
	deadline func() (time.Time, bool)
	done     func() <-chan struct{}
	err      func() error
}

func (c ownContext) Deadline() (time.Time, bool) {
	if c.deadline != nil {
		return c.deadline()
	}
	return c.Context.Deadline()
}

func (c ownContext) Done() <-chan struct{} {
	if c.done != nil {
		return c.done()
	}
	return c.Context.Done()
}

func (c ownContext) Err() error {
	if c.err != nil {
		return c.err()
	}
	return c.Context.Err()
}

// listError is an error that cannot be compared: == panics.
type listError []error

func (listError) Error() string { return "a list of errors" }

// The contexts of callers may break their contract. Verify and Check end all the same, and
// do not panic.
func TestAContextOfACallersOwn(t *testing.T) {
	const timeout = time.Second
	open := func() <-chan struct{} { return make(chan struct{}) }
	closed := func() <-chan struct{} {
		done := make(chan struct{})
		close(done)
		return done
	}
	noError := func() error { return nil }
	at := func(d time.Duration) func() (time.Time, bool) {
		return func() (time.Time, bool) { return time.Now().Add(d), true }
	}
	soon := func() func() (time.Time, bool) {
		deadline := time.Now().Add(timeout / 2)
		return func() (time.Time, bool) { return deadline, true }
	}
	for _, test := range []struct {
		name string
		own  func(ctx context.Context) ownContext
		want error
		at   time.Duration
	}{
		{"it keeps an earlier deadline, and never ends", func(ctx context.Context) ownContext {
			return ownContext{ctx, soon(), open, noError}
		}, context.DeadlineExceeded, timeout / 2},
		{"it has no channel, and an earlier deadline", func(ctx context.Context) ownContext {
			return ownContext{ctx, soon(), func() <-chan struct{} { return nil }, noError}
		}, context.DeadlineExceeded, timeout / 2},
		{"its deadline is past, and it never ends", func(ctx context.Context) ownContext {
			return ownContext{ctx, at(-time.Hour), open, noError}
		}, context.DeadlineExceeded, 0},
		{"its deadline is the first time of all", func(ctx context.Context) ownContext {
			return ownContext{ctx, func() (time.Time, bool) { return time.Time{}, true }, open, noError}
		}, context.DeadlineExceeded, 0},
		{"its deadline is far, and it never ends", func(ctx context.Context) ownContext {
			return ownContext{ctx, at(1 << 62), open, noError}
		}, context.DeadlineExceeded, timeout},
		{"its channel is another one each time", func(ctx context.Context) ownContext {
			return ownContext{ctx, nil, open, nil}
		}, context.DeadlineExceeded, timeout},
		{"it has ended, and tells no error", func(ctx context.Context) ownContext {
			return ownContext{ctx, nil, closed, noError}
		}, context.Canceled, 0},
		{"it has ended with an error that cannot be compared", func(ctx context.Context) ownContext {
			return ownContext{ctx, nil, closed, func() error { return listError{io.EOF} }}
		}, context.DeadlineExceeded, 0}, // not canceled, so no more time
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &fakeService{first: []roundTripper{silent, silent}}
				client := service.client(t, id2meta.WithTimeout(timeout))
				ask := map[string]func(ctx context.Context) error{
					"Verify": func(ctx context.Context) error { _, err := client.Verify(ctx, zhangSan); return err },
					"Check":  client.Check,
				}
				for name, ask := range ask {
					ctx := test.own(t.Context())
					started := time.Now()
					err := ask(ctx)
					require.Error(t, err, name)
					if _, odd := ctx.Err().(listError); !odd {
						assert.ErrorIs(t, err, test.want, name)
					}
					assert.Equal(t, id2meta.RemedyTryLater, id2meta.RemedyOf(err), name)
					assert.Equal(t, test.at, time.Since(started), name)
				}
			})
		})
	}
	for name, opts := range map[string][]id2meta.Option{
		"the limiter": {id2meta.WithLimiter(never)},
		"the credential": {id2meta.WithAccessKeyFunc(func(ctx context.Context) (id2meta.AccessKey, error) {
			<-ctx.Done()
			return id2meta.AccessKey{}, ctx.Err()
		})},
		"an answer": nil,
	} {
		t.Run("it ends with an error that cannot be compared while Verify waits for "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &fakeService{first: []roundTripper{silent}}
				client := service.client(t, opts...)
				ended := make(chan struct{})
				time.AfterFunc(timeout, func() { close(ended) })
				ctx := ownContext{t.Context(), nil, func() <-chan struct{} { return ended }, func() error {
					select {
					case <-ended:
						return listError{io.EOF}
					default:
						return nil
					}
				}}
				started := time.Now()
				_, err := client.Verify(ctx, zhangSan)
				assert.ErrorContains(t, err, "a list of errors")
				assert.Equal(t, id2meta.RemedyTryLater, id2meta.RemedyOf(err))
				assert.Equal(t, timeout, time.Since(started))
				time.Sleep(time.Minute) // until the function that gives the key has ended
			})
		})
	}
}

// bodyError holds the body of an answer, as the error of oauth2.RetrieveError does. Only its
// text is short.
type bodyError struct {
	text string
	body []byte
}

func (e *bodyError) Error() string { return e.text + string(e.body) }

// Format writes for %v what other errors write for %+v.
func (e *bodyError) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "fields: %#v", e.body) }

// The error of a given transport may hold a whole answer.
func TestALongErrorOfATransportCostsLittleTime(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		body []byte
	}{
		{"no body", nil},
		{"1 MiB", []byte(strings.Repeat("张三 ", 1<<20/7))},
		{"10 MB", []byte(strings.Repeat("11010519491231002X%", 10_000_000/19))},
		{"10 MB of bytes that are no text", []byte(strings.Repeat("\xff", 10_000_000))},
	} {
		for _, sent := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, sent: %t", test.name, sent), func(t *testing.T) {
				client := newClient(t, []string{"service.example"}, id2meta.WithMaxAttempts(1), id2meta.WithHTTPClient(&http.Client{
					Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
						if sent {
							io.Copy(io.Discard, r.Body)
						}
						return nil, &bodyError{"token refused: ", test.body}
					}),
				}))
				started := time.Now()
				_, err := client.Verify(t.Context(), zhangSan)
				require.ErrorIs(t, err, id2meta.ErrUnavailable)
				text := fmt.Sprintf("%v %+v %#v", err, err, err)
				assert.Less(t, time.Since(started), 2*time.Second)
				assert.Less(t, len(text), 4096)
				assert.NotContains(t, text, "fields")
				assert.NotContains(t, text, zhangName)
				assert.NotContains(t, text, zhangNumber)
				var whole *bodyError
				assert.False(t, errors.As(err, &whole), "its fields show more than its text")
			})
		}
	}
}

// WithRetryUnanswered divides the time by the attempts left. A healthy service must have
// time to answer all the same, however many attempts there are.
func TestManyAttemptsLeaveTimeForAnAnswer(t *testing.T) {
	for _, attempts := range []int{2, 10, 50, 1000} {
		t.Run(fmt.Sprint(attempts), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &fakeService{answerAfter: 150 * time.Millisecond}
				client := service.client(t, id2meta.WithRetryUnanswered(), id2meta.WithMaxAttempts(attempts), id2meta.WithTimeout(5*time.Second))
				for range 3 {
					result, err := client.Verify(t.Context(), zhangSan)
					require.NoError(t, err)
					assert.True(t, result.Match())
				}
				assert.Equal(t, 3, service.requested(), "each call is one request")
			})
		})
	}
}

func TestWithRootCAs(t *testing.T) {
	server := newServer(t)
	trusting := x509.NewCertPool()
	require.True(t, trusting.AppendCertsFromPEM(server.CertificatePEM()))

	t.Run("the certificates of the pool are trusted", func(t *testing.T) {
		result, err := newClient(t, []string{server.Endpoint()}, id2meta.WithRootCAs(trusting)).Verify(t.Context(), zhangSan)
		require.NoError(t, err)
		assert.True(t, result.Match())
	})
	t.Run("those of the system are not", func(t *testing.T) {
		_, err := newClient(t, []string{server.Endpoint()}, id2meta.WithRootCAs(x509.NewCertPool()), id2meta.WithMaxAttempts(1)).Verify(t.Context(), zhangSan)
		assert.ErrorIs(t, err, id2meta.ErrUnavailable)
		assert.Equal(t, id2meta.RemedyOperator, id2meta.RemedyOf(err))
		assert.Empty(t, server.Calls()[1:], "nothing was sent")
	})
	t.Run("it goes with a wrapper", func(t *testing.T) {
		for pool, want := range map[*x509.CertPool]bool{trusting: true, x509.NewCertPool(): false} {
			client := newClient(t, []string{server.Endpoint()}, id2meta.WithRootCAs(pool), id2meta.WithMaxAttempts(1),
				id2meta.WithTransportWrapper(func(base http.RoundTripper) http.RoundTripper { return base }))
			_, err := client.Verify(t.Context(), zhangSan)
			assert.Equal(t, want, err == nil, "%v", err)
		}
	})
	t.Run("the pool is copied", func(t *testing.T) {
		pool := x509.NewCertPool()
		opt := id2meta.WithRootCAs(pool)
		require.True(t, pool.AppendCertsFromPEM(server.CertificatePEM()))
		_, err := newClient(t, []string{server.Endpoint()}, opt, id2meta.WithMaxAttempts(1)).Verify(t.Context(), zhangSan)
		assert.ErrorIs(t, err, id2meta.ErrUnavailable)
	})
	t.Run("it excludes a client that is given", func(t *testing.T) {
		for _, opts := range [][]id2meta.Option{
			{id2meta.WithRootCAs(trusting), id2meta.WithHTTPClient(server.Client())},
			append([]id2meta.Option{id2meta.WithHTTPClient(server.Client())}, server.Options()...),
		} {
			_, err := id2meta.New(opts...)
			assert.ErrorContains(t, err, "id2meta: WithRootCAs: cannot be used together with WithHTTPClient")
		}
	})
}

// A server, or a proxy that loses count, sends two answers in one write. Nobody gets the
// verdict about somebody else.
func TestTwoAnswersInOneWriteAreNotTwoVerdicts(t *testing.T) {
	const mismatch = `{"Code":"200","ResultObject":{"BizCode":"2"}}`
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, both, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		for err == nil {
			for _, answer := range []string{mismatch, verdict} {
				fmt.Fprintf(both, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
			}
			both.Flush()
			_, err = http.ReadRequest(both.Reader)
		}
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	client := newClient(t, []string{server.Listener.Addr().String()}, patient()...)
	var verdicts atomic.Int64
	share(500, 8, func() {
		result, err := client.Verify(t.Context(), zhangSan)
		if err == nil {
			verdicts.Add(1)
			assert.Equal(t, id2meta.BizCodeMismatch, result.BizCode)
			return
		}
		assert.ErrorIs(t, err, id2meta.ErrUnexpectedResponse)
		assert.ErrorIs(t, err, id2meta.ErrMaybeBilled)
	})
	assert.Positive(t, verdicts.Load())
}
