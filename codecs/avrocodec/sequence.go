package avrocodec

import (
	"errors"
	"fmt"
	"io"

	"github.com/polywire/polywire/internal/shape"
	"google.golang.org/protobuf/proto"
)

// A Sequence reads values that stand one after another without a framing, all
// written by one schema: those of a block of a container file, which package ocf
// reads. [Codec.Sequence] makes one; it is not safe for concurrent use.
type Sequence struct {
	codec  *Codec
	writer *Schema
	plan   *typePlan // of the last value's type; with it
	reader *reader   // how it is read

	rest     []byte // what was not read
	elements int    // that the rest may have
}

// Sequence returns a Sequence of values that were written by writer. It has none
// before Begin.
func (c *Codec) Sequence(writer *Schema) *Sequence { return &Sequence{codec: c, writer: writer} }

// Begin lets Next read src, which stays the caller's and must not change meanwhile.
// All its values together may have 16 elements for each byte and 16,384 more: many
// short ones cannot each take what the limits leave to one.
func (s *Sequence) Begin(src []byte) {
	const perByte, free, most = 16, 1 << 14, 1 << 26 // bytes, beyond which 32 bits hold no more elements
	s.rest = src
	s.elements = max(perByte*min(len(src), most)+free, s.codec.given.ForInput(len(src)).MaxElements)
}

// Len returns how many bytes were not read.
func (s *Sequence) Len() int { return len(s.rest) }

// Next reads the next value into v, a target as that of Decode. The schemas are
// resolved as those of messages are, and the same limits hold for each value. After an
// error it is unknown where the next value begins.
func (s *Sequence) Next(v any) error {
	if m, ok := v.(proto.Message); ok {
		return s.codec.messages.Decode(m, nil, func(_ []byte, plain any) error { return s.Next(plain) }, fail)
	}
	shaped, target, err := s.codec.shapes.Target(v)
	if err != nil {
		return fail("decode", 0, err)
	}
	target.SetZero()
	r, err := s.readerOf(shaped.Plan.(*typePlan))
	if err != nil {
		return fail("decode", 0, err)
	}
	value := s.rest[:min(len(s.rest), s.codec.limits.MaxBytes)]
	d := s.codec.decoder(value)
	defer s.codec.put(d)
	d.limits.MaxElements = min(d.limits.MaxElements, s.elements)
	if err := d.value(r, target.Place()); err != nil {
		target.SetZero()
		if errors.Is(err, io.ErrUnexpectedEOF) && len(value) < len(s.rest) {
			err = s.codec.limits.CheckBytes(len(value) + 1)
		}
		return fail("decode", int64(d.pos), err)
	}
	s.rest = s.rest[d.pos:]
	s.elements -= d.elements
	return nil
}

// readerOf resolves the writer's schema for a type, once for values of one type in a
// row. It does not go by the fingerprint: whoever wrote the schema can give it that of
// another.
func (s *Sequence) readerOf(p *typePlan) (_ *reader, err error) {
	if p == s.plan {
		return s.reader, nil
	}
	r := p.own
	if s.writer != p.schema {
		if r, err = newReader(s.writer.root, p.root); err != nil {
			path, cause := shape.Split(err)
			return nil, (&mismatchError{path, fmt.Errorf("the schema of the writer does not fit: %w", cause)}).again()
		}
	}
	s.plan, s.reader = p, r
	return r, nil
}

// AppendBare appends the encoding of v alone, whatever framing the codec writes: what
// Next of a Sequence of v's schema reads.
func (c *Codec) AppendBare(dst []byte, v any) ([]byte, error) {
	out, err := c.append(dst, v, bare)
	if err != nil {
		return dst, fail("encode", -1, err)
	}
	return out, nil
}
