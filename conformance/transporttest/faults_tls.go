package transporttest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"time"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

// tlsFaults take peers for others than they are. Those of clients shake hands, before the client does,
// with servers that it would refuse.
func tlsFaults() []Fault {
	client, both := []string{AbilityTLS}, []string{AbilityMutualTLS}
	shaking := func(least uint16, verify func(leaf *x509.Certificate, o x509.VerifyOptions) error) func(Harness) Harness {
		return func(h Harness) Harness {
			open := h.TLSClient
			h.TLSClient = func(ctx context.Context, address string, p Party, opts ...transport.Option) (*transport.Conn, error) {
				shake(ctx, address, p, &tls.Config{MinVersion: least, VerifyConnection: func(s tls.ConnectionState) error {
					roots := x509.NewCertPool()
					pem, _ := os.ReadFile(p.CA)
					roots.AppendCertsFromPEM(pem)
					return verify(s.PeerCertificates[0], x509.VerifyOptions{Roots: roots})
				}})
				return open(ctx, address, p, opts...)
			}
			return h
		}
	}
	named := func(leaf *x509.Certificate, o x509.VerifyOptions) error {
		o.DNSName = "127.0.0.1"
		_, err := leaf.Verify(o)
		return err
	}
	return []Fault{
		{Name: "trusts every certificate", Rules: []string{"8.1"}, Cases: []string{"T172"}, Abilities: client, harness: shaking(tls.VersionTLS12, func(*x509.Certificate, x509.VerifyOptions) error { return nil })},
		{Name: "does not look at a certificate's name", Rules: []string{"8.1"}, Cases: []string{"T172"}, Abilities: client, harness: shaking(tls.VersionTLS12, func(leaf *x509.Certificate, o x509.VerifyOptions) error {
			_, err := leaf.Verify(o)
			return err
		})},
		{Name: "takes a certificate whose time is over", Rules: []string{"8.1"}, Cases: []string{"T172"}, Abilities: client, harness: shaking(tls.VersionTLS12, func(leaf *x509.Certificate, o x509.VerifyOptions) error {
			o.CurrentTime = leaf.NotAfter.Add(-time.Second)
			return named(leaf, o)
		})},
		{Name: "speaks TLS 1.1", Rules: []string{"8.1"}, Cases: []string{"T172"}, Abilities: client, harness: shaking(tls.VersionTLS10, named)},
		{Name: "lets in callers without a certificate", Rules: []string{"8.1", "8.4"}, Cases: []string{"T173"}, Abilities: both, harness: func(h Harness) Harness {
			open := h.TLSServer
			h.TLSServer = func(ctx context.Context, p Party, _ ...transport.Option) (*transport.Conn, error) {
				p.CallerCA = ""
				return open(ctx, p)
			}
			return h
		}},
		{Name: "takes a certificate's common name for who shows it", Rules: []string{"8.4"}, Cases: []string{"T173"}, Abilities: both, setup: regated(func(_ *access.Gate, p *access.Policy) {
			p.Authenticator = access.AuthenticatorFunc(func(_ context.Context, e access.Evidence) (*access.Identity, error) {
				if e.Certificate == nil {
					return nil, access.ErrNoCredentials
				}
				return &access.Identity{Name: e.Certificate.Subject.CommonName, Proof: access.ProofCertificate}, nil
			})
		})},
	}
}

// shake makes a handshake by config, whose VerifyConnection alone decides, and ends it.
func shake(ctx context.Context, address string, p Party, config *tls.Config) {
	config.InsecureSkipVerify = true
	if pair, err := tls.LoadX509KeyPair(p.Cert, p.Key); err == nil {
		config.Certificates = []tls.Certificate{pair}
	}
	c, err := (&tls.Dialer{NetDialer: new(net.Dialer), Config: config}).DialContext(ctx, "tcp", address)
	if err == nil {
		_ = c.Close()
	}
}
