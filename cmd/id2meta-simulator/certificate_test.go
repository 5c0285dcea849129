package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/localcert"
)

// openPairIn returns the pair of cert.pem and key.pem in dir.
func openPairIn(t *testing.T, dir string) tls.Certificate {
	t.Helper()
	pair, err := openCertificate(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	require.NoError(t, err)
	return pair
}

// leafIn returns the certificate in a file that holds nothing else.
func leafIn(t *testing.T, file string) *x509.Certificate {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	block, rest := pem.Decode(text)
	require.NotNil(t, block)
	require.Empty(t, rest)
	leaf, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return leaf
}

func TestWithoutKeyTheKeyStaysInMemory(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "cert.pem")
	pair, err := openCertificate(file, "")
	require.NoError(t, err)
	assert.True(t, pair.Leaf.Equal(leafIn(t, file)))
	assert.NoError(t, localcert.Check(pair.Leaf))
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, files, 1)
}

func TestCertificateOfAnEarlierStartIsReplaced(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "cert.pem")
	earlier, err := localcert.New()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, localcert.PEM(earlier.Leaf), 0o644))

	pair, err := openCertificate(file, "")
	require.NoError(t, err)
	assert.False(t, pair.Leaf.Equal(earlier.Leaf))
	assert.True(t, pair.Leaf.Equal(leafIn(t, file)))
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, files, 1, "a temporary file is left")
}

func TestNoOtherFileIsReplaced(t *testing.T) {
	own, err := localcert.New()
	require.NoError(t, err)
	ownPEM := string(localcert.PEM(own.Leaf))
	for _, test := range []struct{ name, text string }{
		{"notes", "notes of mine"},
		{"an empty file", ""},
		{"a certificate with more behind it", ownPEM + "notes of mine"},
		{"two certificates", ownPEM + ownPEM},
		{"PEM that is no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "cert.pem")
			require.NoError(t, os.WriteFile(file, []byte(test.text), 0o600))
			_, err := openCertificate(file, "")
			assert.ErrorContains(t, err, "choose another file")
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, test.text, string(text))
		})
	}
}

// Nobody knows what a link leads to.
func TestNoSymbolicLinkIsFollowed(t *testing.T) {
	dir := t.TempDir()
	nowhere, elsewhere := filepath.Join(dir, "nowhere.pem"), filepath.Join(dir, "elsewhere.pem")
	other, err := localcert.New()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(elsewhere, localcert.PEM(other.Leaf), 0o644))

	for _, target := range []string{nowhere, elsewhere} {
		file := filepath.Join(t.TempDir(), "cert.pem")
		if err := os.Symlink(target, file); err != nil {
			t.Skip("no symbolic links here: ", err)
		}
		_, err := openCertificate(file, "")
		assert.ErrorContains(t, err, "choose another file")
		key := filepath.Join(filepath.Dir(file), "key.pem")
		if target == nowhere {
			_, err = openCertificate(file, key)
			assert.ErrorContains(t, err, "file exists")
			assert.NoFileExists(t, key, "half a pair is left")
		}
	}
	assert.NoFileExists(t, nowhere)
	assert.True(t, other.Leaf.Equal(leafIn(t, elsewhere)))
}

func TestWithKeyTheNextStartHasTheSameCertificate(t *testing.T) {
	dir := t.TempDir()
	first, second := openPairIn(t, dir), openPairIn(t, dir)
	assert.Equal(t, first.Certificate, second.Certificate)
	assert.Equal(t, first.PrivateKey, second.PrivateKey)
	assert.True(t, first.Leaf.Equal(leafIn(t, filepath.Join(dir, "cert.pem"))))
	assert.NoError(t, localcert.Check(first.Leaf))
	if runtime.GOOS != "windows" {
		info, err := os.Stat(filepath.Join(dir, "key.pem"))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	assert.False(t, first.Leaf.Equal(openPairIn(t, t.TempDir()).Leaf), "two pairs are the same")
}
