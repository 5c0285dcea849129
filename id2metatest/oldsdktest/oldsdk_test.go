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
	"github.com/aliyun/alibaba-cloud-sdk-go/services/cloudauth"
	"go.uber.org/goleak"

	"github.com/id2meta/id2meta/id2metatest"
)

const (
	name   = "张三"
	number = "11010519491231002X"
	// odd has what an encoder could get wrong: a space, an asterisk, a tilde, a plus.
	odd = "𠮷 *~+野"
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

// way is how the parameters travel.
type way struct {
	name, method, where string
}

var ways = []way{
	{"POST with a form", "POST", "body"},
	{"POST with a query", "POST", "query"},
	{"GET with a query", "GET", "query"},
}

// verify asks a new Server as the SDK's documentation shows for an API that it knows; the
// generated method knows only the form.
func (w way) verify(t *testing.T, key auth.Credential, userName, identifyNum string, faults ...id2metatest.Fault) (
	*cloudauth.Id2MetaVerifyResponse, id2metatest.Call, error) {
	t.Helper()
	s := id2metatest.NewServer()
	t.Cleanup(s.Close)
	s.AddPerson(name, number)
	s.AddCredential("temporary", "its secret", "its token")
	s.Inject(faults...)

	config := sdk.NewConfig().WithScheme("HTTPS").WithTimeout(10 * time.Second)
	client, err := cloudauth.NewClientWithOptions("cn-hangzhou", config, key)
	if err != nil {
		t.Fatal(err)
	}
	// A copy, because the SDK changes its transport.
	transport := s.Client().Transport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	client.SetTransport(transport)
	client.Domain = s.Endpoint()

	request := cloudauth.CreateId2MetaVerifyRequest()
	request.Method = w.method
	if w.where == "body" {
		request.ParamType, request.UserName, request.IdentifyNum = "normal", userName, identifyNum
	} else {
		for k, v := range map[string]string{"ParamType": "normal", "UserName": userName, "IdentifyNum": identifyNum} {
			request.QueryParams[k] = v
		}
	}
	response, err := client.Id2MetaVerify(request)
	calls := s.Calls()
	if len(calls) != 1 {
		t.Fatalf("%d calls were recorded", len(calls))
	}
	return response, calls[0], err
}

func key(secret string) auth.Credential {
	return credentials.NewAccessKeyCredential(id2metatest.AccessKeyID, secret)
}

func temporaryKey(secret, token string) auth.Credential {
	return credentials.NewStsTokenCredential("temporary", secret, token)
}

// The API's own failures come with HTTP 200: no error for the SDK, and so for those who
// check only the error, no reason to refuse anybody.
func TestAnswersOfTheAPI(t *testing.T) {
	for _, w := range ways {
		for _, test := range []struct {
			name                  string
			key                   auth.Credential
			userName, identifyNum string
			code, bizCode         string
		}{
			{"permanent key", key(id2metatest.AccessKeySecret), name, number, "200", "1"},
			{"permanent key, odd name", key(id2metatest.AccessKeySecret), odd, number, "200", "2"},
			{"temporary key", temporaryKey("its secret", "its token"), name, number, "200", "1"},
			{"temporary key, odd name", temporaryKey("its secret", "its token"), odd, number, "200", "2"},
			{"illegal number", key(id2metatest.AccessKeySecret), name, number[:17] + "0", "401", ""},
		} {
			t.Run(w.name+", "+test.name, func(t *testing.T) {
				response, call, err := w.verify(t, test.key, test.userName, test.identifyNum)
				if err != nil {
					t.Fatal(err)
				}
				if response.Code != test.code || response.ResultObject.BizCode != test.bizCode {
					t.Errorf("Code %s, BizCode %q, want %s, %q", response.Code, response.ResultObject.BizCode, test.code, test.bizCode)
				}
				sts := strings.HasPrefix(test.name, "temporary")
				if call.Method != w.method || call.Params != w.where || call.Signature != "HMAC-SHA1" || call.STS != sts {
					t.Errorf("recorded as %+v", call)
				}
			})
		}
	}
}

func TestRefusalsOfTheGateway(t *testing.T) {
	// The SDK compares the string that the gateway signed with its own. Only if they are
	// the same, it says that the secret is wrong.
	const wrongSecret = "InvalidAccessKeySecret: Please check you AccessKeySecret"
	for _, w := range ways {
		for _, test := range []struct {
			name      string
			key       auth.Credential
			fault     id2metatest.Fault
			status    int
			code      string
			recommend string // begins with it
		}{
			{"a wrong secret", key("wrong"), id2metatest.Fault{}, 400, "SignatureDoesNotMatch", wrongSecret},
			{"a wrong secret of a temporary key", temporaryKey("wrong", "its token"), id2metatest.Fault{}, 400, "SignatureDoesNotMatch", wrongSecret},
			{"an unknown access key", credentials.NewAccessKeyCredential("unknown", "secret"), id2metatest.Fault{},
				404, "InvalidAccessKeyId.NotFound", "https://"},
			{"a token that is not the key's", temporaryKey("its secret", "another"), id2metatest.Fault{},
				400, "InvalidSecurityToken.MismatchWithAccessKey", "https://"},
			{"throttled", key(id2metatest.AccessKeySecret), id2metatest.Throttle(2 * time.Second), 400, "Throttling.User", "https://"},
		} {
			t.Run(w.name+", "+test.name, func(t *testing.T) {
				_, call, err := w.verify(t, test.key, odd, number, test.fault)
				failed, ok := errors.AsType[*sdkerrors.ServerError](err)
				if !ok {
					t.Fatalf("got %v, want an error of the service", err)
				}
				if failed.HttpStatus() != test.status || failed.ErrorCode() != test.code || !strings.HasPrefix(failed.Recommend(), test.recommend) {
					t.Errorf("got HTTP %d, %s, %s", failed.HttpStatus(), failed.ErrorCode(), failed.Recommend())
				}
				if failed.RequestId() != call.RequestID || call.Billed {
					t.Errorf("recorded as %+v", call)
				}
				wait := strings.Join(failed.RespHeaders["X-Ratelimit-User-Api"], "")
				if throttled := test.code == "Throttling.User"; strings.Contains(wait, "TimeLeft:2000,") != throttled {
					t.Errorf("x-ratelimit-user-api: %q", wait)
				}
			})
		}
	}
}
