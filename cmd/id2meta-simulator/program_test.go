package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	cloudauth "github.com/alibabacloud-go/cloudauth-20190307/v3/client"
	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	"github.com/alibabacloud-go/tea/tea"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/simulator"
	"github.com/id2meta/id2meta/internal/testenv"
)

// runAsProgram makes this test binary the program, so that a test has a process
// of its own to interrupt.
const runAsProgram = "SIMULATOR_TEST_RUN_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(runAsProgram) != "" {
		main()
		return
	}
	os.Exit(testenv.Run(m))
}

const (
	wrongSecret = "a-wrong-access-key-secret"
	otherName   = "李四"
	otherNumber = "440524188001010014" // GB 11643's other sample
)

// program is the simulator as a process.
type program struct {
	cmd      *exec.Cmd
	stdout   testenv.Buffer
	stderr   testenv.Buffer
	endpoint string
	cert     string
	stopped  bool
}

// start runs the program in dir, on a free port, until the test ends.
func startProgram(t *testing.T, dir string, args ...string) *program {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	p := &program{cmd: exec.Command(self, append([]string{"-listen", "127.0.0.1:0"}, args...)...)}
	p.cmd.Dir = dir
	p.cmd.Env = append(os.Environ(), runAsProgram+"=1")
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { p.stop(t) })

	p.waitFor(t, "outcome\n")
	p.endpoint = setting(t, p.stdout.String(), "endpoint")
	p.cert = setting(t, p.stdout.String(), "certificate")
	return p
}

func setting(t *testing.T, stdout, name string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + name + ` +(\S.*)$`).FindStringSubmatch(stdout)
	require.NotNil(t, found, "the settings have no %s:\n%s", name, stdout)
	return found[1]
}

func (p *program) waitFor(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(p.stdout.String(), text) }, 20*time.Second, 5*time.Millisecond,
		"stdout has no %q", text)
}

// stop interrupts the program, as Ctrl-C does, and returns what it printed after
// the heading. Nothing of it may be a person or a secret that was sent.
func (p *program) stop(t *testing.T) (calls, summary string) {
	t.Helper()
	if !p.stopped {
		p.stopped = true
		require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
		assert.NoError(t, p.cmd.Wait(), "exit code")
		assert.Empty(t, p.stderr.String())
		wantNoPerson(t, p.stdout.String()+p.stderr.String())
	}
	_, printed, found := strings.Cut(p.stdout.String(), "outcome\n")
	require.True(t, found)
	calls, summary, found = strings.Cut(printed, "\n\n")
	if !found { // not a single call
		calls, summary = "", strings.TrimPrefix(printed, "\n")
	}
	return calls, summary
}

// wantNoPerson knows what the tests send, in every form.
func wantNoPerson(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{
		sampleName, sampleNumber, otherName, otherNumber, sampleNumber[6:14], otherNumber[6:14],
		"6499fc7409049355527ef6a2ba5706b8", "f8817a477938df5a3e7763cadc5a9abb", wrongSecret,
	} {
		assert.NotContains(t, text, secret)
	}
}

// roots holds the file that the program wrote, and nothing else.
func (p *program) roots(t *testing.T) *x509.CertPool {
	t.Helper()
	pem, err := os.ReadFile(p.cert)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(pem))
	return roots
}

func (p *program) httpClient(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.roots(t)}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// client is this library, set up as the README says.
func (p *program) client(t *testing.T, secret string, options ...id2meta.Option) *id2meta.Client {
	t.Helper()
	client, err := id2meta.New(append([]id2meta.Option{
		id2meta.WithEndpoints(p.endpoint),
		id2meta.WithRootCAs(p.roots(t)),
		id2meta.WithAccessKey(id2meta.AccessKey{ID: id2metatest.AccessKeyID, Secret: secret}),
		id2meta.WithMaxAttempts(1),
	}, options...)...)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func plain(userName, identifyNum string) id2meta.Param {
	return id2meta.Param{UserName: userName, IdentifyNum: identifyNum}
}

func TestThisLibrary(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "people.csv"), []byte("name,id_number\n"+otherName+","+otherNumber+"\n"), 0o600))
	p := startProgram(t, dir, "-people", "people.csv")
	masked, err := id2meta.MD5Param(sampleName, sampleNumber)
	require.NoError(t, err)
	maskedMismatch, err := id2meta.MD5Param(otherName, sampleNumber)
	require.NoError(t, err)

	for _, test := range []struct {
		name  string
		param id2meta.Param
		want  id2meta.BizCode
	}{
		{"the sample person is known", plain(sampleName, sampleNumber), id2meta.BizCodeMatch},
		{"and masked too", masked, id2meta.BizCodeMatch},
		{"the people of the file are known", plain(otherName, otherNumber), id2meta.BizCodeMatch},
		{"another name is a mismatch", plain(otherName, sampleNumber), id2meta.BizCodeMismatch},
		{"and masked too", maskedMismatch, id2meta.BizCodeMismatch},
		{"another number is no record", plain(sampleName, "110105194912310038"), id2meta.BizCodeNoRecord},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, err := p.client(t, id2metatest.AccessKeySecret).Verify(context.Background(), test.param)
			require.NoError(t, err)
			assert.Equal(t, test.want, result.BizCode)
		})
	}
	_, err = p.client(t, wrongSecret).Verify(context.Background(), masked)
	assert.ErrorIs(t, err, id2meta.ErrCredential)

	calls, summary := p.stop(t)
	assert.Equal(t, []string{
		"Id2MetaVerify  normal  body   ACS3-HMAC-SHA256  billed  match",
		"Id2MetaVerify  md5     body   ACS3-HMAC-SHA256  billed  match",
		"Id2MetaVerify  normal  body   ACS3-HMAC-SHA256  billed  match",
		"Id2MetaVerify  normal  body   ACS3-HMAC-SHA256  billed  mismatch",
		"Id2MetaVerify  md5     body   ACS3-HMAC-SHA256  billed  mismatch",
		"Id2MetaVerify  normal  body   ACS3-HMAC-SHA256  billed  no record",
		"Id2MetaVerify  md5     body   ACS3-HMAC-SHA256  -       SignatureDoesNotMatch",
	}, withoutTimes(t, calls))
	assert.Equal(t, "7 requests, 6 billed, 0 with a fault\n"+
		"      1  SignatureDoesNotMatch\n      3  match\n      2  mismatch\n      1  no record\n", summary)
	assert.Contains(t, p.stdout.String(), "the sample person and 1 of people.csv\n")
}

// withoutTimes also checks that each line begins with one.
func withoutTimes(t *testing.T, calls string) []string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(calls) {
		at, rest, _ := strings.Cut(line, "  ")
		_, err := time.Parse(timeOfDay, at)
		assert.NoError(t, err)
		lines = append(lines, strings.TrimSpace(rest))
	}
	return lines
}

func TestAFaultTakesEveryThirdRequest(t *testing.T) {
	p := startProgram(t, t.TempDir(), "-fault", "500", "-every", "3")
	client := p.client(t, id2metatest.AccessKeySecret)
	for i := range 6 {
		_, err := client.Verify(context.Background(), plain(sampleName, sampleNumber))
		if i%3 == 2 {
			assert.ErrorIs(t, err, id2meta.ErrUnavailable, "request %d", i+1)
		} else {
			assert.NoError(t, err, "request %d", i+1)
		}
	}
	calls, summary := p.stop(t)
	const good, bad = "Id2MetaVerify  normal  body   ACS3-HMAC-SHA256  billed  match", "Id2MetaVerify  normal  body   ACS3-HMAC-SHA256  -       500 (fault Answer)"
	assert.Equal(t, []string{good, good, bad, good, good, bad}, withoutTimes(t, calls))
	assert.Contains(t, summary, "6 requests, 4 billed, 2 with a fault\n")
	assert.Contains(t, p.stdout.String(), "500, one request in 3\n")
}

func TestEachFailureOfTheServiceHasAFault(t *testing.T) {
	want := map[string]error{
		"throttle": id2meta.ErrThrottled, "400": id2meta.ErrInvalidParam, "401": id2meta.ErrInvalidParam,
		"402": id2meta.ErrSourceUnavailable, "402-policy": id2meta.ErrSourceUnavailable, "402-permission": id2meta.ErrAccessDenied,
		"403": id2meta.ErrRepeatedCall, "410": id2meta.ErrNotActivated, "411": id2meta.ErrAccessDenied, "412": id2meta.ErrOverdue,
		"500": id2meta.ErrUnavailable, "InvalidAccessKeyId.NotFound": id2meta.ErrCredential,
		"InvalidAccessKeyId.Inactive": id2meta.ErrCredential, "SignatureDoesNotMatch": id2meta.ErrCredential,
		"InvalidSecurityToken.Expired": id2meta.ErrCredential, "InvalidTimeStamp.Expired": id2meta.ErrCredential,
		"NoPermission": id2meta.ErrAccessDenied, "Forbidden.RAM": id2meta.ErrAccessDenied,
		"ServiceUnavailable": id2meta.ErrUnavailable, "InternalError": id2meta.ErrUnavailable,
		"bad-gateway": id2meta.ErrMaybeBilled, "no-verdict": id2meta.ErrUnexpectedResponse,
		"truncate": id2meta.ErrMaybeBilled, "drop": id2meta.ErrMaybeBilled, "hang": context.DeadlineExceeded,
	}
	for _, named := range namedFaults {
		t.Run(named.name, func(t *testing.T) {
			t.Parallel()
			p := startProgram(t, t.TempDir(), "-fault", named.name, "-every", "1")
			client := p.client(t, id2metatest.AccessKeySecret, id2meta.WithTimeout(2*time.Second), id2meta.WithMaxAttempts(1))
			_, err := client.Verify(t.Context(), plain(sampleName, sampleNumber))
			require.Contains(t, want, named.name)
			assert.ErrorIs(t, err, want[named.name])
		})
	}
	assert.Len(t, namedFaults, len(want))
}

func TestLatencyDelaysEachAnswer(t *testing.T) {
	p := startProgram(t, t.TempDir(), "-latency", "50ms..60ms")
	assert.Contains(t, p.stdout.String(), "50ms..60ms\n")
	client := p.client(t, id2metatest.AccessKeySecret)
	for range 2 {
		started := time.Now()
		_, err := client.Verify(t.Context(), plain(sampleName, sampleNumber))
		require.NoError(t, err)
		assert.GreaterOrEqual(t, time.Since(started), 50*time.Millisecond)
	}
}

func TestInterruptDoesNotWaitForWhatHangs(t *testing.T) {
	p := startProgram(t, t.TempDir(), "-fault", "hang", "-every", "1")
	client := p.client(t, id2metatest.AccessKeySecret)
	left := make(chan error, 1)
	go func() {
		_, err := client.Verify(context.Background(), plain(sampleName, sampleNumber))
		left <- err
	}()
	p.waitFor(t, "fault Hang")
	started := time.Now()
	_, summary := p.stop(t)
	assert.Less(t, time.Since(started), shutdownTimeout)
	assert.Contains(t, summary, "1 requests, 1 billed, 1 with a fault")
	assert.Error(t, <-left)
}

// With -key, clients need to be told only once what they trust.
func TestSecondStartWithTheKeyKeepsTheCertificate(t *testing.T) {
	dir := t.TempDir()
	first := startProgram(t, dir, "-key", "cert-key.pem")
	client := first.httpClient(t) // trusts the file of the first start
	first.stop(t)
	before, err := os.ReadFile(first.cert)
	require.NoError(t, err)

	second := startProgram(t, dir, "-key", "cert-key.pem")
	after, err := os.ReadFile(second.cert)
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))
	response, err := client.Get("https://" + second.endpoint)
	require.NoError(t, err)
	response.Body.Close()
	second.stop(t)

	other := startProgram(t, t.TempDir())
	_, err = client.Get("https://" + other.endpoint)
	assert.ErrorContains(t, err, "certificate", "another certificate is trusted too")
}

func TestFaultsOfPeople(t *testing.T) {
	people := []struct {
		fault, number string
		is            error
		line          string // behind the signature
	}{
		{"", "110105194912310038", nil, "billed  match"},
		{"throttle", "110105194912310046", id2meta.ErrThrottled, "-       Throttling.User (fault Throttle)"},
		{"402", "110105194912310054", id2meta.ErrSourceUnavailable, "-       402 (fault Answer)"},
		{"500", "110105194912310062", id2meta.ErrUnavailable, "-       500 (fault Answer)"},
		{"hang", "110105194912310070", context.DeadlineExceeded, "billed  match (fault Hang: not answered)"},
		{"drop", "110105194912310089", id2meta.ErrUnavailable, "billed  match (fault Drop: not answered)"},
	}
	dir := t.TempDir()
	file := "name,id_number,fault\n"
	for _, p := range people {
		file += otherName + "," + p.number + "," + p.fault + "\n"
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "people.csv"), []byte(file), 0o600))
	program := startProgram(t, dir, "-people", "people.csv")
	client := program.client(t, id2metatest.AccessKeySecret, id2meta.WithTimeout(2*time.Second))

	var want []string
	const begin = "Id2MetaVerify  normal  body   ACS3-HMAC-SHA256  "
	for range 2 { // the fault stays with the person
		for _, p := range people {
			_, err := client.Verify(context.Background(), plain(otherName, p.number))
			if p.is == nil {
				assert.NoError(t, err, "without a fault")
			} else {
				assert.ErrorIs(t, err, p.is, p.fault)
			}
			want = append(want, begin+p.line)
		}
	}
	// Another name with the number of a person with a fault is another person.
	result, err := client.Verify(context.Background(), plain(sampleName, people[1].number))
	require.NoError(t, err)
	assert.Equal(t, id2meta.BizCodeMismatch, result.BizCode)
	want = append(want, begin+"billed  mismatch")
	// The fault takes the person masked, too.
	masked, err := id2meta.MD5Param(otherName, people[2].number)
	require.NoError(t, err)
	_, err = client.Verify(context.Background(), masked)
	assert.ErrorIs(t, err, id2meta.ErrSourceUnavailable)
	want = append(want, strings.Replace(begin, "normal", "md5   ", 1)+people[2].line)

	calls, _ := program.stop(t)
	assert.Equal(t, want, withoutTimes(t, calls))
	assert.Contains(t, program.stdout.String(), "the sample person and 6 of people.csv, 5 with a fault\n")
}

func TestFaultOfAPersonComesBeforeTheFaultOfThePlan(t *testing.T) {
	sim := simulator.New(simulator.Config{})
	t.Cleanup(sim.Close)
	hang, _ := faultNamed("hang")
	f := &faults{plan: faultPlan{"drop", 2}, byPerson: map[string]simulator.Fault{"somebody": hang}}
	var got []string
	for _, person := range []string{"", "", "somebody", "somebody", "another", "another", ""} {
		got = append(got, f.next(person).Name())
	}
	assert.Equal(t, []string{"", "Drop", "Hang", "Hang", "", "Drop", ""}, got)
}

func TestMatchAllMatchesEveryValidPerson(t *testing.T) {
	p := startProgram(t, t.TempDir(), "-match-all")
	client := p.client(t, id2metatest.AccessKeySecret)
	masked, err := id2meta.MD5Param(otherName, otherNumber)
	require.NoError(t, err)
	for _, param := range []id2meta.Param{
		plain(sampleName, sampleNumber), plain(otherName, sampleNumber), plain(otherName, otherNumber), masked,
	} {
		result, err := client.Verify(context.Background(), param)
		require.NoError(t, err)
		assert.Equal(t, id2meta.BizCodeMatch, result.BizCode)
	}
	_, err = p.client(t, wrongSecret).Verify(context.Background(), plain(sampleName, sampleNumber))
	assert.ErrorIs(t, err, id2meta.ErrCredential)

	// A number without its check digit is refused here as everywhere. The library would
	// not send it; the vendor's SDK does.
	pem, err := os.ReadFile(p.cert)
	require.NoError(t, err)
	sdk, err := cloudauth.NewClient(new(openapi.Config).SetEndpoint(p.endpoint).SetCa(string(pem)).
		SetAccessKeyId(id2metatest.AccessKeyID).SetAccessKeySecret(id2metatest.AccessKeySecret))
	require.NoError(t, err)
	answer, err := sdk.Id2MetaVerify(new(cloudauth.Id2MetaVerifyRequest).
		SetParamType("normal").SetUserName(sampleName).SetIdentifyNum("110105194912310020"))
	require.NoError(t, err)
	assert.Equal(t, "401", tea.StringValue(answer.Body.Code))
	assert.Contains(t, p.stdout.String(), "the sample person; every valid person is a match\n")
}

func TestClientThatCannotConnectLeavesALine(t *testing.T) {
	p := startProgram(t, t.TempDir())
	_, err := (&http.Client{}).Get("https://" + p.endpoint)
	require.Error(t, err)
	p.waitFor(t, "does the client trust the certificate?\n")
	_, err = (&http.Client{}).Get("http://" + p.endpoint)
	require.NoError(t, err)
	p.waitFor(t, "a client spoke HTTP: it must speak HTTPS\n")
	_, summary := p.stop(t)
	assert.Contains(t, summary, "0 requests")
}

// What a client writes itself into the wrong place may be a person.
func TestLinesShowNothingThatTheClientMadeUp(t *testing.T) {
	p := startProgram(t, t.TempDir())
	client := p.httpClient(t)
	for _, query := range []string{
		"Action=" + sampleNumber + "&ParamType=" + sampleName,
		"Action=" + otherName + "&Version=" + otherNumber + "&SignatureMethod=" + sampleNumber + "&AccessKeyId=" + sampleNumber,
	} {
		request, err := http.NewRequest("POST", "https://"+p.endpoint+"/"+sampleNumber+"?"+query, nil)
		require.NoError(t, err)
		request.Header.Set("User-Agent", sampleNumber)
		response, err := client.Do(request)
		require.NoError(t, err)
		response.Body.Close()
	}
	calls, _ := p.stop(t) // which looks for them
	assert.Equal(t, []string{
		"other          other   query  none              -       MissingAccessKeyId",
		"other          none    none   HMAC-SHA1         -       InvalidSignatureMethod",
	}, withoutTimes(t, calls))
}

func TestPortInUse(t *testing.T) {
	p := startProgram(t, t.TempDir())
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"-listen", p.endpoint, "-cert", filepath.Join(dir, "cert.pem")}, &stdout, &stderr)
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, stderr.String(), "-listen: listen tcp "+p.endpoint)
	assert.Contains(t, stderr.String(), "; -listen 127.0.0.1:0 takes a free port\n")
	assert.Equal(t, 1, strings.Count(stderr.String(), "\n"), "one line: %s", stderr.String())
	assert.Empty(t, stdout.String())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left, "it left a certificate behind")
}
