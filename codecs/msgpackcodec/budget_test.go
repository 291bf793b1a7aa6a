package msgpackcodec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/polywire/polywire/codecs"
)

// budget is what decoding n bytes may allocate, as the package comment says, and
// what the codec needs for itself.
func budget(n int) uint64 {
	const perElement, perByte, own = 512, 16, 64 << 10
	return uint64(perElement*(codecs.Limits{}).ForInput(n).MaxElements + perByte*n + own)
}

// allocated is what decoding wire into a new value allocates, what is garbage then included.
func allocated(c *Codec, wire []byte, target any) (bytes uint64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = c.Decode(wire, target)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, err
}

type (
	wide    struct{ A [8]int64 }
	wider   struct{ A [128]int64 }
	vast    struct{ A [8192]int64 }
	keyed   map[string]wide
	pointed struct{ P *wider }
)

// TestWhatInputBuysIsBounded decodes the densest inputs: long runs of what is
// short to write and large to hold.
func TestWhatInputBuysIsBounded(t *testing.T) {
	c := New()
	for _, tc := range []struct {
		item   string
		target any
	}{
		{"\x00", new([]int64)}, {"\xa0", new([]string)}, {"\x80", new([]wide)}, {"\x80", new([]*wide)}, {"\x80", new([]wider)}, {"\x80", new([]*wider)},
		{"\x80", new([]vast)}, {"\x80", new([]*vast)}, {"\x81\xa1P\x80", new([]pointed)}, {"\x90", new([][]int)}, {"\x91\x00", new([][]int64)}, {"\x91\x80", new([][]wide)},
		{"\x91\x80", new([][]*vast)}, {"\x80", new([]map[string]int)}, {"\x81\xa0\x00", new([]map[string]int)}, {"\x81\xa0\x80", new([]keyed)}, {"\x81\xa0\x80", new([]map[string]*vast)},
		{"\x81\xa4Kids\x91\x80", new([]tree)}, {"\xc4\x01a", new([][]byte)}, {"\x91\x91\x90", new([]int)}, {"\x81\xa1U\x82\x00\x00\x01\x00", new([]point)},
		{"\xc0", new([]wide)}, {"\xc0", new([]vast)}, {"\xc0", new([]string)}, {"\x82\x00\x00\x01\x00", new([]point)},
	} {
		for _, size := range []int{64, 2 << 10, 64 << 10, 256 << 10} {
			n := size/len(tc.item) + 1
			wire := binary.BigEndian.AppendUint32([]byte{0xdd}, uint32(n))
			wire = append(wire, strings.Repeat(tc.item, n)...)
			v := reflect.New(reflect.TypeOf(tc.target).Elem()).Interface()
			if got, err := allocated(c, wire, v); got > budget(len(wire)) {
				t.Errorf("%d bytes of %q into %T: got %d bytes allocated (%v), want at most %d", len(wire), tc.item, tc.target, got, err, budget(len(wire)))
			}
		}
	}
}

// Nobody's names are held while they are compared, and nothing else is.
func TestWhatIsSkippedCostsLittle(t *testing.T) {
	c := New()
	for _, item := range []string{"\x00\x00", "\xa1a\xa1b", "\xff\x90", "\xcc\x05\x81\x01\x01"} {
		n := 1 << 16
		wire := binary.BigEndian.AppendUint32([]byte{0xdf}, uint32(n))
		wire = append(wire, strings.Repeat(item, n)...)
		got, err := allocated(c, wire, new(point))
		if limit := uint64(16*len(wire) + 64<<10); !errors.Is(err, errDuplicate) || got > limit {
			t.Errorf("%q: got %v and %d bytes allocated, want %v and at most %d", item, err, got, errDuplicate, limit)
		}
	}
}

func TestAMapOfManyEntriesKeepsToTheBudget(t *testing.T) {
	const n = 100_000
	wire := binary.BigEndian.AppendUint32([]byte{0xdf}, n)
	for i := range n {
		wire = fmt.Appendf(wire, "\xa5%05x\x80", i)
	}
	for _, v := range []any{new(map[string]wide), new(map[string]*wider)} {
		if got, err := allocated(New(), wire, v); got > budget(len(wire)) {
			t.Errorf("into %T: got %d bytes allocated (%v), want at most %d", v, got, err, budget(len(wire)))
		}
	}
}

// A short input of wide items is refused by default, and taken where the limit says so.
func TestTheLimitOfElementsFollowsTheInput(t *testing.T) {
	wire := append([]byte("\xdc\x07\xd0"), bytes.Repeat([]byte("\x80"), 2000)...)
	err := New().Decode(wire, new([]wider))
	wantLimit(t, err, int64(len(wire)))
	if want := "more than 18387 elements (Limits.MaxElements)"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := New(WithLimits(codecs.Limits{MaxElements: 1 << 20})).Decode(wire, new([]wider)); err != nil {
		t.Errorf("got %v with a limit of one's own", err)
	}
}
