package shape

import (
	"errors"
	"reflect"
	"sync"
)

// maxTypes bounds a Cache. A program has fewer message types; one that makes
// types at run time starts over when it has made this many.
const maxTypes = 4096

// A Cache compiles each type once, however many goroutines ask first. The zero
// value is ready; a codec holds one.
type Cache struct {
	// Plan, if not nil, makes of each Shape what the codec needs beside it, once;
	// Of returns its error. It is set before first use.
	Plan func(*Shape) (any, error)

	shapes sync.Map // reflect.Type to *Shape; written under mu, read without

	mu    sync.Mutex // held while a type is compiled; guards count
	count int        // of shapes
}

// Of returns the Shape of t.
func (c *Cache) Of(t reflect.Type) (*Shape, error) {
	if s, ok := c.shapes.Load(t); ok {
		return s.(*Shape), nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.shapes.Load(t); ok {
		return s.(*Shape), nil
	}
	s, err := c.compile(t)
	if err != nil {
		return nil, err
	}
	if c.count >= maxTypes {
		c.shapes.Clear()
		c.count = 0
	}
	c.shapes.Store(t, s)
	c.count++
	return s, nil
}

func (c *Cache) compile(t reflect.Type) (*Shape, error) {
	s, err := compile(t)
	if err != nil || c.Plan == nil {
		return s, err
	}
	s.Plan, err = c.Plan(s)
	return s, err
}

// Source returns v, or what v points to, for reading.
func (c *Cache) Source(v any) (*Shape, Value, error) {
	rv := reflect.ValueOf(v)
	if !rv.IsValid() {
		return nil, Value{}, errors.New("the value is nil")
	}
	if rv.Kind() == reflect.Pointer {
		if rv.IsNil() {
			return nil, Value{}, errors.New("the value is a nil " + rv.Type().String())
		}
		rv = rv.Elem()
	}
	s, err := c.Of(rv.Type())
	return s, Value{rv}, err
}

// Target returns what v points to, for writing.
func (c *Cache) Target(v any) (*Shape, Value, error) {
	rv := reflect.ValueOf(v)
	switch {
	case !rv.IsValid():
		return nil, Value{}, errors.New("the target is nil; pass a pointer")
	case rv.Kind() != reflect.Pointer:
		return nil, Value{}, errors.New("the target is of type " + rv.Type().String() + "; pass a pointer to it")
	case rv.IsNil():
		return nil, Value{}, errors.New("the target is a nil " + rv.Type().String())
	}
	s, err := c.Of(rv.Type().Elem())
	return s, Value{rv.Elem()}, err
}
