package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testenv"
)

// runAsProgram makes this test binary the program, because a process reads the proxy of
// its environment once.
const runAsProgram = "ID2META_CHECK_TEST_RUN_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(runAsProgram) != "" {
		main()
		return
	}
	os.Exit(testenv.Run(m))
}

const (
	keyID  = "LTAI5tSampleSampleabcd"
	secret = "sampleSecretSampleSecret"
	token  = "sampleTokenSampleToken"
)

// soon is far more than any run here needs.
const soon = 20 * time.Second

// patience is for a source, an endpoint or a service that does not answer. On a busy
// machine, a command or a handshake that does answer takes half a second at times.
const patience = "2s"

// result is what one run printed.
type result struct {
	code   int
	OK     bool
	Checks []line
	stderr string
}

// find returns the lines of a check.
func (r result) find(check string) (lines []line) {
	for _, l := range r.Checks {
		if l.Check == check {
			lines = append(lines, l)
		}
	}
	return lines
}

// check runs the program with -json, and requires that it shows no secret and ends soon.
func check(t *testing.T, args ...string) (r result) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	started := time.Now()
	r.code = run(t.Context(), append(args, "-json"), &stdout, &stderr)
	assert.Less(t, time.Since(started), soon)
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &r), stdout.String())
	r.stderr = stderr.String()
	for _, text := range []string{keyID, secret, token} {
		assert.NotContains(t, stdout.String()+stderr.String(), text)
	}
	assert.Equal(t, r.OK, r.code == 0)
	return r
}

// want requires one line of a check with this status and these parts.
func (r result) want(t *testing.T, check, status string, parts ...string) {
	t.Helper()
	lines := r.find(check)
	require.Len(t, lines, 1, "%+v", r.Checks)
	assert.Equal(t, status, lines[0].Status, lines[0].Detail)
	for _, part := range parts {
		assert.Contains(t, lines[0].Detail+"\n"+lines[0].Todo, part)
	}
	if status == fail {
		assert.Equal(t, 1, r.code)
		assert.NotEmpty(t, lines[0].Todo)
	}
}

// newServer starts a simulator that accepts the key of the environment.
func newServer(t *testing.T) *id2metatest.Server {
	server := id2metatest.NewServer()
	t.Cleanup(server.Close)
	server.AddCredential(keyID, secret, "")
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", keyID)
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret)
	return server
}

func TestASetUpThatIsRight(t *testing.T) {
	server := newServer(t)
	r := check(t, "-endpoint", server.Endpoint())
	r.want(t, "credential", ok, "environment variables, LTAI****abcd, permanent")
	r.want(t, "tcp", ok, server.Endpoint()+", no proxy")
	r.want(t, "tls", ok, "TLS 1.3, certificate issued by CN=id2meta simulator, until 20")
	r.want(t, "clock", ok)
	r.want(t, "request", ok, "refused for its empty number alone")
	assert.Equal(t, 0, r.code)
	assert.Contains(t, r.stderr, "expected to be refused, and not billed. (Derived")
	require.Len(t, server.Calls(), 2, "HEAD and the signed request")
	for _, call := range server.Calls() {
		assert.False(t, call.Billed)
		assert.Empty(t, call.Person)
	}
}

func TestNoRequestSendsNothingSigned(t *testing.T) {
	server := newServer(t)
	r := check(t, "-endpoint", server.Endpoint(), "-no-request")
	assert.Equal(t, 0, r.code)
	assert.Empty(t, r.find("request"))
	assert.Empty(t, r.stderr)
	require.Len(t, server.Calls(), 1)
	call := server.Calls()[0]
	assert.Equal(t, []string{http.MethodHead, "", ""}, []string{call.Method, call.Action, call.AccessKeyID})
}

func TestCredential(t *testing.T) {
	profile := func(t *testing.T, text string) {
		name := filepath.Join(t.TempDir(), "config.json")
		require.NoError(t, os.WriteFile(name, []byte(`{"current":"p","profiles":[{"name":"p",`+text+`}]}`), 0o600))
		t.Setenv("ALIBABA_CLOUD_CONFIG_FILE", name)
	}
	command := func(t *testing.T, script string) {
		name := filepath.Join(t.TempDir(), "give-key")
		require.NoError(t, os.WriteFile(name, []byte("#!/bin/sh\n"+script+"\n"), 0o700))
		profile(t, `"mode":"External","process_command":"`+name+`"`)
	}
	keyUntil := func(t *testing.T, expiry string) {
		command(t, fmt.Sprintf(`echo '{"mode":"StsToken","access_key_id":%q,"access_key_secret":%q,"sts_token":%q,"expiration":%q}'`, keyID, secret, token, expiry))
	}
	for _, test := range []struct {
		name   string
		make   func(t *testing.T)
		status string
		parts  []string
		zh     string
	}{
		{"none", func(*testing.T) {}, fail, []string{"no usable key: ", "ALIBABA_CLOUD_ACCESS_KEY_ID", "docs/credentials.md"}, "docs/credentials.zh-CN.md"},
		{"an expired sign-in", func(t *testing.T) {
			profile(t, `"mode":"CloudSSO","access_token":"`+token+`","cloud_sso_access_token_expire":1`)
		}, fail, []string{"the sign-in of a CLI profile has expired"}, "没有可用的密钥"},
		{"an expired key", func(t *testing.T) { keyUntil(t, "2020-01-01T00:00:00Z") },
			fail, []string{"a profile of the CLI, LTAI****abcd, expired at ", "renew it"}, "请在来源处更新"},
		{"a source that does not answer", func(t *testing.T) { command(t, "exec sleep 20") },
			fail, []string{"its source did not answer in 2s"}, "来源在 2s 内没有应答"},
		{"a key that expires", func(t *testing.T) { keyUntil(t, "2096-01-01T00:00:00Z") },
			ok, []string{"LTAI****abcd, temporary, expires at 2096-01-01T"}, "临时凭据"},
		{"a token that nobody renews", func(t *testing.T) {
			t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", keyID)
			t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret)
			t.Setenv("ALIBABA_CLOUD_SECURITY_TOKEN", token)
		}, warn, []string{"does not say when it expires", "use a role"}, "服务请用角色"},
	} {
		for lang, parts := range map[string][]string{"en": test.parts, "zh": {test.zh}} {
			t.Run(test.name+", "+lang, func(t *testing.T) {
				server := id2metatest.NewServer()
				defer server.Close()
				test.make(t)
				r := check(t, "-endpoint", server.Endpoint(), "-timeout", patience, "-lang", lang)
				r.want(t, "credential", test.status, parts...)
				if test.status == fail {
					r.want(t, "request", warn, named(lang).say("not sent", "没有发送"))
					assert.Len(t, server.Calls(), 1, "HEAD")
				}
			})
		}
	}
	assert.Equal(t, "****", masked("LTAI1234567"), "a short ID is not shown at all")
	for _, name := range []string{"env", "oidc_role_arn", "cli_profile", "profile", "ecs_ram_role", "credential_uri", "simulator"} {
		english, chinese := checker{}.source(name), checker{language: true}.source(name)
		assert.NotEqual(t, name, english)
		assert.NotEqual(t, english, chinese)
	}
}

func refusing(t *testing.T) string {
	listener := testenv.Accept(t, func(net.Conn) {})
	listener.Close()
	return listener.Address
}

func TestEndpoint(t *testing.T) {
	silent := testenv.Accept(t, func(conn net.Conn) { io.Copy(io.Discard, conn) })
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for _, test := range []struct {
		name, endpoint string
		check          string
		parts          []string
		zh             string
	}{
		{"a host that does not exist", "nobody.invalid", "dns", []string{"not found: ", "name servers"}, "解析失败"},
		{"a port that refuses", refusing(t), "tcp", []string{"connection refused", "firewall"}, "连不上"},
		{"a server that says nothing", silent.Address, "tls", []string{"no answer in time", "a proxy or a firewall"}, "超时，没有应答"},
		{"a server without TLS", plain.Listener.Addr().String(), "tls", []string{"does not look like a TLS handshake"}, "TLS 握手失败"},
		{"a certificate of an unknown CA", serve(t, time.Hour).Listener.Addr().String(), "tls", []string{
			"the certificate is not trusted: x509: certificate signed by unknown authority; issued by CN=Proxy CA of a company",
			"a proxy that ends TLS", "ca-certificates"}, "由 CN=Proxy CA of a company 签发"},
		{"a certificate that has expired", serve(t, -time.Hour).Listener.Addr().String(), "tls", []string{"expired", "issued by CN=Proxy CA of a company", "the clock"}, "证书不受信任"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", keyID)
			t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret)
			r := check(t, "-endpoint", test.endpoint, "-timeout", patience)
			r.want(t, test.check, fail, test.parts...)
			r.want(t, "request", warn, "not sent")
			assert.Empty(t, r.find("clock"))
			check(t, "-endpoint", test.endpoint, "-timeout", patience, "-lang", "zh").want(t, test.check, fail, test.zh)
		})
	}
}

func TestAnEndpointThatFailsIsAWarningIfAnotherWorks(t *testing.T) {
	server := newServer(t)
	refuses := refusing(t)
	r := check(t, "-endpoint", refuses, "-endpoint", server.Endpoint())
	assert.Equal(t, 0, r.code)
	tcp := r.find("tcp")
	require.Len(t, tcp, 2)
	assert.Equal(t, []string{refuses, warn}, []string{tcp[0].Target, tcp[0].Status})
	assert.Equal(t, []string{server.Endpoint(), ok}, []string{tcp[1].Target, tcp[1].Status})
	r.want(t, "request", ok)
}

func TestNamesAreLookedUp(t *testing.T) {
	server := newServer(t)
	_, port, _ := net.SplitHostPort(server.Endpoint())
	check(t, "-endpoint", "localhost:"+port).want(t, "dns", ok, "IPv4 127.0.0.1; IPv6 ")
	checker := checker{}
	for want, ips := range map[string][]string{
		"IPv4 192.0.2.1, 192.0.2.2; IPv6 2001:db8::1": {"2001:db8::1", "192.0.2.1", "192.0.2.2"},
		"IPv4 none; IPv6 2001:db8::1":                 {"2001:db8::1"},
	} {
		p := &probe{}
		for _, ip := range ips {
			p.addresses = append(p.addresses, net.IPAddr{IP: net.ParseIP(ip)})
		}
		assert.Equal(t, want, checker.ofAddresses(p))
	}
}

func TestClock(t *testing.T) {
	for _, test := range []struct {
		name   string
		date   func() string
		status string
		parts  []string
	}{
		{"right", func() string { return date(0) }, ok, nil},
		{"two minutes behind", func() string { return date(2 * time.Minute) }, warn, []string{"behind the service", "NTP"}},
		{"an hour ahead", func() string { return date(-time.Hour) }, fail, []string{"ahead of the service", "15 minutes"}},
		{"an hour behind", func() string { return date(time.Hour) }, fail, []string{"behind the service"}},
		{"an answer without a Date", func() string { return "" }, warn, []string{"not measured"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Date"] = nil
				if d := test.date(); d != "" {
					w.Header().Set("Date", d)
				}
			}))
			defer server.Close()
			check(t, "-endpoint", server.Listener.Addr().String(), "-no-request").want(t, "clock", test.status, test.parts...)
		})
	}
	t.Run("the service answered in the middle of the wait", func(t *testing.T) {
		sent := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
		p := &probe{secured: sent, answered: sent.Add(10 * time.Second), header: http.Header{"Date": {sent.Add(-time.Hour).Format(http.TimeFormat)}}}
		ahead, known := p.clockAhead()
		assert.True(t, known)
		assert.InDelta(t, time.Hour+5*time.Second, ahead, float64(time.Second))
	})
}

func TestAnEndpointThatAnswersNothingTellsNoTime(t *testing.T) {
	server := newServer(t)
	server.Inject(id2metatest.Hang())
	r := check(t, "-endpoint", server.Endpoint(), "-no-request", "-timeout", patience)
	r.want(t, "tls", ok)
	r.want(t, "clock", warn, "not measured")
}

func date(ahead time.Duration) string { return time.Now().Add(ahead).UTC().Format(http.TimeFormat) }

func TestRequest(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault id2metatest.Fault
		parts []string
		zh    string
	}{
		{"not activated", id2metatest.Answer("410", ""), []string{"Code 410", "activate the service in the console"}, "请在控制台开通服务"},
		{"no policy", id2metatest.Answer("411", ""), []string{"Code 411", "AliyunYundunCloudAuthFullAccess"}, "请给 RAM 用户授予"},
		{"overdue", id2metatest.Answer("412", ""), []string{"Code 412", "settle the account's bill"}, "请为账号充值"},
		{"the source is away", id2metatest.Answer("402", ""), []string{"Code 402", "try again later; see docs/errors.md"}, "请稍后再试，见 docs/errors.zh-CN.md"},
		{"a policy of the console", id2metatest.Answer("402", "Security policy restriction"), []string{"Code 402", "\nsee docs/errors.md"}, "\n见 docs/errors.zh-CN.md"},
		{"no permission to call", id2metatest.Answer("402", "No permission to call"), []string{"SECURITY.md"}, "SECURITY.zh-CN.md"},
		{"a RAM policy", id2metatest.Status(403, "NoPermission", "no"), []string{"NoPermission", "SECURITY.md"}, "SECURITY.zh-CN.md"},
		{"an unknown key", id2metatest.Status(404, "InvalidAccessKeyId.NotFound", "no key "+keyID), []string{"InvalidAccessKeyId.NotFound", "LTAI****abcd", "check the access key"}, "请检查 AccessKey"},
		{"a wrong secret", id2metatest.Status(400, "SignatureDoesNotMatch", ""), []string{"SignatureDoesNotMatch", "check the access key, its secret"}, "请检查 AccessKey"},
		{"a wrong clock", id2metatest.Status(400, "InvalidTimeStamp.Expired", ""), []string{"the clock"}, "时钟"},
		{"throttled", id2metatest.Throttle(time.Hour), []string{"Throttling.User", "try again later"}, "请稍后再试"},
		{"no answer", id2metatest.Hang(), []string{"deadline exceeded", "try again later"}, "请稍后再试"},
		{"a login page", id2metatest.Raw(200, "<html>"), []string{"cannot be understood", "docs/errors.md, and report it"}, "反馈"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for lang, parts := range map[string][]string{"en": test.parts, "zh": {test.zh}} {
				server := newServer(t)
				server.Inject(id2metatest.Fault{}, test.fault, test.fault, test.fault) // the first request is HEAD
				r := check(t, "-endpoint", server.Endpoint(), "-timeout", patience, "-lang", lang)
				r.want(t, "request", fail, parts...)
				isReport := test.name == "a login page"
				assert.Equal(t, isReport, strings.Contains(r.find("request")[0].Todo, named(lang).say("report it", "反馈")))
			}
		})
	}
}

func named(lang string) language { return lang == "zh" }

func TestGoRelease(t *testing.T) {
	security, err := os.ReadFile("../../SECURITY.md")
	require.NoError(t, err)
	for _, minimum := range minimumGo {
		assert.Contains(t, string(security), strings.TrimPrefix(minimum, "go"), "the minimum of SECURITY.md")
	}
	for current, want := range map[string]string{
		"go1.26.9": "go1.26.10", "go1.26.10": "", "go1.26.11": "", "go1.26.8 X:nojsonv2": "go1.26.10", "go1.26.12-custom": "",
		"go1.27.2": "go1.27.3", "go1.27.3": "", "go1.27rc1": "go1.27.3", "go1.28.0": "", "devel go1.28-0123abc": "go1.26.10",
	} {
		t.Run(current, func(t *testing.T) {
			l := checkGo(false, current)
			if want == "" {
				assert.Equal(t, []string{ok, ""}, []string{l.Status, l.Todo})
			} else {
				assert.Equal(t, warn, l.Status)
				assert.Contains(t, l.Todo, "build with "+want+" or newer")
			}
		})
	}
}

func TestTable(t *testing.T) {
	for _, test := range []struct {
		lang  string
		parts []string
	}{
		{"en", []string{"OK    credential ", "OK    tcp         127.0.0.1:", "OK    tls ", "OK    clock ", "OK    request ", " 0 FAIL\n"}},
		{"zh", []string{"模拟器自带的密钥", "没有代理", "证书由 CN=id2meta simulator 签发", "误差不到 1 秒", "只因号码为空被拒绝", "编译所用的 Go"}},
	} {
		t.Run(test.lang, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			require.Equal(t, 0, run(t.Context(), []string{"-simulator", "-lang", test.lang}, &stdout, &stderr))
			for _, part := range test.parts {
				assert.Contains(t, stdout.String(), part)
			}
			assert.NotContains(t, stdout.String(), id2metatest.AccessKeyID)
			assert.NotContains(t, stdout.String(), id2metatest.AccessKeySecret)
		})
	}
}

// Programs read these names. Neither the language nor a failure changes them.
func TestTheNamesInJSONAreStable(t *testing.T) {
	server := newServer(t)
	for lang, detail := range map[string]string{"en": "environment variables, LTAI****abcd, permanent", "zh": "环境变量，LTAI****abcd，永久有效"} {
		var stdout bytes.Buffer
		run(t.Context(), []string{"-json", "-lang", lang, "-endpoint", server.Endpoint()}, &stdout, io.Discard)
		var document map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(stdout.Bytes(), &document))
		require.Len(t, document, 2)
		assert.Equal(t, "true", string(document["ok"]))
		var lines []json.RawMessage
		require.NoError(t, json.Unmarshal(document["checks"], &lines))
		assert.JSONEq(t, `{"check":"credential","target":"","status":"OK","detail":"`+detail+`","todo":"","took_ms":0}`, string(lines[0]))
		var names []string
		for _, l := range check(t, "-lang", lang, "-endpoint", server.Endpoint()).Checks {
			names = append(names, l.Check)
		}
		assert.Equal(t, []string{"credential", "tcp", "tls", "clock", "request", "go"}, names)
	}
}

func TestLanguageOfTheEnvironment(t *testing.T) {
	for _, test := range []struct {
		all, messages, lang string
		want                language
	}{
		{"", "", "", false}, {"", "", "zh_CN.UTF-8", true}, {"", "", "C.UTF-8", false}, {"", "zh_TW", "en_US", true},
		{"en_US.UTF-8", "zh_CN", "zh_CN", false}, {"zh", "en", "en", true},
	} {
		t.Setenv("LC_ALL", test.all)
		t.Setenv("LC_MESSAGES", test.messages)
		t.Setenv("LANG", test.lang)
		assert.Equal(t, test.want, languageOfEnvironment(), "%+v", test)
	}
}

func TestFlagsThatCannotBeUsed(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"-secret=" + secret}, "-h"},
		{[]string{secret}, "unexpected argument"},
		{[]string{"-lang", "fr"}, "-h"},
		{[]string{"-timeout", "0s"}, "-timeout"},
		{[]string{"-simulator", "-endpoint", "x"}, "-endpoint"},
		{[]string{"-endpoint", "https://user:" + secret + "@x"}, "scheme"},
	} {
		t.Run(test.want, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			assert.Equal(t, 2, run(t.Context(), test.args, &stdout, &stderr))
			assert.Empty(t, stdout.String())
			assert.Contains(t, stderr.String(), test.want)
			assert.NotContains(t, stderr.String(), secret)
		})
	}
	var stdout, stderr bytes.Buffer
	assert.Equal(t, 0, run(t.Context(), []string{"-h"}, &stdout, &stderr))
	for _, name := range []string{"-endpoint", "-no-request", "-timeout", "-simulator", "-json", "-lang"} {
		assert.Contains(t, stdout.String(), name)
	}
}
