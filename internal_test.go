package id2meta

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/progress"
	"github.com/id2meta/id2meta/internal/redact"
	"github.com/id2meta/id2meta/internal/transport"
)

func TestBackoffDoublesWithFullJitterUpToItsCap(t *testing.T) {
	const samples = 2000
	for attempts, longest := range map[int]time.Duration{
		1:  100 * time.Millisecond,
		2:  200 * time.Millisecond,
		3:  400 * time.Millisecond,
		5:  1600 * time.Millisecond,
		6:  2 * time.Second,
		70: 2 * time.Second,
	} {
		k := call{attempts: attempts}
		least, most := longest, time.Duration(0)
		for range samples {
			wait := k.backoff()
			least, most = min(least, wait), max(most, wait)
		}
		assert.GreaterOrEqual(t, least, time.Duration(0))
		assert.Less(t, least, longest/10, "attempt %d: the jitter is not full", attempts)
		assert.Less(t, most, longest, "attempt %d", attempts)
		assert.Greater(t, most, longest*9/10, "attempt %d", attempts)
	}
}

func TestOutcomeOfAConnectionThatFails(t *testing.T) {
	dial := func(err syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}
	}
	for _, test := range []struct {
		name   string
		err    error
		remedy Remedy
		text   string
	}{
		{"refused: try later", dial(syscall.ECONNREFUSED), RemedyTryLater, ""},
		{"no route, as with IPv6 alone: the operator", dial(syscall.ENETUNREACH), RemedyOperator, "dual-stack"},
		{"no such family of addresses: the operator", dial(syscall.EAFNOSUPPORT), RemedyOperator, "dual-stack"},
		{"a proxy that asks for a password: the operator", errors.New("Proxy Authentication Required"), RemedyOperator, "user and a password"},
		{"another refusal of a proxy: try later", errors.New("Bad Gateway"), RemedyTryLater, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := newOutcomeError(ofConnection(test.err, test.err.Error()), "no connection to 127.0.0.1:1", test.err)
			assert.ErrorIs(t, err, ErrUnavailable)
			assert.ErrorContains(t, err, test.text)
			assert.Equal(t, test.remedy, RemedyOf(err))
		})
	}
}

func TestAnUntrustedCertificateIsExplainedByItsIssuer(t *testing.T) {
	unknown := x509.UnknownAuthorityError{Cert: &x509.Certificate{Issuer: pkix.Name{CommonName: "Proxy CA", Organization: []string{"Company"}}}}
	assert.Equal(t, " (certificate issued by CN=Proxy CA,O=Company)", explainCertificate(fmt.Errorf("tls: %w", unknown)))
	assert.Empty(t, explainCertificate(http.ErrServerClosed))
	assert.Empty(t, explainCertificate(x509.UnknownAuthorityError{}))
}

func TestDaysInChina(t *testing.T) {
	assert.Less(t, chinaDay(timeAt(t, "2026-12-31T15:59:59Z")), chinaDay(timeAt(t, "2026-12-31T16:00:00Z")))
	assert.Equal(t, chinaDay(timeAt(t, "2026-12-30T16:00:00Z")), chinaDay(timeAt(t, "2026-12-31T15:59:59Z")))
	assert.Zero(t, chinaDay(timeAt(t, "1901-01-01T00:00:00Z")))
}

func TestAClockThatIsSetBackBeginsNoDayAgain(t *testing.T) {
	d := dailyLimit{max: 1}
	_, err := d.take(timeAt(t, "2026-12-31T16:00:00Z"))
	assert.NoError(t, err)
	_, err = d.take(timeAt(t, "2026-12-31T15:00:00Z"))
	assert.ErrorIs(t, err, ErrDailyLimit)
	assert.Error(t, d.reached(timeAt(t, "1960-01-01T00:00:00Z")))
}

func TestARequestGivenBackAfterMidnightDoesNotCountForTheNewDay(t *testing.T) {
	d := dailyLimit{max: 1}
	giveBack, err := d.take(timeAt(t, "2026-12-31T15:59:59Z"))
	assert.NoError(t, err)
	_, err = d.take(timeAt(t, "2026-12-31T16:00:00Z"))
	assert.NoError(t, err)
	giveBack()
	_, err = d.take(timeAt(t, "2026-12-31T16:00:01Z"))
	assert.ErrorIs(t, err, ErrDailyLimit)
}

func timeAt(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return at
}

// The User-Agent tells the vendor, and the logs of proxies, which release sent a
// request: the version in it is that of the first entry of the changelog.
func TestTheVersionIsTheChangelogs(t *testing.T) {
	changelog, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	entry := regexp.MustCompile(`(?m)^## (\S+)`).FindSubmatch(changelog)
	if entry == nil {
		t.Fatal("CHANGELOG.md has no entry")
	}
	if got := string(entry[1]); got != version {
		t.Errorf("the first entry of CHANGELOG.md is %s, and the constant version is %s", got, version)
	}
}

func TestAnAnswerToSomethingElseIsNoVerdict(t *testing.T) {
	k := call{Client: new(Client), deadline: time.Now().Add(time.Hour), report: func(progress.State) {}}
	result, err := k.read(t.Context(), "127.0.0.1:1", new(redact.Redactor), transport.Response{Unasked: true, Sent: true})
	assert.Zero(t, result)
	assert.ErrorIs(t, err, ErrUnexpectedResponse)
	assert.ErrorContains(t, err, "the answer came before the request: 127.0.0.1:1")
	assert.ErrorIs(t, k.giveUp(err), ErrMaybeBilled)
	_, again := k.plan(t.Context(), lastOutcome(err), err)
	assert.False(t, again)
	assert.Equal(t, RemedyOperator, RemedyOf(err))
}
