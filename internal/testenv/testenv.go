// Package testenv is the environment for the tests of several packages. It does not know
// the tested packages.
package testenv

import (
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/id2meta/id2meta/internal/localcert"
)

// Run runs m and returns the exit code. The tests do not see the credentials, profiles
// and proxies of the machine, and do not ask the metadata service.
//
// Run also makes every client of the process trust two certificates, even a client with
// its own transport: the certificate of all servers of net/http/httptest, and the
// certificate of the simulator in this process. Go reads the trusted certificates once,
// at the first handshake.
func Run(m *testing.M) int {
	home, err := os.MkdirTemp("", "id2meta-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	defer os.RemoveAll(home)
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "ALIBABA_CLOUD_") || strings.HasSuffix(strings.ToLower(name), "_proxy") {
			os.Unsetenv(name)
		}
	}
	os.Setenv("HOME", home)
	os.Setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")

	server := httptest.NewTLSServer(nil)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	server.Close()
	simulators, err := localcert.OfProcess()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	certificate = append(certificate, localcert.PEM(simulators.Leaf)...)
	roots := filepath.Join(home, "roots.pem")
	if err := os.WriteFile(roots, certificate, 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	os.Setenv("SSL_CERT_FILE", roots)
	os.Setenv("SSL_CERT_DIR", home)
	return m.Run()
}

// EmptyHome gives the test its own home directory, without a profile.
func EmptyHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	return home
}
