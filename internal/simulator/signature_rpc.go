package simulator

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
)

// hmacSHA1 is the older signature algorithm, of the vendor's page "V2 版本 RPC
// 风格请求体&签名机制". Every value is a parameter in the query or in the body, even the
// signature. The algorithm signs all other parameters.
const hmacSHA1 = "HMAC-SHA1"

func (r request) rpcProof() (proof, *failure) {
	p := proof{
		scheme:        hmacSHA1,
		accessKeyID:   r.param("AccessKeyId"),
		securityToken: r.param("SecurityToken"),
		nonce:         r.param("SignatureNonce"),
		timestamp:     r.param("Timestamp"),
		signature:     r.param("Signature"),
	}
	if p.accessKeyID == "" {
		return p, missingAccessKeyID
	}
	if r.param("SignatureMethod") != hmacSHA1 || r.param("SignatureVersion") != "1.0" {
		return p, invalidMethod
	}
	if p.signature == "" {
		return p, incompleteSignature
	}

	params := url.Values{}
	maps.Copy(params, r.query)
	for name, values := range r.form {
		params[name] = append(slices.Clone(params[name]), values...)
	}
	params.Del("Signature")
	stringToSign := r.Method + "&%2F&" + url.QueryEscape(canonicalQuery(params))
	// There is no space after the colon, because the vendor's SDKs compare the text
	// after the colon with the string that they signed.
	p.hint = "Specified signature is not matched with our calculation. server string to sign is:" + stringToSign
	p.expected = func(secret string) string {
		mac := hmac.New(sha1.New, []byte(secret+"&"))
		mac.Write([]byte(stringToSign))
		return base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return p, nil
}
