package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/id2meta/id2meta/internal/localcert"
)

// openCertificate returns the certificate of the server. It stands in certFile, so that
// clients can trust it. Without a keyFile the certificate is new, and its key stays in
// memory. With a keyFile the pair is that of an earlier start, or a new one if the files
// do not exist.
func openCertificate(certFile, keyFile string) (tls.Certificate, error) {
	if keyFile == "" {
		pair, err := replaceCertificate(certFile)
		if err != nil {
			return tls.Certificate{}, fmt.Errorf("-cert: %w", err)
		}
		return pair, nil
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		pair, err = createPair(certFile, keyFile) // fails if one of the two files exists
	}
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("-cert and -key: %s and %s: %w; remove both for a new pair", certFile, keyFile, err)
	}
	return pair, nil
}

// replaceCertificate writes a new certificate. It replaces only that of an earlier start.
func replaceCertificate(file string) (tls.Certificate, error) {
	if info, err := os.Stat(file); err == nil && !(info.Mode().IsRegular() && isOwnCertificate(file)) {
		return tls.Certificate{}, fmt.Errorf("%s is there and is not a certificate of this program; choose another file", file)
	}
	pair, err := localcert.New()
	if err != nil {
		return tls.Certificate{}, err
	}
	return pair, os.WriteFile(file, localcert.PEM(pair.Leaf), 0o644)
}

// isOwnCertificate reports whether an earlier start may have written the file, and
// nobody has added anything since.
func isOwnCertificate(file string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return false
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	return err == nil && certificate.Subject.CommonName == localcert.CommonName && bytes.Equal(text, localcert.PEM(certificate))
}

// createPair writes two new files. Only their owner can read the key.
func createPair(certFile, keyFile string) (tls.Certificate, error) {
	pair, err := localcert.New()
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	if err := writeNew(keyFile, 0o600, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})); err != nil {
		return tls.Certificate{}, err
	}
	if err := writeNew(certFile, 0o644, localcert.PEM(pair.Leaf)); err != nil {
		os.Remove(keyFile) // the next start would find half a pair
		return tls.Certificate{}, err
	}
	return pair, nil
}

// writeNew writes a new file. It fails if the file exists.
func writeNew(file string, mode fs.FileMode, text []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
