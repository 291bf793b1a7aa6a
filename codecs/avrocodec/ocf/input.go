package ocf

import (
	"bufio"
	"errors"
	"io"
	"slices"
)

// An input is the bytes of a file, and how many of them were read.
type input struct {
	r      *bufio.Reader
	offset int64
}

var (
	errVarint = errors.New("an integer of more than ten bytes, or beyond 64 bits")
	errLength = errors.New("a negative length")
)

// ended reports whether nothing follows.
func (in *input) ended() (bool, error) {
	_, err := in.r.Peek(1)
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return false, err
}

// long reads a long: seven bits a byte, the lowest first, the sign in the lowest bit.
func (in *input) long() (int64, error) {
	var u uint64
	for shift := 0; shift < 70; shift += 7 {
		b, err := in.r.ReadByte()
		if err != nil {
			return 0, cutShort(err)
		}
		in.offset++
		if shift == 63 && b > 1 {
			return 0, errVarint
		}
		u |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return int64(u>>1) ^ -int64(u&1), nil
		}
	}
	return 0, errVarint
}

// length reads a long that must not be negative.
func (in *input) length() (int64, error) {
	n, err := in.long()
	if err == nil && n < 0 {
		err = errLength
	}
	return n, err
}

// take reads n bytes into buf, which it makes longer as they come: what a file says of
// its size costs nothing.
func (in *input) take(buf []byte, n int) ([]byte, error) {
	const first = 4 << 10
	buf = buf[:0]
	for len(buf) < n {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, min(n-len(buf), max(len(buf), first)))
		}
		got, err := io.ReadFull(in.r, buf[len(buf):min(n, cap(buf))])
		buf = buf[:len(buf)+got]
		in.offset += int64(got)
		if err != nil {
			return buf, cutShort(err)
		}
	}
	return buf, nil
}

// cutShort returns the error of an input that ends within a file.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
