// Package tlstest makes certificates for tests.
package tlstest

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/polywire/polywire/internal/testcerts"
)

// An Authority signs certificates. It lives as long as the test that made it.
type Authority struct {
	File string // its own certificate, in PEM

	signs *testcerts.Authority
}

// NewAuthority makes an authority that nobody trusts yet.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	signs, err := testcerts.New(filepath.Join(t.TempDir(), "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return &Authority{File: signs.File, signs: signs}
}

// Issue writes a certificate for 127.0.0.1 and the name, and its key, into new files.
func (a *Authority) Issue(t testing.TB, name string) (cert, key string) {
	t.Helper()
	cert, key = files(t)
	a.Renew(t, name, cert, key)
	return cert, key
}

// Expired is Issue of a certificate whose time is over.
func (a *Authority) Expired(t testing.TB, name string) (cert, key string) {
	t.Helper()
	cert, key = files(t)
	a.write(t, testcerts.Leaf{CommonName: name, Until: time.Now().Add(-time.Minute)}, cert, key)
	return cert, key
}

// Renew writes another certificate for name into the files of one.
func (a *Authority) Renew(t testing.TB, name, cert, key string) {
	t.Helper()
	a.write(t, testcerts.Leaf{CommonName: name}, cert, key)
}

func files(t testing.TB) (cert, key string) {
	dir := t.TempDir()
	return filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
}

func (a *Authority) write(t testing.TB, l testcerts.Leaf, cert, key string) {
	t.Helper()
	l.Names, l.Addresses = []string{l.CommonName}, []net.IP{net.IPv4(127, 0, 0, 1)}
	if err := a.signs.Write(l, cert, key); err != nil {
		t.Fatal(err)
	}
}
