package ocf

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/polywire/polywire/codecs/avrocodec"
)

// Sizes of blocks.
const (
	DefaultBlockSize = 64 << 10
	maxBlockSize     = 8 << 20
	maxTogether      = DefaultMaxBlock - 64<<10 // bytes of several values: what compression cannot make smaller grows a little
)

// A Writer writes a container file. It is not safe for concurrent use. Close it, or
// the last block is lost.
type Writer struct {
	dst         io.Writer
	codec       *avrocodec.Codec
	schema      *avrocodec.Schema
	header      header
	compression Compression
	packing     packing
	size        int // of a block, from which it is written

	block  []byte // the values that wait
	count  int    // how many they are
	packed []byte // memory for what is made of them
	out    []byte
	err    error // that every call returns
}

// A WriterOption changes what NewWriter makes.
type WriterOption func(*Writer)

// WithCompression compresses blocks. Deflate is understood everywhere.
func WithCompression(c Compression) WriterOption {
	return func(w *Writer) { w.compression = c }
}

// WithBlockSize sets how many bytes of values make a block, before compression: 64 KiB
// by default, at most 8 MiB. Larger ones compress better; a reader holds one in memory.
// A value beyond 16 MiB, which is a block by itself, needs WithMaxBlock of the Reader.
func WithBlockSize(bytes int) WriterOption {
	return func(w *Writer) { w.size = bytes }
}

// WithMetadata adds an entry to the header. Keys that begin with "avro." are Avro's own.
func WithMetadata(key string, value []byte) WriterOption {
	return func(w *Writer) { w.header.metadata[key] = value }
}

// NewWriter writes the header of a file for values of the type of like, as c writes
// them: a struct or a pointer to one, a message, or what a Maker of package schema has
// made. The value of like does not matter.
func NewWriter(dst io.Writer, c *avrocodec.Codec, like any, opts ...WriterOption) (*Writer, error) {
	w := &Writer{dst: dst, codec: c, compression: Null, size: DefaultBlockSize}
	w.header.metadata = make(map[string][]byte)
	for _, opt := range opts {
		opt(w)
	}
	if err := w.check(); err != nil {
		return nil, fail("encode", -1, err)
	}
	var err error
	if w.schema, err = c.SchemaOf(like); err != nil {
		return nil, err
	}
	if w.packing, err = w.compression.packing(); err != nil {
		return nil, fail("encode", -1, err)
	}
	w.header.metadata[keySchema], w.header.metadata[keyCompression] = []byte(w.schema.String()), []byte(w.compression)
	_, _ = rand.Read(w.header.sync[:]) // it never fails
	if w.write(w.header.append(nil)); w.err != nil {
		return nil, w.err
	}
	return w, nil
}

func (w *Writer) check() error {
	if w.codec == nil || w.dst == nil {
		return errors.New("want a codec, as of avrocodec.New, and an io.Writer")
	}
	if w.size < 1 || w.size > maxBlockSize {
		return fmt.Errorf("blocks of %d bytes: want 1 to %d (WithBlockSize)", w.size, maxBlockSize)
	}
	bytes := 0
	for key, value := range w.header.metadata {
		if strings.HasPrefix(key, reserved) || !utf8.ValidString(key) {
			return fmt.Errorf("the key %.32q of WithMetadata: want UTF-8 that does not begin with %q", key, reserved)
		}
		bytes += len(key) + len(value)
	}
	if bytes > maxHeader/2 || len(w.header.metadata) > maxEntries/2 {
		return fmt.Errorf("metadata of %d bytes in %d entries: want %d in %d at most (WithMetadata)", bytes, len(w.header.metadata), maxHeader/2, maxEntries/2)
	}
	return nil
}

var errType = errors.New("the value is of another type than the file")

// Write adds a value, and writes a block when enough are waiting. A value that cannot
// be carried is an error of its own and no part of the file; after a failure of the
// io.Writer every call fails.
func (w *Writer) Write(v any) error {
	if w.err != nil {
		return w.err
	}
	s, err := w.codec.SchemaOf(v)
	switch {
	case err != nil:
		return err
	case s != w.schema && s.Canonical() != w.schema.Canonical():
		return fail("encode", -1, errType)
	}
	block, err := w.codec.AppendBare(w.block, v)
	if err != nil {
		return err
	}
	if len(block) > maxTogether && w.count > 0 { // together they are more than a Reader takes
		value := block[len(w.block):]
		if err := w.Flush(); err != nil {
			return err
		}
		block = append(w.block, value...)
	}
	w.block = block
	if w.count++; len(w.block) >= w.size || w.count >= maxEmpty {
		return w.Flush()
	}
	return nil
}

// Flush writes the values that wait as a block, if there are any: those who read the
// file while it is written see them then.
func (w *Writer) Flush() error {
	if w.err != nil || w.count == 0 {
		return w.err
	}
	packed, err := w.packing.pack(w.packed, w.block)
	if err != nil {
		w.err = fail("encode", -1, err)
		return w.err
	}
	w.out = binary.AppendVarint(w.out[:0], int64(w.count))
	w.out = binary.AppendVarint(w.out, int64(len(packed)))
	w.out = append(append(w.out, packed...), w.header.sync[:]...)
	w.write(w.out)
	if w.compression != Null {
		w.packed = packed
	}
	w.block, w.count = w.block[:0], 0
	return w.err
}

// write hands bytes over, or notes why not.
func (w *Writer) write(b []byte) {
	n, err := w.dst.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err != nil {
		w.err = fail("encode", -1, fmt.Errorf("the file cannot be written: %w", err))
	}
}

var errClosed = errors.New("the Writer is closed")

// Close writes what waits. It does not close the io.Writer; a second Close does nothing.
func (w *Writer) Close() error {
	err := w.Flush()
	if err == nil {
		w.err = fail("encode", -1, errClosed)
	}
	if errors.Is(err, errClosed) {
		err = nil
	}
	return err
}
