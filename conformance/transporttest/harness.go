package transporttest

import (
	"context"
	"net"
	"time"

	"github.com/polywire/polywire/transport"
)

// A Harness makes what the cases run on. New is needed; all else is optional.
type Harness struct {
	Name string // of the adapter, for reports

	// New opens a server and a client that reach each other. What is handled by the
	// server is requested by the client, and each may do what the other does. It
	// passes o on to Registry.Open. Cases use destinations of their own, so the
	// two need no namespace of their own. The suite closes both.
	New func(ctx context.Context, o ConnOptions) (server, client *transport.Conn, err error)

	// Another opens one more Conn that reaches server, in place of a further process.
	Another func(ctx context.Context, server *transport.Conn, opts ...transport.Option) (*transport.Conn, error)

	// Adapter opens one more adapter that reaches server, without a Conn around it,
	// as Factory.Open does. The suite closes it.
	Adapter func(ctx context.Context, server *transport.Conn) (transport.Adapter, error)

	// Peer is the other side that can be killed: a broker, or what stands for one.
	// Without it, and with Via, a proxy between client and server is cut in its place.
	Peer Peer

	// Raw dials the listener of server, for input that no client of ours would send.
	Raw func(ctx context.Context, server *transport.Conn) (net.Conn, error)

	// Upstream is where clients of server connect, as host:port: its listener, or the broker between them.
	// With Via it lets the suite put a faultproxy there.
	Upstream func(server *transport.Conn) string

	// Via opens one more client, which dials address in place of Upstream.
	Via func(ctx context.Context, address string, opts ...transport.Option) (*transport.Conn, error)

	// Request is a whole request for destination as a stranger's client writes it on a new
	// connection to the listener that Raw dials. What answers it says no more than the wire does.
	Request func(destination string, body []byte) []byte

	// HTTP2 is a request for destination, where the listener that Raw dials takes HTTP/2
	// from its first byte: its header fields, pseudo fields first, and what goes into frames of DATA.
	HTTP2 func(destination string, body []byte) (fields []HTTP2Field, data []byte)

	// Crowded is New with a listener that serves n connections at once.
	Crowded func(ctx context.Context, n int) (server, client *transport.Conn, err error)

	// Member opens a server that listens at address, host:port, or at a free port where that is empty, and is
	// the home of everything; Upstream tells where. Balanced opens a client to whom each of addresses is
	// a server of one service, which owns all destinations that pattern matches.
	Member   func(ctx context.Context, address string, opts ...transport.Option) (*transport.Conn, error)
	Balanced func(ctx context.Context, pattern string, addresses []string, opts ...transport.Option) (*transport.Conn, error)

	// TLSClient opens a client of address, host:port, by the same wire with TLS, with the files of p; TLSServer
	// a server, at a free port of 127.0.0.1, which Upstream tells.
	TLSClient func(ctx context.Context, address string, p Party, opts ...transport.Option) (*transport.Conn, error)
	TLSServer func(ctx context.Context, p Party, opts ...transport.Option) (*transport.Conn, error)

	// Auth says that peers prove who they are to server, which asks Setup.Access of each: a wire without a broker between them.
	Auth bool

	Tick     time.Duration // the unit of all ceilings; 0 is 100 ms
	Scale    float64       // multiplies the number of messages; 0 is 1, brokers take less
	Share    bool          // one server and client serve all cases that do not need their own; for slow Opens
	Sealed   bool          // the wire of Via is encrypted, so that a changed byte is noticed
	Synctest bool          // New may run in a testing/synctest bubble: timing cases then take no time

	Ignore []string          // texts in stacks of goroutines that live longer than a case
	Known  map[string]string // known failures: id of the case, and why

	wrap   func(Conn) Conn // a seeded fault of the Conn itself; see Mutate
	bubble bool            // every case runs in a bubble; see Mutate
}

// ConnOptions are what a case wants of the Conns that [Harness.New] opens.
type ConnOptions struct {
	Server []transport.Option
	Client []transport.Option
}

// A Peer is the other side of the wire, a broker or a server, as far as a
// test can hurt it. Each method returns once it took effect.
type Peer interface {
	Kill(ctx context.Context) error
	Restart(ctx context.Context) error // after Kill; returns when connections are taken again
}

// A Pauser is a [Peer] that can be stopped without its connections being closed, as by SIGSTOP.
type Pauser interface {
	Pause(ctx context.Context) error
	Resume(ctx context.Context) error
}

// A Conn is what the cases use of a [transport.Conn].
type Conn interface {
	transport.Sender
	transport.Requester
	transport.Publisher
	transport.Receiver
	Resume(ctx context.Context, token []byte, reply *transport.Message, failure error) error
	Features() transport.Features
	State() transport.State
	Stats() transport.Stats
	Health(ctx context.Context) error
	Drain(ctx context.Context) error
	Close() error
}

// FromURL makes the Harness of a running system: the server opens serverURL and
// the client clientURL, which may be the same, with reg.
func FromURL(reg *transport.Registry, serverURL, clientURL string) Harness {
	return Harness{
		Name: schemeOf(serverURL),
		New: func(ctx context.Context, o ConnOptions) (server, client *transport.Conn, err error) {
			if server, err = reg.Open(ctx, serverURL, o.Server...); err != nil {
				return nil, nil, err
			}
			if client, err = reg.Open(ctx, clientURL, o.Client...); err != nil {
				_ = server.Close()
				return nil, nil, err
			}
			return server, client, nil
		},
		Another: func(ctx context.Context, _ *transport.Conn, opts ...transport.Option) (*transport.Conn, error) {
			return reg.Open(ctx, clientURL, opts...)
		},
	}
}

func schemeOf(rawURL string) string {
	for i := range len(rawURL) {
		if rawURL[i] == ':' {
			return rawURL[:i]
		}
	}
	return rawURL
}

func (h *Harness) tick() time.Duration {
	if h.Tick <= 0 {
		return 100 * time.Millisecond
	}
	return h.Tick
}

// lacks names the first ability of c that h does not have.
func (h *Harness) lacks(c *Case) string {
	_, pauses := h.Peer.(Pauser)
	proxied := h.Via != nil && h.Upstream != nil
	has := map[string]bool{
		AbilityAnother: h.Another != nil, AbilityAdapter: h.Adapter != nil, AbilityRestart: h.Peer != nil || proxied, AbilityPause: pauses || h.Peer == nil && proxied,
		AbilityProxy: proxied, AbilityRequest: h.Raw != nil && h.Request != nil, AbilityHTTP2: h.Raw != nil && h.HTTP2 != nil,
		AbilityCrowd: h.Raw != nil && h.Crowded != nil, AbilityAuth: h.Auth, AbilityTLS: h.TLSClient != nil, AbilityMutualTLS: h.TLSClient != nil && h.TLSServer != nil && h.Upstream != nil,
		AbilityFleet: h.Member != nil && h.Balanced != nil && h.Upstream != nil,
	}
	for _, a := range c.Abilities {
		if !has[a] {
			return a
		}
	}
	return ""
}
