package id2meta

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"syscall"
)

// ofConnection returns the outcome of a request that was not sent because of err. text is
// what may be shown of err.
func ofConnection(err error, text string) *outcome {
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case untrusted:
		return &untrustedCert
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EAFNOSUPPORT):
		return &noRoute
	case strings.Contains(text, http.StatusText(http.StatusProxyAuthRequired)):
		return &proxyPassword // net/http has no type for the answer of a proxy to CONNECT
	}
	return &noConnection
}

// explainCertificate says who issued a certificate that is not trusted, or that nobody is
// trusted at all, as in a container image without CA certificates. The two errors of
// package x509 have the same text. It returns "" for any other error.
func explainCertificate(err error) string {
	unknown, ok := errors.AsType[x509.UnknownAuthorityError](err)
	if !ok {
		return ""
	}
	if roots, err := x509.SystemCertPool(); err == nil && roots.Equal(x509.NewCertPool()) {
		return " (this machine has no CA certificates)"
	}
	if unknown.Cert == nil {
		return ""
	}
	return " (certificate issued by " + unknown.Cert.Issuer.String() + ")"
}
