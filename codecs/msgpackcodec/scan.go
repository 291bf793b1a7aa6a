package msgpackcodec

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/shape"
)

// A kind is what the first byte of a value says.
type kind uint8

const (
	isNothing kind = iota // 0xc1, which the format never uses
	isNil
	isBool
	isInt
	isFloat
	isString
	isBytes
	isExtension
	isList
	isMap
)

// String returns the kind as error texts name it.
func (k kind) String() string {
	return [...]string{
		"nothing", "nil", "a boolean", "an integer", "a float", "a string", "bytes", "an extension", "a list", "a map",
	}[k]
}

// A head is what a first byte says about the value that it opens:
//
//	code │ size, in sized bytes │ fixed bytes │ payload, or items
type head struct {
	kind  kind
	sized uint8 // bytes of a big-endian size
	fixed uint8 // bytes that follow in any case: a number, or the type of an extension and a payload of fixed size
	small uint8 // the size that the code itself holds
}

// heads has the head of each code.
//
//nolint:gochecknoglobals // a table, which nothing writes to
var heads = func() (h [256]head) {
	for c := range h {
		switch {
		case c <= 0x7f, c >= 0xe0:
			h[c] = head{kind: isInt}
		case c <= 0x8f:
			h[c] = head{kind: isMap, small: uint8(c & 0xf)}
		case c <= 0x9f:
			h[c] = head{kind: isList, small: uint8(c & 0xf)}
		case c <= 0xbf:
			h[c] = head{kind: isString, small: uint8(c & 0x1f)}
		}
	}
	h[0xc0] = head{kind: isNil}
	h[0xc2], h[0xc3] = head{kind: isBool}, head{kind: isBool}
	h[0xca], h[0xcb] = head{kind: isFloat, fixed: 4}, head{kind: isFloat, fixed: 8}
	for i := range 3 { // one, two and four bytes of size
		sized := uint8(1) << i
		h[0xc4+i] = head{kind: isBytes, sized: sized}
		h[0xc7+i] = head{kind: isExtension, sized: sized, fixed: 1}
		h[0xd9+i] = head{kind: isString, sized: sized}
	}
	for i := range 2 {
		h[0xdc+i] = head{kind: isList, sized: 2 << i}
		h[0xde+i] = head{kind: isMap, sized: 2 << i}
	}
	for i := range 4 {
		h[0xcc+i], h[0xd0+i] = head{kind: isInt, fixed: 1 << i}, head{kind: isInt, fixed: 1 << i}
	}
	for i := range 5 {
		h[0xd4+i] = head{kind: isExtension, fixed: 1 + 1<<i}
	}
	return h
}()

// codeNever is the code of isNothing.
const codeNever = 0xc1

// A token is a value without what it holds.
type token struct {
	kind kind
	size int // items of a list, entries of a map, bytes of all else after start
	// start is where its first item, entry or byte is: after the code and the size.
	start int
}

var (
	errReserved = errors.New("not valid MessagePack")
	errTrailing = errors.New("more than one value; want the end of the input")
	errUTF8     = errors.New("invalid UTF-8")
	errKey      = errors.New("a key is neither a string nor an integer nor a boolean")
)

// next reads the token at src[at:] and fails unless the rest of src can hold it:
// an item has one byte at least, so what is declared is never more than is there.
func next(src []byte, at int) (token, error) {
	if at >= len(src) {
		return token{}, io.ErrUnexpectedEOF
	}
	h := &heads[src[at]]
	t := token{kind: h.kind, size: int(h.small), start: at + 1}
	if h.sized > 0 {
		if len(src)-t.start < int(h.sized) {
			return token{}, io.ErrUnexpectedEOF
		}
		size := bigEndian(src[t.start : t.start+int(h.sized)])
		t.start += int(h.sized)
		if size > uint64(len(src)-t.start) {
			return token{}, io.ErrUnexpectedEOF
		}
		t.size = int(size)
	}
	t.size += int(h.fixed)
	need := t.size
	if t.kind == isMap {
		need *= 2
	}
	if need > len(src)-t.start {
		return token{}, io.ErrUnexpectedEOF
	}
	return t, nil
}

// bigEndian reads an unsigned integer of 1, 2, 4 or 8 bytes.
func bigEndian(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(b))
	case 4:
		return uint64(binary.BigEndian.Uint32(b))
	default:
		return binary.BigEndian.Uint64(b)
	}
}

// A scanner checks the structure of an input before the engine sees it, which
// trusts declared lengths. It allocates nothing, and its calls nest no deeper
// than the limit.
type scanner struct {
	src    []byte
	pos    int
	depth  int
	limits codecs.Limits
}

// document fails unless src is one value and nothing else: every length within
// the input, every string UTF-8, every key of a kind that keys have.
func (s *scanner) document() error {
	if err := s.value(); err != nil {
		return err
	}
	if s.pos != len(s.src) {
		return errTrailing
	}
	return nil
}

func (s *scanner) value() error {
	t, err := next(s.src, s.pos)
	switch {
	case err != nil:
		return err
	case t.kind == isList || t.kind == isMap:
		s.pos = t.start
		return s.items(t)
	case t.kind == isNothing:
		return errReserved
	case t.kind == isString && !shape.ValidUTF8(s.src[t.start:t.start+t.size]):
		return errUTF8
	}
	s.pos = t.start + t.size
	return nil
}

func (s *scanner) items(t token) error {
	s.depth++
	if err := s.limits.CheckDepth(s.depth); err != nil {
		return err
	}
	for range t.size {
		if t.kind == isMap {
			if err := s.key(); err != nil {
				return err
			}
		}
		if err := s.value(); err != nil {
			return err
		}
	}
	s.depth--
	return nil
}

func (s *scanner) key() error {
	if s.pos < len(s.src) {
		switch heads[s.src[s.pos]].kind {
		case isString, isInt, isBool:
		default:
			return errKey
		}
	}
	return s.value()
}
