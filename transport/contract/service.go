package contract

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/shape"
	"github.com/polywire/polywire/transport"
)

// A Service groups the endpoints of one API: what configuration is checked
// against, and what a description tells. It never changes.
type Service struct {
	name   string
	specs  []*spec
	err    error
	number func(t reflect.Type, field string) int // of WithNumbers; or nil
}

// NewService declares a service. What is wrong with it, Err tells.
func NewService(name string, endpoints ...Endpoint) *Service {
	s := &Service{name: name}
	var errs []error
	if transport.CheckDestination(name) != nil {
		errs = append(errs, fmt.Errorf("service %.64q: a name is of [A-Za-z0-9_-], and dots between", name))
	}
	seen := make(map[string]*spec)
	for i, e := range endpoints {
		if e == nil || reflect.ValueOf(e).IsNil() {
			errs = append(errs, fmt.Errorf("service %s: endpoint %d is nil: declare it before the service", named(name), i+1))
			continue
		}
		own := e.spec()
		s.specs = append(s.specs, own)
		if err := own.err(); err != nil {
			errs = append(errs, err)
		} else {
			errs = append(errs, checkShapes(own))
		}
		if other := seen[own.destination]; other != nil {
			errs = append(errs, fmt.Errorf("service %s: %s is a %s and a %s: give each endpoint a destination of its own",
				named(name), named(own.destination), other.style, own.style))
		}
		seen[own.destination] = own
	}
	errs = append(errs, s.checkPaths())
	if s.err = errors.Join(errs...); s.err != nil {
		s.err = transport.CodeInvalidArgument.Errorf("%w", s.err)
	}
	return s
}

// WithNumbers returns a service whose descriptions also hold the numbers of fields
// that tags do not give, for callers who have only the description and speak
// Protobuf. number is the Number of a protocodec.Lock, that of the codec: it returns
// zero for a field without a number, and is called concurrently.
func (s *Service) WithNumbers(number func(t reflect.Type, field string) int) *Service {
	numbered := *s
	numbered.number = number
	return &numbered
}

// Name is the service's, as in the configuration.
func (s *Service) Name() string { return s.name }

// Err returns all that is wrong with names, options and types, or nil. A test
// of it is the least that an API's package should have; configuration asks it at start.
func (s *Service) Err() error { return s.err }

// CheckTypes asks the codec of each endpoint about its types and returns all
// that it refuses, with the paths of the fields. codec gives the codec of a destination's route.
func (s *Service) CheckTypes(codec func(destination string) codecs.Codec) error {
	var errs []error
	for _, own := range s.specs {
		c := codec(own.destination)
		if c == nil {
			errs = append(errs, fmt.Errorf("no codec for %s: name one in its route, its transport or the defaults", own.destination))
			continue
		}
		errs = append(errs, own.checkTypes(c))
	}
	if err := errors.Join(errs...); err != nil {
		return transport.CodeInvalidArgument.Errorf("%w", err)
	}
	return nil
}

// ServeDescription is a [transport.Handler] that replies with the service's
// description. A program that wants to be asked registers it:
//
//	bus.Handle(ctx, "polywire.describe", Service.ServeDescription)
func (s *Service) ServeDescription(context.Context, *transport.Message) (*transport.Message, error) {
	d, err := s.Describe()
	if err != nil {
		return nil, transport.CodeInternal.Errorf("describe: %w", err)
	}
	body, err := d.JSON()
	if err != nil {
		return nil, transport.CodeInternal.Errorf("describe: %w", err)
	}
	return &transport.Message{ContentType: "application/json", Body: body}, nil
}

// checkShapes holds the types of an endpoint against the profile that every
// format carries.
func checkShapes(own *spec) error {
	var cache shape.Cache
	return own.eachType(func(role string, t reflect.Type) error {
		if generated(t) {
			return nil
		}
		if _, err := cache.Of(t); err != nil {
			return fmt.Errorf("%s %s: %s type: %w", own.style, named(own.destination), role, err)
		}
		return nil
	})
}

// generated reports whether *t is a message made by protoc.
func generated(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[interface{ ProtoMessage() }]())
}
