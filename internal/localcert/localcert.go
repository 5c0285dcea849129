// Package localcert makes the certificate of the simulator. Package id2metatest and the
// program cmd/id2meta-simulator use it.
//
// The certificate is a self-signed leaf for localhost, 127.0.0.1 and ::1. It is
// not a certificate authority: a client that trusts it trusts the holder of its
// key, on this machine, and nobody else.
package localcert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"sync"
	"time"
)

// CommonName is the subject of every certificate that [New] makes.
const CommonName = "id2meta simulator"

var ofProcess = sync.OnceValues(New)

// OfProcess returns the certificate of this process. The first call makes the
// certificate, with a key that stays in memory.
func OfProcess() (tls.Certificate, error) { return ofProcess() }

// New makes a certificate with a new key. It is valid from yesterday, because the
// clock of a client may be slow, and for ten years.
func New() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: CommonName},
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:   now.Add(-24 * time.Hour),
		NotAfter:    now.AddDate(10, 0, 0),
		// No KeyUsageCertSign, and IsCA is false: the key cannot make a
		// certificate for another host.
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// PEM returns the certificate without the key, in the form of a file with trusted
// certificates.
func PEM(leaf *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})
}
