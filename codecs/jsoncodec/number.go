package jsoncodec

import (
	"errors"
	"math"
	"strconv"

	"github.com/polywire/polywire/internal/shape"
)

var (
	errNotInteger = errors.New("want an integer, got a number with a fraction or exponent")
	errNotNamed   = errors.New(`want a number, "NaN", "Infinity" or "-Infinity"`)
)

// fromNumber sets v from a JSON number.
func fromNumber(s *shape.Shape, v shape.Value, raw []byte) error {
	switch s.Kind {
	case shape.Int, shape.Duration:
		return setInt(v, raw)
	case shape.Uint:
		return setUint(v, raw)
	case shape.Float:
		f, err := strconv.ParseFloat(string(raw), s.Bits)
		if err != nil {
			return v.OutOfRange()
		}
		return v.SetFloat(f)
	default:
		return mismatch(s, '0')
	}
}

func setInt(v shape.Value, raw []byte) error {
	neg := raw[0] == '-'
	if neg {
		raw = raw[1:]
	}
	u, err := digits(v, raw)
	switch {
	case err != nil:
		return err
	case neg && u <= 1<<63:
		return v.SetInt(-int64(u)) // -(1<<63) is its own negative
	case !neg && u <= math.MaxInt64:
		return v.SetInt(int64(u))
	default:
		return v.OutOfRange()
	}
}

func setUint(v shape.Value, raw []byte) error {
	if raw[0] == '-' {
		if _, err := digits(v, raw[1:]); errors.Is(err, errNotInteger) {
			return err
		}
		return v.OutOfRange()
	}
	u, err := digits(v, raw)
	if err != nil {
		return err
	}
	return v.SetUint(u)
}

// digits reads a JSON number without its sign. It never looks at more digits
// than a uint64 has, however long the number.
func digits(v shape.Value, raw []byte) (u uint64, err error) {
	for _, c := range raw {
		d := uint64(c - '0')
		if d > 9 {
			return 0, errNotInteger
		}
		if u > (math.MaxUint64-d)/10 {
			return 0, v.OutOfRange()
		}
		u = u*10 + d
	}
	return u, nil
}

// namedFloat sets v from the text of a float that JSON has no number for.
func namedFloat(v shape.Value, text []byte) error {
	switch string(text) {
	case shape.NaN:
		return v.SetFloat(math.NaN())
	case shape.Infinity:
		return v.SetFloat(math.Inf(1))
	case shape.NegInfinity:
		return v.SetFloat(math.Inf(-1))
	default:
		return errNotNamed
	}
}
