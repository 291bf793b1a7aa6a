// Package tlsfiles makes TLS configurations of the files that an adapter's URL
// names, so that the options ca, cert and key mean the same on every wire.
//
// It promises TLS 1.2 or later, verification always, and that a certificate which
// was renewed on disk is used from the next handshake on, as are authorities, of callers and of servers.
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

// A Trust is whom a side that connects trusts, and what it shows of itself. It may be used
// concurrently. nil is no TLS.
type Trust struct {
	config *tls.Config  // without authorities
	roots  *authorities // of servers; nil is the system's
}

// Client returns the trust of a side that connects.
func (f *Files) Client() (*Trust, error) {
	t := &Trust{config: &tls.Config{MinVersion: tls.VersionTLS12}}
	if f.CA != "" {
		t.roots = &authorities{option: "ca", file: f.CA}
		if err := t.roots.read(); err != nil {
			return nil, err
		}
	}
	if f.Cert == "" {
		return t, nil
	}
	pair, err := f.pair()
	if err != nil {
		return nil, err
	}
	t.config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair.current(), nil }
	return t, nil
}

// Config returns the configuration of one handshake, with a server of that name that speaks one of protocols, if any are
// given. Each handshake takes its own, as a client's configuration has no place where its authorities could change.
func (t *Trust) Config(name string, protocols ...string) *tls.Config {
	c := t.config.Clone()
	c.ServerName, c.NextProtos = name, protocols
	if t.roots != nil {
		c.RootCAs = t.roots.current()
	}
	return c
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
	callers := &authorities{option: "clientca", file: clientCA}
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

// authorities are those of callers, or of servers, read again when their file has changed. While it
// cannot be read the last good ones stand.
type authorities struct {
	option, file string

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
		return invalid("option %s: %w", a.option, err)
	}
	if a.last != nil && info.ModTime().Equal(a.changed) {
		return nil
	}
	read, err := pool(a.option, a.file)
	if err != nil {
		return err
	}
	a.last, a.changed = read, info.ModTime()
	return nil
}

func pool(option, file string) (*x509.CertPool, error) {
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
