package access_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polywire/polywire/transport/access"
)

func hash(t testing.TB, token string) string {
	t.Helper()
	h, err := access.HashToken(token)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func bearer(token string) access.Evidence { return access.Evidence{Authorization: "Bearer " + token} }

func basic(name, secret string) access.Evidence {
	return access.Evidence{Authorization: "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+secret))}
}

func TestTokensAreKnownByTheirHash(t *testing.T) {
	one, two, old := access.NewToken(), access.NewToken(), access.NewToken()
	tokens, err := access.ParseTokens(fmt.Appendf(nil, "# who calls\n\norders %s @services @services @eu\norders %s\nanna %s until=2020-01-01T00:00:00Z\n", hash(t, one), hash(t, two), hash(t, old)))
	if err != nil {
		t.Fatal(err)
	}
	gate := access.NewGate(access.Policy{Authenticator: tokens}, nil)
	id, err := gate.Enter(t.Context(), bearer(one))
	if err != nil || id.Name != "orders" || !id.In("services") || !id.In("eu") || len(id.Groups) != 2 || id.Proof != access.ProofBearer {
		t.Errorf("got %+v, %v", id, err)
	}
	if id, err := gate.Enter(t.Context(), basic("orders", two)); err != nil || id.Name != "orders" || id.In("services") || id.Proof != access.ProofBasic {
		t.Errorf("got %+v, %v", id, err)
	}
	if id, err := gate.Enter(t.Context(), access.Evidence{}); err != nil || id.Name != "" {
		t.Errorf("a stranger: got %+v, %v", id, err)
	}
	for name, e := range map[string]access.Evidence{
		"an expired token": bearer(old), "half a token": bearer(one[:20]), "a token and more": bearer(one + "x"), "another's name": basic("anna", one), "no name": basic("", one),
		"the hash": bearer(strings.TrimPrefix(hash(t, one), "sha256:")), "no token": {Authorization: "Bearer "}, "no scheme": {Authorization: one}, "another scheme": {Authorization: "Digest " + one},
		"two tokens": access.EvidenceOf([]string{"Bearer " + one, "Bearer " + one}, nil), "a long one": bearer(strings.Repeat("a", 20<<10)), "base64 of nothing": {Authorization: "Basic Og=="},
	} {
		id, err := gate.Enter(t.Context(), e)
		if !errors.Is(err, access.ErrUnauthenticated) || id != nil || strings.Contains(err.Error(), one) {
			t.Errorf("%s: got %+v, %v", name, id, err)
		}
	}
}

func TestAFileOfTokensIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	one, two := access.NewToken(), access.NewToken()
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a " + hash(t, one))
	synctest.Test(t, func(t *testing.T) {
		tokens, err := access.OpenTokens(file)
		if err != nil {
			t.Fatal(err)
		}
		known := func(token string) bool {
			time.Sleep(2 * time.Second) // of the fake clock
			id, err := tokens.Authenticate(t.Context(), bearer(token))
			return err == nil && id != nil
		}
		if !known(one) || known(two) {
			t.Error("the file's token is not known, or another is")
		}
		write("longer.name " + hash(t, two))
		if known(one) || !known(two) {
			t.Error("the file was not read again")
		}
		write("broken")
		if known(two) {
			t.Error("a broken file lets somebody in")
		}
		write("b " + hash(t, one))
		if !known(one) {
			t.Error("the mended file was not read")
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if known(one) {
			t.Error("a file that is gone lets somebody in")
		}
	})
}

func TestFilesOfTokensThatAreWrong(t *testing.T) {
	h := hash(t, access.NewToken())
	for text, want := range map[string]string{
		"a": "line 1: a has no hash", "a md5:00": "the hash of a", "a sha256:00": "the hash of a", "a " + h + "00": "the hash of a", "a " + h + " services": "services", "a " + h + " @": `"@" of a`,
		"a " + h + " until=tomorrow": "until", "@a " + h: "is no name", "anyone " + h: "is no name", "* " + h: "is no name", "# x\n\na " + h + "\nb " + h: "line 4: the token of \"b\" stands in an earlier line", "a sha256:" + strings.Repeat("g", 64): "the hash of a",
	} {
		_, err := access.ParseTokens([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), h[10:]) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	for _, weak := range []string{"", "short", "with spaces in it, and long", "a-letter-of-others-\u00e9\u00e9"} {
		if h, err := access.HashToken(weak); err == nil {
			t.Errorf("%q: got %s", weak, h)
		}
	}
}

func certificate(uri []string, dns []string, cn string) *tls.ConnectionState {
	c := &x509.Certificate{DNSNames: dns, NotAfter: time.Now().Add(time.Hour)}
	c.Subject.CommonName = cn
	for _, s := range uri {
		u, _ := url.Parse(s)
		c.URIs = append(c.URIs, u)
	}
	return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}, VerifiedChains: [][]*x509.Certificate{{c}}}
}

func TestACertificateIsKnownByItsAlternativeNamesAlone(t *testing.T) {
	mapped := access.NewCertificates(map[string]access.Identity{
		"uri:spiffe://x/orders": {Name: "orders", Groups: []string{"services"}}, "dns:orders.x": {Name: "orders"}, "dns:audit.x": {Name: "audit"}, "dns:plain.x": {},
	})
	open := access.NewCertificates(nil)
	unverified := certificate(nil, []string{"audit.x"}, "")
	unverified.VerifiedChains = nil
	for name, c := range map[string]struct {
		by    access.Authenticator
		state *tls.ConnectionState
		want  string
		err   error
	}{
		"a URI": {mapped, certificate([]string{"spiffe://x/orders"}, nil, "audit.x"), "orders", nil}, "a DNS name": {mapped, certificate(nil, []string{"audit.x"}, "orders.x"), "audit", nil},
		"its own name": {mapped, certificate(nil, []string{"plain.x"}, ""), "dns:plain.x", nil}, "two of one": {mapped, certificate([]string{"spiffe://x/orders"}, []string{"orders.x"}, ""), "orders", nil},
		"two of two": {mapped, certificate([]string{"spiffe://x/orders"}, []string{"audit.x"}, ""), "", access.ErrUnauthenticated}, "a common name": {mapped, certificate(nil, nil, "audit.x"), "", access.ErrUnauthenticated},
		"another": {mapped, certificate(nil, []string{"evil.x"}, "orders"), "", access.ErrUnauthenticated}, "none": {mapped, nil, "", access.ErrNoCredentials}, "one that nobody verified": {mapped, unverified, "", access.ErrNoCredentials},
		"any URI": {open, certificate([]string{"spiffe://x/y"}, []string{"a", "b"}, ""), "spiffe://x/y", nil}, "any name": {open, certificate(nil, []string{"y.x"}, ""), "y.x", nil},
		"any of two": {open, certificate(nil, []string{"y.x", "z.x"}, ""), "", access.ErrUnauthenticated}, "any without": {open, certificate(nil, nil, "y.x"), "", access.ErrUnauthenticated},
	} {
		id, err := c.by.Authenticate(t.Context(), access.EvidenceOf(nil, c.state))
		switch {
		case c.err != nil:
			if !errors.Is(err, c.err) {
				t.Errorf("%s: got %+v, %v, want %v", name, id, err, c.err)
			}
		case err != nil || id.Name != c.want || id.Expires.IsZero() || id.Proof != access.ProofCertificate:
			t.Errorf("%s: got %+v, %v, want %s", name, id, err, c.want)
		}
	}
}

func TestAWrongTokenIsNotMadeGoodByACertificate(t *testing.T) {
	tokens, err := access.ParseTokens([]byte("anna " + hash(t, access.NewToken())))
	if err != nil {
		t.Fatal(err)
	}
	gate := access.NewGate(access.Policy{Authenticator: access.Either(tokens, access.NewCertificates(nil))}, nil)
	state := certificate(nil, []string{"y.x"}, "")
	if id, err := gate.Enter(t.Context(), access.EvidenceOf([]string{"Bearer made-up"}, state)); err == nil {
		t.Errorf("got %+v", id)
	}
	if id, err := gate.Enter(t.Context(), access.EvidenceOf(nil, state)); err != nil || id.Name != "y.x" {
		t.Errorf("got %+v, %v", id, err)
	}
}

func TestAnIdentityThatRulesCouldMistakeIsRefused(t *testing.T) {
	for _, id := range []*access.Identity{nil, {}, {Name: "*"}, {Name: "anyone"}, {Name: "@staff"}, {Name: "a b"}, {Name: "a\n"}, {Name: strings.Repeat("a", 300)}, {Name: "a", Groups: []string{""}}, {Name: "a", Groups: []string{"*"}}, {Name: "\xff"}} {
		gate := access.NewGate(access.Policy{Authenticator: access.AuthenticatorFunc(func(context.Context, access.Evidence) (*access.Identity, error) { return id, nil })}, nil)
		if got, err := gate.Enter(t.Context(), bearer("x")); err == nil {
			t.Errorf("%+v: got %+v", id, got)
		}
	}
}

func TestAnAuthenticatorThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := access.NewGate(access.Policy{Authenticator: access.AuthenticatorFunc(func(ctx context.Context, _ access.Evidence) (*access.Identity, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})}, nil)
		began := time.Now()
		if id, err := gate.Enter(t.Context(), bearer("x")); err == nil || time.Since(began) > 10*time.Second {
			t.Errorf("got %+v, %v after %v", id, err, time.Since(began))
		}
	})
}

func TestAPolicyThatPanicsRefuses(t *testing.T) {
	gate := access.NewGate(access.Policy{
		Authenticator: access.AuthenticatorFunc(func(context.Context, access.Evidence) (*access.Identity, error) { panic("a secret") }),
		Credentials:   func(context.Context, string) (string, error) { panic("a secret") },
	}, nil)
	if id, err := gate.Enter(t.Context(), bearer("x")); !errors.Is(err, access.ErrUnauthenticated) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %+v, %v", id, err)
	}
	if value, err := gate.Prove(t.Context(), "https://x:1", true); value != "" || err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %q, %v", value, err)
	}
}

func TestAStreamsLifeIsThatOfItsIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := access.NewGate(access.Policy{Authenticator: access.Either()}, nil)
		id := &access.Identity{Name: "a", Expires: time.Now().Add(time.Minute)}
		ctx, end := gate.Life(t.Context(), access.Claim{Peer: id})
		defer end()
		time.Sleep(59 * time.Second) // of the fake clock
		if ctx.Err() != nil || gate.Ended(ctx) != nil || gate.Admit(ctx, id, access.Send, "x") != nil {
			t.Error("the life ended too early")
		}
		time.Sleep(1001 * time.Millisecond)
		if ctx.Err() == nil || !errors.Is(gate.Ended(ctx), access.ErrUnauthenticated) || !errors.Is(gate.Admit(t.Context(), id, access.Send, "x"), access.ErrUnauthenticated) {
			t.Errorf("after its end: got %v, %v", ctx.Err(), gate.Ended(ctx))
		}
		other, cancel := gate.Life(t.Context(), access.Claim{Peer: &access.Identity{Name: "b"}})
		cancel()
		if gate.Ended(other) != nil {
			t.Error("a stream that was cancelled ended for want of an identity")
		}
	})
}

func TestCredentialsStayOffPlaintextAndOutOfErrors(t *testing.T) {
	const secret = "the-secret-of-this-test"
	for name, c := range map[string]access.Credentials{
		"a token": access.BearerToken(secret), "a line break": func(context.Context, string) (string, error) { return secret + "\r\nX: y", nil }, "a long one": func(context.Context, string) (string, error) { return secret + strings.Repeat("a", 20<<10), nil },
	} {
		gate := access.NewGate(access.Policy{Credentials: c}, nil)
		value, err := gate.Prove(t.Context(), "http://x:1", false)
		if err == nil || value != "" || strings.Contains(err.Error(), secret) {
			t.Errorf("%s without TLS: got %q, %v", name, value, err)
		}
		value, err = gate.Prove(t.Context(), "https://x:1", true)
		if name == "a token" && (err != nil || value != "Bearer "+secret) || name != "a token" && (err == nil || value != "" || strings.Contains(err.Error(), secret)) {
			t.Errorf("%s: got %d bytes, %v", name, len(value), err)
		}
	}
	e := access.EvidenceOf([]string{"Bearer " + secret}, nil)
	if shown := fmt.Sprintf("%v %+v %#v %s %q", e, e, e, e, []access.Evidence{e}); strings.Contains(shown, secret) {
		t.Errorf("evidence shows itself: %s", shown)
	}
}

func TestATokensFileIsShownAsItIsNow(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	show := access.BearerFile(file)
	if v, err := show(t.Context(), ""); err == nil {
		t.Errorf("without a file: got %q", v)
	}
	synctest.Test(t, func(t *testing.T) {
		for i, text := range []string{"one-token\n", "  another-longer-token  "} {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second) // of the fake clock
			if v, err := show(t.Context(), ""); err != nil || v != "Bearer "+strings.TrimSpace(text) {
				t.Errorf("%d: got %q, %v", i, v, err)
			}
		}
		if err := os.WriteFile(file, []byte("two tokens in one file"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		for range 2 { // nor is the old one shown in between
			if v, err := show(t.Context(), ""); err == nil || strings.Contains(err.Error(), "tokens in one") {
				t.Errorf("got %q, %v", v, err)
			}
		}
	})
}

func TestANilGateLetsAllIn(t *testing.T) {
	var gate *access.Gate
	id, err := gate.Enter(t.Context(), bearer("x"))
	if err != nil || gate.Admit(t.Context(), id, access.Request, "x") != nil || gate.Guards() || gate.Decides() || gate.Shows() {
		t.Errorf("got %+v, %v", id, err)
	}
	ctx, end := gate.Life(t.Context(), access.Claim{Peer: id})
	end()
	if v, err := gate.Prove(ctx, "http://x", false); v != "" || err != nil || gate.Ended(ctx) != nil {
		t.Errorf("got %q, %v", v, err)
	}
	if p := access.Peer(t.Context()); p != nil {
		t.Errorf("outside of a handler: got %+v", p)
	}
	if p := access.Peer(access.WithPeer(t.Context(), &access.Identity{Name: "a"})); p == nil || p.Name != "a" {
		t.Errorf("got %+v", p)
	}
}

// FuzzAuthorization holds the parsers of the field to their form, and a gate to let nobody in by luck.
func FuzzAuthorization(f *testing.F) {
	const token = "0123456789ABCDEFGHIJKLMNOP"
	for _, seed := range []string{"", "Bearer " + token, "bearer  x==", "Basic Og==", "Basic " + base64.StdEncoding.EncodeToString([]byte("anna:"+token)), "Basic \x00", "Bearer a,b", " Bearer x", "Basic YTpi", "Digest a"} {
		f.Add(seed)
	}
	h, _ := access.HashToken(token)
	tokens, err := access.ParseTokens([]byte("anna " + h))
	if err != nil {
		f.Fatal(err)
	}
	gate := access.NewGate(access.Policy{Authenticator: tokens}, nil)
	f.Fuzz(func(t *testing.T, value string) {
		got, ok, err := access.ParseBearer(value)
		if err == nil && ok && (got == "" || strings.ContainsAny(got, " ,\r\n\x00") || !strings.Contains(value, got)) {
			t.Errorf("%q: bearer %q", value, got)
		}
		name, _, ok, err := access.ParseBasic(value)
		if err == nil && ok && (name == "" || strings.ContainsAny(name, " \r\n\x00:")) {
			t.Errorf("%q: basic %q", value, name)
		}
		id, err := gate.Enter(t.Context(), access.Evidence{Authorization: value})
		switch {
		case err != nil && !errors.Is(err, access.ErrUnauthenticated):
			t.Errorf("%q: %v", value, err)
		case err == nil && id.Name != "" && got != token && !strings.HasPrefix(strings.ToLower(strings.TrimLeft(value, " ")), "basic "):
			t.Errorf("%q: let in as %+v", value, id)
		case err == nil && id.Name == "" && value != "":
			t.Errorf("%q: let in as a stranger", value)
		}
	})
}

// FuzzTokens holds that a file is read or refused, that what it knows are proper names, and that no error shows a hash.
func FuzzTokens(f *testing.F) {
	h, _ := access.HashToken(access.NewToken())
	for _, seed := range []string{"", "# x", "a " + h, "a " + h + " @b until=2027-01-31T00:00:00Z\nb " + h, "a sha256:", "a\u2028b " + h, "\xff " + h, "a " + strings.ToUpper(h)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tokens, err := access.ParseTokens([]byte(text))
		if err != nil {
			for _, word := range strings.Fields(text) {
				if digits, ok := strings.CutPrefix(word, "sha256:"); ok && len(digits) == 64 && strings.Contains(err.Error(), digits) && strings.Count(text, digits) == strings.Count(text, word) {
					t.Errorf("%q: the error shows a hash: %v", text, err)
				}
			}
			return
		}
		if id, err := tokens.Authenticate(t.Context(), bearer("0123456789abcdefghij")); err == nil {
			t.Errorf("%q: let in as %+v", text, id)
		}
	})
}
