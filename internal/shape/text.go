package shape

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// The texts of the floats that have no digits.
const (
	NaN         = "NaN"
	Infinity    = "Infinity"
	NegInfinity = "-Infinity"
)

// AppendFloat appends the shortest decimal that reads back as f, of so many
// bits, in the form of ECMAScript; -0 keeps its sign. What is not finite is
// appended as one of the constants.
func AppendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, NaN...)
	case math.IsInf(f, 1):
		return append(dst, Infinity...)
	case math.IsInf(f, -1):
		return append(dst, NegInfinity...)
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, f, format, -1, bits)
	if n := len(dst); format == 'e' && dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
		dst = slices.Delete(dst, n-2, n-1) // e-09 is e-9
	}
	return dst
}

var errBase64 = errors.New("want bytes in padded base64")

// ParseBase64 reads the one base64 text of some bytes, which are new; package
// base64 alone would skip line breaks.
func ParseBase64(text []byte) ([]byte, error) {
	if len(text)%4 != 0 || bytes.ContainsAny(text, "\r\n") {
		return nil, errBase64
	}
	b := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(b, text)
	if err != nil {
		return nil, errBase64
	}
	return b[:n], nil
}

// ValidUTF8 is utf8.Valid, eight bytes at a time for the ASCII that most texts are.
func ValidUTF8(b []byte) bool {
	const high = 0x8080808080808080
	rest := b
	for len(rest) >= 8 {
		if binary.LittleEndian.Uint64(rest)&high != 0 {
			return utf8.Valid(b)
		}
		rest = rest[8:]
	}
	var or byte
	for _, c := range rest {
		or |= c
	}
	return or < utf8.RuneSelf || utf8.Valid(b)
}
