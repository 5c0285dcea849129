package localcert_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/localcert"
)

func TestCertificateIsALeafForLoopback(t *testing.T) {
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
		assert.Error(t, leaf.VerifyHostname(host), host)
	}
	assert.False(t, leaf.IsCA, "its key can make certificates for other hosts")
	assert.Zero(t, leaf.KeyUsage&x509.KeyUsageCertSign, "its key can make certificates for other hosts")
}

func TestEveryCertificateHasAKeyOfItsOwn(t *testing.T) {
	one, err := localcert.New()
	require.NoError(t, err)
	two, err := localcert.New()
	require.NoError(t, err)
	assert.NotEqual(t, one.Leaf.PublicKey, two.Leaf.PublicKey)
	assert.NotEqual(t, one.Leaf.SerialNumber, two.Leaf.SerialNumber)
}
