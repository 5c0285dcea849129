package frameworks

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/examples/frameworks/kratos"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testenv"
)

// The person whom the simulator knows. The number is the sample of GB 11643.
const (
	name     = "张三"
	number   = "11010519491231002X"
	zhangSan = `{"name":"张三","number":"11010519491231002X"}`
)

func TestRecipesInFrontOfTheSimulator(t *testing.T) {
	correct, operator := id2meta.RemedyCorrectInput.Chinese(), id2meta.RemedyOperator.Chinese()
	for _, test := range []struct {
		name, body string
		fault      id2metatest.Fault
		status     int
		answer     string
		calls      int
	}{
		{"a match", zhangSan, id2metatest.Fault{}, 200, `"verdict":"match"`, 1},
		{"a mismatch is an answer", `{"name":"李四","number":"` + number + `"}`, id2metatest.Fault{}, 200, `"verdict":"mismatch"`, 1},
		{"no record is an answer", `{"name":"张三","number":"440524188001010014"}`, id2metatest.Fault{}, 200, `"verdict":"no record"`, 1},
		{"a typing error costs no call", `{"name":"张三","number":"110105194912310021"}`, id2metatest.Fault{}, 400, "校验", 0},
		{"what is no JSON costs no call", "name=" + name, id2metatest.Fault{}, 400, "格式", 0},
		{"the service refuses the name", zhangSan, id2metatest.Answer("401", "参数非法"), 400, correct, 1},
		{"a person who was asked about too often", zhangSan, id2metatest.Answer("403", ""), 429, id2meta.RemedyNotThisPerson.Chinese(), 1},
		{"an overdue payment is not the user's", zhangSan, id2metatest.Answer("412", name+number), 503, operator, 1},
		{"an answer that cannot be understood is no match", zhangSan, id2metatest.Raw(200, `{"Code":"200"}`), 503, "", 1},
		{"a service that does not answer in time", zhangSan, id2metatest.Hang(), 503, id2meta.RemedyTryLater.Chinese(), 1},
	} {
		for framework, recipe := range recipes {
			t.Run(test.name+", "+framework, func(t *testing.T) {
				simulator := id2metatest.NewServer()
				defer simulator.Close()
				simulator.AddPerson(name, number)
				simulator.Inject(test.fault)
				var log testenv.Buffer
				url, stop := recipe.serve(t, &log, recipe.verifier(t, simulator.Options()...))

				status, answer := post(t, url, test.body)
				stop()
				assert.Equal(t, test.status, status)
				assert.Contains(t, answer, test.answer)
				assert.Len(t, simulator.Calls(), test.calls)
				assert.False(t, holdsPerson(log.String()+answer), "the log or the answer holds the person")
			})
		}
	}
}

func TestRecipesInFrontOfAnotherVerifier(t *testing.T) {
	for framework, recipe := range recipes {
		t.Run("the cause is logged and not told, "+framework, func(t *testing.T) {
			var log testenv.Buffer
			url, stop := recipe.serve(t, &log, id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
				return id2meta.Result{}, errors.New("for the operators")
			}))
			status, answer := post(t, url, zhangSan)
			stop()
			assert.Equal(t, 503, status)
			assert.NotContains(t, answer, "operators")
			assert.Contains(t, log.String(), "for the operators")
		})
		t.Run("a panic is logged without the person, "+framework, func(t *testing.T) {
			var log testenv.Buffer
			url, stop := recipe.serve(t, &log, id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
				panic("a mistake")
			}))
			status, answer := post(t, url, zhangSan)
			stop()
			assert.Equal(t, 500, status)
			assert.Contains(t, log.String(), "a mistake")
			assert.False(t, holdsPerson(log.String()+answer), "the log or the answer holds the person")
		})
		t.Run("a user who leaves ends the call, "+framework, func(t *testing.T) {
			ctx, leave := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			url, _ := recipe.serve(t, io.Discard, id2meta.VerifierFunc(func(ctx context.Context, _ id2meta.Param) (id2meta.Result, error) {
				leave()
				select {
				case <-ctx.Done():
				case <-time.After(10 * time.Second): // in synctest's place: a real server is in between
				}
				ended <- ctx.Err()
				return id2meta.Result{}, io.ErrUnexpectedEOF
			}))
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(zhangSan))
			require.NoError(t, err)
			request.Header.Set("Content-Type", "application/json")
			_, err = http.DefaultClient.Do(request)
			assert.ErrorIs(t, err, context.Canceled)
			assert.ErrorIs(t, <-ended, context.Canceled, "Verify ended by another context than that of the request")
		})
	}
}

// A call that the server cuts off may have been billed, and nobody has its verdict.
func TestConfigFilesGiveTheServerMoreTimeThanTheClient(t *testing.T) {
	endpoints := []string{id2meta.EndpointDefault, id2meta.EndpointShanghai, id2meta.EndpointBeijing}
	z := goZeroConfig(t)
	assert.Equal(t, endpoints, z.ID2Meta.Endpoints)
	assert.Less(t, z.ID2Meta.Timeout, time.Duration(z.Timeout)*time.Millisecond)
	assert.False(t, z.Middlewares.Log, "the middleware that writes the bodies of requests is on")

	k := kratosConfig(t)
	assert.Equal(t, endpoints, k.Endpoints)
	assert.Less(t, k.VerifyTimeoutMS, k.TimeoutMS)
	verifier, _, err := kratos.NewVerifier(k)
	require.NoError(t, err)
	assert.Equal(t, 2*time.Second, verifier.(*id2meta.Client).Timeout())
	k.PerSecond = 0
	_, _, err = kratos.NewVerifier(k)
	assert.ErrorContains(t, err, "per_second")
}

func post(t *testing.T, url, body string) (status int, answer string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Post(url, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(read)
}

// holdsPerson also finds the birth date alone.
func holdsPerson(s string) bool {
	return strings.Contains(s, name) || strings.Contains(s, number) || strings.Contains(s, number[6:14])
}
