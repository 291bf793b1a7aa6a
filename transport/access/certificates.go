package access

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
)

// Certificates are an Authenticator of the certificates that callers show in TLS. Adapters
// pass on those alone that were verified, up to an authority that this side trusts.
//
// Only alternative names (SAN) count, as "uri:spiffe://example.org/orders", "dns:orders.example.org" or "email:anna@example.org";
// the subject's common name never does.
type Certificates struct {
	names map[string]Identity
}

// NewCertificates knows those whose alternative name stands in names, as the Identity there, whose Name may be left out where it is to be the
// alternative name. With nil it knows everybody with exactly one URI, or no URI and exactly one DNS name, by that.
func NewCertificates(names map[string]Identity) *Certificates {
	own := make(map[string]Identity, len(names))
	for san, id := range names {
		own[san] = id
	}
	if names == nil {
		own = nil
	}
	return &Certificates{names: own}
}

func (c *Certificates) neverWaits() {}

// Authenticate implements [Authenticator]. The Identity expires with its certificate.
func (c *Certificates) Authenticate(_ context.Context, e Evidence) (*Identity, error) {
	if e.Certificate == nil {
		return nil, ErrNoCredentials
	}
	id, err := c.identity(e.Certificate)
	if err != nil {
		return nil, err
	}
	id.Proof = ProofCertificate
	if id.Expires.IsZero() || e.Certificate.NotAfter.Before(id.Expires) {
		id.Expires = e.Certificate.NotAfter
	}
	return id, nil
}

func (c *Certificates) identity(cert *x509.Certificate) (*Identity, error) {
	if c.names == nil {
		return onlyName(cert)
	}
	var found *Identity
	for _, san := range alternativeNames(cert) {
		id, ok := c.names[san]
		if !ok {
			continue
		}
		if id.Name == "" {
			id.Name = san
		}
		if found != nil && found.Name != id.Name {
			return nil, fmt.Errorf("%w: the certificate has the names of two identities", ErrUnauthenticated)
		}
		found = &id
	}
	if found == nil {
		return nil, fmt.Errorf("%w: no name of the certificate is known", ErrUnauthenticated)
	}
	return found, nil
}

// onlyName is the identity of a certificate that names one.
func onlyName(cert *x509.Certificate) (*Identity, error) {
	switch {
	case len(cert.URIs) == 1:
		return &Identity{Name: cert.URIs[0].String()}, nil
	case len(cert.URIs) == 0 && len(cert.DNSNames) == 1:
		return &Identity{Name: cert.DNSNames[0]}, nil
	}
	return nil, fmt.Errorf("%w: the certificate names none, or more than one", ErrUnauthenticated)
}

func alternativeNames(cert *x509.Certificate) []string {
	var names []string
	for _, u := range cert.URIs {
		names = append(names, "uri:"+u.String())
	}
	for _, n := range cert.DNSNames {
		names = append(names, "dns:"+n)
	}
	for _, n := range cert.EmailAddresses {
		names = append(names, "email:"+n)
	}
	return names
}

// Either asks authenticators in turn; the first that finds something to read in what a peer shows decides.
func Either(authenticators ...Authenticator) Authenticator {
	return either(append([]Authenticator(nil), authenticators...))
}

type either []Authenticator

func (all either) Authenticate(ctx context.Context, e Evidence) (*Identity, error) {
	for _, a := range all {
		id, err := a.Authenticate(ctx, e)
		if errors.Is(err, ErrNoCredentials) {
			continue
		}
		return id, err
	}
	return nil, ErrNoCredentials
}
