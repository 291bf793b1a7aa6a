package contract

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/rest"
	"github.com/polywire/polywire/transport"
)

// None stands for no value: a request without parameters, or a reply that says
// that it is done. No bytes are written for it, and none are read.
type None struct{}

// An Endpoint is one destination of an API with its types: a [Method], [Queue],
// [Topic] or [Survey].
type Endpoint interface {
	// Destination is where its messages go.
	Destination() string

	spec() *spec
}

// The styles of endpoints, as descriptions name them.
const (
	styleMethod = "method"
	styleQueue  = "queue"
	styleTopic  = "topic"
	styleSurvey = "survey"
)

// ownPrefix begins the destinations that the library itself serves.
const ownPrefix = "polywire."

// A spec is what is declared about an endpoint. It does not change once its
// constructor returned.
type spec struct {
	style       string
	destination string
	request     reflect.Type // what a message holds; nil for None
	reply       reflect.Type // what an answer holds; nil for None, and for styles without
	idempotent  bool
	key         func(request any) string // nil without KeyOf
	params      []param
	failures    []failure
	rule        *rest.Rule // of HTTP; nil without
	replyFields []replyField
	problems    []error
}

// newSpec checks all that can be checked without a codec.
func newSpec[Req, Resp any](style, destination string, opts []Option) *spec {
	s := &spec{style: style, destination: destination}
	s.request = payload[Req](s)
	s.reply = payload[Resp](s)
	if err := transport.CheckDestination(destination); err != nil {
		s.reject("%s", message(err))
	} else if strings.HasPrefix(destination, ownPrefix) {
		s.reject("destinations below %s* are the library's own: choose another name", ownPrefix)
	}
	for _, opt := range opts {
		opt(s)
	}
	s.checkRule()
	return s
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// payload returns T, or nil for None.
func payload[T any](s *spec) reflect.Type {
	t := reflect.TypeFor[T]()
	switch {
	case t == reflect.TypeFor[None]():
		return nil
	case t.Kind() == reflect.Pointer:
		s.reject("the type argument %s is a pointer: write %s, callers and handlers get pointers to it", t, t.Elem())
	case t.Kind() == reflect.Interface:
		s.reject("the type argument %s does not say what a message holds: use a concrete type", t)
	}
	return t
}

func (s *spec) reject(format string, args ...any) {
	s.problems = append(s.problems, fmt.Errorf("%s %s: %w", s.style, named(s.destination), fmt.Errorf(format, args...)))
}

// err returns all that is wrong with the declaration.
func (s *spec) err() error { return errors.Join(s.problems...) }

// answers reports whether handlers of the style return a value.
func (s *spec) answers() bool { return s.style == styleMethod || s.style == styleSurvey }

// checkTypes asks codec about every type that the endpoint carries.
func (s *spec) checkTypes(codec codecs.Codec) error {
	checker, ok := codec.(codecs.TypeChecker)
	if !ok {
		return nil
	}
	return s.eachType(func(role string, t reflect.Type) error {
		if err := checker.CheckType(reflect.PointerTo(t)); err != nil {
			return fmt.Errorf("%s %s: %s type: %w", s.style, named(s.destination), role, err)
		}
		return nil
	})
}

// eachType calls f for the types on the wire and joins its errors.
func (s *spec) eachType(f func(role string, t reflect.Type) error) error {
	var errs []error
	for _, x := range [...]struct {
		role string
		t    reflect.Type
	}{{"request", s.request}, {"reply", s.reply}} {
		if x.t != nil {
			errs = append(errs, f(x.role, x.t))
		}
	}
	for i := range s.failures {
		errs = append(errs, f("failure", s.failures[i].typ))
	}
	return errors.Join(errs...)
}

// named shows a destination as it is when it is one, and quoted and cut when it is not.
func named(destination string) string {
	if transport.CheckDestination(destination) == nil {
		return destination
	}
	return fmt.Sprintf("%.64q", destination)
}

// message is the text of err without its code, where it has one.
func message(err error) string {
	var e *transport.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}
