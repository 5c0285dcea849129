package id2metatest_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/id2metatest"
)

// printCertificate makes this test binary a process that prints the certificate of
// its Servers and ends.
const printCertificate = "ID2METATEST_PRINT_CERTIFICATE"

func TestMain(m *testing.M) {
	if os.Getenv(printCertificate) != "" {
		s := id2metatest.NewServer()
		defer s.Close()
		os.Stdout.Write(s.CertificatePEM())
		return
	}
	os.Exit(m.Run())
}

func TestAnotherProcessHasAnotherCertificate(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	other := exec.Command(self)
	other.Env = append(os.Environ(), printCertificate+"=1")
	printed, err := other.Output()
	require.NoError(t, err)
	assert.Contains(t, string(printed), "BEGIN CERTIFICATE")
	assert.NotEqual(t, string(printed), string(newServer(t).CertificatePEM()))
}

func TestAllServersOfAProcessHaveOneCertificate(t *testing.T) {
	a, b := newServer(t), newServer(t)
	assert.Equal(t, a.CertificatePEM(), b.CertificatePEM())
	assert.NotEqual(t, a.Endpoint(), b.Endpoint())
	res, err := a.Client().Do(ask{}.request(t, b.Endpoint()))
	require.NoError(t, err)
	res.Body.Close()
	_, err = http.DefaultClient.Do(ask{}.request(t, a.Endpoint()))
	assert.Error(t, err, "a client trusts the certificate without being told to")
}

// Everybody has the key of the certificate that net/http/httptest serves by default.
func TestClientTrustsTheServerAlone(t *testing.T) {
	other := httptest.NewUnstartedServer(http.NotFoundHandler())
	other.Config.ErrorLog = quiet
	other.StartTLS()
	defer other.Close()
	client := newServer(t).Client()
	_, err := client.Get(other.URL)
	assert.Error(t, err)
	assert.GreaterOrEqual(t, client.Transport.(*http.Transport).MaxIdleConnsPerHost, 100)
}
