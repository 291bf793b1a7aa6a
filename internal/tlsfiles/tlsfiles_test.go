package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/polywire/polywire/internal/tlsfiles/tlstest"
	"github.com/polywire/polywire/transport"
)

func shown(t *testing.T, c *tls.Config) string {
	t.Helper()
	pair, err := c.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf.Subject.CommonName
}

func TestARenewedCertificateIsUsedAndABrokenOneIsNot(t *testing.T) {
	ca := tlstest.NewAuthority(t)
	f := Files{}
	f.Cert, f.Key = ca.Issue(t, "first")
	c, err := f.Server("")
	if err != nil {
		t.Fatal(err)
	}
	if got := shown(t, c); got != "first" {
		t.Errorf("shows %q, want the certificate of the file", got)
	}
	later := time.Now().Add(time.Minute)
	if err := os.WriteFile(f.Cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	touch(t, f.Cert, later)
	if got := shown(t, c); got != "first" {
		t.Errorf("shows %q while the file is broken, want the last good one", got)
	}
	ca.Renew(t, "second", f.Cert, f.Key)
	touch(t, f.Cert, later.Add(time.Minute))
	if got := shown(t, c); got != "second" {
		t.Errorf("shows %q, want the renewed one", got)
	}
	if err := os.Remove(f.Key); err != nil {
		t.Fatal(err)
	}
	if got := shown(t, c); got != "second" {
		t.Errorf("shows %q while a file is gone, want the last good one", got)
	}
}

func touch(t *testing.T, file string, at time.Time) {
	t.Helper()
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestFilesThatAreOfNoUseAreNamed(t *testing.T) {
	cert, key := tlstest.NewAuthority(t).Issue(t, "x")
	_, other := tlstest.NewAuthority(t).Issue(t, "x")
	gone := filepath.Join(t.TempDir(), "gone")
	for name, make := range map[string]func() error{
		"a key alone": func() error { return (&Files{Key: key}).Check() },
		"no such ca": func() error {
			_, err := (&Files{CA: gone}).Client()
			return err
		},
		"a ca without certificates": func() error {
			_, err := (&Files{CA: key}).Client()
			return err
		},
		"a certificate with another's key": func() error {
			_, err := (&Files{Cert: cert, Key: other}).Client()
			return err
		},
		"a listener without a certificate": func() error {
			_, err := (&Files{}).Server("")
			return err
		},
		"no such authority of clients": func() error {
			_, err := (&Files{Cert: cert, Key: key}).Server(gone)
			return err
		},
	} {
		if err := make(); !errors.Is(err, transport.CodeInvalidArgument) {
			t.Errorf("%s: got %v, want InvalidArgument", name, err)
		}
	}
}
