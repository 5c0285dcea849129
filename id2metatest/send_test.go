package id2metatest_test

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/id2metatest"
)

const (
	name   = "张三"
	number = "11010519491231002X"

	// By md5sum.
	maskedName   = "6499fc7409049355527ef6a2ba5706b8三"
	maskedNumber = "110105f8817a477938df5a3e7763cadc5a9abb002X"

	otherNumber       = "440524188001010014"
	maskedOtherNumber = "44052479f3d5e41dcbdd83d88ab73d4aa88f8b0014"
)

// ask is a client of its own, so that each part of a request can be right or
// wrong on its own. Its zero values are right.
type ask struct {
	rpc    bool   // sign with HMAC-SHA1 among the parameters
	method string // default POST
	query  bool   // put the parameters there, and not into the body
	path   string // default "/"

	params               map[string]string // default: is 张三 that number?
	id, secret, token    string            // default: the Server's own, no token
	action, version      string
	date                 time.Time // default now
	nonce                string    // default random; "none" leaves it out
	contentType          string    // default the one of forms
	signed               []string  // default: host, content-type and all x-acs
	beforeSigned, tamper func(*http.Request)

	toSign, canonicalRequest *string // if not nil, what was signed is stored here
}

type answer struct {
	status  int
	header  http.Header
	body    string
	bizCode string

	RequestId, HostId, Code, Message, Recommend string
}

func (a ask) send(t testing.TB, s *id2metatest.Server) (answer, error) {
	t.Helper()
	r := a.request(t, s.Endpoint())
	res, err := s.Client().Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	ans := answer{status: res.StatusCode, header: res.Header, body: string(body)}
	if err != nil {
		return ans, err
	}
	json.Unmarshal(body, &ans) // Raw may be anything
	var verdict struct{ ResultObject struct{ BizCode string } }
	json.Unmarshal(body, &verdict)
	ans.bizCode = verdict.ResultObject.BizCode
	return ans, nil
}

// mustSend is send where an answer is certain.
func (a ask) mustSend(t testing.TB, s *id2metatest.Server) answer {
	t.Helper()
	ans, err := a.send(t, s)
	require.NoError(t, err)
	return ans
}

func (a ask) request(t testing.TB, host string) *http.Request {
	t.Helper()
	a.method = cmp.Or(a.method, "POST")
	a.path = cmp.Or(a.path, "/")
	a.id = cmp.Or(a.id, id2metatest.AccessKeyID)
	a.secret = cmp.Or(a.secret, id2metatest.AccessKeySecret)
	a.action = cmp.Or(a.action, "Id2MetaVerify")
	a.version = cmp.Or(a.version, "2019-03-07")
	a.nonce = cmp.Or(a.nonce, rand.Text())
	a.contentType = cmp.Or(a.contentType, "application/x-www-form-urlencoded")
	if a.nonce == "none" {
		a.nonce = ""
	}
	if a.params == nil {
		a.params = normal(name, number)
	}
	if a.date.IsZero() {
		a.date = time.Now()
	}
	date := a.date.UTC().Format("2006-01-02T15:04:05Z")

	params := url.Values{}
	for k, v := range a.params {
		params.Set(k, v)
	}
	if a.rpc {
		for k, v := range map[string]string{
			"Action": a.action, "Version": a.version, "Format": "JSON", "Timestamp": date,
			"AccessKeyId": a.id, "SecurityToken": a.token, "SignatureNonce": a.nonce,
			"SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0",
		} {
			if v != "" {
				params.Set(k, v)
			}
		}
		mac := hmac.New(sha1.New, []byte(a.secret+"&"))
		toSign := a.method + "&%2F&" + strings.ReplaceAll(url.QueryEscape(sorted(params)), "+", "%20")
		io.WriteString(mac, toSign)
		store(a.toSign, toSign)
		params.Set("Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}

	query, body := "", sorted(params)
	if a.query {
		query, body = body, ""
	}
	r, err := http.NewRequest(a.method, "https://"+host+a.path+"?"+query, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		r.Header.Set("Content-Type", a.contentType)
	}
	if !a.rpc {
		a.signACS3(r, query, body, date)
	}
	if a.tamper != nil {
		a.tamper(r)
	}
	return r
}

func (a ask) signACS3(r *http.Request, query, body, date string) {
	sum := sha256.Sum256([]byte(body))
	bodyHash := hex.EncodeToString(sum[:])
	for k, v := range map[string]string{
		"x-acs-action": a.action, "x-acs-version": a.version, "x-acs-date": date,
		"x-acs-signature-nonce": a.nonce, "x-acs-content-sha256": bodyHash, "x-acs-security-token": a.token,
	} {
		if v != "" {
			r.Header.Set(k, v)
		}
	}
	if a.beforeSigned != nil {
		a.beforeSigned(r)
	}
	signed := a.signed
	if signed == nil {
		signed = []string{"host"}
		for k := range r.Header {
			if k = strings.ToLower(k); k == "content-type" || strings.HasPrefix(k, "x-acs-") {
				signed = append(signed, k)
			}
		}
		sort.Strings(signed)
	}
	canonical := r.Method + "\n" + r.URL.Path + "\n" + query + "\n"
	for _, k := range signed {
		v := r.Header.Get(k)
		if k == "host" {
			v = r.URL.Host
		}
		canonical += k + ":" + strings.TrimSpace(v) + "\n"
	}
	canonical += "\n" + strings.Join(signed, ";") + "\n" + bodyHash
	sum = sha256.Sum256([]byte(canonical))
	mac := hmac.New(sha256.New, []byte(a.secret))
	toSign := "ACS3-HMAC-SHA256\n" + hex.EncodeToString(sum[:])
	io.WriteString(mac, toSign)
	store(a.toSign, toSign)
	store(a.canonicalRequest, canonical)
	r.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential="+a.id+",SignedHeaders="+
		strings.Join(signed, ";")+",Signature="+hex.EncodeToString(mac.Sum(nil)))
}

func store(p *string, value string) {
	if p != nil {
		*p = value
	}
}

func sorted(params url.Values) string {
	return strings.ReplaceAll(params.Encode(), "+", "%20")
}

func normal(userName, identifyNum string) map[string]string {
	return map[string]string{"ParamType": "normal", "UserName": userName, "IdentifyNum": identifyNum}
}

func masked(userName, identifyNum string) map[string]string {
	return map[string]string{"ParamType": "md5", "UserName": userName, "IdentifyNum": identifyNum}
}

// newServer starts a Server that knows 张三 and is closed with the test.
func newServer(t testing.TB, opts ...id2metatest.Option) *id2metatest.Server {
	t.Helper()
	s := id2metatest.NewServer(opts...)
	t.Cleanup(s.Close)
	s.AddPerson(name, number)
	return s
}
