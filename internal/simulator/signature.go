package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
)

// acs3 is the newer signature algorithm, of the vendor's page "V3 版本请求体&签名机制". It
// signs the headers that SignedHeaders names, the query and the hash of the body.
const acs3 = "ACS3-HMAC-SHA256"

// proof is the part of a request that proves who sent the request.
type proof struct {
	scheme        string // acs3 or hmacSHA1
	accessKeyID   string
	securityToken string
	nonce         string
	timestamp     string
	signature     string
	expected      func(secret string) string // returns the right signature

	// hint is the message of the answer to a wrong signature. It repeats the string that
	// the gateway signed, in the wording of published answers. That string includes the
	// person. A developer can compare the string with the string that the client signed.
	// The vendor's older SDKs also compare the two, and say that the secret is wrong if
	// they are the same.
	hint string
}

// proof reads the signature of a request, with either algorithm.
func (r request) proof() (proof, *failure) {
	if auth := r.Header.Get("Authorization"); auth != "" {
		return r.acs3Proof(auth)
	}
	return r.rpcProof()
}

// acs3Proof reads an Authorization header of the form
//
//	ACS3-HMAC-SHA256 Credential=ID,SignedHeaders=a;b,Signature=hex
func (r request) acs3Proof(auth string) (proof, *failure) {
	scheme, rest, _ := strings.Cut(auth, " ")
	fields := map[string]string{}
	for field := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		fields[key] = value
	}
	signedHeaders := fields["SignedHeaders"]
	p := proof{
		scheme:        acs3,
		accessKeyID:   fields["Credential"],
		securityToken: r.Header.Get("X-Acs-Security-Token"),
		nonce:         r.Header.Get("X-Acs-Signature-Nonce"),
		timestamp:     r.Header.Get("X-Acs-Date"),
		signature:     fields["Signature"],
	}
	if scheme != acs3 {
		return p, invalidMethod
	}
	if signedHeaders == "" || p.signature == "" {
		return p, incompleteSignature
	}
	if p.accessKeyID == "" {
		return p, missingAccessKeyID
	}

	bodyHash := sha256Hex(r.body)
	canonicalRequest := r.canonicalRequest(signedHeaders, bodyHash)
	toSign := acs3 + "\n" + sha256Hex([]byte(canonicalRequest))
	p.hint = "Specified signature does not match our calculation. server StringToSign is [" + toSign +
		"] server CanonicalRequest is [" + canonicalRequest + "]"
	sent := r.Header.Get("X-Acs-Content-Sha256")
	p.expected = func(secret string) string {
		if sent != "" && !strings.EqualFold(sent, bodyHash) {
			return "" // the client signed another body
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(toSign))
		return hex.EncodeToString(mac.Sum(nil))
	}
	return p, nil
}

// canonicalRequest returns the canonical request with the headers that the client chose.
// The SDKs sign different headers.
func (r request) canonicalRequest(signedHeaders, bodyHash string) string {
	var headers strings.Builder
	for name := range strings.SplitSeq(signedHeaders, ";") {
		headers.WriteString(strings.ToLower(name) + ":" + r.headerValue(name) + "\n")
	}
	return strings.Join([]string{
		r.Method, r.URL.EscapedPath(), canonicalQuery(r.query), headers.String(), signedHeaders, bodyHash,
	}, "\n")
}

// headerValue returns the value of a header in the form that is signed. net/http keeps
// Host apart from the other headers.
func (r request) headerValue(name string) string {
	if strings.EqualFold(name, "host") {
		return r.Host
	}
	var values []string
	for _, v := range r.Header.Values(name) {
		values = append(values, strings.TrimSpace(v))
	}
	slices.Sort(values)
	return strings.Join(values, ",")
}

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// canonicalQuery sorts the parameters by name and value, and encodes them. Both signature
// algorithms need this form.
func canonicalQuery(params url.Values) string {
	sorted := url.Values{}
	for name, values := range params {
		sorted[name] = slices.Sorted(slices.Values(values))
	}
	return strings.ReplaceAll(sorted.Encode(), "+", "%20")
}
