package gozero_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/zeromicro/go-zero/core/conf"
	"github.com/zeromicro/go-zero/core/logx"
	"github.com/zeromicro/go-zero/rest"
	"github.com/zeromicro/go-zero/rest/httpx"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/examples/frameworks/gozero"
	"github.com/id2meta/id2meta/id2metatest"
)

// buffer is written by the service and read by a test.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// serve starts a go-zero service with this recipe, in front of the simulator, and
// returns its address and what it logs.
func serve(t *testing.T, simulator *id2metatest.Server, logsRequests bool) (address string, logs *buffer) {
	t.Helper()
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", id2metatest.AccessKeyID)
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", id2metatest.AccessKeySecret)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()

	var c gozero.Config
	require.NoError(t, conf.LoadFromYamlBytes(fmt.Appendf(nil, `
Name: payouts
Host: 127.0.0.1
Port: %d
Log: {Mode: console, Encoding: plain, Stat: false}
Middlewares: {Log: %t}
Verify:
  Endpoints: [%q]
`, port, logsRequests, simulator.Endpoint()), &c))
	require.Equal(t, 2500*time.Millisecond, c.Verify.Timeout)

	service := gozero.NewServiceContext(c)
	server, err := rest.NewServer(c.RestConf)
	require.NoError(t, err)
	server.AddRoute(rest.Route{Method: http.MethodPost, Path: "/verify", Handler: func(w http.ResponseWriter, r *http.Request) {
		var form struct {
			Name     string `json:"name"`
			IDNumber string `json:"id_number"`
		}
		if err := httpx.Parse(r, &form); err != nil {
			httpx.ErrorCtx(r.Context(), w, err)
			return
		}
		result, err := service.Verifier.Verify(r.Context(), id2meta.Param{UserName: form.Name, IdentifyNum: form.IDNumber})
		if err != nil {
			logx.WithContext(r.Context()).Error(err)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		httpx.OkJsonCtx(r.Context(), w, map[string]bool{"match": result.Match()})
	}})
	logs = new(buffer)
	logx.SetWriter(logx.NewWriter(logs))
	go server.Start()
	t.Cleanup(func() {
		server.Stop()
		logx.Reset()
	})
	return fmt.Sprintf("127.0.0.1:%d", port), logs
}

func post(t *testing.T, address, name string) (status int, body string) {
	t.Helper()
	var response *http.Response
	require.Eventually(t, func() (ok bool) {
		var err error
		response, err = http.Post("http://"+address+"/verify", "application/json",
			strings.NewReader(`{"name":"`+name+`","id_number":"11010519491231002X"}`))
		return err == nil
	}, 10*time.Second, 20*time.Millisecond)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

func newSimulator(t *testing.T) *id2metatest.Server {
	simulator := id2metatest.NewServer()
	t.Cleanup(simulator.Close)
	simulator.AddPerson("张三", "11010519491231002X")
	return simulator
}

func TestAServiceVerifies(t *testing.T) {
	simulator := newSimulator(t)
	address, logs := serve(t, simulator, false)
	for name, want := range map[string]string{"张三": `{"match":true}`, "李四": `{"match":false}`} {
		status, body := post(t, address, name)
		assert.Equal(t, http.StatusOK, status)
		assert.JSONEq(t, want, body)
	}
	simulator.Inject(id2metatest.Answer("411", "RAM无权限"))
	status, _ := post(t, address, "张三")
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Contains(t, logs.String(), "access denied", "the library's error may be logged")
	for _, secret := range []string{"张三", "李四", "11010519491231002X", "19491231"} {
		assert.NotContains(t, logs.String(), secret)
	}
}

// What the README warns of: go-zero's request log has the body of every request that
// ends in a 5xx.
func TestTheLogMiddlewareShowsThePerson(t *testing.T) {
	simulator := newSimulator(t)
	address, logs := serve(t, simulator, true)
	simulator.Inject(id2metatest.Answer("411", ""))
	post(t, address, "张三")
	assert.Eventually(t, func() bool { return strings.Contains(logs.String(), "11010519491231002X") },
		5*time.Second, 20*time.Millisecond, "go-zero has changed: the warning in the README may go")
}

func TestTheDefaultsCanBeUsed(t *testing.T) {
	var c gozero.Config
	require.NoError(t, conf.LoadFromYamlBytes([]byte("Name: payouts\nHost: 127.0.0.1\nPort: 1\n"), &c))
	assert.Equal(t, []string{id2meta.EndpointDefault, id2meta.EndpointShanghai}, c.Verify.Endpoints)
	assert.EqualValues(t, 45, c.Verify.PerSecond)
	assert.Less(t, c.Verify.Timeout, time.Duration(c.Timeout)*time.Millisecond, "a Verify must end before go-zero's own timeout")
	assert.NotNil(t, gozero.NewServiceContext(c).Verifier)
}
