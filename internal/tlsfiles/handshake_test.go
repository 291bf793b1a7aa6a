package tlsfiles

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/polywire/polywire/internal/tlsfiles/tlstest"
)

// handshake connects both ends, and returns why each fails; a server learns of a refusal by the first byte.
func handshake(t *testing.T, client, server *tls.Config) (fromClient, fromServer error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan error, 1) // from the goroutine below
	go func() {
		c, err := l.Accept()
		if err != nil {
			served <- err
			return
		}
		defer c.Close()
		s := tls.Server(c, server)
		if err = s.Handshake(); err == nil {
			_, err = s.Write([]byte("x"))
		}
		served <- err
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := tls.Client(c, client)
	if fromClient = s.Handshake(); fromClient == nil {
		_, fromClient = s.Read(make([]byte, 1))
	}
	_ = c.Close()
	return fromClient, <-served
}

// T172: a client refuses every server that it cannot be sure of.
func TestAClientRefusesServersItCannotTrust(t *testing.T) {
	ours, others := tlstest.NewAuthority(t), tlstest.NewAuthority(t)
	trust, err := (&Files{CA: ours.File}).Client()
	if err != nil {
		t.Fatal(err)
	}
	client := trust.Config("localhost")
	for rule, tc := range map[string]struct {
		files  func() (cert, key string)
		most   uint16 // version of TLS
		trusts bool
	}{
		"one of the authority":             {func() (string, string) { return ours.Issue(t, "localhost") }, 0, true},
		"one that speaks TLS 1.2":          {func() (string, string) { return ours.Issue(t, "localhost") }, tls.VersionTLS12, true},
		"one that speaks TLS 1.1":          {func() (string, string) { return ours.Issue(t, "localhost") }, tls.VersionTLS11, false},
		"one of another authority":         {func() (string, string) { return others.Issue(t, "localhost") }, 0, false},
		"one of another name":              {func() (string, string) { return ours.Issue(t, "elsewhere") }, 0, false},
		"one whose certificate is expired": {func() (string, string) { return ours.Expired(t, "localhost") }, 0, false},
	} {
		t.Run(rule, func(t *testing.T) {
			f := Files{}
			f.Cert, f.Key = tc.files()
			server, err := f.Server("")
			if err != nil {
				t.Fatal(err)
			}
			if server.MinVersion < tls.VersionTLS12 {
				t.Errorf("a server takes version %x", server.MinVersion)
			}
			server = server.Clone()
			server.MinVersion, server.MaxVersion = tls.VersionTLS10, tc.most
			if got, _ := handshake(t, client, server); (got == nil) != tc.trusts {
				t.Errorf("got %v, want trust %v", got, tc.trusts)
			}
		})
	}
}

// T173: a server with an authority for its callers lets nobody else in.
func TestAServerRefusesCallersItCannotTrust(t *testing.T) {
	ours, others := tlstest.NewAuthority(t), tlstest.NewAuthority(t)
	f := Files{}
	f.Cert, f.Key = ours.Issue(t, "localhost")
	server, err := f.Server(ours.File)
	if err != nil {
		t.Fatal(err)
	}
	for rule, tc := range map[string]struct {
		files  func() (cert, key string)
		most   uint16
		trusts bool
	}{
		"one of the authority":             {func() (string, string) { return ours.Issue(t, "caller") }, 0, true},
		"one without a certificate":        {func() (string, string) { return "", "" }, 0, false},
		"one of another authority":         {func() (string, string) { return others.Issue(t, "caller") }, 0, false},
		"one whose certificate is expired": {func() (string, string) { return ours.Expired(t, "caller") }, 0, false},
		"one that speaks TLS 1.1":          {func() (string, string) { return ours.Issue(t, "caller") }, tls.VersionTLS11, false},
	} {
		t.Run(rule, func(t *testing.T) {
			c := Files{CA: ours.File}
			c.Cert, c.Key = tc.files()
			trust, err := c.Client()
			if err != nil {
				t.Fatal(err)
			}
			client := trust.Config("localhost")
			client.MinVersion, client.MaxVersion = tls.VersionTLS10, tc.most
			if _, got := handshake(t, client, server); (got == nil) != tc.trusts {
				t.Errorf("got %v, want trust %v", got, tc.trusts)
			}
		})
	}
}

// A pemFile is a file of authorities that changes.
type pemFile struct {
	name string
	at   time.Time
}

func newPEM(t *testing.T) *pemFile {
	t.Helper()
	return &pemFile{filepath.Join(t.TempDir(), "authorities.pem"), time.Now()}
}

func (f *pemFile) put(t *testing.T, pem []byte) {
	t.Helper()
	if err := os.WriteFile(f.name, pem, 0o600); err != nil {
		t.Fatal(err)
	}
	f.at = f.at.Add(time.Minute)
	touch(t, f.name, f.at)
}

func read(t *testing.T, a *tlstest.Authority) []byte {
	t.Helper()
	pem, err := os.ReadFile(a.File)
	if err != nil {
		t.Fatal(err)
	}
	return pem
}

func TestAuthoritiesOfServersThatChangeCountFromTheNextHandshakeOn(t *testing.T) {
	ours, others := tlstest.NewAuthority(t), tlstest.NewAuthority(t)
	servers := newPEM(t)
	servers.put(t, read(t, ours))
	trust, err := (&Files{CA: servers.name}).Client()
	if err != nil {
		t.Fatal(err)
	}
	server := func(a *tlstest.Authority) *tls.Config {
		t.Helper()
		f := Files{}
		f.Cert, f.Key = a.Issue(t, "localhost")
		c, err := f.Server("")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	one, other := server(ours), server(others)
	for _, step := range []struct {
		name       string
		pem        []byte
		one, other bool
	}{
		{"one authority", read(t, ours), true, false},
		{"both", append(read(t, ours), read(t, others)...), true, true},
		{"a file that is broken", []byte("half"), true, true},
		{"the other alone", read(t, others), false, true},
	} {
		servers.put(t, step.pem)
		if err, _ := handshake(t, trust.Config("localhost"), one); (err == nil) != step.one {
			t.Errorf("%s: to the one %v, want trust: %v", step.name, err, step.one)
		}
		if err, _ := handshake(t, trust.Config("localhost"), other); (err == nil) != step.other {
			t.Errorf("%s: to the other %v, want trust: %v", step.name, err, step.other)
		}
	}
	if err, _ := handshake(t, trust.Config("elsewhere"), other); err == nil {
		t.Error("a server of another name is trusted")
	}
}

func TestAuthoritiesOfCallersThatChangeCountFromTheNextHandshakeOn(t *testing.T) {
	ours, others := tlstest.NewAuthority(t), tlstest.NewAuthority(t)
	f := Files{}
	f.Cert, f.Key = ours.Issue(t, "localhost")
	callers := newPEM(t)
	callers.put(t, read(t, ours))
	server, err := f.Server(callers.name, "h2")
	if err != nil {
		t.Fatal(err)
	}
	caller := func(a *tlstest.Authority) *tls.Config {
		t.Helper()
		c := Files{CA: ours.File}
		c.Cert, c.Key = a.Issue(t, "caller")
		trust, err := c.Client()
		if err != nil {
			t.Fatal(err)
		}
		return trust.Config("localhost", "h2")
	}
	one, other := caller(ours), caller(others)
	for _, step := range []struct {
		name       string
		pem        []byte
		one, other bool
	}{
		{"one authority", read(t, ours), true, false},
		{"both", append(read(t, ours), read(t, others)...), true, true},
		{"a file that is broken", []byte("half"), true, true},
		{"the other alone", read(t, others), false, true},
	} {
		callers.put(t, step.pem)
		if _, err := handshake(t, one, server); (err == nil) != step.one {
			t.Errorf("%s: the one gets %v, want let in: %v", step.name, err, step.one)
		}
		if _, err := handshake(t, other, server); (err == nil) != step.other {
			t.Errorf("%s: the other gets %v, want let in: %v", step.name, err, step.other)
		}
	}
}
