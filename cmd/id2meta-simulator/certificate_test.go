package main

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCertificate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cert.pem")
	pair, err := loadOrCreateCertificate(file)
	require.NoError(t, err)

	roots := x509.NewCertPool()
	roots.AddCert(pair.Leaf)
	for _, host := range []string{"localhost", "127.0.0.1", "::1"} {
		for _, when := range []time.Time{time.Now().Add(-time.Hour), time.Now(), time.Now().AddDate(9, 11, 0)} {
			_, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, CurrentTime: when})
			assert.NoError(t, err, "%s at %v", host, when)
		}
	}
	_, err = pair.Leaf.Verify(x509.VerifyOptions{DNSName: "cloudauth.aliyuncs.com", Roots: roots})
	assert.Error(t, err, "whoever trusts it trusts more than this machine")
	assert.False(t, pair.Leaf.IsCA, "its key can make certificates for others")

	if runtime.GOOS != "windows" {
		info, err := os.Stat(filepath.Join(filepath.Dir(file), "cert-key.pem"))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}

	again, err := loadOrCreateCertificate(file)
	require.NoError(t, err)
	assert.Equal(t, pair.Certificate, again.Certificate)
}

// Where the link leads, nobody knows what is going to be.
func TestCertificateDoesNotFollowALinkThatLeadsNowhere(t *testing.T) {
	dir := t.TempDir()
	file, target := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "elsewhere.pem")
	if err := os.Symlink(target, file); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	_, err := loadOrCreateCertificate(file)
	assert.ErrorContains(t, err, "file exists")
	assert.NoFileExists(t, target)
	assert.NoFileExists(t, keyFile(file), "half a pair is left")
}

func TestEveryCertificateIsAnother(t *testing.T) {
	dir := t.TempDir()
	one, err := loadOrCreateCertificate(filepath.Join(dir, "one.pem"))
	require.NoError(t, err)
	two, err := loadOrCreateCertificate(filepath.Join(dir, "two.pem"))
	require.NoError(t, err)
	assert.NotEqual(t, one.Leaf.PublicKey, two.Leaf.PublicKey)
	assert.NotEqual(t, one.Leaf.SerialNumber, two.Leaf.SerialNumber)
}
