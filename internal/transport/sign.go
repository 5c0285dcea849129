package transport

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	"github.com/alibabacloud-go/tea/dara"
)

// algorithm is the signature algorithm of the vendor's page "V3 版本请求体&签名机制".
const algorithm = "ACS3-HMAC-SHA256"

// newRequest returns r as an HTTP request with the same headers as the vendor's SDK,
// for each type of credential, and with the signature that the SDK makes.
func newRequest(ctx context.Context, r Request) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+r.Host+"/", strings.NewReader(r.Form))
	if err != nil {
		return nil, err
	}
	var nonce [16]byte
	rand.Read(nonce[:]) // never fails
	hash := sha256.Sum256([]byte(r.Form))
	payload := hex.EncodeToString(hash[:])
	request.Header = http.Header{
		"Accept":                {"application/json"},
		"User-Agent":            {r.UserAgent},
		"Content-Type":          {"application/x-www-form-urlencoded"},
		"X-Acs-Action":          {r.Action},
		"X-Acs-Version":         {r.Version},
		"X-Acs-Date":            {time.Now().UTC().Format("2006-01-02T15:04:05Z")},
		"X-Acs-Signature-Nonce": {hex.EncodeToString(nonce[:])},
		"X-Acs-Content-Sha256":  {payload},
	}
	switch c := r.Credential; c.Type {
	case "bearer":
		request.Header.Set("X-Acs-Bearer-Token", c.BearerToken)
		request.URL.RawQuery = "SignatureType=BEARERTOKEN"
	case "id_token":
		request.Header.Set("X-Acs-Zero-Trust-Idtoken", c.SecurityToken)
	default:
		if c.SecurityToken != "" {
			request.Header.Set("X-Acs-Accesskey-Id", c.AccessKeyID)
			request.Header.Set("X-Acs-Security-Token", c.SecurityToken)
		}
		request.Header.Set("Authorization", authorization(r, request.Header, payload))
	}
	return request, nil
}

// authorization signs with the SDK's function. That function chooses which headers are
// signed.
func authorization(r Request, header http.Header, payload string) string {
	signed := map[string]*string{"host": &r.Host}
	for name, values := range header {
		signed[strings.ToLower(name)] = &values[0] // otherwise the SDK's function lowers each name many times
	}
	return *utils.GetAuthorization(&dara.Request{
		Method:   dara.String(http.MethodPost),
		Pathname: dara.String("/"),
		Headers:  signed,
	}, dara.String(algorithm), &payload, &r.Credential.AccessKeyID, &r.Credential.AccessKeySecret)
}
