package config

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/transport"
)

// Codecs returns the codec of destination's route, nil when nothing names one, and all that the file may name.
func (b *Bus) Codecs(destination string) (codecs.Codec, *codecs.Registry) {
	return b.leg(destination).codec, b.registry
}

// Features are those of the transport that destination is routed to.
func (b *Bus) Features(destination string) transport.Features {
	return b.leg(destination).Features()
}

// Conn returns the connection of a transport of the file; nil when no route or
// default names it. It closes with the Bus.
func (b *Bus) Conn(name string) *transport.Conn {
	if l := b.byName[name]; l != nil {
		return l.Conn
	}
	return nil
}

// Config is what the Bus was opened from.
func (b *Bus) Config() *Config { return b.config }

// Health asks every connection and returns nil when all can carry calls.
func (b *Bus) Health(ctx context.Context) error {
	var errs []error
	for _, l := range b.links {
		if err := l.Health(ctx); err != nil {
			errs = append(errs, fmt.Errorf("transport %q: %w", l.name, err))
		}
	}
	return errors.Join(errs...)
}

// Drain drains all connections together: none closes while a handler of another still runs.
func (b *Bus) Drain(ctx context.Context) error {
	if len(b.links) == 0 {
		return nil
	}
	return b.links[0].DrainWith(ctx, conns(b.links[1:])...)
}

// Close closes all connections, as [transport.Conn.Close] does.
func (b *Bus) Close() error {
	var errs []error
	for _, l := range b.links {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// systemOf is what tells the other side of a URL: its options are left out.
func systemOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	return u.Scheme + "://" + u.Host + u.Path
}
