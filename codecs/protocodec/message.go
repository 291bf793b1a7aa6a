package protocodec

import (
	"errors"
	"reflect"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// isMessage reports whether t is a generated message, or a pointer to one.
func isMessage(t reflect.Type) bool {
	message := reflect.TypeFor[proto.Message]()
	return t.Implements(message) || t.Kind() == reflect.Struct && reflect.PointerTo(t).Implements(message)
}

var (
	errNilMessage   = errors.New("the message is nil")
	errWriteMessage = errors.New("the message has invalid UTF-8 or misses a required field")
)

// appendMessage appends m. The engine recurses without a limit, so the depth is
// checked before, and the size before anything is written.
func (c *Codec) appendMessage(dst []byte, m proto.Message) ([]byte, error) {
	r := m.ProtoReflect()
	if !r.IsValid() {
		return dst, errNilMessage
	}
	if c.layouts.of(r.Descriptor()).levels > c.limits.MaxDepth {
		w := walker{codec: c}
		if err := w.message(r, 1); err != nil {
			return dst, err
		}
	}
	opts := proto.MarshalOptions{Deterministic: true}
	if err := c.limits.CheckBytes(opts.Size(m)); err != nil {
		return dst, err
	}
	opts.UseCachedSize = true
	out, err := opts.MarshalAppend(dst, m)
	if err != nil {
		return dst, errWriteMessage // the engine's text may name more than the schema
	}
	return out, nil
}

func (c *Codec) decodeMessage(src []byte, m proto.Message) error {
	r := m.ProtoReflect()
	if !r.IsValid() {
		return fail("decode", 0, errNilMessage)
	}
	if err := c.limits.CheckBytes(len(src)); err != nil {
		proto.Reset(m)
		return fail("decode", 0, err)
	}
	d := c.decoder(src)
	defer c.release(d)
	if err := d.fill(c.layouts.of(r.Descriptor()), m); err != nil {
		proto.Reset(m)
		return fail("decode", int64(d.pos), err)
	}
	return nil
}

// fill lets the engine read all of the input into m. What it says is replaced: it
// knows no offset.
func (d *decoder) fill(l *layout, m proto.Message) error {
	scanned := d.mayExceed()
	if scanned {
		if err := d.scan(l, 0); err != nil {
			return err
		}
	}
	opts := proto.UnmarshalOptions{RecursionLimit: maxDepth}
	if opts.Unmarshal(d.src, m) == nil {
		return nil
	}
	if !scanned { // now to tell where
		if err := d.scan(l, 0); err != nil {
			return err
		}
	}
	return errors.New("invalid UTF-8 or a missing field in " + string(l.descriptor.FullName()))
}

// A walker goes through a message that may be deep or have no end.
type walker struct {
	codec    *Codec
	messages int // seen so far
}

// message fails if messages nest deeper than the limit, counting lists and maps as
// levels like everywhere, or if there are more than elements may be.
func (w *walker) message(m protoreflect.Message, depth int) error {
	w.messages++
	if err := w.codec.limits.CheckDepth(depth); err != nil {
		return err
	}
	if err := w.codec.limits.CheckElements(w.messages); err != nil {
		return err
	}
	var err error
	visit := func(v protoreflect.Value, depth int) bool {
		err = w.message(v.Message(), depth)
		return err == nil
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.IsList() || f.IsMap() {
			if err = w.codec.limits.CheckDepth(depth + 1); err != nil {
				return false
			}
		}
		switch {
		case f.IsMap() && f.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool { return visit(v, depth+2) })
		case f.IsList() && f.Message() != nil:
			for i := 0; i < v.List().Len() && visit(v.List().Get(i), depth+2); i++ {
			}
		case f.Message() != nil && !f.IsMap():
			visit(v, depth+1)
		}
		return err == nil
	})
	return err
}
