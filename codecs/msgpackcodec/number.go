package msgpackcodec

import (
	"math"

	"github.com/polywire/polywire/internal/shape"
)

// The codes by which numbers of one kind differ.
const (
	codeFloat32 = 0xca
	codeUint64  = 0xcf
	codeInt8    = 0xd0
	codeInt64   = 0xd3
	codeLowest  = 0xe0 // of -32 to -1, which are their own codes
)

// isSigned reports whether the integer of a code may be negative.
func isSigned(code byte) bool { return code >= codeInt8 && code <= codeInt64 || code >= codeLowest }

// fromNumber sets v from an integer or a float. The engine narrows in silence,
// so it is asked for 64 bits of the sign that is there.
func (d *decoder) fromNumber(s *shape.Shape, v shape.Value) error {
	k := d.kind()
	switch {
	case s.Kind == shape.Float:
		return d.toFloat(s, v)
	case k == isInt && (s.Kind == shape.Int || s.Kind == shape.Duration):
		return d.toInt(v)
	case k == isInt && s.Kind == shape.Uint:
		return d.toUint(v)
	}
	return mismatch(s, k)
}

func (d *decoder) toInt(v shape.Value) error {
	if d.src[d.pos] == codeUint64 {
		u, err := d.engine.DecodeUint64()
		if err == nil && u > math.MaxInt64 {
			return v.OutOfRange()
		}
		if err != nil {
			return checked(err)
		}
		return v.SetInt(int64(u))
	}
	i, err := d.engine.DecodeInt64()
	if err != nil {
		return checked(err)
	}
	return v.SetInt(i)
}

func (d *decoder) toUint(v shape.Value) error {
	if isSigned(d.src[d.pos]) {
		i, err := d.engine.DecodeInt64()
		if err == nil && i < 0 {
			return v.OutOfRange()
		}
		if err != nil {
			return checked(err)
		}
		return v.SetUint(uint64(i))
	}
	u, err := d.engine.DecodeUint64()
	if err != nil {
		return checked(err)
	}
	return v.SetUint(u)
}

// toFloat sets v from a float, or from an integer that it holds exactly: peers
// whose language has one kind of number write 3.0 as 3.
func (d *decoder) toFloat(s *shape.Shape, v shape.Value) error {
	switch {
	case d.kind() == isInt:
		return d.intToFloat(s, v)
	case d.src[d.pos] == codeFloat32:
		f, err := d.engine.DecodeFloat32()
		if err != nil {
			return checked(err)
		}
		return v.SetFloat(float64(f))
	}
	f, err := d.engine.DecodeFloat64()
	if err != nil {
		return checked(err)
	}
	return v.SetFloat(f)
}

func (d *decoder) intToFloat(s *shape.Shape, v shape.Value) error {
	big := d.src[d.pos] == codeUint64
	i, err := d.engine.DecodeInt64()
	if err != nil {
		return checked(err)
	}
	exact := int64(1) << 53
	if s.Bits == 32 {
		exact = 1 << 24
	}
	if i < -exact || i > exact || big && i < 0 {
		return v.OutOfRange()
	}
	return v.SetFloat(float64(i))
}
