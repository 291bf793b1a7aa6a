package protocodec

import (
	"bytes"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/testpb"
	"google.golang.org/protobuf/encoding/protowire"
)

// budget is what decoding n bytes may allocate, as the package comment says, and
// what the codec needs for itself.
func budget(n int) uint64 {
	const perElement, perByte, own = 512, 16, 64 << 10
	return uint64(perElement*(codecs.Limits{}).ForInput(n).MaxElements + perByte*n + own)
}

// allocated is what decoding body into a new value allocates, what is garbage then included.
func allocated(c *Codec, body []byte, target any) (bytes uint64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = c.Decode(body, target)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, err
}

type (
	wide struct {
		A [8]int64 `wire:"a,1"`
	}
	wider struct {
		A [128]int64 `wire:"a,1"`
	}
	vast struct {
		A [8192]int64 `wire:"a,1"`
	}
	pointed struct {
		P *wider `wire:"p,1"`
	}
)

// TestWhatInputBuysIsBounded decodes the densest inputs: long runs of what is short
// to write and large to hold. Each item is a record of the list at the top.
func TestWhatInputBuysIsBounded(t *testing.T) {
	c := New()
	for _, tc := range []struct {
		item   string // what the record holds
		target any
	}{
		{"", new([]string)}, {"", new([]wide)}, {"", new([]*wide)}, {"", new([]wider)}, {"", new([]*wider)}, {"", new([]vast)}, {"", new([]*vast)},
		{"0a00", new([]pointed)}, {"", new([][]int)}, {"0a0100", new([][]int64)}, {"0800", new([][]int64)}, {"0a00", new([][]wide)}, {"0a00", new([][]*vast)},
		{"", new([]map[string]int)}, {"0a00", new([]map[string]int)}, {"0a00", new([]map[string]*vast)}, {"", new(map[int]*vast)}, {"00", new([][]byte)},
		{"1200", new([]tree)}, {"22020a00", new([]nest)}, {"00000000000000", new([]int)}, {"00000000000000", new([]bool)}, {"", new([]keeper)},
	} {
		record := protowire.AppendBytes([]byte{0x0a}, wire(tc.item))
		for _, size := range []int{64, 2 << 10, 64 << 10, 256 << 10} {
			body := bytes.Repeat(record, size/len(record))
			v := reflect.New(reflect.TypeOf(tc.target).Elem()).Interface()
			if got, err := allocated(c, body, v); got > budget(len(body)) {
				t.Errorf("%d bytes of %q into %T: got %d bytes allocated (%v), want at most %d", len(body), tc.item, tc.target, got, err, budget(len(body)))
			}
		}
	}
}

func TestWhatInputBuysOfMessagesIsBounded(t *testing.T) {
	c := New()
	for _, record := range []string{"1200", "1a00", "3a0100", "3800", "120212001a00", "2324", "0a00", "a20600"} {
		for _, size := range []int{64, 64 << 10, 256 << 10} {
			body := bytes.Repeat(wire(record), size*2/len(record))
			if got, err := allocated(c, body, new(testpb.Tree)); got > budget(len(body)) {
				t.Errorf("%d bytes of %s: got %d bytes allocated (%v), want at most %d", len(body), record, got, err, budget(len(body)))
			}
		}
	}
}

// A length that is a lie allocates nothing, whatever it is the length of.
func TestALengthAllocatesNothing(t *testing.T) {
	c := New()
	for _, length := range []string{"ffffffff0f", "ffffffffffffffff7f", "ffffffffffffffffff01"} {
		body := append(wire("0a"+length), 0)
		for _, v := range []any{new(string), new([]byte), new([]string), new([]int64), new(map[string]int), new(point), new(testpb.Order), new(testpb.Tree)} {
			_ = c.Decode(nil, v) // what a type needs once
			if got, err := allocated(c, body, v); err == nil || got > 16<<10 {
				t.Errorf("%T: got %v and %d bytes allocated", v, err, got)
			}
		}
	}
}

func TestAMapOfManyEntriesKeepsToTheBudget(t *testing.T) {
	m := make(map[int]wide)
	for i := range 100_000 {
		m[i] = wide{}
	}
	body := mustAppend(t, New(), m)
	for _, v := range []any{new(map[int]wide), new(map[int]*wide)} {
		if got, err := allocated(New(), body, v); got > budget(len(body)) || err != nil {
			t.Errorf("into %T: got %d bytes allocated (%v), want at most %d", v, got, err, budget(len(body)))
		}
	}
}

// A short input of wide items is refused by default, and taken where the limit says so.
func TestTheLimitOfElementsFollowsTheInput(t *testing.T) {
	body := bytes.Repeat([]byte{0x0a, 0}, 2000)
	err := New().Decode(body, new([]wider))
	wantLimit(t, err, int64(len(body)))
	if want := "more than 20384 elements (Limits.MaxElements)"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := New(WithLimits(codecs.Limits{MaxElements: 1 << 20})).Decode(body, new([]wider)); err != nil {
		t.Errorf("got %v with a limit of one's own", err)
	}
}

// A keeper is a text whose method keeps what it was given, as it must not.
type keeper struct{ text []byte }

func (k keeper) MarshalText() ([]byte, error)  { return k.text, nil }
func (k *keeper) UnmarshalText(b []byte) error { k.text = b; return nil }
