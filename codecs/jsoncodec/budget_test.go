package jsoncodec

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/polywire/polywire/codecs"
	"google.golang.org/protobuf/types/known/structpb"
)

// budget is what decoding n bytes may allocate, as the package comment says, and
// what the codec needs for itself.
func budget(n int) uint64 {
	const perElement, perByte, own = 512, 16, 64 << 10
	return uint64(perElement*(codecs.Limits{}).ForInput(n).MaxElements + perByte*n + own)
}

// allocated is what decoding text into a new value allocates, what is garbage then included.
func allocated(c *Codec, text []byte, target any) (bytes uint64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = c.Decode(text, target)
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
		{`0`, new([]int64)}, {`""`, new([]string)}, {`{}`, new([]wide)}, {`{}`, new([]*wide)}, {`{}`, new([]wider)}, {`{}`, new([]*wider)},
		{`{}`, new([]vast)}, {`{}`, new([]*vast)}, {`{"P":{}}`, new([]pointed)}, {`[]`, new([][]int)}, {`[0]`, new([][]int64)}, {`[{}]`, new([][]wide)},
		{`[{}]`, new([][]*vast)}, {`{}`, new([]map[string]int)}, {`{"":0}`, new([]map[string]int)}, {`{"":{}}`, new([]keyed)}, {`{"":{}}`, new([]map[string]*vast)},
		{`{"Kids":[{}]}`, new([]tree)}, {`"AA=="`, new([][]byte)}, {`[[[]]]`, new([]int)}, {`{}`, new(structpb.ListValue)}, {`[]`, new(structpb.ListValue)}, {`{"":0}`, new(structpb.ListValue)},
	} {
		for _, size := range []int{64, 2 << 10, 64 << 10, 256 << 10} {
			text := []byte("[" + strings.Repeat(tc.item+",", size/(len(tc.item)+1)) + tc.item + "]")
			v := reflect.New(reflect.TypeOf(tc.target).Elem()).Interface()
			if got, err := allocated(c, text, v); got > budget(len(text)) {
				t.Errorf("%d bytes of %s into %T: got %d bytes allocated (%v), want at most %d", len(text), tc.item, tc.target, got, err, budget(len(text)))
			}
		}
	}
}

func TestAMapOfManyEntriesKeepsToTheBudget(t *testing.T) {
	var text strings.Builder
	text.WriteByte('{')
	for i := range 100_000 {
		fmt.Fprintf(&text, `"%x":{},`, i)
	}
	text.WriteString(`"":{}}`)
	for _, v := range []any{new(map[string]wide), new(map[string]*wider), new(structpb.Struct)} {
		if got, err := allocated(New(), []byte(text.String()), v); got > budget(text.Len()) {
			t.Errorf("into %T: got %d bytes allocated (%v), want at most %d", v, got, err, budget(text.Len()))
		}
	}
}

// A short input of wide items is refused by default, and taken where the limit says so.
func TestTheLimitOfElementsFollowsTheInput(t *testing.T) {
	text := []byte("[" + strings.Repeat("{},", 2000) + "{}]")
	err := New().Decode(text, new([]wider))
	wantLimit(t, err, int64(len(text)))
	if want := "more than 22388 elements (Limits.MaxElements)"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := New(WithLimits(codecs.Limits{MaxElements: 1 << 20})).Decode(text, new([]wider)); err != nil {
		t.Errorf("got %v with a limit of one's own", err)
	}
	sparse := []byte("[" + strings.Repeat(`{"N":1},`, 100_000) + `{"N":1}]`)
	if err := New().Decode(sparse, new([]struct {
		N    int
		Rest [30]string
	})); err != nil {
		t.Errorf("got %v for 100,000 items that leave most fields out", err)
	}
}
