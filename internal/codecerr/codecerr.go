// Package codecerr makes the errors of codecs that follow a shape, the same in each.
package codecerr

import (
	"errors"
	"fmt"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/shape"
)

// New returns err as the error of an operation of a codec, at offset bytes, with the path
// that err carries. What shape cannot plan is codecs.ErrUnsupported.
func New(codec, op string, offset int64, err error) error {
	path, cause := shape.Split(err)
	if errors.Is(cause, shape.ErrUnsupported) {
		cause = fmt.Errorf("%w: %w", codecs.ErrUnsupported, cause)
	}
	return &codecs.Error{Op: op, Codec: codec, Path: path, Offset: offset, Err: cause}
}
