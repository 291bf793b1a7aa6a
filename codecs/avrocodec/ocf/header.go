package ocf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/avrocodec"
)

// What a header has at most.
const (
	maxHeader  = 2 << 20
	maxEntries = 1024
)

// A header is what a file begins with.
type header struct {
	metadata map[string][]byte
	sync     [sizeSync]byte
}

// append appends the header. Its keys are in order, so that equal files have equal headers.
func (h *header) append(dst []byte) []byte {
	dst = append(dst, magic...)
	if len(h.metadata) > 0 {
		dst = binary.AppendVarint(dst, int64(len(h.metadata)))
	}
	for _, key := range slices.Sorted(maps.Keys(h.metadata)) {
		dst = append(binary.AppendVarint(dst, int64(len(key))), key...)
		dst = append(binary.AppendVarint(dst, int64(len(h.metadata[key]))), h.metadata[key]...)
	}
	return append(append(dst, 0), h.sync[:]...)
}

var (
	errMagic   = errors.New("want an Avro container file, which begins with the bytes 4f 62 6a 01")
	errTwice   = errors.New("one key of the header comes twice")
	errKey     = errors.New("a key of the header is invalid UTF-8")
	errEntries = errors.New("the entries of the header are not as long as they say")
	errSchema  = errors.New("the header has no avro.schema")
)

func (h *header) read(in *input) error {
	start, err := in.take(nil, len(magic))
	switch {
	case err != nil:
		return err
	case string(start) != magic:
		return errMagic
	}
	h.metadata = make(map[string][]byte)
	for {
		n, err := in.long()
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		if err := h.entries(in, n); err != nil {
			return err
		}
	}
	sync, err := in.take(nil, sizeSync)
	copy(h.sync[:], sync)
	return err
}

// entries reads a block of n entries; below zero, it says how long they are.
func (h *header) entries(in *input, n int64) error {
	end := int64(-1)
	if n < 0 {
		size, err := in.length()
		if err != nil {
			return err
		}
		if n == math.MinInt64 || size > maxHeader {
			return errEntries
		}
		n, end = -n, in.offset+size
	}
	if n > int64(maxEntries-len(h.metadata)) {
		return fmt.Errorf("%w: a header of more than %d entries", codecs.ErrLimit, maxEntries)
	}
	for range n {
		if err := h.entry(in); err != nil {
			return err
		}
	}
	if end >= 0 && end != in.offset {
		return errEntries
	}
	return nil
}

func (h *header) entry(in *input) error {
	key, err := sized(in)
	if err != nil {
		return err
	}
	value, err := sized(in)
	switch {
	case err != nil:
		return err
	case !utf8.Valid(key):
		return errKey
	case h.metadata[string(key)] != nil:
		return errTwice
	}
	h.metadata[string(key)] = value
	return nil
}

// sized reads a string or bytes of a header, never nil.
func sized(in *input) ([]byte, error) {
	n, err := in.length()
	if err != nil {
		return nil, err
	}
	if n > maxHeader-in.offset {
		return nil, fmt.Errorf("%w: a header of more than %d bytes", codecs.ErrLimit, maxHeader)
	}
	return in.take(make([]byte, 0, min(n, 64)), int(n))
}

// opened returns what the values of a file are written by, and how its blocks are packed.
func (h *header) opened() (*avrocodec.Schema, packing, error) {
	text, ok := h.metadata[keySchema]
	if !ok {
		return nil, nil, errSchema
	}
	schema, err := avrocodec.ParseSchema(text)
	if err != nil {
		return nil, nil, err
	}
	compression := Null
	if named, ok := h.metadata[keyCompression]; ok {
		compression = Compression(named)
	}
	p, err := compression.packing()
	return schema, p, err
}
