package codecs_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/polywire/polywire/codecs"
)

func TestErrorText(t *testing.T) {
	long := strings.Repeat("é", 4096)
	for _, tc := range []struct {
		err  *codecs.Error
		want string
	}{
		{&codecs.Error{Op: "decode", Codec: "json", Path: "items[3].price", Offset: 120, Err: errors.New("want an integer")},
			"json: decode items[3].price at byte 120: want an integer"},
		{&codecs.Error{Op: "decode", Codec: "json", Offset: -1, Err: io.ErrUnexpectedEOF}, "json: decode: unexpected EOF"},
		{&codecs.Error{Op: "encode", Codec: "json", Path: "a", Err: codecs.ErrLimit}, "json: encode a: limit exceeded"},
		{&codecs.Error{Op: "encode", Codec: "json", Offset: -1, Err: errors.New("two\nlines")}, `json: encode: "two\nlines"`},
		{&codecs.Error{Op: "encode", Codec: "json"}, "json: encode"},
	} {
		if got := tc.err.Error(); got != tc.want {
			t.Errorf("got  %s\nwant %s", got, tc.want)
		}
	}
	got := (&codecs.Error{Op: "decode", Codec: "json", Path: long, Err: errors.New(long)}).Error()
	if len(got) > 256 || !utf8.ValidString(got) {
		t.Errorf("a long error has %d bytes, valid UTF-8: %v", len(got), utf8.ValidString(got))
	}
	if !errors.Is(&codecs.Error{Err: io.EOF}, io.EOF) {
		t.Error("an Error hides what it wraps")
	}
}

func TestLimits(t *testing.T) {
	zero := codecs.Limits{}.WithDefaults()
	if zero != (codecs.Limits{MaxBytes: 4 << 20, MaxDepth: 100, MaxElements: 1 << 20}) {
		t.Errorf("defaults: %+v", zero)
	}
	if negative := (codecs.Limits{MaxBytes: -1, MaxDepth: -1, MaxElements: -1}).WithDefaults(); negative != zero {
		t.Errorf("negative limits: %+v", negative)
	}
	for n, want := range map[int]int{0: 16384, 1000: 17384, 1 << 20: 1 << 20, 4 << 20: 1 << 20} {
		if got := (codecs.Limits{}).ForInput(n); got.MaxElements != want || got.MaxBytes != 4<<20 || got.MaxDepth != 100 {
			t.Errorf("of %d bytes: got %+v, want %d elements", n, got, want)
		}
		if got := (codecs.Limits{MaxElements: 7}).ForInput(n); got.MaxElements != 7 {
			t.Errorf("of %d bytes: got %d elements, want the 7 that were set", n, got.MaxElements)
		}
	}
	own := codecs.Limits{MaxBytes: 1, MaxDepth: 2, MaxElements: 3}.WithDefaults()
	for _, tc := range []struct {
		check func(int) error
		limit int
		want  string
	}{
		{own.CheckBytes, 1, "limit exceeded: more than 1 bytes (Limits.MaxBytes)"},
		{own.CheckDepth, 2, "limit exceeded: nested deeper than 2 levels, or cyclic (Limits.MaxDepth)"},
		{own.CheckElements, 3, "limit exceeded: more than 3 elements (Limits.MaxElements)"},
	} {
		if err := tc.check(tc.limit); err != nil {
			t.Errorf("at the limit %d: %v", tc.limit, err)
		}
		if err := tc.check(tc.limit + 1); !errors.Is(err, codecs.ErrLimit) || err.Error() != tc.want {
			t.Errorf("over the limit: got %v, want %s", err, tc.want)
		}
	}
	for size, want := range map[uintptr]int{0: 1, 1: 1, 64: 1, 65: 2, 128: 2, 129: 3} {
		if got := codecs.ElementCost(size); got != want {
			t.Errorf("an element of %d bytes costs %d, want %d", size, got, want)
		}
	}
}
