package msgpackcodec

import (
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// An Engine writes and reads the primitives of MessagePack in place of the default,
// github.com/vmihailenco/msgpack/v5; codecs/msgpackcodec/msgpengine has one. What is
// on the wire and what is refused stay the same: the profile, the scan before
// decoding and the limits are the codec's.
//
// An Engine must be safe for concurrent use, keep no reference to what it is given,
// and agree with the others, byte for byte:
//
//   - Append methods append one value, or the head of n items, entries or bytes, in the
//     fewest bytes that the format has for it, and return the extended slice. An
//     integer from 0 on is unsigned, a float has the bits it is given, a string is
//     str, bytes, which the codec appends itself, are bin, and a time, which is in
//     UTC, is the extension -1. n is from 0 to 2^31-1.
//   - Read methods read the one value, or the head, that src begins with, and return
//     what follows it. The scan has passed all of src, and the first byte says what
//     the method is named for; it may be in more bytes than it needs, and src may
//     hold more. ReadInt is never given more than an int64 holds, ReadUint never
//     less than 0. They allocate nothing.
//
// An error of a Read method, or a panic, is an error of Decode, without its text.
type Engine interface {
	AppendBool(dst []byte, v bool) []byte
	AppendInt(dst []byte, v int64) []byte
	AppendUint(dst []byte, v uint64) []byte
	AppendFloat32(dst []byte, v float32) []byte
	AppendFloat64(dst []byte, v float64) []byte
	AppendString(dst []byte, v string) []byte
	AppendTime(dst []byte, v time.Time) []byte
	AppendListHead(dst []byte, n int) []byte
	AppendMapHead(dst []byte, n int) []byte
	AppendBytesHead(dst []byte, n int) []byte

	ReadBool(src []byte) (v bool, rest []byte, err error)
	ReadInt(src []byte) (v int64, rest []byte, err error)
	ReadUint(src []byte) (v uint64, rest []byte, err error)
	ReadFloat32(src []byte) (v float32, rest []byte, err error)
	ReadFloat64(src []byte) (v float64, rest []byte, err error)
	ReadTime(src []byte) (v time.Time, rest []byte, err error)
	ReadListHead(src []byte) (n int, rest []byte, err error)
	ReadMapHead(src []byte) (n int, rest []byte, err error)
}

// WithEngine makes e write and read the primitives. Nil is the default engine.
func WithEngine(e Engine) Option {
	return func(c *Codec) { c.engine = e }
}

// A writer is what encoding calls of an engine, whichever it is: methods of the
// default one, which stands in it as it is.
type writer interface {
	EncodeBool(v bool) error
	EncodeInt(v int64) error
	EncodeUint(v uint64) error
	EncodeString(v string) error
	EncodeTime(v time.Time) error
	EncodeArrayLen(n int) error
	EncodeMapLen(n int) error
	EncodeBytesLen(n int) error
}

// A reader is what decoding calls of an engine.
type reader interface {
	DecodeNil() error
	DecodeBool() (bool, error)
	DecodeInt64() (int64, error)
	DecodeUint64() (uint64, error)
	DecodeFloat32() (float32, error)
	DecodeFloat64() (float64, error)
	DecodeTime() (time.Time, error)
	DecodeArrayLen() (int, error)
	DecodeMapLen() (int, error)
	DecodeBytesLen() (int, error)
}

var (
	_ writer = (*msgpack.Encoder)(nil)
	_ reader = (*msgpack.Decoder)(nil)
)

func (c *Codec) writerFor(e *encoder) writer {
	if c.engine == nil {
		return msgpack.NewEncoder(e)
	}
	return &engineWriter{to: e, by: c.engine}
}

func (c *Codec) readerFor(d *decoder) reader {
	if c.engine == nil {
		return msgpack.NewDecoder(d)
	}
	return &engineReader{from: d, by: c.engine}
}

// An engineWriter lets an Engine append to the buffer of an encoder.
type engineWriter struct {
	to *encoder
	by Engine
}

func (w *engineWriter) EncodeBool(v bool) error {
	w.to.buf = w.by.AppendBool(w.to.buf, v)
	return nil
}

func (w *engineWriter) EncodeInt(v int64) error {
	w.to.buf = w.by.AppendInt(w.to.buf, v)
	return nil
}

func (w *engineWriter) EncodeUint(v uint64) error {
	w.to.buf = w.by.AppendUint(w.to.buf, v)
	return nil
}

func (w *engineWriter) EncodeString(v string) error {
	w.to.buf = w.by.AppendString(w.to.buf, v)
	return nil
}

func (w *engineWriter) EncodeTime(v time.Time) error {
	w.to.buf = w.by.AppendTime(w.to.buf, v)
	return nil
}

func (w *engineWriter) EncodeArrayLen(n int) error {
	w.to.buf = w.by.AppendListHead(w.to.buf, n)
	return nil
}

func (w *engineWriter) EncodeMapLen(n int) error {
	w.to.buf = w.by.AppendMapHead(w.to.buf, n)
	return nil
}

func (w *engineWriter) EncodeBytesLen(n int) error {
	w.to.buf = w.by.AppendBytesHead(w.to.buf, n)
	return nil
}

// An engineReader lets an Engine read where a decoder is.
type engineReader struct {
	from *decoder
	by   Engine
}

// read calls a method of an Engine and moves on by what it has read.
func read[T any](r *engineReader, method func([]byte) (T, []byte, error)) (T, error) {
	src := r.from.src[r.from.pos:]
	v, rest, err := method(src)
	if err == nil && len(rest) >= len(src) {
		err = errEngine
	}
	if err == nil {
		r.from.pos += len(src) - len(rest)
	}
	return v, err
}

// DecodeNil needs no engine: nil is its code.
func (r *engineReader) DecodeNil() error {
	r.from.pos++
	return nil
}

// DecodeBytesLen needs none either: it would have to know strings from bytes.
func (r *engineReader) DecodeBytesLen() (int, error) {
	t, err := next(r.from.src, r.from.pos)
	r.from.pos = t.start
	return t.size, err
}

func (r *engineReader) DecodeBool() (bool, error)       { return read(r, r.by.ReadBool) }
func (r *engineReader) DecodeUint64() (uint64, error)   { return read(r, r.by.ReadUint) }
func (r *engineReader) DecodeFloat32() (float32, error) { return read(r, r.by.ReadFloat32) }
func (r *engineReader) DecodeFloat64() (float64, error) { return read(r, r.by.ReadFloat64) }
func (r *engineReader) DecodeTime() (time.Time, error)  { return read(r, r.by.ReadTime) }
func (r *engineReader) DecodeArrayLen() (int, error)    { return read(r, r.by.ReadListHead) }
func (r *engineReader) DecodeMapLen() (int, error)      { return read(r, r.by.ReadMapHead) }

// DecodeInt64 returns the 64 bits of an integer, as the default engine does.
func (r *engineReader) DecodeInt64() (int64, error) {
	if r.from.src[r.from.pos] == codeUint64 {
		u, err := r.DecodeUint64()
		return int64(u), err
	}
	return read(r, r.by.ReadInt)
}
