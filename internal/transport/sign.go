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

// algorithm is the signature of the vendor's page "V3 版本请求体&签名机制".
const algorithm = "ACS3-HMAC-SHA256"

// fields is the most headers that a request has.
const fields = 11

// newRequest returns r as the vendor's SDK sends it: with the same headers for each
// type of credential, and with the SDK's own signature.
func newRequest(ctx context.Context, r Request) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+r.Host+"/", strings.NewReader(r.Form))
	if err != nil {
		return nil, err
	}
	var nonce [16]byte
	rand.Read(nonce[:]) // never fails
	hash := sha256.Sum256([]byte(r.Form))
	payload := hex.EncodeToString(hash[:])
	header := make(http.Header, fields)
	values := make([]string, 0, fields) // of all headers: a slice each is an allocation each
	set := func(name, value string) {
		values = append(values, value)
		header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	set("Accept", "application/json")
	set("User-Agent", r.UserAgent)
	set("Content-Type", "application/x-www-form-urlencoded")
	set("X-Acs-Action", r.Action)
	set("X-Acs-Version", r.Version)
	set("X-Acs-Date", time.Now().UTC().Format("2006-01-02T15:04:05Z"))
	set("X-Acs-Signature-Nonce", hex.EncodeToString(nonce[:]))
	set("X-Acs-Content-Sha256", payload)
	switch c := r.Credential; c.Type {
	case "bearer":
		set("X-Acs-Bearer-Token", c.BearerToken)
		request.URL.RawQuery = "SignatureType=BEARERTOKEN"
	case "id_token":
		set("X-Acs-Zero-Trust-Idtoken", c.SecurityToken)
	default:
		if c.SecurityToken != "" {
			set("X-Acs-Accesskey-Id", c.AccessKeyID)
			set("X-Acs-Security-Token", c.SecurityToken)
		}
		set("Authorization", authorization(r, header, payload))
	}
	request.Header = header
	return request, nil
}

// authorization signs with the SDK's function, which picks from the headers what
// is to be signed.
func authorization(r Request, header http.Header, payload string) string {
	signed := make(map[string]*string, len(header)+1)
	signed["host"] = &r.Host
	for name, values := range header {
		signed[name] = &values[0]
	}
	return *utils.GetAuthorization(&dara.Request{
		Method:   dara.String(http.MethodPost),
		Pathname: dara.String("/"),
		Headers:  signed,
	}, dara.String(algorithm), &payload, &r.Credential.AccessKeyID, &r.Credential.AccessKeySecret)
}
