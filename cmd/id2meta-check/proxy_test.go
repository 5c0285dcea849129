package main

import (
	"bufio"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"log"
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

	"github.com/id2meta/id2meta/internal/localcert"
	"github.com/id2meta/id2meta/internal/testenv"
)

// serve starts a server for 127.0.0.1 and service.invalid. Its certificate is valid for
// this time from now. The issuer is the certificate authority of a proxy that ends TLS.
func serve(t *testing.T, valid time.Duration) *httptest.Server {
	pair, err := localcert.New()
	require.NoError(t, err)
	pair.Leaf.DNSNames, pair.Leaf.NotAfter = []string{"service.invalid"}, time.Now().Add(valid)
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "Proxy CA of a company"}}
	pair.Certificate[0], err = x509.CreateCertificate(rand.Reader, pair.Leaf, issuer, pair.Leaf.PublicKey, pair.PrivateKey)
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: pair.Certificate, PrivateKey: pair.PrivateKey}}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func TestProxy(t *testing.T) {
	target := serve(t, time.Hour)
	trusted := filepath.Join(t.TempDir(), "cert.pem")
	require.NoError(t, os.WriteFile(trusted, localcert.PEM(target.Certificate()), 0o600))
	address := testenv.Accept(t, func(in net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(in))
		if err != nil {
			return
		}
		if r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") == "" {
			io.WriteString(in, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
			return
		}
		out, err := net.Dial("tcp", target.Listener.Addr().String())
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
