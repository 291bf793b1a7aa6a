package compress

import (
	"errors"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/polywire/polywire/internal/zstdsize"
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
	size, err := zstdsize.Of(src, limit)
	switch {
	case errors.Is(err, zstdsize.ErrTooLarge):
		return nil, errTooLarge
	case err != nil:
		return nil, errCorrupt
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
