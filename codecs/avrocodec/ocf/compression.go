package ocf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"

	"github.com/polywire/polywire/internal/zstdsize"
)

// A packing compresses blocks, one at a time. dst is memory to use again; the result
// may be src itself.
type packing interface {
	pack(dst, src []byte) ([]byte, error)

	// unpack returns at most limit bytes, or fails.
	unpack(dst, src []byte, limit int) ([]byte, error)
}

func (c Compression) packing() (packing, error) {
	switch c {
	case Null:
		return plain{}, nil
	case Deflate:
		return new(deflated), nil
	case Snappy:
		return snapped{}, nil
	case Zstandard:
		return new(zstandard), nil
	}
	return nil, fmt.Errorf("compression %.32q is not known (known: %s, %s, %s, %s)", string(c), Null, Deflate, Snappy, Zstandard)
}

type plain struct{}

func (plain) pack(_, src []byte) ([]byte, error) { return src, nil }

func (plain) unpack(_, src []byte, _ int) ([]byte, error) { return src, nil }

// deflated keeps its engines from block to block.
type deflated struct {
	w   *flate.Writer
	r   io.ReadCloser // a flate.Resetter
	src bytes.Reader
}

func (d *deflated) pack(dst, src []byte) (_ []byte, err error) {
	out := bytes.NewBuffer(dst[:0])
	if d.w == nil {
		d.w, err = flate.NewWriter(out, flate.DefaultCompression)
	} else {
		d.w.Reset(out)
	}
	if err == nil {
		_, err = d.w.Write(src)
	}
	if err == nil {
		err = d.w.Close()
	}
	return out.Bytes(), err
}

// maxTrailer is how many bytes may follow deflated data: Avro's own library for Python
// leaves three of the checksum of zlib there.
const maxTrailer = 4

func (d *deflated) unpack(dst, src []byte, limit int) ([]byte, error) {
	const first = 4 << 10
	d.src.Reset(src)
	if d.r == nil {
		d.r = flate.NewReader(&d.src)
	} else if err := d.r.(flate.Resetter).Reset(&d.src, nil); err != nil {
		return nil, errDamaged
	}
	dst = dst[:0]
	for {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, min(max(len(dst), first), limit+1-len(dst)))
		}
		n, err := d.r.Read(dst[len(dst):min(cap(dst), limit+1)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst) > limit:
			return nil, tooLarge(limit)
		case errors.Is(err, io.EOF) && d.src.Len() <= maxTrailer:
			return dst, nil
		case err != nil:
			return nil, errDamaged
		}
	}
}

// snapped is a block of Snappy and the CRC-32 of what it becomes.
type snapped struct{}

const sizeCRC = 4

func (snapped) pack(dst, src []byte) ([]byte, error) {
	out := snappy.Encode(dst[:cap(dst)], src)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(src)), nil
}

// unpack goes by what the data says of its size only where so few bytes can become
// that: three become 64 at most.
func (snapped) unpack(dst, src []byte, limit int) ([]byte, error) {
	const most = 22
	if len(src) < sizeCRC {
		return nil, errDamaged
	}
	data, sum := src[:len(src)-sizeCRC], binary.BigEndian.Uint32(src[len(src)-sizeCRC:])
	size, err := snappy.DecodedLen(data)
	switch {
	case err != nil || int64(size) > most*int64(len(data)):
		return nil, errDamaged
	case size > limit:
		return nil, tooLarge(limit)
	}
	out, err := snappy.DecodeStrict(dst[:cap(dst)], data)
	if err != nil || crc32.ChecksumIEEE(out) != sum {
		return nil, errDamaged
	}
	return out, nil
}

// zstandard keeps its engines from block to block; they have no goroutines.
type zstandard struct {
	w *zstd.Encoder
	r *zstd.Decoder
}

func (z *zstandard) pack(dst, src []byte) (_ []byte, err error) {
	if z.w == nil {
		if z.w, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithZeroFrames(true), zstd.WithLowerEncoderMem(true)); err != nil {
			return nil, err
		}
	}
	return z.w.EncodeAll(src, dst[:0]), nil
}

// unpack makes room for what the blocks of src could hold, beyond which the engine
// does not go. The last one of a frame that does not say its size may be far from full.
func (z *zstandard) unpack(dst, src []byte, limit int) (_ []byte, err error) {
	size, err := zstdsize.Of(src, limit+zstdsize.MaxBlock)
	switch {
	case errors.Is(err, zstdsize.ErrTooLarge):
		return nil, tooLarge(limit)
	case err != nil:
		return nil, errDamaged
	}
	if z.r == nil {
		if z.r, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true)); err != nil {
			return nil, err
		}
	}
	out, err := z.r.DecodeAll(src, slices.Grow(dst[:0], size))
	switch {
	case err != nil:
		return nil, errDamaged
	case len(out) > limit:
		return nil, tooLarge(limit)
	}
	return out, nil
}
