package localcert_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/localcert"
)

func Example() {
	certificate, err := localcert.New()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(localcert.Hosts(), certificate.Leaf.IsCA)
	// Output: [localhost 127.0.0.1 ::1] false
}

func TestCertificate(t *testing.T) {
	certificate, err := localcert.New()
	require.NoError(t, err)
	leaf := certificate.Leaf
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(localcert.PEM(leaf)))

	for _, host := range []string{"localhost", "127.0.0.1", "::1"} {
		for _, when := range []time.Time{time.Now().Add(-time.Hour), time.Now(), time.Now().AddDate(9, 11, 0)} {
			_, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, CurrentTime: when})
			assert.NoError(t, err, "%s at %v", host, when)
		}
	}
	for _, host := range []string{"cloudauth.aliyuncs.com", "127.0.0.2", "192.0.2.1", "example.localhost"} {
		_, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots})
		assert.Error(t, err, host)
	}
	assert.False(t, leaf.IsCA)
	assert.Zero(t, leaf.KeyUsage&x509.KeyUsageCertSign)
	assert.NoError(t, localcert.Check(leaf))
}

func TestEveryCertificateHasAKeyOfItsOwn(t *testing.T) {
	one, err := localcert.New()
	require.NoError(t, err)
	two, err := localcert.New()
	require.NoError(t, err)
	assert.NotEqual(t, one.Leaf.PublicKey, two.Leaf.PublicKey)
	assert.NotEqual(t, one.Leaf.SerialNumber, two.Leaf.SerialNumber)
}

func TestAProcessHasOneCertificate(t *testing.T) {
	one, err := localcert.OfProcess()
	require.NoError(t, err)
	two, err := localcert.OfProcess()
	require.NoError(t, err)
	assert.Equal(t, one.Leaf.Raw, two.Leaf.Raw)
}

// signedBy returns a certificate for cloudauth.aliyuncs.com and the test's own
// servers, signed with the key of issuer.
func signedBy(t *testing.T, issuer *x509.Certificate, issuerKey any) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "somebody else"},
		DNSNames:     []string{"cloudauth.aliyuncs.com"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, &key.PublicKey, issuerKey)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der, issuer.Raw}, PrivateKey: key}
}

// A client that trusts the leaf asks another host, which serves a certificate
// that the leaf's key has signed. The control shows that the same certificate is
// believed where its issuer is a certificate authority.
func TestTheKeyCannotSignForAnotherHost(t *testing.T) {
	leaf, err := localcert.New()
	require.NoError(t, err)
	authority := authority(t)

	for _, test := range []struct {
		name     string
		issuer   tls.Certificate
		believed bool
	}{
		{"signed by the leaf", leaf, false},
		{"signed by a certificate authority", authority, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			server.TLS = &tls.Config{Certificates: []tls.Certificate{signedBy(t, test.issuer.Leaf, test.issuer.PrivateKey)}}
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.StartTLS()
			defer server.Close()

			roots := x509.NewCertPool()
			roots.AddCert(test.issuer.Leaf)
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "cloudauth.aliyuncs.com"}}
			defer transport.CloseIdleConnections()
			response, err := (&http.Client{Transport: transport}).Get(server.URL)
			if test.believed {
				require.NoError(t, err)
				response.Body.Close()
				return
			}
			var unknown x509.UnknownAuthorityError
			assert.ErrorAs(t, err, &unknown)
		})
	}
}

func authority(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(2),
		Subject:               pkix.Name{CommonName: "an authority"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		KeyUsage:              x509.KeyUsageCertSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func TestCheckRefuses(t *testing.T) {
	good, err := localcert.New()
	require.NoError(t, err)
	for _, test := range []struct {
		name   string
		change func(*x509.Certificate)
		want   string
	}{
		{"an expired certificate", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) }, "not valid today"},
		{"a certificate of tomorrow", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }, "not valid today"},
		{"a certificate without ::1", func(c *x509.Certificate) { c.IPAddresses = c.IPAddresses[:1] }, "not valid for ::1"},
		{"a certificate without localhost", func(c *x509.Certificate) { c.DNSNames = nil }, "not valid for localhost"},
		{"a certificate authority", func(c *x509.Certificate) { c.IsCA = true }, "certificate authority"},
		{"a key that may sign certificates", func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }, "certificate authority"},
	} {
		t.Run(test.name, func(t *testing.T) {
			changed := *good.Leaf
			test.change(&changed)
			assert.ErrorContains(t, localcert.Check(&changed), test.want)
		})
	}
}
