// Package zstdsize tells what zstd inflates to, before anything is inflated.
//
// Of says how much memory is enough for all that the blocks of an input could hold,
// so that an engine which stops at the end of that memory never asks for more, and an
// input that lies about its size costs nothing.
package zstdsize

import (
	"errors"

	"github.com/klauspost/compress/zstd"
)

// What Of finds wrong with an input.
var (
	ErrCorrupt  = errors.New("no zstd, or cut short")
	ErrTooLarge = errors.New("it becomes more than it may")
)

// MaxBlock is the largest content of a block (RFC 8878 §3.1.1.2.4).
const MaxBlock = 128 << 10

// Of returns what the frames of src together say that they become, or what one that
// does not say so could become at most. It fails with ErrTooLarge above limit.
func Of(src []byte, limit int) (size int, err error) {
	if len(src) == 0 {
		return 0, ErrCorrupt
	}
	for len(src) > 0 {
		var h zstd.Header
		if err := h.Decode(src); err != nil || h.HeaderSize > len(src) {
			return 0, ErrCorrupt
		}
		src = src[h.HeaderSize:]
		if h.Skippable {
			if uint64(len(src)) < uint64(h.SkippableSize) {
				return 0, ErrCorrupt
			}
			src = src[h.SkippableSize:]
			continue
		}
		most, rest, err := blocks(src)
		switch {
		case err != nil:
			return 0, err
		case h.HasFCS && h.FrameContentSize > most:
			return 0, ErrCorrupt
		case h.HasFCS:
			most = h.FrameContentSize
		}
		if most > uint64(limit-size) {
			return 0, ErrTooLarge
		}
		size, src = size+int(most), rest
		if h.HasCheckSum && len(src) < 4 {
			return 0, ErrCorrupt
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
			return 0, nil, ErrCorrupt
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
			content = MaxBlock
		default:
			return 0, nil, ErrCorrupt
		}
		if length > len(src) || content > MaxBlock {
			return 0, nil, ErrCorrupt
		}
		most, src = most+uint64(content), src[length:]
		if last {
			return most, src, nil
		}
	}
}
