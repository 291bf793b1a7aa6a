package codecs

import "fmt"

// The limits that a zero Limits stands for.
const (
	DefaultMaxBytes    = 4 << 20
	DefaultMaxDepth    = 100
	DefaultMaxElements = 1 << 20
)

// Limits bound what a codec reads and writes. Every codec takes the same ones
// and applies them to decompressed bytes, before or while it decodes: hostile
// input costs no more than they allow. A field that is zero or negative means
// its default, so no setting switches a limit off.
type Limits struct {
	// MaxBytes bounds one encoded value; 4 MiB by default.
	MaxBytes int

	// MaxDepth bounds how deep structs, lists and maps nest; 100 by default.
	MaxDepth int

	// MaxElements bounds list items, map entries and optional values of one
	// value together; 1,048,576 by default, and when decoding no more than
	// 16,384 and one for each byte of the input. One whose Go size exceeds 64
	// bytes counts once for every 64, so a run of empty objects buys little
	// memory: without own limits at most 64 bytes for one, and 1 MiB, before
	// what lists and maps need to grow.
	MaxElements int
}

// freeElements are those that any input may have by default, however short.
const freeElements = 1 << 14

// ForInput returns the limits for decoding n bytes: l with its defaults filled
// in, of which that of MaxElements follows n.
func (l Limits) ForInput(n int) Limits {
	if l.MaxElements <= 0 {
		l.MaxElements = min(DefaultMaxElements, freeElements+n)
	}
	return l.WithDefaults()
}

// WithDefaults returns l with its defaults filled in.
func (l Limits) WithDefaults() Limits {
	if l.MaxBytes <= 0 {
		l.MaxBytes = DefaultMaxBytes
	}
	if l.MaxDepth <= 0 {
		l.MaxDepth = DefaultMaxDepth
	}
	if l.MaxElements <= 0 {
		l.MaxElements = DefaultMaxElements
	}
	return l
}

// CheckBytes returns an error that wraps ErrLimit if n bytes are too many.
func (l Limits) CheckBytes(n int) error {
	if n <= l.MaxBytes {
		return nil
	}
	return fmt.Errorf("%w: more than %d bytes (Limits.MaxBytes)", ErrLimit, l.MaxBytes)
}

// CheckDepth returns an error that wraps ErrLimit if n levels are too deep.
func (l Limits) CheckDepth(n int) error {
	if n <= l.MaxDepth {
		return nil
	}
	return fmt.Errorf("%w: nested deeper than %d levels, or cyclic (Limits.MaxDepth)", ErrLimit, l.MaxDepth)
}

// CheckElements returns an error that wraps ErrLimit if n elements are too many.
func (l Limits) CheckElements(n int) error {
	if n <= l.MaxElements {
		return nil
	}
	return fmt.Errorf("%w: more than %d elements (Limits.MaxElements)", ErrLimit, l.MaxElements)
}

// ElementCost is what a list item, map entry or optional value of the given Go
// size counts against MaxElements.
func ElementCost(size uintptr) int {
	const unit = 64
	if size <= unit {
		return 1
	}
	return int((size + unit - 1) / unit)
}
