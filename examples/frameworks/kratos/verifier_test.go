package kratos_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-kratos/kratos/v2/log"
	"github.com/go-kratos/kratos/v2/middleware/logging"
	khttp "github.com/go-kratos/kratos/v2/transport/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/examples/frameworks/kratos"
	"github.com/id2meta/id2meta/id2metatest"
)

func TestAServiceVerifies(t *testing.T) {
	simulator := id2metatest.NewServer()
	defer simulator.Close()
	simulator.AddPerson("张三", "11010519491231002X")
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", id2metatest.AccessKeyID)
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", id2metatest.AccessKeySecret)

	service, cleanup, err := kratos.Wire(&kratos.Config{Endpoints: []string{simulator.Endpoint()}, Timeout: 5 * time.Second, PerSecond: 45})
	require.NoError(t, err)
	defer cleanup()
	var logs bytes.Buffer
	server := khttp.NewServer(khttp.Address("127.0.0.1:0"), khttp.Middleware(logging.Server(log.NewStdLogger(&logs))))
	service.Register(server)
	endpoint, err := server.Endpoint()
	require.NoError(t, err)
	go server.Start(t.Context())
	defer server.Stop(t.Context())

	post := func(name, number string) (int, string) {
		response, err := http.Post(endpoint.String()+"/verify", "application/json",
			strings.NewReader(`{"name":"`+name+`","id_number":"`+number+`"}`))
		require.NoError(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response.StatusCode, string(body)
	}
	for _, test := range []struct {
		name, person, number string
		fault                id2metatest.Fault
		status               int
		body                 string
	}{
		{"a match", "张三", "11010519491231002X", id2metatest.Fault{}, http.StatusOK, `"match":true`},
		{"a mismatch is no error", "李四", "11010519491231002X", id2metatest.Fault{}, http.StatusOK, `"match":false`},
		{"a failure of the service", "张三", "11010519491231002X", id2metatest.Answer("411", ""), http.StatusServiceUnavailable, "NO_VERDICT"},
		{"a number that is none", "张三", "110105194912310021", id2metatest.Fault{}, http.StatusBadRequest, "check digit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			simulator.Inject(test.fault)
			status, body := post(test.person, test.number)
			assert.Equal(t, test.status, status)
			assert.Contains(t, body, test.body)
		})
	}
	assert.Contains(t, logs.String(), "name:张* id_number:110105********002X", "the request is logged for people's eyes")
	for _, secret := range []string{"张三", "李四", "11010519491231002X", "19491231"} {
		assert.NotContains(t, logs.String(), secret)
	}
}

func TestABadConfigurationIsAnError(t *testing.T) {
	_, _, err := kratos.Wire(&kratos.Config{Endpoints: []string{"https://example.com"}, Timeout: time.Second})
	assert.ErrorContains(t, err, "WithEndpoints")
}
