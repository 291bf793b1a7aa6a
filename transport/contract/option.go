package contract

import (
	"reflect"

	"github.com/polywire/polywire/transport"
)

// An Option says more about an endpoint when it is declared. One that does not
// fit the endpoint's types or style is reported as a bad name is: by
// [Service.Err], and by whoever uses the endpoint.
type Option func(*spec)

// Idempotent declares that handling a message twice does no harm. Calls then
// carry [transport.WithIdempotent]: they may be retried, and a request is
// accepted only after its reply was handed over.
func Idempotent() Option { return func(s *spec) { s.idempotent = true } }

// KeyOf takes the key of every outbound message from its value: messages of one
// key keep their order where Features.OrderedByKey. An empty key is none.
func KeyOf[T any](key func(*T) string) Option {
	return func(s *spec) {
		switch {
		case key == nil:
			s.reject("KeyOf: the function is nil")
		case s.key != nil:
			s.reject("KeyOf is given twice: keep one")
		case s.takes("KeyOf", reflect.TypeFor[T]()):
			s.key = func(request any) string { return key(request.(*T)) }
		}
	}
}

// Param binds a named part of the message, which is path or query on REST, to a
// field of the request: outbound the field's text is written to
// [transport.Message] Params, inbound the param, if there, is read into the
// field, after the body. field returns the field's address.
//
// V is a string, bool, number, time, a type with MarshalText and UnmarshalText, a
// pointer to one of these, or a slice of them, which takes several values. Nil
// pointers and empty texts are not written.
func Param[T, V any](name string, field func(*T) *V) Option {
	return func(s *spec) {
		if field == nil {
			s.reject("param %.64q: the function is nil", name)
			return
		}
		if !s.takes("Param", reflect.TypeFor[T]()) {
			return
		}
		p, err := newParam(name, reflect.TypeFor[V](), func(request any) any { return field(request.(*T)) })
		if err != nil {
			s.reject("param %.64q: %w", name, err)
			return
		}
		for _, other := range s.params {
			if other.name == name {
				s.reject("param %q is bound twice: keep one", name)
			}
		}
		s.params = append(s.params, p)
	}
}

// Fails declares a failure that the handler may return, also wrapped: E, with
// the code that callers see. Its value travels as a detail of the error and
// comes back to the caller by errors.As. E is a named struct type with an Error
// method, or a pointer to one; details above 8 KiB do not travel.
//
// A failure that another service answered is not passed on: declare it and return a new one.
func Fails[E error](code transport.Code) Option {
	return func(s *spec) {
		if !s.answers() {
			s.reject("Fails is for Method and Survey, whose handlers answer")
			return
		}
		f, err := newFailure[E](code)
		if err != nil {
			s.reject("Fails: %w", err)
			return
		}
		for _, other := range s.failures {
			if other.name == f.name {
				s.reject("Fails: two failures are named %s: rename one", f.name)
			}
		}
		s.failures = append(s.failures, f)
	}
}

// takes reports whether requests are of type t.
func (s *spec) takes(option string, t reflect.Type) bool {
	if s.request == t {
		return true
	}
	carries := "no value"
	if s.request != nil {
		carries = "*" + s.request.String()
	}
	s.reject("%s takes *%s, but the endpoint carries %s: give it a function of that", option, t, carries)
	return false
}
