package oldsdktest

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/cloudauth"
	"go.uber.org/goleak"

	"github.com/id2meta/id2meta/id2metatest"
)

const (
	name   = "张三"
	number = "11010519491231002X"
)

// TestMain keeps the SDK away from the proxies of the machine.
func TestMain(m *testing.M) {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasSuffix(strings.ToLower(name), "_proxy") {
			os.Unsetenv(name)
		}
	}
	goleak.VerifyTestMain(m)
}

func newServer(t *testing.T) *id2metatest.Server {
	t.Helper()
	s := id2metatest.NewServer()
	t.Cleanup(s.Close)
	s.AddPerson(name, number)
	s.AddCredential("temporary", "its secret", "its token")
	return s
}

var (
	permanentKey = credentials.NewAccessKeyCredential(id2metatest.AccessKeyID, id2metatest.AccessKeySecret)
	temporaryKey = credentials.NewStsTokenCredential("temporary", "its secret", "its token")
)

func newClient(t *testing.T, s *id2metatest.Server, cred auth.Credential) *cloudauth.Client {
	t.Helper()
	config := sdk.NewConfig().WithScheme("HTTPS").WithTimeout(10 * time.Second)
	client, err := cloudauth.NewClientWithOptions("cn-hangzhou", config, cred)
	if err != nil {
		t.Fatal(err)
	}
	// A copy, because the SDK changes its transport.
	transport := s.Client().Transport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	client.SetTransport(transport)
	client.Domain = s.Endpoint()
	return client
}

// way is how the parameters travel.
type way struct {
	name, method, where string
}

var ways = []way{
	{"POST with a form", "POST", "body"},
	{"POST with a query", "POST", "query"},
	{"GET with a query", "GET", "query"},
}

// verify asks as the SDK's documentation shows for an API that it knows; the
// generated method knows only the form.
func (w way) verify(t *testing.T, client *cloudauth.Client, userName string) (*cloudauth.Id2MetaVerifyResponse, error) {
	t.Helper()
	request := cloudauth.CreateId2MetaVerifyRequest()
	request.Method = w.method
	if w.where == "body" {
		request.ParamType, request.UserName, request.IdentifyNum = "normal", userName, number
	} else {
		for k, v := range map[string]string{"ParamType": "normal", "UserName": userName, "IdentifyNum": number} {
			request.QueryParams[k] = v
		}
	}
	return client.Id2MetaVerify(request)
}

func lastCall(t *testing.T, s *id2metatest.Server) id2metatest.Call {
	t.Helper()
	calls := s.Calls()
	if len(calls) == 0 {
		t.Fatal("no call was recorded")
	}
	return calls[len(calls)-1]
}

func TestVerdict(t *testing.T) {
	for _, w := range ways {
		for _, key := range []struct {
			name string
			cred auth.Credential
			sts  bool
		}{{"permanent key", permanentKey, false}, {"temporary key", temporaryKey, true}} {
			t.Run(w.name+", "+key.name, func(t *testing.T) {
				s := newServer(t)
				client := newClient(t, s, key.cred)
				// What an encoder could get wrong: a space, an asterisk, a tilde, a plus.
				for userName, want := range map[string]string{name: "1", "𠮷 *~+野": "2"} {
					response, err := w.verify(t, client, userName)
					if err != nil {
						t.Fatal(err)
					}
					if response.Code != "200" || response.ResultObject.BizCode != want {
						t.Errorf("%s: Code %s, BizCode %s, want %s", userName, response.Code, response.ResultObject.BizCode, want)
					}
					call := lastCall(t, s)
					if call.Method != w.method || call.Params != w.where || call.Signature != "HMAC-SHA1" || call.STS != key.sts {
						t.Errorf("recorded as %+v", call)
					}
				}
			})
		}
	}
}

func TestGenericRequest(t *testing.T) {
	s := newServer(t)
	client := newClient(t, s, permanentKey)
	for _, method := range []string{"GET", "POST"} {
		for _, form := range []bool{false, true} {
			request := requests.NewCommonRequest()
			request.Method, request.Scheme, request.Domain = method, "HTTPS", s.Endpoint()
			request.Version, request.ApiName = "2019-03-07", "Id2MetaVerify"
			params := request.QueryParams
			if form {
				params = request.FormParams
			}
			params["ParamType"], params["UserName"], params["IdentifyNum"] = "normal", name, number
			response, err := client.ProcessCommonRequest(request)
			if err != nil || !strings.Contains(response.GetHttpContentString(), `"BizCode":"1"`) {
				t.Errorf("%s, form %v: %v, %v", method, form, response, err)
			}
		}
	}
}

// The commonest mistake of all. The SDK compares the string that the gateway
// signed with its own; only if they are the same it says that the secret is
// wrong, and otherwise that it may have a defect itself.
func TestWrongSecretIsCalledAWrongSecret(t *testing.T) {
	for _, w := range ways {
		for _, key := range []struct {
			name string
			cred auth.Credential
		}{
			{"permanent key", credentials.NewAccessKeyCredential(id2metatest.AccessKeyID, "wrong")},
			{"temporary key", credentials.NewStsTokenCredential("temporary", "wrong", "its token")},
		} {
			t.Run(w.name+", "+key.name, func(t *testing.T) {
				s := newServer(t)
				_, err := w.verify(t, newClient(t, s, key.cred), "𠮷 *~+野")
				failed := wantServerError(t, err, 400, "SignatureDoesNotMatch")
				if want := "InvalidAccessKeySecret: Please check you AccessKeySecret"; failed.Recommend() != want {
					t.Errorf("the SDK recommends %q, want %q", failed.Recommend(), want)
				}
				if call := lastCall(t, s); call.Billed {
					t.Errorf("recorded as %+v", call)
				}
			})
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name   string
		cred   auth.Credential
		fault  id2metatest.Fault
		status int
		code   string
	}{
		{"an unknown access key", credentials.NewAccessKeyCredential("unknown", "secret"), id2metatest.Fault{}, 404, "InvalidAccessKeyId.NotFound"},
		{"a token that is not the key's", credentials.NewStsTokenCredential("temporary", "its secret", "another"), id2metatest.Fault{},
			400, "InvalidSecurityToken.MismatchWithAccessKey"},
		{"throttled", permanentKey, id2metatest.Throttle(2 * time.Second), 400, "Throttling.User"},
	} {
		t.Run(test.name+" is "+test.code, func(t *testing.T) {
			s := newServer(t)
			s.Inject(test.fault)
			client := newClient(t, s, test.cred)
			_, err := ways[0].verify(t, client, name)
			failed := wantServerError(t, err, test.status, test.code)
			if !strings.HasPrefix(failed.Recommend(), "https://") || failed.RequestId() != lastCall(t, s).RequestID {
				t.Errorf("a field is missing: %v", failed)
			}
			wait := strings.Join(failed.RespHeaders["X-Ratelimit-User-Api"], "")
			if throttled := test.code == "Throttling.User"; strings.Contains(wait, "TimeLeft:2000,") != throttled {
				t.Errorf("x-ratelimit-user-api: %q", wait)
			}
		})
	}
}

// The API's own failures come with HTTP 200: no error for the SDK, and so for
// those who check only the error, no reason to refuse anybody.
func TestIllegalNumberIsNoErrorOfTheSDK(t *testing.T) {
	s := newServer(t)
	request := cloudauth.CreateId2MetaVerifyRequest()
	request.ParamType, request.UserName, request.IdentifyNum = "normal", name, number[:17]+"0"
	response, err := newClient(t, s, permanentKey).Id2MetaVerify(request)
	if err != nil {
		t.Fatal(err)
	}
	if response.Code != "401" || response.Message != "参数非法(identifyNum)" || response.ResultObject.BizCode != "" {
		t.Errorf("got Code %s, %s, BizCode %q", response.Code, response.Message, response.ResultObject.BizCode)
	}
}

func wantServerError(t *testing.T, err error, status int, code string) *sdkerrors.ServerError {
	t.Helper()
	var failed *sdkerrors.ServerError
	if !errors.As(err, &failed) {
		t.Fatalf("got %v, want an error of the service", err)
	}
	if failed.HttpStatus() != status || failed.ErrorCode() != code {
		t.Errorf("got HTTP %d, %s, want HTTP %d, %s", failed.HttpStatus(), failed.ErrorCode(), status, code)
	}
	return failed
}
