// Package msgpengine lets the primitives of github.com/tinylib/msgp write and read
// MessagePack:
//
//	msgpackcodec.New(msgpackcodec.WithEngine(msgpengine.Engine{}))
//
// They append to the buffer itself, where those of the default engine call a writer
// for each byte and each string. docs/dependencies.md has the figures.
package msgpengine

import (
	"time"

	"github.com/tinylib/msgp/msgp"
)

// An Engine is a msgpackcodec.Engine. The zero value is ready, and safe for
// concurrent use.
type Engine struct{}

// AppendBool appends a boolean.
func (Engine) AppendBool(dst []byte, v bool) []byte { return msgp.AppendBool(dst, v) }

// AppendInt appends an integer. AppendInt64 would write what is not negative as a
// signed one, which may take more bytes.
func (Engine) AppendInt(dst []byte, v int64) []byte {
	if v >= 0 {
		return msgp.AppendUint64(dst, uint64(v))
	}
	return msgp.AppendInt64(dst, v)
}

// AppendUint appends an unsigned integer.
func (Engine) AppendUint(dst []byte, v uint64) []byte { return msgp.AppendUint64(dst, v) }

// AppendFloat32 appends a float of 32 bits.
func (Engine) AppendFloat32(dst []byte, v float32) []byte { return msgp.AppendFloat32(dst, v) }

// AppendFloat64 appends a float of 64 bits, in 64 bits: AppendFloat may take 32.
func (Engine) AppendFloat64(dst []byte, v float64) []byte { return msgp.AppendFloat64(dst, v) }

// AppendString appends a string.
func (Engine) AppendString(dst []byte, v string) []byte { return msgp.AppendString(dst, v) }

// AppendTime appends a time as the extension -1. AppendTimeExt takes eight bytes for
// the second 0, which four hold.
func (Engine) AppendTime(dst []byte, v time.Time) []byte {
	if v.Unix() == 0 && v.Nanosecond() == 0 {
		return append(dst, 0xd6, 0xff, 0, 0, 0, 0)
	}
	return msgp.AppendTimeExt(dst, v)
}

// AppendListHead appends the head of n items.
func (Engine) AppendListHead(dst []byte, n int) []byte {
	return msgp.AppendArrayHeader(dst, uint32(n))
}

// AppendMapHead appends the head of n entries.
func (Engine) AppendMapHead(dst []byte, n int) []byte { return msgp.AppendMapHeader(dst, uint32(n)) }

// AppendBytesHead appends the head of n bytes.
func (Engine) AppendBytesHead(dst []byte, n int) []byte {
	return msgp.AppendBytesHeader(dst, uint32(n))
}

// ReadBool reads a boolean.
func (Engine) ReadBool(src []byte) (v bool, rest []byte, err error) { return msgp.ReadBoolBytes(src) }

// ReadInt reads an integer that an int64 holds.
func (Engine) ReadInt(src []byte) (v int64, rest []byte, err error) { return msgp.ReadInt64Bytes(src) }

// ReadUint reads an integer that is not negative.
func (Engine) ReadUint(src []byte) (v uint64, rest []byte, err error) {
	return msgp.ReadUint64Bytes(src)
}

// ReadFloat32 reads a float of 32 bits.
func (Engine) ReadFloat32(src []byte) (v float32, rest []byte, err error) {
	return msgp.ReadFloat32Bytes(src)
}

// ReadFloat64 reads a float of 64 bits.
func (Engine) ReadFloat64(src []byte) (v float64, rest []byte, err error) {
	return msgp.ReadFloat64Bytes(src)
}

// ReadTime reads an extension -1, in UTC.
func (Engine) ReadTime(src []byte) (v time.Time, rest []byte, err error) {
	return msgp.ReadTimeUTCBytes(src)
}

// ReadListHead reads the head of a list.
func (Engine) ReadListHead(src []byte) (n int, rest []byte, err error) {
	size, rest, err := msgp.ReadArrayHeaderBytes(src)
	return int(size), rest, err
}

// ReadMapHead reads the head of a map.
func (Engine) ReadMapHead(src []byte) (n int, rest []byte, err error) {
	size, rest, err := msgp.ReadMapHeaderBytes(src)
	return int(size), rest, err
}
