package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"strings"
	"time"
)

const certificateYears = 10

// hosts are the names that the certificate is valid for.
var hosts = []string{"localhost", "127.0.0.1", "::1"}

// keyFile is where the key of a certificate is: cert-key.pem beside cert.pem.
func keyFile(certFile string) string { return strings.TrimSuffix(certFile, ".pem") + "-key.pem" }

// loadOrCreateCertificate keeps a certificate that is there, so that clients need
// to be told only once, and makes one if neither it nor its key is.
func loadOrCreateCertificate(certFile string) (tls.Certificate, error) {
	key := keyFile(certFile)
	hasCert, err := exists(certFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("-cert: %w", err)
	}
	hasKey, err := exists(key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("-cert: %w", err)
	}
	switch {
	case hasCert && !hasKey:
		return tls.Certificate{}, fmt.Errorf("-cert: %s has no key, %s is not there; remove it for a new pair", certFile, key)
	case hasKey && !hasCert:
		return tls.Certificate{}, fmt.Errorf("-cert: %s is a key without its certificate, %s is not there; remove it for a new pair", key, certFile)
	case !hasCert:
		if err := createCertificate(certFile, key); err != nil {
			return tls.Certificate{}, fmt.Errorf("-cert: %w", err)
		}
	}
	pair, err := loadCertificate(certFile, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("-cert: %s and %s: %w; remove both for a new pair", certFile, key, err)
	}
	return pair, nil
}

func exists(file string) (bool, error) {
	_, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// loadCertificate also refuses a pair that no client would accept.
func loadCertificate(certFile, keyFile string) (tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	if now.After(pair.Leaf.NotAfter) || now.Before(pair.Leaf.NotBefore) {
		return tls.Certificate{}, errors.New("the certificate is not valid today")
	}
	for _, host := range hosts {
		if pair.Leaf.VerifyHostname(host) != nil {
			return tls.Certificate{}, errors.New("the certificate is not valid for " + host)
		}
	}
	return pair, nil
}

// createCertificate makes a certificate that signs itself and, being none of an
// authority, nothing else: whoever trusts it trusts this program and no more.
func createCertificate(certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "id2meta simulator"},
		NotBefore:             now.Add(-24 * time.Hour), // a client's clock may be slow
		NotAfter:              now.AddDate(certificateYears, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	certDER, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writeNew(keyFile, 0o600, "PRIVATE KEY", keyDER); err != nil {
		return err
	}
	if err := writeNew(certFile, 0o644, "CERTIFICATE", certDER); err != nil {
		os.Remove(keyFile) // or the next start would find half a pair
		return err
	}
	return nil
}

// writeNew never replaces a file.
func writeNew(file string, mode fs.FileMode, kind string, der []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	err = errors.Join(pem.Encode(f, &pem.Block{Type: kind, Bytes: der}), f.Close())
	if err != nil {
		os.Remove(file)
	}
	return err
}
