package transporttest

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/internal/testcerts"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

// A Party is what one side of TLS has, as files in PEM. Empty ones are not there.
type Party struct {
	CA        string // whose certificates it trusts, instead of the system's
	Cert, Key string // what it shows of itself
	CallerCA  string // of a server: whose certificates callers have to show
}

func tlsCases() []Case {
	return []Case{
		{ID: "T172", Group: "N", Sections: []string{"8.1"}, Needs: []string{"Request"}, Abilities: []string{AbilityTLS},
			Rule: "A client ends the handshake with servers that it cannot trust: of no or another authority, of another name, whose time is over, or of TLS 1.1; the error tells why.", Run: untrustedServers},
		{ID: "T173", Group: "N", Sections: []string{"8.1", "8.4"}, Needs: []string{"Request"}, Abilities: []string{AbilityMutualTLS},
			Rule: "A server that asks callers for certificates lets in those alone whose authority it trusts and whose time is not over; who they are is their alternative name.", Run: untrustedCallers},
	}
}

// A registrar is an authority whose certificates end with the case.
type registrar struct {
	*testcerts.Authority
	e *Env
}

func (e *Env) newRegistrar() *registrar {
	dir, err := os.MkdirTemp("", "transporttest")
	e.Must(err, "make a folder for certificates")
	e.Cleanup(func(context.Context) { _ = os.RemoveAll(dir) })
	a, err := testcerts.New(filepath.Join(dir, "ca.pem"))
	e.Must(err, "make an authority")
	return &registrar{Authority: a, e: e}
}

// party is one that trusts this authority and shows l, which it signed.
func (r *registrar) party(l testcerts.Leaf) Party {
	dir, err := os.MkdirTemp(filepath.Dir(r.File), "party")
	r.e.Must(err, "make a folder for a certificate")
	p := Party{CA: r.File, Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	r.e.Must(r.Write(l, p.Cert, p.Key), "make a certificate")
	return p
}

// here is where all servers of the suite are.
func here() []net.IP { return []net.IP{net.IPv4(127, 0, 0, 1)} }

// A vault is a server that does no more than the handshake, and counts those that came about.
type vault struct {
	listener net.Listener
	opened   atomic.Int64
	serving  sync.WaitGroup
}

// newVault serves with the certificate of p, by versions of TLS up to most; 0 is the latest.
func (e *Env) newVault(ctx context.Context, p Party, most uint16) *vault {
	pair, err := tls.LoadX509KeyPair(p.Cert, p.Key)
	e.Must(err, "read a certificate")
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	e.Must(err, "listen")
	v := &vault{listener: l}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS10, MaxVersion: most} //nolint:gosec // a server that nobody is to trust
	v.serving.Go(func() {                                                                                        // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			v.serving.Go(func() { v.serve(tls.Server(c, config), 20*e.Tick) })
		}
	})
	return v
}

func (v *vault) serve(c *tls.Conn, limit time.Duration) {
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(limit))
	if c.Handshake() != nil {
		return
	}
	v.opened.Add(1)
	_, _ = c.Read(make([]byte, 1))
}

// close waits for what it serves.
func (v *vault) close() {
	_ = v.listener.Close()
	v.serving.Wait()
}

func untrustedServers(ctx context.Context, e *Env) error {
	ours, others := e.newRegistrar(), e.newRegistrar()
	good := testcerts.Leaf{CommonName: "server", Addresses: here()}
	old, alone := good, good
	old.Until, alone.SelfSigned = time.Now().Add(-time.Minute), true
	elsewhere := testcerts.Leaf{CommonName: "127.0.0.1", Names: []string{"elsewhere.test"}, Addresses: []net.IP{net.IPv4(127, 0, 0, 2)}}
	for _, s := range []struct {
		name    string
		shows   Party
		most    uint16
		trusted bool
	}{
		{"one of the authority", ours.party(good), 0, true},
		{"one of the authority, by TLS 1.2", ours.party(good), tls.VersionTLS12, true},
		{"one of the authority, by TLS 1.1", ours.party(good), tls.VersionTLS11, false},
		{"one that signed for itself", ours.party(alone), 0, false},
		{"one of another authority", others.party(good), 0, false},
		{"one of another name", ours.party(elsewhere), 0, false},
		{"one whose time is over", ours.party(old), 0, false},
	} {
		v := e.newVault(ctx, s.shows, s.most)
		err := e.knock(ctx, v.listener.Addr().String(), Party{CA: ours.File})
		v.close()
		switch opened := v.opened.Load() > 0; {
		case opened != s.trusted:
			e.Errorf("%s: the handshake came about: %v, want %v (%v)", s.name, opened, s.trusted, err)
		case !s.trusted:
			e.untrusted(s.name, err)
		}
	}
	return nil
}

// knock opens a client of address and, if it opens, makes a call; it returns what went wrong.
func (e *Env) knock(ctx context.Context, address string, p Party, opts ...transport.Option) error {
	brief, cancel := context.WithTimeout(ctx, 20*e.Tick)
	defer cancel()
	c, err := e.h.TLSClient(brief, address, p, opts...)
	if err != nil {
		return err
	}
	e.keep(c)
	_, err = c.Request(brief, &transport.Message{Destination: e.Name("guarded")})
	return err
}

// untrusted wants an error of a peer that was refused, or refused us, which has a cause.
func (e *Env) untrusted(name string, err error) {
	var te *transport.Error
	switch {
	case !errors.As(err, &te):
		e.Errorf("%s: got %v (%T), want a *transport.Error", name, err, err)
	case te.Code != transport.CodeUnauthenticated && te.Code != transport.CodeUnavailable:
		e.Errorf("%s: got code %v (%v), want unauthenticated or unavailable", name, te.Code, err)
	case te.Message == "":
		e.Errorf("%s: the error %v does not tell why", name, err)
	}
}

func untrustedCallers(ctx context.Context, e *Env) error {
	ours, others := e.newRegistrar(), e.newRegistrar()
	p := ours.party(testcerts.Leaf{CommonName: "server", Addresses: here()})
	p.CallerCA = ours.File
	rules, err := access.NewRules(access.Rule{Who: []string{access.Known}, May: access.Verbs(), What: []string{">"}})
	e.Must(err, "rules")
	server, err := e.h.TLSServer(ctx, p, transport.WithAccess(access.Policy{Authorizer: rules, Authenticator: access.NewCertificates(nil)}))
	e.Must(err, "open a server with TLS")
	e.keep(server)
	in := served(ctx, e, e.h.dress(server), e.Name("guarded"))
	anna := testcerts.Leaf{CommonName: "root", Names: []string{"anna.test"}}
	old, nameless := anna, testcerts.Leaf{CommonName: "anna.test"}
	old.Until = time.Now().Add(-time.Minute)
	stranger := others.party(anna)
	stranger.CA = ours.File
	for name, shows := range map[string]Party{
		"one without a certificate":                          {CA: ours.File},
		"one of another authority":                           stranger,
		"one whose time is over":                             ours.party(old),
		"one whose common name alone says what it is called": ours.party(nameless),
	} {
		e.untrusted(name, e.knock(ctx, e.h.Upstream(server), shows))
	}
	if n := len(in.all()); n > 0 {
		e.Errorf("the handler was entered %d times by who may not", n)
	}
	e.Must(e.knock(ctx, e.h.Upstream(server), ours.party(anna)), "request with a certificate of the authority")
	if !slices.ContainsFunc(in.all(), func(id *access.Identity) bool {
		return id != nil && id.Name == "anna.test" && id.Proof == access.ProofCertificate
	}) {
		e.Errorf("the handler did not see anna.test, by certificate")
	}
	return nil
}
