package httpwire

import (
	"errors"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/polywire/polywire/internal/tlsfiles/tlstest"
	"github.com/polywire/polywire/transport"
)

// A party is what one side of TLS has: an authority that it trusts, and a certificate.
type party struct{ ca, cert, key string }

func newParty(t testing.TB, trusts, issuer *tlstest.Authority) party {
	t.Helper()
	p := party{ca: trusts.File}
	p.cert, p.key = issuer.Issue(t, "localhost")
	return p
}

// newAnonymousParty trusts an authority of its own, which nobody else knows.
func newAnonymousParty(t testing.TB) party {
	ours := tlstest.NewAuthority(t)
	return newParty(t, ours, ours)
}

func (p party) options() string {
	return url.Values{"ca": {p.ca}, "cert": {p.cert}, "key": {p.key}}.Encode()
}

// home is the URL of a node that takes only callers with a certificate of its own authority.
func (p party) home() string {
	return "https://?listen=127.0.0.1:0&attach&clientca=" + url.QueryEscape(p.ca) + "&" + p.options()
}

func TestStrangersToTheAuthorityAreRefused(t *testing.T) {
	ours, theirs := tlstest.NewAuthority(t), tlstest.NewAuthority(t)
	node := openConn(t, newParty(t, ours, ours).home())
	handle(t, node, "trip.quote", echo)
	for name, query := range map[string]string{
		"a client without a certificate":          "ca=" + url.QueryEscape(ours.File),
		"a client with a certificate of others":   newParty(t, ours, theirs).options(),
		"a client that does not trust the node":   newParty(t, theirs, ours).options(),
		"a client that trusts the system's alone": "",
	} {
		c, err := transport.NewRegistry(Factory()).Open(t.Context(), "https://"+node.Addr()+"?"+query)
		if err == nil {
			_, err = c.Request(t.Context(), &transport.Message{Destination: "trip.quote"})
			_ = c.Close()
		}
		if !errors.Is(err, transport.CodeUnauthenticated) {
			t.Errorf("%s: got %v, want Unauthenticated", name, err)
		}
	}
}

func TestNothingFallsBackToPlainText(t *testing.T) {
	ours := tlstest.NewAuthority(t)
	p := newParty(t, ours, ours)
	secure, plain := openConn(t, "https://?listen=127.0.0.1:0&"+p.options()), serve(t, "")
	handle(t, secure, "a", echo)
	handle(t, plain, "a", echo)
	for _, target := range []string{"http://" + secure.Addr(), "https://" + plain.Addr() + "?" + p.options()} {
		c, err := transport.NewRegistry(Factory()).Open(t.Context(), target)
		if err == nil {
			_, err = c.Request(t.Context(), &transport.Message{Destination: "a"})
			_ = c.Close()
		}
		if err == nil {
			t.Errorf("%s: the request was answered", target)
		}
	}
}

func TestTheTableOfServicesKeepsToOneScheme(t *testing.T) {
	_, err := transport.NewRegistry(Factory()).Open(t.Context(), "https://", transport.WithService("me",
		transport.Service{Name: "trips", Owns: []string{"trip.>"}, Endpoints: []string{"http://localhost:8080"}}))
	if !errors.Is(err, transport.CodeInvalidArgument) || !strings.Contains(err.Error(), "speaks https alone") {
		t.Errorf("got %v, want InvalidArgument that says so", err)
	}
}

// curl knows a node by its authority, and brings HTTP/2.
func TestCurlSpeaksHTTPS(t *testing.T) {
	path, err := exec.LookPath("curl")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("curl is missing")
		}
		t.Skip("curl is missing: apt-get install curl")
	}
	ours := tlstest.NewAuthority(t)
	p := newParty(t, ours, ours)
	node := openConn(t, p.home())
	handle(t, node, "trip.quote", echo)
	curl := func(args ...string) string {
		out, _ := exec.CommandContext(t.Context(), path, append([]string{"-sS", "-i", "-d", "hello", "https://" + node.Addr() + "/request/trip.quote"}, args...)...).CombinedOutput()
		return string(out)
	}
	if out := curl("--cacert", p.ca, "--cert", p.cert, "--key", p.key); !strings.HasPrefix(out, "HTTP/2 200") || !strings.HasSuffix(out, "hello") {
		t.Errorf("got %s, want the answer by HTTP/2", out)
	}
	if out := curl("--cacert", p.ca, "--cert", p.cert, "--key", p.key, "--http1.1"); !strings.HasPrefix(out, "HTTP/1.1 200") {
		t.Errorf("got %s, want the answer by HTTP/1.1", out)
	}
	if out := curl("--cacert", p.ca); strings.Contains(out, "HTTP/") {
		t.Errorf("without a certificate: got %s, want no answer", out)
	}
}
