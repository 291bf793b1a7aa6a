package httpwire

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/internal/tlsfiles"
	"github.com/polywire/polywire/internal/wireharness"
	"github.com/polywire/polywire/transport"
)

// ofAWire are the cases of what a version of HTTP or TLS could get wrong: calls, fields, bodies,
// time, streams and attachment. The whole suite runs over plain HTTP/1.1, directly and by a
// hub; with POLYWIRE_TEST_WIRES=all it does so over each of these too, and polywire conform does.
var ofAWire = regexp.MustCompile(`^T0(0|1|2|4)`)

// conformOver runs the suite between a node and its client, which also attaches handlers there.
func conformOver(t *testing.T, name string, n wireharness.Node) {
	t.Helper()
	n.Registry = transport.NewRegistry(Factory())
	h := n.HTTP()
	h.Name, h.Tick = name, 200*time.Millisecond // handshakes of TLS take their time where many begin at once
	o := transporttest.Options{Run: ofAWire, OnResult: func(r transporttest.Result) {
		if r.Status == transporttest.Failed {
			t.Errorf("%s: %s\n%s", r.ID, r.Rule, r.Reason)
		}
	}}
	if os.Getenv("POLYWIRE_TEST_WIRES") == "all" {
		o.Run = nil
	}
	report := transporttest.Execute(t.Context(), h, o)
	if n := report.Counts[transporttest.Passed]; n < 30 {
		t.Errorf("%d cases passed, want 30 at least", n)
	}
	t.Logf("%s: %v", name, report.Counts)
}

func TestConformanceOverCleartextHTTP2(t *testing.T) {
	conformOver(t, "h2c", wireharness.Node{Scheme: "http", Listen: "attach&http=2", Dial: "http=2"})
}

func TestConformanceOverTLS(t *testing.T) {
	conformOver(t, "https", newAnonymousParty(t).node(t, ""))
}

// cutCases are those of connections that a proxy cuts, stops and slices, and of nodes that come and go, short of those that take long.
var cutCases = regexp.MustCompile(`^T1(23|31|39|41|42|44|49)$`)

func TestConformanceOverTLSByAProxy(t *testing.T) {
	n := newAnonymousParty(t).node(t, "")
	n.Registry = transport.NewRegistry(Factory())
	h := n.HTTP()
	h.Name, h.Scale = "https", 0.2
	report := transporttest.Execute(t.Context(), h, transporttest.Options{Run: cutCases, OnResult: func(r transporttest.Result) {
		if r.Status == transporttest.Failed {
			t.Errorf("%s: %s\n%s", r.ID, r.Rule, r.Reason)
		}
	}})
	if n := report.Counts[transporttest.Passed]; n != 7 {
		t.Errorf("%d cases passed, want 7: %s", n, report.Err)
	}
	t.Logf("%v", report.Counts)
}

func TestConformanceOverTLSAndHTTP2(t *testing.T) {
	conformOver(t, "https, HTTP/2", newAnonymousParty(t).node(t, "&http=2"))
}

// node is one that takes only callers with a certificate of its own authority, and such callers.
func (p party) node(t *testing.T, options string) wireharness.Node {
	files := tlsfiles.Files{}
	for name, file := range map[string]string{"ca": p.ca, "cert": p.cert, "key": p.key} {
		if !files.Set(name, file) {
			t.Fatalf("no option %s", name)
		}
	}
	trust, err := files.Client()
	if err != nil {
		t.Fatal(err)
	}
	stranger := trust.Config("", "h2")
	_, listen, _ := strings.Cut(p.home(), "&")
	return wireharness.Node{Scheme: "https", Listen: listen + options, Dial: p.options() + options, TLS: stranger}
}
