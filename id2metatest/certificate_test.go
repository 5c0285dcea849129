package id2metatest_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
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

func leafOf(t *testing.T, certificatePEM []byte) *x509.Certificate {
	t.Helper()
	block, rest := pem.Decode(certificatePEM)
	require.True(t, block != nil && len(rest) == 0, "not one certificate in PEM: %s", certificatePEM)
	leaf, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return leaf
}

func TestCertificateIsALeafForLoopback(t *testing.T) {
	leaf := leafOf(t, newServer(t).CertificatePEM())
	assert.False(t, leaf.IsCA || leaf.KeyUsage&x509.KeyUsageCertSign != 0, "its key can make certificates for other hosts")
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "::1": true,
		"example.com": false, "cloudauth.aliyuncs.com": false,
	} {
		assert.Equal(t, want, leaf.VerifyHostname(host) == nil, host)
	}
}

func TestAnotherProcessHasAnotherCertificate(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	other := exec.Command(self)
	other.Env = append(os.Environ(), printCertificate+"=1")
	printed, err := other.Output()
	require.NoError(t, err)
	assert.False(t, leafOf(t, newServer(t).CertificatePEM()).Equal(leafOf(t, printed)))
}

// Everybody has the key of the certificate that net/http/httptest serves.
func TestClientDoesNotTrustTheCertificateOfHTTPTest(t *testing.T) {
	s := newServer(t)
	other := httptest.NewUnstartedServer(http.NotFoundHandler())
	other.Config.ErrorLog = quiet
	other.StartTLS()
	defer other.Close()
	_, err := s.Client().Get(other.URL)
	assert.Error(t, err)

	roots := x509.NewCertPool()
	roots.AddCert(other.Certificate())
	_, err = tls.Dial("tcp", s.Endpoint(), &tls.Config{RootCAs: roots})
	assert.Error(t, err, "the Server serves the certificate of net/http/httptest")
}
