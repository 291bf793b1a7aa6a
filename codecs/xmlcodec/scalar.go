package xmlcodec

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/polywire/polywire/internal/shape"
)

// blanks are what may stand around every text but strings.
const blanks = " \t\r\n"

// The infinities of XML Schema, which are read too.
const (
	schemaInf    = "INF"
	schemaNegInf = "-INF"
)

var (
	errBool   = errors.New("want true or false")
	errNumber = errors.New(`want a number, "NaN", "Infinity" or "-Infinity"`)
	errInt    = errors.New("want an integer in decimal")
)

// scalar sets v from the text of an element.
func (d *decoder) scalar(s *shape.Shape, v shape.Value, text []byte, m mark) error {
	switch s.Kind {
	case shape.String:
		text, err := unmark(text, m)
		if err != nil {
			return err
		}
		v.SetStr(d.strings.Get(text))
		return nil
	case shape.Text:
		text, err := unmark(text, m)
		if err != nil {
			return err
		}
		d.text = append(d.text[:0], text...) // never the input itself: the method is the user's
		return v.SetText(d.text)
	case shape.Bytes:
		b, err := shape.ParseBase64(bytes.Trim(text, blanks))
		if err != nil {
			return err
		}
		return v.SetBytes(b)
	}
	if m == base64Mark {
		return errMarked
	}
	return plainScalar(s, v, bytes.Trim(text, blanks))
}

func plainScalar(s *shape.Shape, v shape.Value, text []byte) error {
	switch s.Kind {
	case shape.Bool:
		isTrue := string(text) == "true"
		if !isTrue && string(text) != "false" {
			return errBool
		}
		v.SetBool(isTrue)
		return nil
	case shape.Int, shape.Duration:
		return setInt(v, text)
	case shape.Uint:
		return setUint(v, text)
	case shape.Float:
		return setFloat(s, v, text)
	case shape.Time:
		t, err := shape.ParseTime(text)
		if err != nil {
			return err
		}
		return v.SetTime(t)
	}
	return fmt.Errorf("want %s, got text", s.Kind)
}

// unmark returns what a text says that may be in base64.
func unmark(text []byte, m mark) ([]byte, error) {
	switch m {
	case noMark:
		return text, nil
	case base64Mark:
		b, err := shape.ParseBase64(bytes.Trim(text, blanks))
		if err == nil && !utf8.Valid(b) {
			return nil, errUTF8
		}
		return b, err
	default:
		return nil, errMark
	}
}

func setInt(v shape.Value, text []byte) error {
	neg, text := sign(text)
	u, err := digits(v, text)
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

func setUint(v shape.Value, text []byte) error {
	neg, text := sign(text)
	u, err := digits(v, text)
	switch {
	case err != nil:
		return err
	case neg && u > 0:
		return v.OutOfRange()
	default:
		return v.SetUint(u)
	}
}

// sign splits off the sign that XML Schema allows before an integer.
func sign(text []byte) (neg bool, rest []byte) {
	if len(text) > 1 && (text[0] == '-' || text[0] == '+') {
		return text[0] == '-', text[1:]
	}
	return false, text
}

// digits reads an integer without sign, of any length.
func digits(v shape.Value, text []byte) (u uint64, err error) {
	tooLarge := false
	for _, c := range text {
		d := uint64(c - '0')
		if d > 9 {
			return 0, errInt
		}
		tooLarge = tooLarge || u > (math.MaxUint64-d)/10
		u = u*10 + d
	}
	switch {
	case len(text) == 0:
		return 0, errInt
	case tooLarge:
		return 0, v.OutOfRange()
	}
	return u, nil
}

func setFloat(s *shape.Shape, v shape.Value, text []byte) error {
	switch string(text) {
	case shape.NaN:
		return v.SetFloat(math.NaN())
	case shape.Infinity, schemaInf:
		return v.SetFloat(math.Inf(1))
	case shape.NegInfinity, schemaNegInf:
		return v.SetFloat(math.Inf(-1))
	}
	for _, c := range text { // strconv knows other numbers and other names
		if (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return errNumber
		}
	}
	f, err := strconv.ParseFloat(string(text), s.Bits)
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		return errNumber
	case err != nil:
		return v.OutOfRange()
	}
	return v.SetFloat(f)
}
