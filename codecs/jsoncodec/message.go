package jsoncodec

import (
	"errors"
	"reflect"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// isMessage reports whether t is a generated message, or a pointer to one.
func isMessage(t reflect.Type) bool {
	message := reflect.TypeFor[proto.Message]()
	return t.Implements(message) || t.Kind() == reflect.Struct && reflect.PointerTo(t).Implements(message)
}

var (
	errNilMessage   = errors.New("the message is nil")
	errWriteMessage = errors.New("the message has invalid UTF-8, misses a required field or holds an Any of unknown type")
)

// appendMessage appends the JSON of m. protojson recurses without a limit and
// puts a space here and there on purpose, so depth is checked before and
// whitespace removed after.
func (c *Codec) appendMessage(dst []byte, m proto.Message) ([]byte, error) {
	if !m.ProtoReflect().IsValid() {
		return dst, errNilMessage
	}
	if err := c.checkDepth(m.ProtoReflect(), 1); err != nil {
		return dst, err
	}
	text, err := protojson.Marshal(m)
	if err != nil {
		return dst, errWriteMessage
	}
	compact := jsontext.Value(text)
	if err := compact.Compact(); err != nil {
		return dst, errWriteMessage
	}
	if err := c.limits.CheckBytes(len(compact)); err != nil {
		return dst, err
	}
	return append(dst, compact...), nil
}

// checkDepth fails if messages nest deeper than the limit, counting lists and
// maps as levels like everywhere, and what an Any holds.
func (c *Codec) checkDepth(m protoreflect.Message, depth int) error {
	if err := c.limits.CheckDepth(depth); err != nil {
		return err
	}
	if inner := anyContent(m); inner != nil {
		return c.checkDepth(inner, depth+1)
	}
	var err error
	check := func(v protoreflect.Value, depth int) bool {
		err = c.checkDepth(v.Message(), depth)
		return err == nil
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap() && f.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool { return check(v, depth+2) })
		case f.IsList() && f.Message() != nil:
			for i := 0; i < v.List().Len() && check(v.List().Get(i), depth+2); i++ {
			}
		case f.Message() != nil && !f.IsMap():
			check(v, depth+1)
		}
		return err == nil
	})
	return err
}

// anyContent returns the message inside a google.protobuf.Any, or nil if m is
// none or holds what protojson will refuse by itself.
func anyContent(m protoreflect.Message) protoreflect.Message {
	fields := m.Descriptor().Fields()
	if m.Descriptor().FullName() != "google.protobuf.Any" || fields.ByNumber(2) == nil {
		return nil
	}
	kind, err := protoregistry.GlobalTypes.FindMessageByURL(m.Get(fields.ByNumber(1)).String())
	if err != nil {
		return nil
	}
	inner := kind.New()
	if proto.Unmarshal(m.Get(fields.ByNumber(2)).Bytes(), inner.Interface()) != nil {
		return nil
	}
	return inner
}

// message reads the document into the empty m. The first pass holds the limits, which
// protojson has not, and the syntax, whose errors then have an offset.
func (d *decoder) message(src []byte, m proto.Message) error {
	if err := d.skip(); err != nil {
		return d.fail(err)
	}
	if err := d.end(); err != nil {
		return d.fail(err)
	}
	opts := protojson.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: d.limits.MaxDepth}
	if err := opts.Unmarshal(src, m); err != nil {
		proto.Reset(m)
		// The text of protojson quotes the input.
		return fail("decode", -1, errors.New("a value does not fit the fields of "+string(m.ProtoReflect().Descriptor().FullName())))
	}
	return nil
}
