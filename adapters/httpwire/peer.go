package httpwire

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/internal/homes"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/endpoints"
)

type (
	peers    = homes.Peers[*client]
	endpoint = homes.Endpoint[*client]
	lease    = homes.Lease[*client]
)

// An Option changes what a [Factory] opens, where a URL cannot say it.
type Option func(*factory)

type factory struct {
	resolvers map[string]endpoints.Resolver // by scheme
}

// WithResolver lets endpoints of the table of services be targets of that scheme,
// as consul:///orders, and a URL have resolve=consul. It replaces a built-in resolver (dns, srv, file) of that name.
func WithResolver(scheme string, r endpoints.Resolver) Option {
	return func(f *factory) { f.resolvers[scheme] = r }
}

func newFactory(opts []Option) *factory {
	f := &factory{resolvers: endpoints.Builtin()}
	for _, o := range opts {
		o(f)
	}
	return f
}

// A client is what reaches one endpoint, with connections of its own.
type client struct {
	a       *adapter
	address string             // host:port
	host    string             // what the endpoint is called by, where that is not the address
	calls   caller             // for messages
	streams caller             // for streams and settlements, which must not wait for calls
	end     context.CancelFunc // cuts all of its connections
}

// homesConfig says how the table of homes reaches endpoints.
func (a *adapter) homesConfig(f *factory) homes.Config[*client] {
	return homes.Config[*client]{
		Rest: a.opts.Host, Service: a.setup.Service, Services: a.setup.Services, Options: a.opts.Homes,
		Resolvers: f.resolvers, Address: a.opts.Endpoint,
		Open: a.newPeer, Retire: (*client).closeIdle, Close: (*client).close, Changed: a.changed,
	}
}

func (a *adapter) newPeer(e endpoints.Endpoint) *client {
	host := e.Address
	name, port, _ := net.SplitHostPort(e.Address) // which has been checked
	if e.Name != "" {
		name, host = e.Name, net.JoinHostPort(e.Name, port)
	}
	life, end := context.WithCancel(a.base)
	return &client{
		a: a, address: e.Address, host: host, end: end,
		calls: a.newCaller(life, maxCalls, e.Address, name), streams: a.newCaller(life, maxStreams, e.Address, name),
	}
}

// close ends c, which nobody uses. Of HTTP/2 there may be a connection left on which a stream that was given up
// is being reset, and which is not idle to net/http.
func (c *client) close() {
	c.closeIdle()
	c.end()
}

// closeIdle closes connections that do nothing, and the others as they finish.
func (c *client) closeIdle() {
	c.calls.CloseIdleConnections()
	c.streams.CloseIdleConnections()
}

// A response is that of an endpoint.
type response struct {
	*http.Response
	from  string // host:port
	rest  bool   // it is to be read as REST has it
	lease lease
	held  bool // lease is
}

// under makes the response end a lease when it is closed.
func (r *response) under(l lease) {
	var wait time.Duration
	if r.StatusCode == http.StatusServiceUnavailable && r.Header.Get(codeField) == "" {
		wait = retryAfter(r.Header) // a server in trouble, or a proxy for it; a handler's own error says nothing of others
	}
	if wait > 0 {
		l.Avoid(wait)
	} else {
		l.Answered()
	}
	r.lease, r.held = l, true
}

// close ends the use of the endpoint, once.
func (r *response) close() {
	_ = r.Body.Close() // what was not read is not wanted
	if r.held {
		r.held = false
		r.lease.Release()
	}
}

// changed follows a home whose endpoints came or left.
func (a *adapter) changed(p *peers) { a.attached.Follow(attach.From(p)) }

// ping asks one endpoint of home whether it is there.
func (a *adapter) ping(ctx context.Context, home *peers) error {
	tries := home.Tries("", true)
	for {
		l, err := tries.Next(ctx)
		if err != nil {
			return err
		}
		resp, err := l.Conn.get(ctx, l.Conn.calls, "/healthz", "")
		if err == nil {
			l.Done(homes.Answered)
			_ = resp.Body.Close() // nothing of it is wanted
			if resp.StatusCode >= http.StatusInternalServerError {
				return transport.CodeUnavailable.Errorf("%s is not healthy: status %d", l.Conn.address, resp.StatusCode)
			}
			return nil
		}
		if !tries.Again(ctx, l, outcomeOf(ctx, err)) {
			return err
		}
	}
}

// outcomeOf tells what a failed attempt proves of the peer: that it did nothing, where no connection was made.
func outcomeOf(ctx context.Context, err error) homes.Outcome {
	switch {
	case ctx.Err() != nil:
		return homes.GaveUp
	case refused(err):
		return homes.Refused
	case unprocessed(err):
		return homes.Declined
	}
	return homes.Lost
}

// unprocessed reports whether a peer of HTTP/2 says that it did nothing with a
// request. net/http's error becomes one of this shape, but for a request with a body, which it
// would send again by itself if it were let: then its text alone tells.
func unprocessed(err error) bool {
	const refusedStream = 7 // RFC 9113, section 7
	var e streamError
	if errors.As(err, &e) {
		return e.Code == refusedStream
	}
	text := err.Error()
	return strings.HasPrefix(text, "http2: Transport: cannot retry err [") &&
		(strings.Contains(text, "; REFUSED_STREAM; received from peer] ") || strings.Contains(text, "graceful shutdown GOAWAY] "))
}

type streamError struct {
	StreamID uint32
	Code     streamCode
	Cause    error
}

type streamCode uint32

func (streamError) Error() string { return "stream reset" }

// departed is the error of who comes to an endpoint that has left its home.
func departed(e *endpoint) error {
	return transport.CodeUnavailable.Errorf("%s is no endpoint of its service any more", e.Address)
}

// retryAfter reads how long a server, or a proxy before it, wants to be left alone: seconds, or a time.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
