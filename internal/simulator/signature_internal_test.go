package simulator

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

func signedRequest(t *testing.T, r *http.Request) (request, proof) {
	t.Helper()
	req, err := readRequest(r)
	if err != nil {
		t.Fatal(err)
	}
	p, failed := req.proof()
	if failed != nil {
		t.Fatalf("proof: %s", failed.code)
	}
	return req, p
}

// The example of the vendor's page "V3 版本请求体&签名机制".
func TestACS3SignatureKnownAnswer(t *testing.T) {
	const want = "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
	r := httptest.NewRequest("POST",
		"https://ecs.cn-shanghai.aliyuncs.com/?RegionId=cn-shanghai&ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd", nil)
	for name, value := range map[string]string{
		"x-acs-action":          "RunInstances",
		"x-acs-version":         "2014-05-26",
		"x-acs-date":            "2023-10-26T10:22:32Z",
		"x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
		"x-acs-content-sha256":  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"Authorization": "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=" +
			"host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=" + want,
	} {
		r.Header.Set(name, value)
	}

	_, p := signedRequest(t, r)
	if got := p.expected("YourAccessKeySecret"); got != want {
		t.Errorf("signature = %s, want %s", got, want)
	}
	if p.signature != want || p.accessKeyID != "YourAccessKeyId" {
		t.Errorf("the Authorization header was read as %q, %q", p.accessKeyID, p.signature)
	}
}

// The example of the vendor's pages on the RPC style, as every ECS user knows it.
func TestRPCSignatureKnownAnswer(t *testing.T) {
	const want = "OLeaidS1JvxuMvnyHOwuJ+uX5qY="
	const params = "Format=XML&AccessKeyId=testid&Action=DescribeRegions&SignatureMethod=HMAC-SHA1&" +
		"SignatureNonce=3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf&SignatureVersion=1.0&Version=2014-05-26&" +
		"Timestamp=2016-02-23T12%3A46%3A24Z&Signature=OLeaidS1JvxuMvnyHOwuJ%2BuX5qY%3D"

	r := httptest.NewRequest("GET", "https://ecs.aliyuncs.com/?"+params, nil)
	_, p := signedRequest(t, r)
	if got := p.expected("testsecret"); got != want {
		t.Errorf("signature = %s, want %s", got, want)
	}
	if p.signature != want {
		t.Errorf("the signature was read as %q", p.signature)
	}
}

func TestCanonicalQuery(t *testing.T) {
	for _, test := range []struct{ name, query, want string }{
		{"sorts by name", "b=2&a=1", "a=1&b=2"},
		{"sorts the values of one name", "a=2&a=1", "a=1&a=2"},
		{"keeps a name without a value", "a=&b", "a=&b="},
		{"encodes a space as %20", "a=x+y", "a=x%20y"},
		{"encodes an asterisk and leaves a tilde", "a=*~", "a=%2A~"},
		{"encodes what is not ASCII in upper case", "a=三", "a=%E4%B8%89"},
		{"is empty without parameters", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "https://127.0.0.1/?"+test.query, nil)
			if got := canonicalQuery(r.URL.Query()); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestHeadersAreSignedTrimmedAndInOrder(t *testing.T) {
	r := httptest.NewRequest("POST", "https://127.0.0.1/", strings.NewReader(""))
	r.Header.Add("X-Acs-Extra", " b ")
	r.Header.Add("X-Acs-Extra", "a")
	req, err := readRequest(r)
	if err != nil {
		t.Fatal(err)
	}
	got := req.canonicalRequest("host;x-acs-extra", "hash")
	want := "POST\n/\n\nhost:127.0.0.1\nx-acs-extra:a,b\n\nhost;x-acs-extra\nhash"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestNonceMemory(t *testing.T) {
	var m nonceMemory
	start := time.Now()
	if !m.use("id", "n", start) {
		t.Error("a new nonce was refused")
	}
	if !m.use("other", "n", start) {
		t.Error("the nonce of another access key was refused")
	}
	if m.use("id", "n", start.Add(2*dateWindow)) {
		t.Error("a nonce was accepted again while its date can be valid")
	}
	if !m.use("id", "n", start.Add(2*dateWindow+time.Second)) {
		t.Error("a nonce was refused that no valid date can go with")
	}
	if len(m.queue) != 1 || len(m.used) != 1 {
		t.Errorf("%d and %d nonces are remembered, want 1: memory grows for ever", len(m.queue), len(m.used))
	}
}

func TestNonceMemoryIsBounded(t *testing.T) {
	var m nonceMemory
	now := time.Now()
	const extra = 1000
	for i := range maxNonces + extra {
		m.use("id", strconv.Itoa(i), now)
	}
	if len(m.queue) != maxNonces || len(m.used) != maxNonces {
		t.Errorf("%d and %d nonces are remembered, want %d", len(m.queue), len(m.used), maxNonces)
	}
	if m.use("id", strconv.Itoa(maxNonces+extra-1), now) {
		t.Error("the last nonce was accepted again")
	}
	if m.use("id", strconv.Itoa(extra+1), now) {
		t.Error("the oldest nonce that fits was accepted again")
	}
}
