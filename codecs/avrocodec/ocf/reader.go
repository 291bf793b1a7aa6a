package ocf

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/avrocodec"
)

// How many bytes a block may have, stored and inflated.
const (
	DefaultMaxBlock = 16 << 20
	mostMaxBlock    = 1 << 30
)

// A Reader reads the values of a container file. It is not safe for concurrent use,
// and needs no closing.
type Reader struct {
	in      input
	header  header
	schema  *avrocodec.Schema
	packing packing
	values  *avrocodec.Sequence
	limit   int

	stored, plain []byte // of the block; memory for the next
	sync          [sizeSync]byte
	left          int64 // values of the block that were not read
	block, value  int64 // that were begun; for errors
	err           error // that every Read returns
}

// A ReaderOption changes what NewReader makes.
type ReaderOption func(*Reader)

// WithMaxBlock sets how many bytes a block may have, stored and inflated: 16 MiB by
// default, 1 GiB at most. A Reader holds that much in memory, twice. Values have their
// own limit.
func WithMaxBlock(bytes int) ReaderOption {
	return func(r *Reader) { r.limit = bytes }
}

// NewReader reads the header of a file, and returns a Reader of its values by c. It
// reads ahead in src.
func NewReader(src io.Reader, c *avrocodec.Codec, opts ...ReaderOption) (*Reader, error) {
	r := &Reader{in: input{r: bufio.NewReader(src)}, limit: DefaultMaxBlock}
	for _, opt := range opts {
		opt(r)
	}
	if src == nil || c == nil || r.limit < 1 {
		return nil, fail("decode", -1, errors.New("want an io.Reader, a codec, as of avrocodec.New, and a limit of blocks above zero"))
	}
	r.limit = min(r.limit, mostMaxBlock)
	if err := r.header.read(&r.in); err != nil {
		return nil, fail("decode", r.in.offset, err)
	}
	var err error
	if r.schema, r.packing, err = r.header.opened(); err != nil {
		return nil, fail("decode", r.in.offset, err)
	}
	r.values = c.Sequence(r.schema)
	return r, nil
}

// Schema returns the schema that the file was written by.
func (r *Reader) Schema() *avrocodec.Schema { return r.schema }

// Metadata returns the entries of the header, those of Avro itself among them. The
// bytes are the Reader's.
func (r *Reader) Metadata() map[string][]byte { return maps.Clone(r.header.metadata) }

// Read reads the next value into v, a target as that of Decode of the codec. It
// returns io.EOF after the last one. Any other error is of type *codecs.Error; where
// the next value begins is unknown after one, so it stays.
func (r *Reader) Read(v any) error {
	if r.err == nil {
		r.err = r.next(v)
	}
	return r.err
}

var errRest = errors.New("a block has more bytes than values")

func (r *Reader) next(v any) error {
	for r.left == 0 {
		if r.values.Len() > 0 {
			return fail("decode", r.in.offset, errRest)
		}
		ended, err := r.in.ended()
		if ended {
			return io.EOF
		}
		if err == nil {
			err = r.readBlock()
		}
		if err != nil {
			return fail("decode", r.in.offset, err)
		}
	}
	r.value++
	if err := r.values.Next(v); err != nil {
		return r.inValue(err)
	}
	r.left--
	return nil
}

var (
	errCount = errors.New("a block of a negative number of values")
	errSync  = errors.New("the bytes after a block are not the sync marker of the file")
)

// readBlock reads a block, and believes nothing of it before its sync marker was found.
func (r *Reader) readBlock() error {
	r.block, r.value = r.block+1, 0
	count, err := r.in.long()
	if err != nil {
		return err
	}
	size, err := r.in.length()
	switch {
	case err != nil:
		return err
	case count < 0:
		return errCount
	case size > int64(r.limit):
		return tooLarge(r.limit)
	}
	if r.stored, err = r.in.take(r.stored, int(size)); err != nil {
		return err
	}
	sync, err := r.in.take(r.sync[:0], sizeSync)
	switch {
	case err != nil:
		return err
	case !bytes.Equal(sync, r.header.sync[:]):
		return errSync
	}
	if r.plain, err = r.packing.unpack(r.plain, r.stored, r.limit); err != nil {
		return err
	}
	if count > int64(len(r.plain))+maxEmpty {
		return fmt.Errorf("%w: a block of more than %d values without bytes", codecs.ErrLimit, maxEmpty)
	}
	r.values.Begin(r.plain)
	r.left = count
	return nil
}

// inValue returns the error of a value as one of the file: bytes of a block are not
// those of the file, and an io.EOF that a type of the user's returns is not its end.
func (r *Reader) inValue(err error) error {
	own := codecs.Error{Op: "decode", Codec: "avro", Err: err}
	if e := (*codecs.Error)(nil); errors.As(err, &e) {
		own = *e
	}
	if errors.Is(own.Err, io.EOF) {
		own.Err = errors.New(own.Err.Error())
	}
	own.Offset, own.Err = -1, fmt.Errorf("value %d of block %d: %w", r.value, r.block, own.Err)
	return &own
}
