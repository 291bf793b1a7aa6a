// Package sealed is a codec of another repository: JSON behind a check sum,
// for bodies that rest on disks between their writer and their reader.
//
//	body:  crc32c of the rest (4 bytes, big endian) | JSON
//
// A codec that has an engine of its own maps values by reflection; this one lets
// another codec do that, and shows what every codec must do besides: its own
// name in errors, its own limits, and dst as it was on error.
package sealed

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"reflect"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/jsoncodec"
)

const (
	name     = "sealed"
	sealSize = 4
)

// table is that of iSCSI, which machines compute fastest.
var table = crc32.MakeTable(crc32.Castagnoli)

// errSeal names no byte of the body.
var errSeal = errors.New("the check sum is another: the body was damaged, or is not sealed")

// A Codec is the sealed codec. New makes one; it is safe for concurrent use.
type Codec struct {
	inner  *jsoncodec.Codec
	limits codecs.Limits
}

var (
	_ codecs.Codec       = (*Codec)(nil)
	_ codecs.TypeChecker = (*Codec)(nil)
)

// New returns a codec with these limits; zero ones are the defaults. The seal
// counts among the bytes, so a little less is left for the JSON.
func New(l codecs.Limits) *Codec {
	inner := l
	inner.MaxBytes = l.WithDefaults().MaxBytes - sealSize
	return &Codec{jsoncodec.New(jsoncodec.WithLimits(inner)), l.WithDefaults()}
}

// Name returns "sealed".
func (c *Codec) Name() string { return name }

// ContentType returns "application/vnd.example.sealed-json".
func (c *Codec) ContentType() string { return "application/vnd.example.sealed-json" }

// CheckType refuses what JSON refuses.
func (c *Codec) CheckType(t reflect.Type) error { return own(c.inner.CheckType(t), 0) }

// Append leaves room for the seal, lets JSON append, and seals.
func (c *Codec) Append(dst []byte, v any) ([]byte, error) {
	start := len(dst)
	out, err := c.inner.Append(append(dst, make([]byte, sealSize)...), v)
	if err != nil {
		return dst, own(err, 0)
	}
	binary.BigEndian.PutUint32(out[start:], crc32.Checksum(out[start+sealSize:], table))
	return out, nil
}

// Decode checks the limit before the seal, and the seal before it reads: who
// sends much must not make the reader compute much.
func (c *Codec) Decode(src []byte, v any) error {
	if err := c.open(src); err != nil {
		if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && !rv.IsNil() {
			rv.Elem().SetZero() // an error leaves zero, whoever finds it
		}
		return &codecs.Error{Op: "decode", Codec: name, Err: err}
	}
	return own(c.inner.Decode(src[sealSize:], v), sealSize)
}

func (c *Codec) open(src []byte) error {
	if err := c.limits.CheckBytes(len(src)); err != nil {
		return err
	}
	if len(src) < sealSize || binary.BigEndian.Uint32(src) != crc32.Checksum(src[sealSize:], table) {
		return errSeal
	}
	return nil
}

// own gives an error of the inner codec this one's name, and counts what stands
// before the JSON. It changes a copy: an error may be shared.
func own(err error, before int64) error {
	var inner *codecs.Error
	if !errors.As(err, &inner) {
		return err
	}
	e := *inner
	e.Codec = name
	if e.Offset >= 0 {
		e.Offset += before
	}
	return &e
}
