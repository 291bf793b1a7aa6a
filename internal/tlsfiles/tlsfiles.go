// Package tlsfiles makes TLS configurations of the files that an adapter's URL
// names, so that the options ca, cert and key mean the same on every wire.
//
// It promises TLS 1.2 or later, verification always, and that a certificate which
// was renewed on disk is used from the next handshake on, as are the authorities of callers. Those
// of servers are read once: a client's configuration has no place to change them.
package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"sync"
	"time"

	"github.com/polywire/polywire/transport"
)

// Files are paths of PEM files; empty ones are not used.
type Files struct {
	CA   string // whose certificates are trusted, instead of the system's
	Cert string // this side's certificate, and those up to its authority
	Key  string // the key of Cert
}

// Any reports whether a file is named.
func (f *Files) Any() bool { return *f != Files{} }

// Set takes an option of a URL; it reports whether the option is one of the files.
func (f *Files) Set(name, value string) bool {
	switch name {
	case "ca":
		f.CA = value
	case "cert":
		f.Cert = value
	case "key":
		f.Key = value
	default:
		return false
	}
	return true
}

// Check refuses a certificate without its key, and a key without its certificate.
func (f *Files) Check() error {
	if (f.Cert == "") != (f.Key == "") {
		return invalid("options cert and key go together: give both files")
	}
	return nil
}

// Client returns the configuration of a side that connects. It verifies the other
// side by the name it connects to, and shows its own certificate when asked for one.
func (f *Files) Client() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if c.RootCAs, err = pool("ca", f.CA); err != nil || f.Cert == "" {
		return c, err
	}
	pair, err := f.pair()
	if err != nil {
		return nil, err
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair.current(), nil }
	return c, nil
}

// Server returns the configuration of a side that listens and speaks those protocols, the best one first. With
// clientCA it takes only those who show a certificate that one of its authorities signed.
func (f *Files) Server(clientCA string, protocols ...string) (*tls.Config, error) {
	if f.Cert == "" {
		return nil, invalid("listening with TLS needs a certificate: give the options cert and key")
	}
	pair, err := f.pair()
	if err != nil {
		return nil, err
	}
	c := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     protocols,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair.current(), nil },
	}
	if clientCA == "" {
		return c, nil
	}
	callers := &authorities{file: clientCA}
	if err := callers.read(); err != nil {
		return nil, err
	}
	c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, callers.last
	each := c.Clone()
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		now := each.Clone()
		now.ClientCAs = callers.current()
		return now, nil
	}
	return c, nil
}

// authorities are those of callers, read again when their file has changed. While it
// cannot be read the last good ones stand.
type authorities struct {
	file string

	mu      sync.Mutex // guards the fields below
	changed time.Time
	last    *x509.CertPool
}

func (a *authorities) current() *x509.CertPool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_ = a.read()
	return a.last
}

// read is called with mu held, or before a is shared.
func (a *authorities) read() error {
	info, err := os.Stat(a.file)
	if err != nil {
		return invalid("option clientca: %w", err)
	}
	if a.last != nil && info.ModTime().Equal(a.changed) {
		return nil
	}
	read, err := pool("clientca", a.file)
	if err != nil {
		return err
	}
	a.last, a.changed = read, info.ModTime()
	return nil
}

func pool(option, file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // the system's roots
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, invalid("option %s: %w", option, err)
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(pem) {
		return nil, invalid("option %s: %.256q holds no certificate in PEM", option, file)
	}
	return p, nil
}

// A pair is a certificate and its key, read again when the files have changed.
// While they cannot be read, as in the middle of a renewal, the last good one stands.
type pair struct {
	files Files

	mu      sync.Mutex // guards the fields below
	changed [2]time.Time
	last    *tls.Certificate
}

func (f *Files) pair() (*pair, error) {
	p := &pair{files: *f}
	if err := p.read(); err != nil {
		return nil, invalid("options cert and key: %w", err)
	}
	return p, nil
}

func (p *pair) current() *tls.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.read()
	return p.last
}

// read is called with mu held, or before p is shared.
func (p *pair) read() error {
	var changed [2]time.Time
	for i, file := range [...]string{p.files.Cert, p.files.Key} {
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		changed[i] = info.ModTime()
	}
	if p.last != nil && changed == p.changed {
		return nil
	}
	read, err := tls.LoadX509KeyPair(p.files.Cert, p.files.Key)
	if err != nil {
		return err
	}
	p.last, p.changed = &read, changed
	return nil
}

func invalid(format string, args ...any) error {
	return transport.CodeInvalidArgument.Errorf(format, args...)
}
