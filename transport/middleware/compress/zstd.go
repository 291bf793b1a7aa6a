package compress

import (
	"slices"

	"github.com/klauspost/compress/zstd"
)

// A zstandard is RFC 8878. Its encoders and decoders belong to the engine's two
// values, which lend one to each call and make as many as there are processors.
type zstandard struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

func newZstd() (*zstandard, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, err
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true))
	return &zstandard{encoder, decoder}, err
}

func (*zstandard) name() string { return "zstd" }

func (z *zstandard) compress(dst, src []byte) []byte { return z.encoder.EncodeAll(src, dst) }

// inflate reads src into memory that is large enough for all that its blocks could
// hold, so that the engine, which stops at the end of it, never asks for more.
func (z *zstandard) inflate(src []byte, limit int) ([]byte, error) {
	size, err := inflated(src, limit)
	if err != nil {
		return nil, err
	}
	out, err := z.decoder.DecodeAll(src, make([]byte, 0, size))
	switch {
	case err != nil:
		return nil, errCorrupt
	case len(out) < size/2: // no frame said its size
		out = slices.Clone(out)
	}
	return out, nil
}

// maxBlock is the largest content of a block (RFC 8878 §3.1.1.2.4).
const maxBlock = 128 << 10

// inflated is what the frames of src together say that they become, or what one
// that does not say so could become at most.
func inflated(src []byte, limit int) (size int, err error) {
	if len(src) == 0 {
		return 0, errCorrupt
	}
	for len(src) > 0 {
		var h zstd.Header
		if err := h.Decode(src); err != nil || h.HeaderSize > len(src) {
			return 0, errCorrupt
		}
		src = src[h.HeaderSize:]
		if h.Skippable {
			if uint64(len(src)) < uint64(h.SkippableSize) {
				return 0, errCorrupt
			}
			src = src[h.SkippableSize:]
			continue
		}
		most, rest, err := blocks(src)
		switch {
		case err != nil:
			return 0, err
		case h.HasFCS && h.FrameContentSize > most:
			return 0, errCorrupt
		case h.HasFCS:
			most = h.FrameContentSize
		}
		if most > uint64(limit-size) {
			return 0, errTooLarge
		}
		size, src = size+int(most), rest
		if h.HasCheckSum && len(src) < 4 {
			return 0, errCorrupt
		}
		if h.HasCheckSum {
			src = src[4:]
		}
	}
	return size, nil
}

// blocks walks over the blocks of a frame by their headers: it returns the most
// that they could hold, and what follows them.
func blocks(src []byte) (most uint64, rest []byte, err error) {
	const (
		raw = iota
		repeated
		compressed
	)
	for {
		if len(src) < 3 {
			return 0, nil, errCorrupt
		}
		head := uint32(src[0]) | uint32(src[1])<<8 | uint32(src[2])<<16
		src = src[3:]
		last, kind, size := head&1 == 1, head>>1&3, int(head>>3)
		length, content := size, size
		switch kind {
		case raw:
		case repeated:
			length = 1
		case compressed:
			content = maxBlock
		default:
			return 0, nil, errCorrupt
		}
		if length > len(src) || content > maxBlock {
			return 0, nil, errCorrupt
		}
		most, src = most+uint64(content), src[length:]
		if last {
			return most, src, nil
		}
	}
}
