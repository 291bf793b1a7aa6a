package zstdsize_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/polywire/polywire/internal/zstdsize"
)

func TestFramesSayWhatTheyBecome(t *testing.T) {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	const skippable = "\x50\x2a\x4d\x18\x01\x00\x00\x00x"
	frame := w.EncodeAll(bytes.Repeat([]byte("abc"), 100), nil)
	for _, tc := range []struct {
		rule string
		src  []byte
		want int
	}{
		{"one frame", frame, 300},
		{"two frames, and one to skip", append(append(bytes.Clone(frame), skippable...), frame...), 600},
		{"a block repeated, without a size", []byte("\x28\xb5\x2f\xfd\x00\x50\x2b\x00\x00a"), 5},
		{"a block compressed, without a size", append([]byte("\x28\xb5\x2f\xfd\x00\x50\x15\x00\x00"), 1, 2), zstdsize.MaxBlock},
	} {
		if got, err := zstdsize.Of(tc.src, tc.want); err != nil || got != tc.want {
			t.Errorf("%s: got %d, %v; want %d", tc.rule, got, err, tc.want)
		}
		if _, err := zstdsize.Of(tc.src, tc.want-1); !errors.Is(err, zstdsize.ErrTooLarge) {
			t.Errorf("%s, one byte less: got %v", tc.rule, err)
		}
		for cut := range tc.src {
			if _, err := zstdsize.Of(tc.src[:cut], 1<<20); err == nil && cut != len(frame) && cut != len(frame)+len(skippable) {
				t.Errorf("%s: %d of %d bytes are whole", tc.rule, cut, len(tc.src))
			}
		}
	}
	if _, err := zstdsize.Of([]byte("\x28\xb5\x2f\xfd\x20\xff\x2b\x00\x00a"), 1<<20); !errors.Is(err, zstdsize.ErrCorrupt) {
		t.Errorf("a frame that says more than its blocks hold: got %v", err)
	}
}
