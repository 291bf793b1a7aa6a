package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	adapters "github.com/polywire/polywire/adapters/all"
	codecs "github.com/polywire/polywire/codecs/all"
	"github.com/polywire/polywire/examples/taxi/accounts"
	"github.com/polywire/polywire/examples/taxi/api"
	"github.com/polywire/polywire/examples/taxi/dispatch"
	"github.com/polywire/polywire/examples/taxi/drivers"
	"github.com/polywire/polywire/examples/taxi/notifications"
	"github.com/polywire/polywire/examples/taxi/trips"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/config"
	"github.com/polywire/polywire/transport/contract"
	"github.com/polywire/polywire/transport/contract/openapi"
	"github.com/polywire/polywire/transport/middleware/compress"
)

//go:embed taxi.yaml
var ownConfig []byte

// riderName is who calls the services and is none of them.
const riderName = "rider"

// A part is one service.
type part struct {
	name  string
	start func(ctx context.Context, bus contract.Bus, log api.Log) error

	offers *contract.Service // nil for one that listens alone
}

// parts are the services, in an order in which each finds those that it subscribes to.
func parts() []part {
	return []part{
		{"accounts", accounts.Start, api.Accounts}, {"trips", trips.Start, api.Trips}, {"dispatch", dispatch.Start, api.Dispatch},
		{"drivers", drivers.Start, nil}, {"notifications", notifications.Start, nil},
	}
}

// A system is what runs of the taxi in this process.
type system struct {
	o        *options
	line     *timeline
	registry *transport.Registry // one, so that connections in memory meet
	whole    *config.Bus         // all services and the rider share it, unless they are split
	running  map[string]*config.Bus
}

func newSystem(o *options, line *timeline) *system {
	return &system{o: o, line: line, registry: adapters.Registry(), running: map[string]*config.Bus{}}
}

// open connects one service, the rider, or, as "", all of them.
func (s *system) open(ctx context.Context, name string) (*config.Bus, error) {
	known, err := codecs.Registry()
	if err != nil {
		return nil, err
	}
	o := config.Options{
		Registry: s.registry, Codecs: known, Compress: compress.Configure,
		Profile: s.o.profile, Codec: s.o.codec, Client: name == riderName,
	}
	if !o.Client {
		o.Service = name
	}
	var c *config.Config
	if s.o.config != "" {
		c, err = config.Load(s.o.config, o)
	} else {
		c, err = config.Parse("taxi.yaml", ownConfig, o)
	}
	if err != nil {
		return nil, err
	}
	if err := c.Check(api.Accounts, api.Trips, api.Dispatch); err != nil {
		return nil, err
	}
	return c.Open(ctx)
}

// start runs one service, and waits for those that it subscribes to: whichever is started first, they find each other.
func (s *system) start(ctx context.Context, name string) error {
	i := slices.IndexFunc(parts(), func(p part) bool { return p.name == name })
	if i < 0 {
		var names []string
		for _, p := range parts() {
			names = append(names, p.name)
		}
		return fmt.Errorf("taxi: unknown service %q (known: %s, %s)", name, strings.Join(names, ", "), riderName)
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.patience)
	defer cancel()
	return untilAvailable(ctx, func() error {
		bus, err := s.open(ctx, name)
		if err != nil {
			return err
		}
		if err := s.serve(ctx, bus, parts()[i]); err != nil {
			return errors.Join(err, bus.Close())
		}
		s.running[name] = bus
		return nil
	})
}

// untilAvailable repeats f while the other side is not there yet.
func untilAvailable(ctx context.Context, f func() error) error {
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		err := f()
		if err == nil || !errors.Is(err, transport.CodeUnavailable) {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return err
		}
	}
}

// startAll runs all services in this process, over one bus, or one each.
func (s *system) startAll(ctx context.Context) error {
	if s.o.split || s.o.scene == "outage" {
		for _, p := range parts() {
			if err := s.start(ctx, p.name); err != nil {
				return err
			}
		}
		return nil
	}
	bus, err := s.open(ctx, "")
	if err != nil {
		return err
	}
	s.whole = bus
	for _, p := range parts() {
		if err := p.start(ctx, bus, s.line.log); err != nil {
			return err
		}
	}
	return describe(ctx, bus, api.Accounts, api.Trips, api.Dispatch)
}

// serve starts a part on a bus of its own.
func (s *system) serve(ctx context.Context, bus *config.Bus, p part) error {
	if err := p.start(ctx, bus, s.line.log); err != nil || p.offers == nil {
		return err
	}
	return describe(ctx, bus, p.offers)
}

// describe lets browsers and tools of OpenAPI see what services offer, where HTTP carries it.
func describe(ctx context.Context, bus *config.Bus, services ...*contract.Service) error {
	if bus.Features(services[0].Name()).Adapter != "http" {
		return nil
	}
	return openapi.Serve(ctx, bus, services...)
}

// halt drains one service.
func (s *system) halt(ctx context.Context, name string) error {
	bus := s.running[name]
	delete(s.running, name)
	if bus == nil {
		return nil
	}
	return bus.Drain(ctx)
}

// stop ends whatever runs; what a handler has begun it may finish.
func (s *system) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, p := range slices.Backward(parts()) {
		if err := s.halt(ctx, p.name); err != nil {
			s.line.log(p.name, "", "did not end well: %v", err)
		}
	}
	if s.whole != nil {
		_ = s.whole.Drain(ctx) // the process ends in any case
	}
}
