package id2metatest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	cloudauth "github.com/alibabacloud-go/cloudauth-20190307/v3/client"
	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	"github.com/alibabacloud-go/tea/tea"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

func TestOptionsMakeAClient(t *testing.T) {
	s := newServer(t)
	client, err := id2meta.New(append(s.Options(), id2meta.WithTimeout(5*time.Second))...)
	if err != nil {
		t.Fatal(err)
	}
	masked, err := id2meta.MD5Param(name, number)
	if err != nil {
		t.Fatal(err)
	}
	for _, param := range []id2meta.Param{{UserName: name, IdentifyNum: number}, masked} {
		result, err := client.Verify(context.Background(), param)
		if err != nil || !result.Match() {
			t.Errorf("%s: %+v, %v", param.ParamType, result, err)
		}
		if call := lastCall(t, s); call.RequestID != result.RequestID || call.Params != "body" {
			t.Errorf("recorded as %+v", call)
		}
	}
}

// The vendor's SDK for Go, used as its documentation shows: it sends the person
// in the query and signs with code that the Server does not share.
func TestVendorSDK(t *testing.T) {
	s := newServer(t)
	s.AddCredential("temporary", "its secret", "its token")
	config := func(id, secret, token string) *openapi.Config {
		c := new(openapi.Config).SetEndpoint(s.Endpoint()).SetCa(string(s.CertificatePEM())).
			SetAccessKeyId(id).SetAccessKeySecret(secret)
		if token != "" {
			c.SetSecurityToken(token)
		}
		return c
	}
	for _, test := range []struct {
		name   string
		config *openapi.Config
		sts    bool
	}{
		{"permanent access key", config(id2metatest.AccessKeyID, id2metatest.AccessKeySecret, ""), false},
		{"temporary access key", config("temporary", "its secret", "its token"), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			client, err := cloudauth.NewClient(test.config)
			if err != nil {
				t.Fatal(err)
			}
			// What an encoder could get wrong: a space, an asterisk, a tilde, a plus.
			for userName, want := range map[string]string{name: "1", "𠮷 *~+野": "2"} {
				res, err := client.Id2MetaVerify(new(cloudauth.Id2MetaVerifyRequest).
					SetParamType("normal").SetUserName(userName).SetIdentifyNum(number))
				if err != nil {
					t.Fatal(err)
				}
				if got := tea.StringValue(res.Body.ResultObject.BizCode); got != want {
					t.Errorf("%s: BizCode %s, want %s", userName, got, want)
				}
			}
			call := lastCall(t, s)
			if call.Params != "query" || call.STS != test.sts || call.Signature != "ACS3-HMAC-SHA256" {
				t.Errorf("recorded as %+v", call)
			}
		})
	}
}

func TestVendorSDKUnderstandsARefusal(t *testing.T) {
	s := newServer(t)
	client, err := cloudauth.NewClient(new(openapi.Config).SetEndpoint(s.Endpoint()).
		SetCa(string(s.CertificatePEM())).SetAccessKeyId(id2metatest.AccessKeyID).SetAccessKeySecret("wrong"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Id2MetaVerify(new(cloudauth.Id2MetaVerifyRequest).SetParamType("normal"))
	sdkError, ok := err.(*tea.SDKError)
	if !ok || tea.StringValue(sdkError.Code) != "SignatureDoesNotMatch" || tea.IntValue(sdkError.StatusCode) != 400 {
		t.Errorf("got %v", err)
	}
}

func TestAddPerson(t *testing.T) {
	s := newServer(t)
	s.AddPerson(" 李四 ", "１１０１０５１９４９１２３１００３８")
	if ans := (ask{params: normal("李四", "110105194912310038")}).mustSend(t, s); ans.bizCode != "1" {
		t.Errorf("a person added in full width got %s", ans.body)
	}
	s.AddPerson("王五", number)
	if ans := (ask{}).mustSend(t, s); ans.bizCode != "2" {
		t.Errorf("the name that was replaced got %s", ans.body)
	}
	for _, bad := range [][2]string{{"", number}, {"张3", number}, {name, "110105194912310021"}, {number, name}} {
		message := panicMessage(func() { s.AddPerson(bad[0], bad[1]) })
		if !strings.Contains(message, "AddPerson") {
			t.Errorf("no panic, or an unclear one: %q", message)
		}
		for _, value := range bad {
			if value != "" && strings.Contains(message, value) {
				t.Errorf("the message repeats the value: %s", message)
			}
		}
	}
}

func TestAllServersOfAProcessHaveOneCertificate(t *testing.T) {
	a, b := newServer(t), newServer(t)
	if !bytes.Equal(a.CertificatePEM(), b.CertificatePEM()) {
		t.Error("they differ")
	}
	if a.Endpoint() == b.Endpoint() {
		t.Error("two Servers have one endpoint")
	}
	res, err := a.Client().Do(ask{}.request(t, b.Endpoint()))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if _, err := http.DefaultClient.Do(ask{}.request(t, a.Endpoint())); err == nil {
		t.Error("a client trusts the certificate without being told to")
	}
}

func TestClient(t *testing.T) {
	s := newServer(t)
	transport := s.Client().Transport.(*http.Transport)
	if transport.TLSClientConfig.InsecureSkipVerify {
		t.Error("it trusts everybody, so no test notices a client that does")
	}
	if transport.MaxIdleConnsPerHost < 100 {
		t.Errorf("%d idle connections a host, want 100 or more", transport.MaxIdleConnsPerHost)
	}
}

func TestManyAtOnce(t *testing.T) {
	s := newServer(t)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			id := fmt.Sprint("key ", i)
			s.AddCredential(id, "secret", "")
			s.Inject(id2metatest.Fault{})
			for range 8 {
				s.AddPerson(name, number)
				ans, err := ask{id: id, secret: "secret"}.send(t, s)
				if err != nil || ans.bizCode != "1" {
					t.Errorf("%s, %v", ans.body, err)
				}
				s.Calls()
			}
		})
	}
	wg.Wait()
	if n := s.Billed(name, number); n != 32*8 {
		t.Errorf("billed %d times, want %d", n, 32*8)
	}
}

func TestCloseReleasesWhatHangs(t *testing.T) {
	before := runtime.NumGoroutine()
	s := id2metatest.NewServer()
	s.Inject(id2metatest.Hang(), id2metatest.Delay(time.Hour), id2metatest.Hang())
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := (ask{}).send(t, s); err == nil {
				t.Error("a request was answered")
			}
		})
	}
	for len(s.Calls()) < 3 {
		time.Sleep(time.Millisecond)
	}
	start := time.Now()
	s.Close()
	s.Close() // does no harm
	if took := time.Since(start); took > time.Second {
		t.Errorf("Close took %v", took)
	}
	wg.Wait()
	wantGoroutines(t, before)
}

func TestCloseClosesIdleConnections(t *testing.T) {
	before := runtime.NumGoroutine()
	s := id2metatest.NewServer()
	ask{}.mustSend(t, s)
	s.Close()
	wantGoroutines(t, before)
}

func TestClientThatLeavesReleasesItsRequest(t *testing.T) {
	before := runtime.NumGoroutine()
	s := id2metatest.NewServer()
	defer s.Close()
	running := runtime.NumGoroutine()
	s.Inject(id2metatest.Hang(), id2metatest.Delay(time.Hour))
	for range 2 {
		if err := leaveOnArrival(t, s); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that only the client ended it", err)
		}
	}
	wantGoroutines(t, running)
	s.Close()
	wantGoroutines(t, before)
}

// leaveOnArrival sends a request and gives up some time after it has arrived.
func leaveOnArrival(t *testing.T, s *id2metatest.Server) error {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	arrived := len(s.Calls())
	defer cancel()
	go func() {
		defer cancel()
		for len(s.Calls()) == arrived && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(50 * time.Millisecond) // time enough for an answer
	}()
	_, err := s.Client().Do(ask{}.request(t, s.Endpoint()).WithContext(ctx))
	return err
}

// wantGoroutines waits for connections to notice that they are closed.
func wantGoroutines(t *testing.T, want int) {
	t.Helper()
	for range 200 {
		if runtime.NumGoroutine() <= want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines, want %d:\n%s", runtime.NumGoroutine(), want, stacks[:runtime.Stack(stacks, true)])
}

func TestServerListensOnAGivenAddress(t *testing.T) {
	first := id2metatest.NewServer(id2metatest.WithAddress("127.0.0.1:0"))
	address := first.Endpoint()
	if !strings.HasPrefix(address, "127.0.0.1:") || strings.HasSuffix(address, ":0") {
		t.Errorf("listens on %s", address)
	}
	first.Close()
	s := id2metatest.NewServer(id2metatest.WithAddress(address))
	defer s.Close()
	s.AddPerson(name, number)
	client, err := id2meta.New(s.Options()...)
	if err != nil {
		t.Fatal(err)
	}
	if result, err := client.Verify(t.Context(), id2meta.Param{UserName: name, IdentifyNum: number}); err != nil || !result.Match() || s.Endpoint() != address {
		t.Errorf("%+v, %v, on %s", result, err, s.Endpoint())
	}
	defer func() {
		if recover() == nil {
			t.Error("an address that is taken does not panic")
		}
	}()
	id2metatest.NewServer(id2metatest.WithAddress(address))
}

func TestLatencyOfTheServer(t *testing.T) {
	s := id2metatest.NewServer(id2metatest.WithLatency(50*time.Millisecond, 60*time.Millisecond))
	client, err := id2meta.New(append(s.Options(), id2meta.WithTimeout(5*time.Second))...)
	if err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	if _, err := client.Verify(t.Context(), id2meta.Param{UserName: name, IdentifyNum: number}); err != nil {
		t.Error(err)
	}
	if took := time.Since(started); took < 50*time.Millisecond {
		t.Errorf("the answer took %v", took)
	}
	s.Close()

	slow := id2metatest.NewServer(id2metatest.WithLatency(time.Hour, time.Hour))
	go func() {
		for len(slow.Calls()) == 0 {
			time.Sleep(time.Millisecond)
		}
		slow.Close()
	}()
	client, err = id2meta.New(slow.Options()...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Verify(t.Context(), id2meta.Param{UserName: name, IdentifyNum: number}); !errors.Is(err, id2meta.ErrMaybeBilled) {
		t.Errorf("closed meanwhile: %v", err)
	}
}
