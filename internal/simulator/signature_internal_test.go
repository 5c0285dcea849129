package simulator

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func read(t *testing.T, r *http.Request) request {
	t.Helper()
	req, err := readRequest(httptest.NewRecorder(), r)
	require.NoError(t, err)
	return req
}

func TestKnownAnswersOfTheVendor(t *testing.T) {
	for _, test := range []struct {
		name, method, url, secret, id, want string
		header                              map[string]string
	}{
		{
			name:   "the example of the page V3 版本请求体&签名机制",
			method: "POST",
			url:    "https://ecs.cn-shanghai.aliyuncs.com/?RegionId=cn-shanghai&ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
			header: map[string]string{
				"x-acs-action":          "RunInstances",
				"x-acs-version":         "2014-05-26",
				"x-acs-date":            "2023-10-26T10:22:32Z",
				"x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
				"x-acs-content-sha256":  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
				"Authorization": "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=" +
					"host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=" +
					"06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0",
			},
			secret: "YourAccessKeySecret", id: "YourAccessKeyId",
			want: "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0",
		},
		{
			name:   "the example of the pages on the RPC style",
			method: "GET",
			url: "https://ecs.aliyuncs.com/?Format=XML&AccessKeyId=testid&Action=DescribeRegions&SignatureMethod=HMAC-SHA1&" +
				"SignatureNonce=3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf&SignatureVersion=1.0&Version=2014-05-26&" +
				"Timestamp=2016-02-23T12%3A46%3A24Z&Signature=OLeaidS1JvxuMvnyHOwuJ%2BuX5qY%3D",
			secret: "testsecret", id: "testid",
			want: "OLeaidS1JvxuMvnyHOwuJ+uX5qY=",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(test.method, test.url, nil)
			for name, value := range test.header {
				r.Header.Set(name, value)
			}
			p, failed := read(t, r).proof()
			require.Nil(t, failed)
			assert.Equal(t, test.want, p.signature)
			assert.Equal(t, test.id, p.accessKeyID)
			assert.Equal(t, test.want, p.expected(test.secret))
		})
	}
}

func TestCanonicalQuery(t *testing.T) {
	for name, test := range map[string]struct{ query, want string }{
		"sorts by name":                           {"b=2&a=1", "a=1&b=2"},
		"sorts the values of one name":            {"a=2&a=1", "a=1&a=2"},
		"keeps a name without a value":            {"a=&b", "a=&b="},
		"encodes a space as %20":                  {"a=x+y", "a=x%20y"},
		"encodes an asterisk and leaves a tilde":  {"a=*~", "a=%2A~"},
		"encodes what is not ASCII in upper case": {"a=三", "a=%E4%B8%89"},
		"is empty without parameters":             {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "https://127.0.0.1/?"+test.query, nil)
			assert.Equal(t, test.want, canonicalQuery(r.URL.Query()))
		})
	}
}

func TestHeadersAreSignedTrimmedAndInOrder(t *testing.T) {
	r := httptest.NewRequest("POST", "https://127.0.0.1/", nil)
	r.Header["X-Acs-Extra"] = []string{" b ", "a"}
	want := "POST\n/\n\nhost:127.0.0.1\nx-acs-extra:a,b\n\nhost;x-acs-extra\nhash"
	assert.Equal(t, want, read(t, r).canonicalRequest("host;x-acs-extra", "hash"))
}

func TestNonceMemoryIsBounded(t *testing.T) {
	var m nonceMemory
	const extra = 1000
	for i := range maxNonces + extra {
		m.use("id", strconv.Itoa(i))
	}
	assert.Len(t, m.queue, maxNonces)
	assert.Len(t, m.used, maxNonces)
	assert.False(t, m.use("id", strconv.Itoa(maxNonces+extra-1)), "the last nonce was accepted again")
	assert.False(t, m.use("id", strconv.Itoa(extra)), "the oldest nonce that fits was accepted again")
	assert.True(t, m.use("id", "0"), "a nonce that was forgotten")
	assert.True(t, m.use("other", "0"), "the nonce of another access key")
}
