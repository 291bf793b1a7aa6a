package inproc

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/polywire/polywire/internal/router"
	"github.com/polywire/polywire/transport"
)

// Factory opens adapters for inproc://NAME, where the empty name is one as any other. Options of the URL:
//
//	inline               handlers of this Conn run on the goroutine of whoever calls them
//	queue=16384          messages that each queue holds at most
//	queuebytes=67108864  bytes that they hold at most
//
// All Conns of one name share the bounds that the first was opened with; asking for others is an error.
func Factory() transport.Factory {
	h := &hub{routers: map[string]*shared{}}
	return transport.Factory{
		Name:    "inproc",
		Schemes: []string{"inproc"},
		Features: func(u *url.URL) (transport.Features, error) {
			o, err := parse(u)
			return features(o.inline), err
		},
		Open: func(_ context.Context, s transport.Setup) (transport.Adapter, error) { return h.open(s.URL) },
	}
}

// A hub holds the named routers of one Factory value.
type hub struct {
	mu      sync.Mutex // guards routers and the users of each
	routers map[string]*shared
}

// A shared is a router and the count of adapters on it.
type shared struct {
	name   string
	router *router.Router
	users  int
}

type options struct {
	name   string
	inline bool
	router router.Options
}

func (h *hub) open(u *url.URL) (*adapter, error) {
	o, err := parse(u)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.routers[o.name]
	if s == nil {
		s = &shared{name: o.name, router: router.New(o.router)}
		h.routers[o.name] = s
	}
	have := s.router.Options()
	if differs(o.router.Messages, have.Messages) || differs(o.router.Bytes, have.Bytes) {
		return nil, transport.CodeInvalidArgument.Errorf(
			"inproc://%s is open with other bounds of its queues: give the first Conn of a name queue and queuebytes, the others none or the same", o.name)
	}
	s.users++
	return &adapter{hub: h, shared: s, router: s.router, inline: o.inline, bounds: map[*bound]struct{}{}}, nil
}

func differs(asked, have int) bool { return asked != 0 && asked != have }

// leave ends one use of s; the last one closes the router.
func (h *hub) leave(ctx context.Context, s *shared) error {
	h.mu.Lock()
	s.users--
	last := s.users == 0
	if last {
		delete(h.routers, s.name)
	}
	h.mu.Unlock()
	if !last {
		return nil
	}
	return s.router.Close(ctx)
}

func parse(u *url.URL) (options, error) {
	o := options{name: u.Host}
	if u.Opaque != "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.Fragment != "" {
		return o, transport.CodeInvalidArgument.Errorf("inproc: the URL is inproc://NAME?options: leave out user, path and fragment")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return o, transport.CodeInvalidArgument.Errorf("inproc: the options of the URL cannot be read: %w", err)
	}
	for key, values := range query {
		if err := o.set(key, values[len(values)-1]); err != nil {
			return o, err
		}
	}
	return o, nil
}

func (o *options) set(key, value string) error {
	switch key {
	case "inline":
		on, err := strconv.ParseBool(value)
		if value != "" && err != nil {
			return transport.CodeInvalidArgument.Errorf("inproc: option inline=%.32q: leave the value out, or use true or false", value)
		}
		o.inline = on || value == ""
		return nil
	case "queue":
		return count(key, value, &o.router.Messages)
	case "queuebytes":
		return count(key, value, &o.router.Bytes)
	}
	return transport.CodeInvalidArgument.Errorf("inproc: unknown option %.64q (known: inline, queue, queuebytes)", key)
}

func count(key, value string, to *int) error {
	n, err := strconv.ParseUint(value, 10, 40)
	if err != nil || n == 0 {
		return transport.CodeInvalidArgument.Errorf("inproc: option %s=%.32q: use a whole number above 0", key, value)
	}
	*to = int(n)
	return nil
}
