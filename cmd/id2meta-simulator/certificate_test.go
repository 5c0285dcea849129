package main

import (
	"crypto/tls"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/localcert"
)

// openIn opens cert.pem in dir, and key.pem if there is to be a key.
func openIn(t *testing.T, dir, key string) tls.Certificate {
	t.Helper()
	if key != "" {
		key = filepath.Join(dir, key)
	}
	pair, err := openCertificate(filepath.Join(dir, "cert.pem"), key)
	require.NoError(t, err)
	assert.Equal(t, string(localcert.PEM(pair.Leaf)), readFile(t, filepath.Join(dir, "cert.pem")))
	return pair
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

func TestWithoutKeyTheCertificateOfAnEarlierStartIsReplaced(t *testing.T) {
	dir := t.TempDir()
	earlier := openIn(t, dir, "key.pem")
	require.NoError(t, os.Remove(filepath.Join(dir, "key.pem")))
	assert.NotEqual(t, earlier.Leaf.Raw, openIn(t, dir, "").Leaf.Raw)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, files, 1, "the key does not stay in memory, or a temporary file is left")
}

func TestWithKeyTheNextStartHasTheSameCertificate(t *testing.T) {
	dir := t.TempDir()
	first, second := openIn(t, dir, "key.pem"), openIn(t, dir, "key.pem")
	assert.Equal(t, first.Certificate, second.Certificate)
	assert.Equal(t, first.PrivateKey, second.PrivateKey)
	info, err := os.Stat(filepath.Join(dir, "key.pem"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	assert.NotEqual(t, first.Leaf.Raw, openIn(t, t.TempDir(), "key.pem").Leaf.Raw, "two pairs are the same")
}

func TestNoOtherFileIsReplaced(t *testing.T) {
	own, err := localcert.New()
	require.NoError(t, err)
	ownPEM := string(localcert.PEM(own.Leaf))
	another := httptest.NewTLSServer(nil)
	defer another.Close()
	for name, text := range map[string]string{
		"notes":                              "notes of mine",
		"an empty file":                      "",
		"a certificate with more behind it":  ownPEM + "notes of mine",
		"a certificate with more before it":  "notes of mine\n" + ownPEM,
		"two certificates":                   ownPEM + ownPEM,
		"PEM that is no certificate":         "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"the certificate of another program": string(localcert.PEM(another.Certificate())),
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "cert.pem")
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			_, err := openCertificate(file, "")
			assert.ErrorContains(t, err, "choose another file")
			assert.Equal(t, text, readFile(t, file))
		})
	}
}
