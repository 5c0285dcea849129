package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/testenv"
)

// ca is a certificate authority, such as that of a proxy that ends TLS.
type ca struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newCA(t *testing.T, name string) ca {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return ca{certificate, key}
}

// serve starts a server for 127.0.0.1 and service.invalid. Its certificate is valid for
// this time from now.
func (c ca) serve(t *testing.T, valid time.Duration) (address string) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"},
		DNSNames: []string{"service.invalid"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-12 * time.Hour), NotAfter: time.Now().Add(valid),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.certificate, &c.key.PublicKey, c.key)
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: c.key}}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestProxy(t *testing.T) {
	ca := newCA(t, "Proxy CA of a company")
	trusted := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(trusted, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.certificate.Raw}), 0o600))
	target := ca.serve(t, time.Hour)
	address := testenv.Accept(t, func(in net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(in))
		if err != nil {
			return
		}
		if r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") == "" {
			io.WriteString(in, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
			return
		}
		out, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { io.Copy(out, in); out.Close() }()
		io.Copy(in, out)
	}).Address

	for _, test := range []struct {
		name, proxy, trusted string
		check, status        string
		parts                []string
	}{
		{"a proxy that ends TLS shows its issuer", "http://user:" + secret + "@" + address, trusted,
			"tls", ok, []string{"issued by CN=Proxy CA of a company"}},
		{"the proxy is named without its password", "http://user:" + secret + "@" + address, trusted,
			"tcp", ok, []string{"the proxy http://" + address}},
		{"a proxy whose certificate is not trusted", "http://user:" + secret + "@" + address, "/dev/null",
			"tls", fail, []string{"not trusted", "issued by CN=Proxy CA of a company"}},
		{"a proxy that asks for a password", "http://" + address, trusted, "tls", fail, []string{"asks for a user and a password"}},
		{"a proxy that refuses", "http://" + refusing(t), trusted, "tcp", fail, []string{"connection refused"}},
		{"a proxy that is not a URL is no proxy", "http://user:" + secret + "@[::1", trusted, "dns", fail, []string{"not found"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			self, err := os.Executable()
			require.NoError(t, err)
			command := exec.CommandContext(t.Context(), self, "-json", "-no-request", "-timeout", "3s", "-endpoint", "service.invalid")
			command.Env = append(os.Environ(), runAsProgram+"=1", "HTTPS_PROXY="+test.proxy, "SSL_CERT_FILE="+test.trusted)
			printed, err := command.CombinedOutput()
			if err != nil {
				require.Equal(t, 1, command.ProcessState.ExitCode(), string(printed)) // there is no credential
			}
			r := result{code: 1}
			require.NoError(t, json.Unmarshal(printed, &r), string(printed))
			r.want(t, test.check, test.status, test.parts...)
			assert.NotContains(t, string(printed), secret)
			assert.NotContains(t, string(printed), "user:")
		})
	}
}
