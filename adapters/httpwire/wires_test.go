package httpwire

import (
	"context"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/internal/tlsfiles/tlstest"
	"github.com/polywire/polywire/transport"
)

// ofAWire are the cases of what a version of HTTP or TLS could get wrong: calls, fields, bodies,
// time, streams and attachment. The whole suite runs over plain HTTP/1.1, directly and by a
// hub; with POLYWIRE_TEST_WIRES=all it does so over each of these too, and polywire conform does.
var ofAWire = regexp.MustCompile(`^T0(0|1|2|4)`)

// A wire is how a node listens, and how its clients call it.
type wire struct{ name, node, scheme, options string }

// conform runs the suite between a node and its client, which also attaches handlers there.
func (w wire) conform(t *testing.T) {
	reg := transport.NewRegistry(Factory())
	join := func(ctx context.Context, server *transport.Conn, opts ...transport.Option) (*transport.Conn, error) {
		return reg.Open(ctx, w.scheme+"://"+server.Addr()+"?"+w.options, opts...)
	}
	o := transporttest.Options{Run: ofAWire, OnResult: func(r transporttest.Result) {
		if r.Status == transporttest.Failed {
			t.Errorf("%s: %s\n%s", r.ID, r.Rule, r.Reason)
		}
	}}
	if os.Getenv("POLYWIRE_TEST_WIRES") == "all" {
		o.Run = nil
	}
	report := transporttest.Execute(t.Context(), transporttest.Harness{
		Name: w.name, Another: join, Tick: 200 * time.Millisecond, // handshakes of TLS take their time where many begin at once
		New: func(ctx context.Context, o transporttest.ConnOptions) (server, client *transport.Conn, err error) {
			if server, err = reg.Open(ctx, w.node, o.Server...); err != nil {
				return nil, nil, err
			}
			if client, err = join(ctx, server, o.Client...); err != nil {
				_ = server.Close()
				return nil, nil, err
			}
			return server, client, nil
		},
	}, o)
	if n := report.Counts[transporttest.Passed]; n < 30 {
		t.Errorf("%d cases passed, want 30 at least", n)
	}
	t.Logf("%s: %v", w.name, report.Counts)
}

func TestConformanceOverCleartextHTTP2(t *testing.T) {
	wire{"h2c", "http://?listen=127.0.0.1:0&attach&http=2", "http", "http=2"}.conform(t)
}

func TestConformanceOverTLS(t *testing.T) {
	ours := tlstest.NewAuthority(t)
	p := newParty(t, ours, ours)
	wire{"https", p.home(), "https", p.options()}.conform(t)
}

func TestConformanceOverTLSAndHTTP2(t *testing.T) {
	ours := tlstest.NewAuthority(t)
	p := newParty(t, ours, ours)
	wire{"https, HTTP/2", p.home() + "&http=2", "https", p.options() + "&http=2"}.conform(t)
}
