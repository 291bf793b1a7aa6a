package compress

import "errors"

// What inflate fails with.
var (
	errTooLarge = errors.New("it inflates, or may inflate, to more than the limit")
	errCorrupt  = errors.New("it is cut short or damaged")
)

// An encoding is one way to compress a body.
type encoding interface {
	name() string

	// compress appends src, compressed, to dst.
	compress(dst, src []byte) []byte

	// inflate returns what src stands for, in memory of its own. More than limit
	// bytes are errTooLarge; until then it allocates less than 2 × limit.
	inflate(src []byte, limit int) ([]byte, error)
}
