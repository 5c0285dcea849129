package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
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
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM([]byte(readFile(t, p.cert))))
	return roots
}

func (p *program) httpClient(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.roots(t)}, ForceAttemptHTTP2: true}
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
	return id2meta.Param{ParamType: id2meta.ParamTypeNormal, UserName: userName, IdentifyNum: identifyNum}
}

func TestThisLibrary(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "people.csv"), []byte("name,id_number\n"+otherName+","+otherNumber+"\n"), 0o600))
	p := startProgram(t, dir, "-people", "people.csv", "-key", "cert-key.pem")
	assert.FileExists(t, filepath.Join(dir, "cert-key.pem"))
	masked, err := id2meta.MD5Param(sampleName, sampleNumber)
	require.NoError(t, err)
	client := p.client(t, id2metatest.AccessKeySecret)
	for _, test := range []struct {
		param id2meta.Param
		want  id2meta.BizCode
	}{
		{plain(sampleName, sampleNumber), id2meta.BizCodeMatch},
		{masked, id2meta.BizCodeMatch},
		{plain(otherName, otherNumber), id2meta.BizCodeMatch}, // of the file
		{plain(otherName, sampleNumber), id2meta.BizCodeMismatch},
		{plain(sampleName, "110105194912310038"), id2meta.BizCodeNoRecord},
	} {
		result, err := client.Verify(t.Context(), test.param)
		require.NoError(t, err)
		assert.Equal(t, test.want, result.BizCode)
	}
	_, err = p.client(t, wrongSecret).Verify(t.Context(), masked)
	assert.ErrorIs(t, err, id2meta.ErrCredential)

	calls, summary := p.stop(t)
	assert.Equal(t, []string{
		"Id2MetaVerify  normal  body   ACS3-HMAC-SHA256  billed  match",
		"Id2MetaVerify  md5     body   ACS3-HMAC-SHA256  billed  match",
		"Id2MetaVerify  normal  body   ACS3-HMAC-SHA256  billed  match",
		"Id2MetaVerify  normal  body   ACS3-HMAC-SHA256  billed  mismatch",
		"Id2MetaVerify  normal  body   ACS3-HMAC-SHA256  billed  no record",
		"Id2MetaVerify  md5     body   ACS3-HMAC-SHA256  -       SignatureDoesNotMatch",
	}, withoutTimes(t, calls))
	assert.Equal(t, "6 requests, 5 billed, 0 with a fault\n"+
		"      1  SignatureDoesNotMatch\n      3  match\n      1  mismatch\n      1  no record\n", summary)
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
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "people.csv"), []byte(otherName+","+otherNumber+",402\n"), 0o600))
	p := startProgram(t, dir, "-fault", "500", "-every", "3", "-people", "people.csv")
	client := p.client(t, id2metatest.AccessKeySecret)
	sample, other := plain(sampleName, sampleNumber), plain(otherName, otherNumber)
	for i, test := range []struct {
		param id2meta.Param
		want  error
	}{
		{sample, nil}, {sample, nil}, {sample, id2meta.ErrUnavailable},
		{other, id2meta.ErrSourceUnavailable}, {sample, nil}, {other, id2meta.ErrSourceUnavailable}, // the fault of a person counts more
	} {
		_, err := client.Verify(t.Context(), test.param)
		assert.ErrorIs(t, err, test.want, "request %d", i+1)
	}
	_, summary := p.stop(t)
	assert.Contains(t, summary, "6 requests, 3 billed, 3 with a fault\n")
	assert.Contains(t, p.stdout.String(), "500, one request in 3\n")
}

// Each failure of docs/errors.md can be played for one person, while everybody else is a
// match.
func TestFaultsOfPeople(t *testing.T) {
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
	names := slices.Sorted(maps.Keys(namedFaults))
	require.Equal(t, slices.Sorted(maps.Keys(want)), names)
	number := func(fault string) string {
		return testenv.IDNumber(time.Date(1950, 1, 1+slices.Index(names, fault), 0, 0, 0, 0, time.UTC))
	}
	dir, file := t.TempDir(), "name,id_number,fault\n"
	for _, fault := range names {
		file += otherName + "," + number(fault) + "," + fault + "\n"
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "people.csv"), []byte(file), 0o600))
	p := startProgram(t, dir, "-people", "people.csv", "-match-all")
	client := p.client(t, id2metatest.AccessKeySecret, id2meta.WithTimeout(time.Second))

	for range 2 { // the fault stays with the person
		for _, fault := range names {
			_, err := client.Verify(t.Context(), plain(otherName, number(fault)))
			assert.ErrorIs(t, err, want[fault], fault)
		}
	}
	masked, err := id2meta.MD5Param(otherName, number("402"))
	require.NoError(t, err)
	_, err = client.Verify(t.Context(), masked)
	assert.ErrorIs(t, err, id2meta.ErrSourceUnavailable, "the same person, masked")
	for _, param := range []id2meta.Param{plain(sampleName, number("402")), plain(otherName, otherNumber)} {
		result, err := client.Verify(t.Context(), param)
		require.NoError(t, err)
		assert.Equal(t, id2meta.BizCodeMatch, result.BizCode, "another name with the number, or nobody of the file")
	}

	lines, _ := p.stop(t)
	const begin = "Id2MetaVerify  normal  body   ACS3-HMAC-SHA256  "
	for _, line := range []string{
		begin + "-       Throttling.User (fault Throttle)",
		begin + "-       402 (fault Answer)",
		"Id2MetaVerify  md5     body   ACS3-HMAC-SHA256  -       402 (fault Answer)",
		begin + "billed  match (fault Hang: not answered)",
		begin + "billed  match (fault Drop: not answered)",
	} {
		assert.Contains(t, withoutTimes(t, lines), line)
	}
	assert.Contains(t, p.stdout.String(), "the sample person and 25 of people.csv; every valid person is a match\n")
}

func TestLatencyDelaysEachAnswer(t *testing.T) {
	p := startProgram(t, t.TempDir(), "-latency", "50ms")
	assert.Contains(t, p.stdout.String(), "50ms\n")
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
		_, err := client.Verify(t.Context(), plain(sampleName, sampleNumber))
		left <- err
	}()
	p.waitFor(t, "fault Hang")
	_, summary := p.stop(t)
	assert.Contains(t, summary, "1 requests, 1 billed, 1 with a fault")
	err := <-left
	assert.ErrorIs(t, err, id2meta.ErrMaybeBilled)
	assert.NotErrorIs(t, err, context.DeadlineExceeded, "the program waited for the client")
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
		// An answer that is not read may leave its connection too late for the next
		// request. The dial for that request is then given up in its handshake.
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		response.Body.Close()
		assert.Equal(t, "HTTP/1.1", response.Proto, "the fault drop could not close the connection")
	}
	calls, _ := p.stop(t) // which looks for them
	assert.Equal(t, []string{
		"other          other   query  none              -       MissingAccessKeyId",
		"other          none    none   HMAC-SHA1         -       InvalidSignatureMethod",
	}, withoutTimes(t, calls))
}
