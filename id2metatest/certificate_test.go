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
	if block == nil || len(rest) != 0 {
		t.Fatalf("not one certificate in PEM: %s", certificatePEM)
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func TestCertificateIsALeafForLoopback(t *testing.T) {
	leaf := leafOf(t, newServer(t).CertificatePEM())
	if leaf.IsCA || leaf.KeyUsage&x509.KeyUsageCertSign != 0 {
		t.Error("it is a certificate authority: its key can make certificates for other hosts")
	}
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "::1": true,
		"example.com": false, "cloudauth.aliyuncs.com": false,
	} {
		if got := leaf.VerifyHostname(host) == nil; got != want {
			t.Errorf("it is valid for %s: %t", host, got)
		}
	}
}

func TestAnotherProcessHasAnotherCertificate(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	other := exec.Command(self)
	other.Env = append(os.Environ(), printCertificate+"=1")
	printed, err := other.Output()
	if err != nil {
		t.Fatal(err)
	}
	if leafOf(t, newServer(t).CertificatePEM()).Equal(leafOf(t, printed)) {
		t.Error("both processes have the same certificate")
	}
}

// Everybody has the key of the certificate that net/http/httptest serves.
func TestClientDoesNotTrustTheCertificateOfHTTPTest(t *testing.T) {
	s := newServer(t)
	other := httptest.NewUnstartedServer(http.NotFoundHandler())
	other.Config.ErrorLog = quiet
	other.StartTLS()
	defer other.Close()
	if response, err := s.Client().Get(other.URL); err == nil {
		response.Body.Close()
		t.Error("it does")
	}

	roots := x509.NewCertPool()
	roots.AddCert(other.Certificate())
	conn, err := tls.Dial("tcp", s.Endpoint(), &tls.Config{RootCAs: roots})
	if err == nil {
		conn.Close()
		t.Error("the Server serves the certificate of net/http/httptest")
	}
}
