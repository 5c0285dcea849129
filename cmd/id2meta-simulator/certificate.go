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

// openCertificate returns the certificate of the server, and writes it to certFile, so
// that clients can trust it. Without a keyFile the certificate is new, and its key stays
// in memory.
func openCertificate(certFile, keyFile string) (tls.Certificate, error) {
	if keyFile != "" {
		return openPair(certFile, keyFile)
	}
	pair, err := localcert.OfProcess()
	if err != nil {
		return tls.Certificate{}, err
	}
	if err := publish(certFile, localcert.PEM(pair.Leaf)); err != nil {
		return tls.Certificate{}, fmt.Errorf("-cert: %w", err)
	}
	return pair, nil
}

// publish writes certFile. It replaces only a certificate of an earlier start.
func publish(certFile string, certificatePEM []byte) error {
	err := writeNew(certFile, 0o644, certificatePEM)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if !isOwnCertificate(certFile) {
		return fmt.Errorf("%s is there and is not a certificate of this program; choose another file", certFile)
	}
	if err := os.Remove(certFile); err != nil {
		return err
	}
	return writeNew(certFile, 0o644, certificatePEM)
}

// isOwnCertificate reports whether an earlier start may have written the file.
func isOwnCertificate(file string) bool {
	info, err := os.Lstat(file)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return false
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	return err == nil && certificate.Subject.CommonName == localcert.CommonName
}

// openPair returns the certificate and the key of an earlier start, or a new pair if the
// files do not exist.
func openPair(certFile, keyFile string) (tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		// It fails if one of the two files exists.
		if err = createPair(certFile, keyFile); err == nil {
			pair, err = tls.LoadX509KeyPair(certFile, keyFile)
		}
	}
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("-cert and -key: %s and %s: %w; remove both for a new pair", certFile, keyFile, err)
	}
	return pair, nil
}

func createPair(certFile, keyFile string) error {
	pair, err := localcert.New()
	if err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return err
	}
	if err := writeNew(keyFile, 0o600, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})); err != nil {
		return err
	}
	if err := writeNew(certFile, 0o644, localcert.PEM(pair.Leaf)); err != nil {
		os.Remove(keyFile) // the next start would find half a pair
		return err
	}
	return nil
}

// writeNew writes a new file. It fails if the file exists, and does not follow symbolic
// links.
func writeNew(file string, mode fs.FileMode, text []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Close())
	if err != nil {
		os.Remove(file)
	}
	return err
}
