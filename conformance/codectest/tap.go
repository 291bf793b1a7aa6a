package codectest

import (
	"reflect"

	"github.com/polywire/polywire/codecs"
)

// generated is what generated messages are, which are no plain structs to edit.
var generated = reflect.TypeFor[interface{ ProtoMessage() }]()

// A tap is a codec around another that does some things its own way; what is nil
// is the other's.
type tap struct {
	codecs.Codec
	append func(next codecs.Codec, dst []byte, v any) ([]byte, error)
	decode func(next codecs.Codec, src []byte, v any) error
	check  func(next codecs.TypeChecker, t reflect.Type) error
	name   string
	media  string
}

// Append is append's.
func (t *tap) Append(dst []byte, v any) ([]byte, error) {
	if t.append == nil {
		return t.Codec.Append(dst, v)
	}
	return t.append(t.Codec, dst, v)
}

// Decode is decode's.
func (t *tap) Decode(src []byte, v any) error {
	if t.decode == nil {
		return t.Codec.Decode(src, v)
	}
	return t.decode(t.Codec, src, v)
}

// CheckType is check's.
func (t *tap) CheckType(typ reflect.Type) error {
	next, ok := t.Codec.(codecs.TypeChecker)
	switch {
	case !ok:
		return nil
	case t.check == nil:
		return next.CheckType(typ)
	}
	return t.check(next, typ)
}

// Name is name, or the other's.
func (t *tap) Name() string {
	if t.name != "" {
		return t.name
	}
	return t.Codec.Name()
}

// ContentType is media, or the other's.
func (t *tap) ContentType() string {
	if t.media != "" {
		return t.media
	}
	return t.Codec.ContentType()
}

// edited returns a pointer to a deep copy of v, or of what v points to, on whose
// every part f has been called, from the leaves up. What is deeper than the
// default limit stays as it is.
func edited(v any, f func(reflect.Value)) any {
	rv := reflect.ValueOf(v)
	if !rv.IsValid() || rv.Kind() == reflect.Pointer && rv.IsNil() || rv.Type().Implements(generated) {
		return v
	}
	if rv.Kind() == reflect.Pointer {
		rv = rv.Elem()
	}
	p := reflect.New(rv.Type())
	p.Elem().Set(rv)
	edit(p.Elem(), f, 0)
	return p.Interface()
}

// edit copies what v refers to and calls f on all its parts.
func edit(v reflect.Value, f func(reflect.Value), depth int) {
	if depth > codecs.DefaultMaxDepth {
		return
	}
	depth++
	switch {
	case v.Type() == timeType || reflect.PointerTo(v.Type()).Implements(textMarshaler) && v.Kind() != reflect.Pointer && v.Kind() != reflect.Interface:
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if isCarried(v.Type().Field(i)) {
				edit(v.Field(i), f, depth)
			}
		}
	case v.Kind() == reflect.Pointer && !v.IsNil():
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(v.Elem())
		v.Set(p)
		edit(p.Elem(), f, depth)
	case v.Kind() == reflect.Slice && v.Len() > 0:
		s := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(s, v)
		v.Set(s)
		editItems(v, f, depth)
	case v.Kind() == reflect.Array:
		editItems(v, f, depth)
	case v.Kind() == reflect.Map && v.Len() > 0:
		editMap(v, f, depth)
	}
	if v.CanSet() {
		f(v)
	}
}

func editItems(v reflect.Value, f func(reflect.Value), depth int) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return
	}
	for i := range v.Len() {
		edit(v.Index(i), f, depth)
	}
}

func editMap(v reflect.Value, f func(reflect.Value), depth int) {
	m := reflect.MakeMap(v.Type())
	for it := v.MapRange(); it.Next(); {
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		key.Set(it.Key())
		elem.Set(it.Value())
		edit(key, f, depth)
		edit(elem, f, depth)
		m.SetMapIndex(key, elem)
	}
	v.Set(m)
}

// reading makes a fault of a change to every part of what was decoded.
func reading(f func(v reflect.Value)) func(codecs.Codec) codecs.Codec {
	return func(c codecs.Codec) codecs.Codec {
		return &tap{Codec: c, decode: func(next codecs.Codec, src []byte, v any) error {
			err := next.Decode(src, v)
			if err == nil {
				reflect.ValueOf(v).Elem().Set(reflect.ValueOf(edited(v, f)).Elem())
			}
			return err
		}}
	}
}

// readingOf changes every part of one Go type.
func readingOf[T any](f func(T) T) func(codecs.Codec) codecs.Codec {
	return reading(func(v reflect.Value) {
		if p, ok := v.Addr().Interface().(*T); ok {
			*p = f(*p)
		}
	})
}

// writing makes a fault of a change to every part of what is to be encoded.
func writing(f func(v reflect.Value)) func(codecs.Codec) codecs.Codec {
	return func(c codecs.Codec) codecs.Codec {
		return &tap{Codec: c, append: func(next codecs.Codec, dst []byte, v any) ([]byte, error) {
			return next.Append(dst, edited(v, f))
		}}
	}
}

// decoding makes a fault of what happens to Decode.
func decoding(f func(next codecs.Codec, src []byte, v any) error) func(codecs.Codec) codecs.Codec {
	return func(c codecs.Codec) codecs.Codec { return &tap{Codec: c, decode: f} }
}

// appending makes a fault of what happens to Append.
func appending(f func(next codecs.Codec, dst []byte, v any) ([]byte, error)) func(codecs.Codec) codecs.Codec {
	return func(c codecs.Codec) codecs.Codec { return &tap{Codec: c, append: f} }
}
