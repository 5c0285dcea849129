package systemtest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aliyun/credentials-go/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testenv"
)

// Secrets that nothing may show. The token has characters that an encoding changes.
const (
	stsKeyID      = "STS.NUgYrLnoC37mZZCNnAbez"
	stsSecret     = "FPHGGYPkzeqEhAnpBZzjVDiPPdKoNp"
	stsToken      = "CAIS+gF1q6Ft5B2yfSjIr5eDL8n/mqx4" + stsTail
	stsTail       = "/+6sRXT4h0=="
	proxyPassword = "open-sesame"
)

// people are verified by the tests of this file. Nothing may show the secrets of a person.
var people = []struct {
	name    string
	param   id2meta.Param
	secrets []string
}{
	{"a person", zhangSan,
		[]string{zhangName, zhangNumber, "19491231", "1949-12-31", "1949年12月31日"}},
	{"a person in full-width digits", id2meta.Param{UserName: " 欧阳娜娜\t", IdentifyNum: "１１０１０５１９４９１２３１００２ｘ"},
		[]string{"欧阳娜娜", zhangNumber, "１１０１０５１９４９１２３１００２ｘ", "19491231"}},
	{"a name outside the BMP", id2meta.Param{UserName: "𠮷野", IdentifyNum: unknownNumber},
		[]string{"𠮷野", unknownNumber, "18800101"}},
	{"a name in letters", id2meta.Param{UserName: "ZHANG SAN", IdentifyNum: zhangNumber},
		[]string{"ZHANG SAN", zhangNumber, "19491231"}},
	{"a short name in letters", id2meta.Param{UserName: "Zq", IdentifyNum: zhangNumber},
		[]string{zhangNumber, "19491231"}}, // another test looks for the name
	{"a masked person", id2meta.Param{ParamType: id2meta.ParamTypeMD5, UserName: maskedZhangName, IdentifyNum: maskedZhangNumber},
		[]string{"6499fc7409049355527ef6a2ba5706b8", "f8817a477938df5a3e7763cadc5a9abb"}},
}

// witness collects everything that a user of the library can see, and looks for secrets in
// it.
type witness struct {
	logs   *bytes.Buffer
	logger *slog.Logger
}

func newWitness() witness {
	logs := new(bytes.Buffer)
	opts := &slog.HandlerOptions{Level: slog.LevelDebug}
	return witness{logs, slog.New(slog.NewMultiHandler(slog.NewTextHandler(logs, opts), slog.NewJSONHandler(logs, opts)))}
}

func (w witness) requireSilence(t *testing.T, secrets []string, err error, more ...any) {
	t.Helper()
	if leak := w.leak(secrets, err, more...); leak != "" {
		t.Error(leak)
	}
}

// leak looks for the secrets, and for other spellings of them, in the log and in err.
func (w witness) leak(secrets []string, err error, more ...any) string {
	w.logger.Error("what a service would log", "error", err)
	var seen strings.Builder
	seen.WriteString(w.logs.String())
	w.logs.Reset()
	eachError(err, func(err error) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%+q", "%x", "%d"} {
			fmt.Fprintf(&seen, verb+"\n", err)
		}
		if encoded, err := json.Marshal(err); err == nil {
			seen.Write(encoded)
		}
	})
	for _, v := range more {
		fmt.Fprintf(&seen, "%v %+v %#v\n", v, v, v)
	}
	text := strings.ToLower(seen.String())
	for _, secret := range append([]string{stsSecret, stsToken, stsTail, id2metatest.AccessKeySecret, proxyPassword}, secrets...) {
		for _, spelling := range spellingsOf(secret) {
			if i := strings.Index(text, strings.ToLower(spelling)); i >= 0 {
				return fmt.Sprintf("%q is in %q", spelling, text[max(0, i-200):min(len(text), i+200)])
			}
		}
	}
	return ""
}

// readable returns spellings of a name, a number or a date that a person can read, or
// that a tool of every programmer decodes.
func readable(secret string) []string {
	each := func(format string) string {
		var b strings.Builder
		for _, c := range secret {
			fmt.Fprintf(&b, format, c)
		}
		return b.String()
	}
	wide := func(first rune) string {
		return strings.Map(func(c rune) rune {
			if '0' <= c && c <= '9' {
				return c - '0' + first
			}
			return c
		}, secret)
	}
	all := []string{
		each("&#%d;"), each("&#x%X;"), each("%%u%04X"), each("U+%04X "), each("0x%X "), each(`\x{%x}`), each("%c "), each("%c-"), each("%c\u200b"),
		strings.Trim(strings.ReplaceAll(fmt.Sprintf("% X", " "+secret), " ", `\x`), `\x`), // a part of \xE5\xBC\xA0
		strings.ReplaceAll(fmt.Sprintf("% X", secret), " ", "="), fmt.Sprintf("% X", secret),
		base16("%%%02x", secret), base16(`\%03o`, secret),
	}
	if wide('０') != secret {
		all = append(all, wide('０'), wide('٠'), wide('𝟎'))
	}
	if len(secret) == len("19491231") && wide('x') != secret {
		y, m, d := secret[:4], secret[4:6], secret[6:]
		all = append(all, d+"."+m+"."+y, m+"/"+d+"/"+y, y+"."+m+"."+d, d+m+y, d+"."+m+"."+y[2:], "Dec "+d+", "+y, y+" Dec "+d)
	}
	return all
}

func base16(format, s string) string {
	var b strings.Builder
	for _, octet := range []byte(s) {
		fmt.Fprintf(&b, format, octet)
	}
	return b.String()
}

// spellingsOf returns the spellings of a secret that a text may hold.
func spellingsOf(secret string) []string {
	quoted := fmt.Sprintf("%+q", secret)
	return append(readable(secret),
		secret, url.QueryEscape(secret), url.PathEscape(secret), url.QueryEscape(url.QueryEscape(secret)),
		quoted[1:len(quoted)-1], inJSON(secret), escaped(secret),
		fmt.Sprintf("%x", secret), fmt.Sprintf("%x", md5.Sum([]byte(secret))),
		fmt.Sprintf("%v", []byte(secret)), fmt.Sprintf("%#v", []byte(secret)))
}

// escaped returns s in JSON that is ASCII only.
func escaped(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c < 0x80:
			b.WriteRune(c)
		case c < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			c -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+c>>10, 0xdc00+c&0x3ff)
		}
	}
	return b.String()
}

// stsCredential returns a credential of STS. Its token is sent, so a server can repeat it.
func stsCredential() id2meta.Option {
	return id2meta.WithAccessKey(id2meta.AccessKey{ID: stsKeyID, Secret: stsSecret, SecurityToken: stsToken})
}

// The other tests of this file can fail only if the witness finds secrets.
func TestTheWitnessFindsSecrets(t *testing.T) {
	for _, err := range []error{
		errors.New("no such person: 张三"),
		fmt.Errorf("no such person: %w", errors.New("%E5%BC%A0%e4%b8%89")),
		errors.Join(errors.New("a"), fieldError{Body: "UserName=张三"}),
		errors.New("&#24352;&#19977;"),
		errors.New("born on 31.12.1949"),
		&id2meta.APIError{Recommend: "https://example.com/?id=11010519491231002x"},
	} {
		assert.NotEmpty(t, newWitness().leak(people[0].secrets, err), "%v", err)
	}
	witness := newWitness()
	witness.logger.Debug("19491231")
	assert.NotEmpty(t, witness.leak(people[0].secrets, nil))
}

// fieldError holds more than Error shows.
type fieldError struct{ Body string }

func (fieldError) Error() string { return "the circuit is open" }

// echoes returns texts that a server may make from a request.
func echoes(p id2meta.Param) []string {
	number := strings.TrimSpace(p.IdentifyNum)
	name := strings.TrimSpace(p.UserName)
	form := url.Values{"UserName": {name}, "IdentifyNum": {number}}.Encode()
	all := []string{
		name, number, strings.ToLower(number), name + number, number + number,
		form, strings.ToLower(form), url.PathEscape(name),
		escaped(name), strings.ToUpper(escaped(name)), strings.ToLower(name),
		stsSecret, stsToken, url.QueryEscape(stsToken), url.PathEscape(stsToken),
	}
	if len(number) == 18 {
		masked, _ := id2meta.MD5Param(name, number)
		birth := number[6:14]
		all = append(all, masked.UserName, masked.IdentifyNum, birth,
			birth[:4]+"-"+birth[4:6]+"-"+birth[6:], birth[:4]+"年"+birth[4:6]+"月"+birth[6:]+"日",
			number[:6]+" "+birth+" "+number[14:], number[:14], number[:10]+"****"+number[14:],
			// request IDs in the form of a UUID whose digits are the number
			number[:6]+"aa-"+birth[:4]+"-"+birth[4:]+"-a"+number[14:17]+"-aaaaaaaaaaaa",
			number[:8]+"-"+number[8:12]+"-"+number[12:16]+"-"+number[16:17]+"aaa-aaaaaaaaaaaa")
		all = append(append(all, readable(number)...), readable(birth)...)
	}
	return append(all, readable(name)...)
}

// proxies are addresses of a proxy, as a proxy or the environment may show them.
var proxies = []string{
	"http://user:" + proxyPassword + "@proxy.example:3128",
	"user:" + proxyPassword + "@proxy.example",
	`"user:` + proxyPassword + `@proxy.example"`,
	"http://us er:p@/" + proxyPassword + "@proxy.example",
	"http://" + proxyPassword + "@proxy.example/?a=b",
}

// failure is one thing that can happen between the Client and the simulator.
type failure struct {
	name    string
	faults  []id2metatest.Fault
	opts    func(t *testing.T, s *id2metatest.Server) []id2meta.Option
	ctx     func(*testing.T, *id2metatest.Server) context.Context // default: the test's
	verdict bool                                                  // the call ends with a verdict
	echo    func(text string) id2metatest.Fault                   // the server repeats the person: one call for each of the echoes
}

func with(opts ...id2meta.Option) func(*testing.T, *id2metatest.Server) []id2meta.Option {
	return func(*testing.T, *id2metatest.Server) []id2meta.Option { return opts }
}

// within returns a function that makes a context with a timeout.
func within(d time.Duration) func(*testing.T, *id2metatest.Server) context.Context {
	return func(t *testing.T, _ *id2metatest.Server) context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		t.Cleanup(cancel)
		return ctx
	}
}

// refusingLimiter refuses every request with err.
type refusingLimiter struct{ err error }

func (l refusingLimiter) Wait(context.Context) error { return l.err }

// failingCredential fails with err. Every other method panics.
type failingCredential struct {
	credentials.Credential
	err error
}

func (c failingCredential) GetCredential() (*credentials.CredentialModel, error) { return nil, c.err }

// transport returns an option whose transport fails with the error of f. body is the body
// of the request.
func transport(f func(r *http.Request, body string) error) id2meta.Option {
	return id2meta.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		decoded, _ := url.QueryUnescape(string(body))
		return nil, f(r, string(body)+" "+decoded+" "+r.Header.Get("x-acs-security-token"))
	})})
}

// proxied returns options for a proxy whose address holds a password.
func proxied(t *testing.T, s *id2metatest.Server, host string) []id2meta.Option {
	t.Helper()
	through := s.Client().Transport.(*http.Transport).Clone()
	through.Proxy = http.ProxyURL(&url.URL{Scheme: "http", User: url.UserPassword("user", proxyPassword), Host: host})
	t.Cleanup(through.CloseIdleConnections)
	return []id2meta.Option{id2meta.WithHTTPClient(&http.Client{Transport: through})}
}

var everyFailure = []failure{
	{name: "no failure", verdict: true},
	{name: "an answer of the API", faults: faults{id2metatest.Answer("411", "无权限")}},
	{name: "an answer of the gateway", faults: faults{id2metatest.Status(403, "Forbidden.RAM", "User not authorized to operate on the specified resource.")}},
	{name: "a failure on every attempt", faults: faults{id2metatest.Status(503, "ServiceUnavailable", "a"), id2metatest.Answer("500", "b"), id2metatest.Answer("402", "c")}},
	{name: "throttling", faults: faults{id2metatest.Throttle(time.Hour)}},
	{name: "throttling and a retry", faults: faults{id2metatest.Throttle(time.Millisecond)}, verdict: true},
	{name: "an empty body", faults: faults{id2metatest.Raw(200, "")}},
	{name: "HTML", faults: faults{id2metatest.Raw(200, "<html>")}},
	{name: "a dropped connection", faults: faults{id2metatest.Drop()}},
	{name: "a truncated answer", faults: faults{id2metatest.Truncate()}},
	{name: "a retried drop", faults: faults{id2metatest.Drop(), id2metatest.Truncate(), id2metatest.Drop()}, opts: with(id2meta.WithRetryUnanswered())},
	{name: "a hanging server", faults: faults{id2metatest.Hang()}, ctx: within(50 * time.Millisecond)},
	{name: "a hanging server and retries", faults: faults{id2metatest.Hang(), id2metatest.Hang(), id2metatest.Hang()},
		opts: with(id2meta.WithRetryUnanswered(), id2meta.WithTimeout(150*time.Millisecond))},
	{name: "a caller who cancels", faults: faults{id2metatest.Delay(time.Minute)}, ctx: func(t *testing.T, s *id2metatest.Server) context.Context {
		return testenv.EndWhen(t, context.Canceled, func() bool { return len(s.Calls()) > 0 })
	}},
	{name: "a deadline in the past", ctx: within(-time.Second)},
	{name: "a port without a listener, and then throttling", faults: faults{id2metatest.Throttle(time.Hour)}, opts: func(t *testing.T, s *id2metatest.Server) []id2meta.Option {
		return []id2meta.Option{id2meta.WithEndpoints(refusing(t), s.Endpoint())}
	}},
	{name: "a certificate that is not trusted", opts: with(id2meta.WithRootCAs(x509.NewCertPool()))},
	{name: "a certificate of another host", opts: func(_ *testing.T, s *id2metatest.Server) []id2meta.Option {
		elsewhere := s.Client().Transport.(*http.Transport).Clone()
		elsewhere.TLSClientConfig.ServerName = "cloudauth.aliyuncs.com"
		return []id2meta.Option{id2meta.WithHTTPClient(&http.Client{Transport: elsewhere})}
	}},
	{name: "an HTTP client that gives up", faults: faults{id2metatest.Hang()}, opts: func(_ *testing.T, s *id2metatest.Server) []id2meta.Option {
		return []id2meta.Option{id2meta.WithHTTPClient(&http.Client{Transport: s.Client().Transport, Timeout: 50 * time.Millisecond})}
	}},
	{name: "a transport whose error text repeats the request", opts: with(transport(func(r *http.Request, body string) error {
		return fmt.Errorf("cannot send %s with %v", body, r.Header)
	}))},
	{name: "a transport whose error joins errors that repeat the request, in a text, in a field and in a URL", opts: with(transport(func(_ *http.Request, body string) error {
		return &hidingError{errors.Join(io.EOF, fieldError{Body: body}, &url.Error{Op: "Post", URL: body, Err: errors.New(body)})}
	}))},
	{name: "a transport whose url.Error holds the request in its URL", opts: with(transport(func(_ *http.Request, body string) error {
		return fmt.Errorf("wrapped: %w", &url.Error{Op: "Post", URL: body, Err: errors.New("refused")})
	}))},
	{name: "a transport whose error panics", opts: with(transport(func(_ *http.Request, body string) error { return panickingError(body) }))},
	{name: "a dead proxy", opts: func(t *testing.T, s *id2metatest.Server) []id2meta.Option { return proxied(t, s, refusing(t)) }},
	{name: "a proxy that refuses, and repeats the password", opts: func(t *testing.T, s *id2metatest.Server) []id2meta.Option {
		proxy := testenv.Accept(t, func(conn net.Conn) {
			http.ReadRequest(bufio.NewReader(conn))
			fmt.Fprintf(conn, "HTTP/1.1 407 Denied http://user:%s@proxy.example\r\n\r\n", proxyPassword)
		})
		return proxied(t, s, proxy.Address)
	}},
	{name: "a proxy with an invalid address", opts: with(id2meta.WithHTTPClient(&http.Client{Transport: &http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
		address := fmt.Sprintf("http://user:%s @127.0.0.1:1", proxyPassword) // as in an environment variable
		return url.Parse(address)
	}}}))},
	{name: "a proxy that answers instead of the service", faults: faults{body("Message", "invalid proxy: "+strings.Join(proxies, "; "))}},
	{name: "a transport whose error repeats the password of a proxy", opts: with(transport(func(*http.Request, string) error {
		return fmt.Errorf("invalid proxy address: %w", errors.New(strings.Join(proxies, "; ")))
	}))},
	{name: "a limiter that refuses", opts: with(id2meta.WithLimiter(refusingLimiter{errors.New("enough for today")}))},
	{name: "a credential provider that fails", opts: with(id2meta.WithCredential(failingCredential{err: fieldError{Body: stsSecret + stsToken}}))},
	{name: "a credential that is refused", opts: func(_ *testing.T, s *id2metatest.Server) []id2meta.Option {
		s.AddCredential(stsKeyID, stsSecret+"x", stsToken)
		return nil
	}},

	{name: "echoes in Message", echo: func(s string) id2metatest.Fault { return id2metatest.Answer("401", "参数非法："+s+"。") }},
	{name: "echoes in Message of the gateway", echo: func(s string) id2metatest.Fault {
		return id2metatest.Status(400, "SignatureDoesNotMatch", "server StringToSign is ["+s+"]")
	}},
	{name: "echoes in Code", echo: func(s string) id2metatest.Fault { return id2metatest.Answer(s, "") }},
	{name: "echoes in Code behind a word", echo: func(s string) id2metatest.Fault { return id2metatest.Status(403, "Forbidden."+s, "") }},
	{name: "echoes in RequestId", echo: func(s string) id2metatest.Fault { return body("RequestId", s) }},
	{name: "echoes in RequestId of a verdict", verdict: true, echo: func(s string) id2metatest.Fault {
		return id2metatest.Raw(200, strings.Replace(body200, "REQUEST", inJSON(s), 1))
	}},
	{name: "echoes in Recommend", echo: func(s string) id2metatest.Fault { return body("Recommend", "https://api.aliyun.com/troubleshoot?q="+s) }},
	{name: "echoes in BizCode", echo: func(s string) id2metatest.Fault {
		return id2metatest.Raw(200, `{"Code":"200","ResultObject":{"BizCode":"`+inJSON(s)+`"}}`)
	}},
	{name: "echoes in an unknown field", echo: func(s string) id2metatest.Fault { return body("Data", s) }},
	{name: "echoes without JSON", echo: func(s string) id2metatest.Fault { return id2metatest.Raw(500, s) }},
}

type faults = []id2metatest.Fault

const body200 = `{"RequestId":"REQUEST","Code":"200","ResultObject":{"BizCode":"2"}}`

func body(field, text string) id2metatest.Fault {
	return id2metatest.Raw(400, `{"`+field+`":"`+inJSON(text)+`"}`)
}

// inJSON returns s as it stands in a string of JSON.
func inJSON(s string) string {
	encoded, _ := json.Marshal(s)
	return string(encoded[1 : len(encoded)-1])
}

// hidingError shows its error only when it is unwrapped.
type hidingError struct{ err error }

func (e *hidingError) Error() string { return "wrapped" }
func (e *hidingError) Unwrap() error { return e.err }

type panickingError string

func (e panickingError) Error() string { panic(string(e)) }

func TestNothingPersonalAndNoSecretIsEverSeen(t *testing.T) {
	t.Parallel()
	for i, person := range people {
		t.Run(person.name, func(t *testing.T) {
			t.Parallel()
			for _, failure := range everyFailure {
				if i != 0 && i != len(people)-1 && failure.echo == nil {
					continue // these failures do not depend on the person
				}
				t.Run(failure.name, func(t *testing.T) {
					t.Parallel()
					server := id2metatest.NewServer()
					t.Cleanup(server.Close)
					server.AddCredential(stsKeyID, stsSecret, stsToken)
					server.Inject(failure.faults...)
					witness := newWitness()
					// Some failures need a client of their own, which excludes server.Options.
					opts := []id2meta.Option{id2meta.WithEndpoints(server.Endpoint()), stsCredential(), id2meta.WithLogger(witness.logger)}
					if failure.opts != nil {
						opts = append(opts, failure.opts(t, server)...)
					}
					calls := 1
					if failure.echo != nil {
						calls, opts = 0, append(opts, id2meta.WithMaxAttempts(1))
						for _, echo := range echoes(person.param) {
							server.Inject(failure.echo(echo))
							calls++
						}
					}
					client, err := id2meta.New(opts...)
					require.NoError(t, err)
					for range calls {
						ctx := t.Context()
						if failure.ctx != nil {
							ctx = failure.ctx(t, server)
						}
						result, err := client.Verify(ctx, person.param)
						assert.False(t, result.Match())
						assert.Equal(t, failure.verdict, err == nil)
						witness.requireSilence(t, person.secrets, err, result)
						assert.NotContains(t, fmt.Sprint(err), "\n")
						if t.Failed() {
							return
						}
					}
				})
			}
		})
	}
}

func TestACiphertextIsNotRepeated(t *testing.T) {
	server := newServer(t)
	client, err := id2meta.New(server.Options()...)
	require.NoError(t, err)
	ciphertext := func(b byte) string {
		return base64.StdEncoding.EncodeToString(append([]byte{0x04}, bytes.Repeat([]byte{b}, 114)...))
	}
	param := id2meta.Param{ParamType: id2meta.ParamTypeSM2, UserName: ciphertext(0xfb), IdentifyNum: ciphertext(0xfe)}
	for _, field := range []string{param.UserName, param.IdentifyNum} {
		server.Inject(id2metatest.Answer("401", "bad: "+field), id2metatest.Answer("401", "bad: "+url.QueryEscape(field)))
		for range 2 {
			_, err := client.Verify(t.Context(), param)
			require.ErrorIs(t, err, id2meta.ErrInvalidParam)
			newWitness().requireSilence(t, []string{field, url.QueryEscape(field)}, err)
		}
	}
}

func TestARefusedParamIsNotRepeated(t *testing.T) {
	server := newServer(t)
	for _, test := range []struct {
		name  string
		param id2meta.Param
	}{
		{"swapped fields", id2meta.Param{UserName: zhangNumber, IdentifyNum: zhangName}},
		{"a wrong check digit", id2meta.Param{UserName: zhangName, IdentifyNum: "110105194912310021"}},
		{"a name in ParamType", id2meta.Param{ParamType: zhangName, UserName: zhangNumber, IdentifyNum: zhangName}},
		{"plaintext with ParamTypeMD5", id2meta.Param{ParamType: id2meta.ParamTypeMD5, UserName: zhangName, IdentifyNum: zhangNumber}},
	} {
		t.Run(test.name, func(t *testing.T) {
			witness := newWitness()
			client, err := id2meta.New(append(server.Options(), id2meta.WithLogger(witness.logger))...)
			require.NoError(t, err)
			_, err = client.Verify(t.Context(), test.param)
			require.ErrorIs(t, err, id2meta.ErrInvalidParam)
			witness.requireSilence(t, []string{zhangName, zhangNumber, "110105194912310021", "19491231"}, err, test.param)
		})
	}
	assert.Empty(t, server.Calls())
}

// notShown is what stands for a text that may repeat the person.
func notShown(text string) string {
	return fmt.Sprintf("(a text of %d bytes is not shown: it may repeat the person or a secret)", len(text))
}

// A person may be called Ram. Then the Code is withheld, but it means what it means.
func TestAWithheldTextStillCounts(t *testing.T) {
	server := newServer(t)
	client := newClient(t, []string{server.Endpoint()}, id2meta.WithMaxAttempts(1))
	for _, test := range []struct {
		name, person string
		fault        id2metatest.Fault
		want         error
		shown        id2meta.APIError // Code, Message and Field
	}{
		{"a Code", "RAM", id2metatest.Status(403, "Forbidden.RAM", ""), id2meta.ErrAccessDenied,
			id2meta.APIError{Code: notShown("Forbidden.RAM")}},
		{"a Message", "CALL", id2metatest.Answer("402", "No permission to call"), id2meta.ErrAccessDenied,
			id2meta.APIError{Code: "402", Message: notShown("No permission to call")}},
		{"the field that a Message names", zhangName, id2metatest.Answer("401", "参数非法(identifyNum) %E5%BC%A0"), id2meta.ErrInvalidParam,
			id2meta.APIError{Code: "401", Message: notShown("参数非法(identifyNum) %E5%BC%A0"), Field: "IdentifyNum"}},
		{"a Code that holds a part of the name in a word", "Int", id2metatest.Status(500, "InternalError", ""), id2meta.ErrUnavailable,
			id2meta.APIError{Code: "InternalError"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server.Inject(test.fault)
			_, err := client.Verify(t.Context(), id2meta.Param{UserName: test.person, IdentifyNum: zhangNumber})
			require.ErrorIs(t, err, test.want)
			var e *id2meta.APIError
			require.ErrorAs(t, err, &e)
			calls := server.Calls()
			assert.Equal(t, []string{test.shown.Code, test.shown.Message, test.shown.Field, calls[len(calls)-1].RequestID}, []string{e.Code, e.Message, e.Field, e.RequestID})
		})
	}
}

// One Client verifies several people: what is withheld for one of them may be shown for
// another. Package redact has the tests of all spellings and bounds.
func TestWhatTheServiceSaysIsShownOrWithheld(t *testing.T) {
	server := newServer(t)
	client := newClient(t, []string{server.Endpoint()}, id2meta.WithMaxAttempts(1))
	const forged = "ok\r\nlevel=ERROR\tmsg=\x1b[31mforged\u0000\u0085\u2028\u2029\u202e\u200b"
	const withheld = ""
	for _, test := range []struct{ name, person, text, want string }{
		{"as it is", "张三", "参数非法 (illegal parameter) 20060102150405 3AEF-12", "参数非法 (illegal parameter) 20060102150405 3AEF-12"},
		{"without what could forge a line", "张三", forged, "ok  level=ERROR msg= [31mforged      "},
		{"withheld whole, not only where it is cut", "张三", strings.Repeat("x", 600) + "张三", withheld},
		{"shown to another person", "李四", "no record of 张三", "no record of 张三"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := inJSON(test.text)
			server.Inject(id2metatest.Raw(400, `{"Code":"`+text+`","Message":"`+text+`","RequestId":"`+text+`","Recommend":"`+text+`"}`))
			result, err := client.Verify(t.Context(), id2meta.Param{UserName: test.person, IdentifyNum: zhangNumber})
			require.Zero(t, result)
			var e *id2meta.APIError
			require.ErrorAs(t, err, &e)
			want := test.want
			if want == withheld {
				want = notShown(test.text)
			}
			assert.Equal(t, []string{want, want, want, want}, []string{e.Code, e.Message, e.RequestID, e.Recommend})
		})
	}
}

// An error of net/http holds the method and the address, which the reader knows.
func TestAnErrorOfTheNetworkDoesNotRepeatTheAddress(t *testing.T) {
	endpoint := refusing(t)
	_, err := verifyAt(t, zhangSan, http.NotFound, id2meta.WithEndpoints(endpoint), id2meta.WithMaxAttempts(1))
	require.ErrorIs(t, err, id2meta.ErrUnavailable)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	assert.NotContains(t, err.Error(), "https://")
	assert.Contains(t, err.Error(), endpoint)
}

// errors.Is finds what an error of others is. The error itself is in no chain: its
// fields, and errors behind it, may show more than its text.
func TestAnErrorOfOthersKeepsWhatItIs(t *testing.T) {
	errOpen := errors.New("the circuit is open")
	for _, test := range []struct {
		name  string
		err   func(body string) error
		shown string
	}{
		{"a clean error", func(string) error { return fmt.Errorf("sending: %w", errOpen) }, "sending: the circuit is open"},
		{"an error that repeats the request", func(body string) error { return fmt.Errorf("sending %s: %w", body, errOpen) }, "is not shown"},
		{"an error that holds the request in a field", func(body string) error { return errors.Join(fieldError{Body: body}, errOpen) }, "the circuit is open"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := verifyAt(t, zhangSan, http.NotFound, transport(func(_ *http.Request, body string) error { return test.err(body) }))
			require.ErrorIs(t, err, id2meta.ErrUnavailable)
			require.ErrorIs(t, err, errOpen)
			assert.NotErrorIs(t, err, io.EOF)
			assert.Contains(t, err.Error(), test.shown)
			eachError(err, func(err error) { assert.NotSame(t, errOpen, err) })
			_, found := errors.AsType[fieldError](err)
			assert.False(t, found)
		})
	}
}

// TestTheServerSeesThePersonInTheBodyOnly looks at what goes over the wire.
func TestTheServerSeesThePersonInTheBodyOnly(t *testing.T) {
	for _, person := range people {
		t.Run(person.name, func(t *testing.T) {
			var seen strings.Builder
			var form url.Values
			_, err := verifyAt(t, person.param, func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprintln(&seen, r.Method, r.RequestURI, r.Host)
				r.Header.Write(&seen)
				body, _ := io.ReadAll(r.Body)
				fmt.Fprintln(&seen, r.Trailer)
				form, _ = url.ParseQuery(string(body))
				io.WriteString(w, body200)
			}, stsCredential())
			require.NoError(t, err)
			normal, err := person.param.Normalize()
			require.NoError(t, err)
			assert.Equal(t, url.Values{"ParamType": {string(normal.ParamType)}, "UserName": {normal.UserName}, "IdentifyNum": {normal.IdentifyNum}}, form)

			text := strings.ToLower(seen.String())
			assert.Contains(t, text, strings.ToLower("x-acs-security-token: "+stsToken), "the test looks at the right text")
			assert.True(t, strings.HasPrefix(text, "post / "), text)
			assert.Contains(t, text, "user-agent: id2meta/")
			for _, secret := range append([]string{stsSecret, proxyPassword}, person.secrets...) {
				for _, spelling := range spellingsOf(secret) {
					assert.NotContains(t, text, strings.ToLower(spelling))
				}
			}
		})
	}
}

// The SDK reads the address of the proxy from the environment for every request, and would
// send the password of the proxy to the service. net/http uses no proxy for loopback, so
// there is no proxy in this test.
func TestTheServerDoesNotSeeTheProxysPassword(t *testing.T) {
	for _, variable := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(variable, "http://user:"+proxyPassword+"@127.0.0.1:1")
	}
	_, err := verifyAt(t, zhangSan, func(w http.ResponseWriter, r *http.Request) {
		for name := range r.Header {
			assert.False(t, strings.HasPrefix(name, "Proxy-"), name)
		}
		io.WriteString(w, body200)
	})
	require.NoError(t, err)
}

// TestNothingIsPrinted starts a process with some failures, and looks at what the library
// and the SDK print.
func TestNothingIsPrinted(t *testing.T) {
	const child = "ID2META_TEST_PRINTS"
	if os.Getenv(child) != "" {
		server := id2metatest.NewServer()
		defer server.Close()
		server.AddCredential(stsKeyID, stsSecret, stsToken)
		server.Inject(id2metatest.Fault{}, id2metatest.Answer("401", zhangName), id2metatest.Status(503, "ServiceUnavailable", ""),
			id2metatest.Drop(), id2metatest.Raw(200, "null"))
		client, err := id2meta.New(append(server.Options(), stsCredential())...)
		require.NoError(t, err)
		for range 4 {
			client.Verify(t.Context(), zhangSan)
		}
		require.Len(t, server.Calls(), 5)
		return
	}
	for _, test := range []struct{ name, debug string }{
		{"by default", ""},
		{"when the SDK is asked to print", "dara,tea,sdk"},
	} {
		t.Run(test.name, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNothingIsPrinted$")
			command.Env = append(os.Environ(), child+"=1", "DEBUG="+test.debug)
			output, err := command.CombinedOutput()
			require.NoError(t, err, "%s", output)
			assert.Regexp(t, `^PASS\n(coverage:.*\n)?$`, string(output))
		})
	}
}
