// Package testcerts makes authorities and certificates for tests and suites, as files in PEM. It promises
// nothing for any other use.
package testcerts

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"time"
)

// An Authority signs certificates. One goroutine uses it.
type Authority struct {
	File string // its own certificate

	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	next int64
}

// A Leaf is what a certificate says. Its key may serve and call.
type Leaf struct {
	CommonName string
	Names      []string // DNS names
	Addresses  []net.IP
	Until      time.Time // zero is in an hour; it began an hour ago
	SelfSigned bool      // by its own key, as if there were no authority
}

// New makes an authority that nobody trusts yet, and writes its certificate to file.
func New(file string) (*Authority, error) {
	a := &Authority{File: file, next: 2}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tests"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	return a, write(file, "CERTIFICATE", der)
}

// Write makes a certificate and its key, and writes them to those files.
func (a *Authority) Write(l Leaf, cert, key string) error {
	if l.Until.IsZero() {
		l.Until = time.Now().Add(time.Hour)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(a.next), Subject: pkix.Name{CommonName: l.CommonName}, DNSNames: l.Names,
		IPAddresses: l.Addresses, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: l.Until,
	}
	a.next++
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	issuer, signer := a.cert, a.key
	if l.SelfSigned {
		issuer, signer = c, own
	}
	der, err := x509.CreateCertificate(rand.Reader, c, issuer, &own.PublicKey, signer)
	if err != nil {
		return err
	}
	if err := write(cert, "CERTIFICATE", der); err != nil {
		return err
	}
	if der, err = x509.MarshalPKCS8PrivateKey(own); err != nil {
		return err
	}
	return write(key, "PRIVATE KEY", der)
}

func write(file, kind string, der []byte) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
