package contract

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/polywire/polywire/transport"
)

// A failure is what Fails declared. On the wire it is a [transport.Detail] of type
//
//	application/json;type=NotVerified
//
// whose data is the value in that format.
type failure struct {
	name string
	typ  reflect.Type // the struct
	code transport.Code

	// find returns the failure in the tree of a handler's error as error and as
	// pointer to encode; nil when it is not there.
	find func(err error) (value any, failed error)

	// receive returns a new value to decode into, and its forms as errors.
	receive func() (target any, forms func() []error)
}

const detailType = ";type="

func newFailure[E error](code transport.Code) (failure, error) {
	t := reflect.TypeFor[E]()
	f := failure{code: code, typ: t, find: findValue[E], receive: receiveValue[E]}
	if t.Kind() == reflect.Pointer {
		f.typ, f.find = t.Elem(), findPointer[E]
		f.receive = func() (any, func() []error) {
			target := reflect.New(f.typ).Interface()
			return target, func() []error { return []error{target.(error)} }
		}
	}
	f.name = f.typ.Name()
	switch {
	case f.typ.Kind() != reflect.Struct:
		return f, fmt.Errorf("%s is no struct type: declare one with an Error method", t)
	case f.name == "" || strings.ContainsAny(f.name, "[;"):
		return f, fmt.Errorf("%s has no plain name, by which callers know it: declare a named type", t)
	case !code.Valid():
		return f, fmt.Errorf("%s: %s is no code: use one of transport.Code…", t, code)
	}
	return f, nil
}

// findValue looks for E and for *E, which is an error too.
func findValue[E error](err error) (any, error) {
	var value E
	if errors.As(err, &value) {
		return &value, value
	}
	var pointer *E
	if errors.As(err, any(&pointer)) && pointer != nil {
		return pointer, *pointer
	}
	return nil, nil
}

func findPointer[E error](err error) (any, error) {
	var pointer E
	if errors.As(err, &pointer) && !reflect.ValueOf(pointer).IsNil() {
		return pointer, pointer
	}
	return nil, nil
}

func receiveValue[E error]() (any, func() []error) {
	target := new(E)
	return target, func() []error {
		forms := []error{*target}
		if pointer, ok := any(target).(error); ok {
			forms = append(forms, pointer)
		}
		return forms
	}
}

// declare turns the error of a handler into one that carries its declared
// failure. Errors that came out of a call to another service stay as they are.
func (p *plan) declare(msg *transport.Message, err error) error {
	var e *transport.Error
	known := errors.As(err, &e)
	if known && e.Op != "" {
		return err
	}
	for i := range p.spec.failures {
		f := &p.spec.failures[i]
		value, failed := f.find(err)
		if failed == nil {
			continue
		}
		out := f.code.Errorf("%s", failed.Error())
		if known {
			out.Message, out.RetryAfter = e.Message, e.RetryAfter
			out.Details = append(out.Details, e.Details...)
		}
		codec := p.replyCodec(msg)
		data, encodeErr := codec.Append(nil, value)
		if encodeErr == nil {
			out.Details = append(out.Details, transport.Detail{Type: codec.ContentType() + detailType + f.name, Data: data})
		}
		return out
	}
	return err
}

// failed adds to the error of a call the declared failures that it carries. A
// detail that cannot be read is left out: the code stays.
func (p *plan) failed(err error) error {
	var e *transport.Error
	if len(p.spec.failures) == 0 || !errors.As(err, &e) {
		return err
	}
	forms := []error{err}
	for _, d := range e.Details {
		forms = append(forms, p.detail(d)...)
	}
	if len(forms) == 1 {
		return err
	}
	return &failedError{forms}
}

func (p *plan) detail(d transport.Detail) []error {
	media, name, ok := strings.Cut(d.Type, detailType)
	if !ok {
		return nil
	}
	for i := range p.spec.failures {
		f := &p.spec.failures[i]
		if f.name != name {
			continue
		}
		codec, err := p.codecFor(media)
		if err != nil {
			return nil
		}
		target, forms := f.receive()
		if p.decode(codec, d.Data, target) != nil {
			return nil
		}
		return forms()
	}
	return nil
}

// A failedError is the error of a call with its declared failures beside it, for errors.As.
type failedError struct{ forms []error }

func (e *failedError) Error() string { return e.forms[0].Error() }

// Unwrap gives the call's error first, so that its code is found before all else.
func (e *failedError) Unwrap() []error { return e.forms }
