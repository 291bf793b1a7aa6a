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

	shapes sync.Map // reflect.Type, or a *Shape that Make made, to *Shape; written under mu, read without

	mu    sync.Mutex // held while a type is compiled; guards count
	count int        // of shapes
}

// Of returns the Shape of t.
func (c *Cache) Of(t reflect.Type) (*Shape, error) {
	if s, ok := c.shapes.Load(t); ok {
		return s.(*Shape), nil
	}
	return c.add(t, func() (*Shape, error) { return compile(t) })
}

// OfMade returns s, which Make has made, with the Plan of the cache.
func (c *Cache) OfMade(s *Shape) (*Shape, error) {
	if planned, ok := c.shapes.Load(s); ok {
		return planned.(*Shape), nil
	}
	return c.add(s, func() (*Shape, error) { return s, nil })
}

// add keeps what compile returns for key.
func (c *Cache) add(key any, compile func() (*Shape, error)) (*Shape, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.shapes.Load(key); ok {
		return s.(*Shape), nil
	}
	s, err := compile()
	if err == nil && c.Plan != nil {
		s, err = c.planned(s)
	}
	if err != nil {
		return nil, err
	}
	if c.count >= maxTypes {
		c.shapes.Clear()
		c.count = 0
	}
	c.shapes.Store(key, s)
	c.count++
	return s, nil
}

// planned returns s with its Plan; what Make has made belongs to other caches too.
func (c *Cache) planned(s *Shape) (*Shape, error) {
	plan, err := c.Plan(s)
	if s.made {
		own := *s
		s = &own
	}
	s.Plan = plan
	return s, err
}

// Source returns v, or what v points to, for reading. What a Dynamic holds is read too.
func (c *Cache) Source(v any) (*Shape, Value, error) {
	if d, ok := v.(*Dynamic); ok && d != nil {
		s, err := c.OfMade(d.shape)
		return s, d.value, err
	}
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

// Target returns what v points to, or what a Dynamic holds, for writing.
func (c *Cache) Target(v any) (*Shape, Value, error) {
	if d, ok := v.(*Dynamic); ok && d != nil {
		s, err := c.OfMade(d.shape)
		return s, d.value, err
	}
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
