package httpwire

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/polywire/polywire/internal/homes"
	"github.com/polywire/polywire/internal/http1"
	"github.com/polywire/polywire/transport"
)

// An outgoing request is what a message is on the wire, but for the host and the credentials.
type outgoing struct {
	method     string
	target     string // path and query
	fields     []http1.Field
	body       []byte // the message's own, read until the response has ended
	rest       bool   // made by a rule, by which its response is read
	idempotent bool   // it may run twice
}

func newOutgoing(method, target string, e *transport.Envelope) *outgoing {
	return &outgoing{method: method, target: target, idempotent: e.Idempotent, fields: make([]http1.Field, 0, 12)}
}

// put writes what e holds besides its destination and body.
func (o *outgoing) put(e *transport.Envelope, acceptFree bool) {
	o.set(messageField, messageOf(e))
	own := *e
	own.ID, own.Source, own.Time, own.Timeout = "", "", time.Time{}, 0
	putFields(o, &own, acceptFree)
}

// An outgoing is the sink of its own fields, each a line.
func (o *outgoing) has(name string) bool {
	return slices.ContainsFunc(o.fields, func(f http1.Field) bool { return f.Name == name })
}

func (o *outgoing) set(name, value string) {
	o.fields = append(o.fields, http1.Field{Name: name, Value: value})
}

func (o *outgoing) list(name, element string) { o.set(name, element) }

// A caller sends requests to one endpoint, by one version of HTTP, and keeps connections. It
// follows no redirect and unpacks nothing.
type caller interface {
	do(ctx context.Context, host string, o *outgoing) (*http.Response, error)
	CloseIdleConnections()
}

// do sends a request by one of the callers of c, with the credentials of this process, for the peer that it goes to alone.
func (c *client) do(ctx context.Context, by caller, o *outgoing) (*http.Response, error) {
	if a := c.a.setup.Access; a.Shows() {
		value, err := a.Prove(ctx, c.a.opts.Scheme+"://"+c.host, c.a.opts.Secure)
		if err != nil {
			return nil, err
		}
		if value != "" {
			own := *o
			own.fields = append(o.fields[:len(o.fields):len(o.fields)], http1.Field{Name: authorization, Value: value}) // another endpoint gets its own
			o = &own
		}
	}
	return by.do(ctx, c.host, o)
}

const (
	maxCalls   = 1024    // to one endpoint at once, for messages
	maxStreams = 1 << 20 // no bound but one that shows a mistake
	maxIdle    = 256     // connections to one endpoint that do nothing
)

// newCaller makes a caller for so many requests at once to an endpoint, which by https has to prove its name.
// Its connections end with life.
func (a *adapter) newCaller(life context.Context, most int, address, name string) caller {
	if a.opts.http2 {
		return &version2{scheme: a.opts.Scheme, Transport: a.newTransport(life, most, address, name)}
	}
	var secure func() *tls.Config
	if a.trust != nil {
		secure = func() *tls.Config { return a.trust.Config(name, "http/1.1") }
	}
	dialer := &net.Dialer{Timeout: a.limits.dial}
	return &version1{http1.Client{
		Dial: func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", address) },
		TLS:  secure, Dialing: a.limits.body, Life: life,
		Most: most, Free: maxIdle, Idle: a.idle(), Head: a.limits.headers,
	}}
}

func (a *adapter) idle() time.Duration { return cmp.Or(a.opts.Homes.Idle, homes.DefaultIdle) }

type version1 struct{ http1.Client }

func (v *version1) do(ctx context.Context, host string, o *outgoing) (*http.Response, error) {
	return v.Do(ctx, &http1.Request{Method: o.method, Target: o.target, Host: host, Fields: o.fields, Body: o.body})
}

// newTransport makes a client of HTTP/2 whose connections end with life.
func (a *adapter) newTransport(life context.Context, most int, address, name string) *http.Transport {
	l := &a.limits
	dialer := &net.Dialer{Timeout: l.dial}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(a.opts.Secure)
	protocols.SetUnencryptedHTTP2(!a.opts.Secure)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &clientConn{Conn: c, release: context.AfterFunc(life, func() { _ = c.Close() })}, nil
	}
	return &http.Transport{
		DialContext: dial,
		DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			c, err := dial(ctx, network, "")
			if err != nil {
				return nil, err
			}
			ctx, cancel := context.WithTimeout(ctx, l.body)
			defer cancel()
			secure := tls.Client(c, a.trust.Config(name, "h2"))
			if err := secure.HandshakeContext(ctx); err != nil {
				_ = c.Close()
				return nil, err
			}
			return secure, nil
		},
		DisableCompression: true,
		Protocols:          protocols, HTTP2: l.http2(),
		MaxIdleConns: 1024, MaxIdleConnsPerHost: maxIdle, MaxConnsPerHost: most,
		IdleConnTimeout: a.idle(), MaxResponseHeaderBytes: int64(l.headers),
		WriteBufferSize: 16 << 10, ReadBufferSize: 16 << 10,
	}
}

// A clientConn ends with its client, also one that was dialled for a call that gave up meanwhile.
type clientConn struct {
	net.Conn
	release func() bool
}

func (c *clientConn) Close() error {
	c.release()
	return c.Conn.Close()
}

type version2 struct {
	*http.Transport
	scheme string
}

func (v *version2) do(ctx context.Context, host string, o *outgoing) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, o.method, v.scheme+"://"+host+o.target, bytes.NewReader(bytes.Clone(o.body))) // which net/http may read when the verb has returned
	if err != nil {
		return nil, invalid("target %.128q: %w", o.target, err)
	}
	for _, f := range o.fields {
		req.Header[f.Name] = append(req.Header[f.Name], f.Value)
	}
	if !o.idempotent {
		unrepeatable(req)
	}
	return v.RoundTrip(req)
}

// unrepeatable hides from net/http what would let it send a request again whose fate it does not know.
func unrepeatable(req *http.Request) {
	req.GetBody = nil
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		if v, ok := req.Header[name]; ok {
			delete(req.Header, name)
			req.Header[strings.ToLower(name)] = v // the same field on the wire
		}
	}
}
