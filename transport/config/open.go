package config

import (
	"context"
	"errors"
	"fmt"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/transport"
)

// Open connects the transports that a route or the defaults name, each within
// ctx, and returns the Bus over them; when one fails it closes all. Transports of
// one URL and one compression share a Conn. opts configure every Conn; the caller closes the Bus.
func (c *Config) Open(ctx context.Context, opts ...transport.Option) (*Bus, error) {
	b := &Bus{config: c, byName: make(map[string]*link), registry: c.options.Codecs}
	opened := make(map[string]*link) // by URL and compression
	opts = append(opts[:len(opts):len(opts)], c.identity())
	for _, w := range c.used() {
		key := w.url + " " + w.compress.String()
		if c.policy(w) != nil {
			key += " " + w.name
		}
		l := opened[key]
		if l == nil {
			conn, err := c.connect(ctx, w, opts)
			if err != nil {
				return nil, errors.Join(c.openError(w, err), b.Close())
			}
			l = &link{name: w.name, system: systemOf(w.url), Conn: conn}
			opened[key] = l
			b.links = append(b.links, l)
		}
		b.byName[w.name] = l
	}
	b.table(c)
	return b, nil
}

func (c *Config) connect(ctx context.Context, w *wire, opts []transport.Option) (*transport.Conn, error) {
	opts, err := c.compressed(w, c.admitted(w, opts))
	if err != nil {
		return nil, err
	}
	return c.options.Registry.Open(ctx, w.url, opts...)
}

// identity tells the adapters who this process is and who owns what. A process
// that is all services is told their paths alone: every destination's home is here.
func (c *Config) identity() transport.Option {
	var table []transport.Service
	if c.alone() {
		for _, s := range c.services {
			if len(s.Paths) > 0 {
				table = append(table, transport.Service{Name: s.Name, Paths: s.Paths})
			}
		}
		table = append(table, c.unowned...)
		return transport.WithService("", table...)
	}
	for _, s := range c.services {
		if len(s.Endpoints) > 0 || s.Name == c.options.Service { // else no direct transport carries what it owns
			table = append(table, s.Service)
		}
	}
	return transport.WithService(c.options.Service, table...)
}

func (c *Config) openError(w *wire, err error) error {
	text := fmt.Sprintf("%s:%d:%d: %s: %s: %s", c.name, w.line, w.column, join("transports", w.name),
		c.secrets.redactURL(w.url), c.secrets.scrub(err.Error()))
	return &openError{text, err}
}

// An openError shows what failed to open without its secrets, and keeps the code.
type openError struct {
	text string
	err  error
}

func (e *openError) Error() string { return e.text }
func (e *openError) Unwrap() error { return e.err }

// codecOf resolves a name that Parse has found in the registry; nil for none.
func (c *Config) codecOf(name string) codecs.Codec {
	if name == "" {
		return nil
	}
	codec, err := c.options.Codecs.ByName(name)
	if err != nil {
		return nil
	}
	return codec
}
