package systemtest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	cloudauth "github.com/alibabacloud-go/cloudauth-20190307/v3/client"
	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/aliyun/credentials-go/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
)

// modelCredential returns its model.
type modelCredential struct {
	credentials.Credential
	model credentials.CredentialModel
}

func (c *modelCredential) GetCredential() (*credentials.CredentialModel, error) { return &c.model, nil }

// different are the headers that must differ between this library and the SDK.
var different = map[string]string{
	"User-Agent":                 "it names the SDK, or this library",
	"X-Acs-Credentials-Provider": "this library does not tell the service where the key comes from",
	"X-Acs-Signature-Nonce":      "it is new each time",
	"X-Acs-Date":                 "it is the time",
	"Authorization":              "it signs the nonce and the date",
}

// authorization matches the header. Its group is the header without the signature.
var authorization = regexp.MustCompile(`^(ACS3-HMAC-SHA256 Credential=.*,SignedHeaders=.*,Signature=)[0-9a-f]{64}$`)

// The vendor's SDK and this library send the same request with each type of credential.
// The test compares the two requests that arrive.
func TestRequestIsTheSDKs(t *testing.T) {
	for _, test := range []struct {
		name   string
		model  credentials.CredentialModel
		header []string // only this type sends them
		query  string
	}{
		{"an access key", credentials.CredentialModel{
			Type: dara.String("access_key"), AccessKeyId: dara.String("id"), AccessKeySecret: dara.String("secret"),
			ProviderName: dara.String("static_ak"),
		}, []string{"Authorization"}, ""},
		{"an access key without a type", credentials.CredentialModel{
			AccessKeyId: dara.String("id"), AccessKeySecret: dara.String("secret"),
		}, []string{"Authorization"}, ""},
		{"an STS token", credentials.CredentialModel{
			Type: dara.String("sts"), AccessKeyId: dara.String("STS.id"), AccessKeySecret: dara.String("secret"),
			SecurityToken: dara.String("CAIS+/token=="),
		}, []string{"Authorization", "X-Acs-Accesskey-Id", "X-Acs-Security-Token"}, ""},
		{"a bearer token", credentials.CredentialModel{
			Type: dara.String("bearer"), BearerToken: dara.String("bearer-token"),
		}, []string{"X-Acs-Bearer-Token"}, "SignatureType=BEARERTOKEN"},
		{"an id_token", credentials.CredentialModel{
			Type: dara.String("id_token"), SecurityToken: dara.String("id-token"),
		}, []string{"X-Acs-Zero-Trust-Idtoken"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var requests []*http.Request
			var bodies []string
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				requests, bodies = append(requests, r), append(bodies, string(body))
				w.Header().Set("Content-Type", "application/json")
				io.WriteString(w, `{"Code":"200","ResultObject":{"BizCode":"1"}}`)
			}))
			defer server.Close()
			endpoint := server.Listener.Addr().String()

			credential := &modelCredential{model: test.model}
			sendWithSDK(t, endpoint, credential)
			client, err := id2meta.New(id2meta.WithEndpoints(endpoint), id2meta.WithCredential(credential))
			require.NoError(t, err)
			defer client.CloseIdleConnections()
			_, err = client.Verify(t.Context(), id2meta.Param{UserName: "JOHN O'NEIL-SMITH, Á.B.", IdentifyNum: "11010519491231002X"})
			require.NoError(t, err)

			require.Len(t, requests, 2)
			sdk, own := requests[0], requests[1]
			assert.Equal(t, sdk.Method, own.Method)
			assert.Equal(t, sdk.RequestURI, own.RequestURI)
			assert.Equal(t, test.query, own.URL.RawQuery)
			assert.Equal(t, sdk.Host, own.Host)
			assert.Equal(t, bodies[0], bodies[1])
			assert.Equal(t, sdk.ContentLength, own.ContentLength)
			assert.Empty(t, own.Header.Values("X-Acs-Credentials-Provider"))
			for _, name := range test.header {
				assert.Contains(t, own.Header, name)
			}
			names := map[string]bool{}
			for _, r := range requests {
				for name := range r.Header {
					names[name] = true
				}
			}
			for name := range names {
				if _, wanted := different[name]; !wanted {
					assert.Equal(t, sdk.Header[name], own.Header[name], name)
				} else if name != "X-Acs-Credentials-Provider" {
					assert.Equal(t, len(sdk.Header[name]), len(own.Header[name]), name)
				}
			}
			if key := authorization.FindStringSubmatch(sdk.Header.Get("Authorization")); key != nil {
				signedBySDK := regexp.MustCompile(`x-acs-credentials-provider;`).ReplaceAllString(key[1], "")
				assert.Equal(t, signedBySDK, authorization.FindStringSubmatch(own.Header.Get("Authorization"))[1])
			} else {
				assert.Empty(t, own.Header.Values("Authorization"))
			}
		})
	}
}

// sendWithSDK sends the request with a form body, as the vendor's newer SDKs do.
func sendWithSDK(t *testing.T, endpoint string, credential credentials.Credential) {
	t.Helper()
	sdk, err := cloudauth.NewClient(&openapi.Config{
		Endpoint: dara.String(endpoint), Protocol: dara.String("HTTPS"), Credential: credential,
	})
	require.NoError(t, err)
	_, err = sdk.CallApiWithCtx(context.WithoutCancel(t.Context()), &openapi.Params{
		Action: dara.String("Id2MetaVerify"), Version: dara.String("2019-03-07"), Protocol: dara.String("HTTPS"),
		Pathname: dara.String("/"), Method: dara.String("POST"), AuthType: dara.String("AK"), Style: dara.String("RPC"),
		ReqBodyType: dara.String("formData"), BodyType: dara.String("json"),
	}, &openapi.OpenApiRequest{Body: map[string]any{
		"ParamType": "normal", "UserName": "JOHN O'NEIL-SMITH, Á.B.", "IdentifyNum": "11010519491231002X",
	}}, &dara.RuntimeOptions{})
	require.NoError(t, err)
}
