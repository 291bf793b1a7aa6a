package xmlcodec

import (
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
	type holder[T any] struct {
		F []T
		N *wide
	}
	for _, tc := range []struct {
		item   string
		target any
	}{
		{"<F>0</F>", new(holder[int64])}, {"<F/>", new(holder[string])}, {"<F/>", new(holder[wide])}, {"<F/>", new(holder[*wide])}, {"<F/>", new(holder[wider])},
		{"<F/>", new(holder[*wider])}, {"<F/>", new(holder[vast])}, {"<F/>", new(holder[*vast])}, {"<F><P/></F>", new(holder[pointed])}, {"<F/>", new(holder[[]int])},
		{"<F><i>0</i></F>", new(holder[[]int64])}, {"<F><i/></F>", new(holder[[]wide])}, {"<F><i/></F>", new(holder[[]*vast])}, {"<F/>", new(holder[map[string]int])},
		{"<F><a>0</a></F>", new(holder[map[string]int])}, {"<F><a/></F>", new(holder[keyed])}, {"<F><a/></F>", new(holder[map[string]*vast])}, {"<F><Kids/></F>", new(holder[tree])},
		{"<F>YQ==</F>", new(holder[[]byte])}, {"<i/>", new([]wider)}, {"<i/>", new([]*vast)}, {"<i/>", new([]string)},
		{"<a/>", new(holder[int])}, {"<a b=''/>", new(holder[int])}, {"<a><b/></a>", new(holder[int])}, {"<!---->", new(holder[int])}, {"<?a?>", new(holder[int])}, {"<a xmlns='b&amp;'/>", new(holder[int])},
		{"&amp;", new(string)}, {"\r", new(string)}, {"<![CDATA[a]]>", new(string)}, {"a<!---->", new(string)}, {"&amp;", new(holder[int])},
	} {
		for _, size := range []int{64, 2 << 10, 64 << 10, 256 << 10} {
			wire := []byte("<v>" + strings.Repeat(tc.item, size/len(tc.item)+1) + "</v>")
			v := reflect.New(reflect.TypeOf(tc.target).Elem()).Interface()
			_ = c.Decode([]byte("<v/>"), v) // what a type needs once is no cost of the input
			if got, err := allocated(c, wire, v); got > budget(len(wire)) {
				t.Errorf("%d bytes of %q into %T: got %d bytes allocated (%v), want at most %d", len(wire), tc.item, tc.target, got, err, budget(len(wire)))
			}
		}
	}
}

// What nobody knows, and what is no document, buys next to nothing.
func TestWhatIsSkippedCostsLittle(t *testing.T) {
	c := New()
	for _, item := range []string{"<a/>", "<a b='c'/>", "<a>text</a>", "<a><b/></a>", "<!-- c -->", "<?a b?>", "<p:a xmlns:p='b&amp;'/>", "<a>&lt;</a>", "<a><![CDATA[a]]></a>"} {
		n := (256 << 10) / len(item)
		for _, tail := range []string{"</v>", "", "</u>"} {
			wire := []byte("<v>" + strings.Repeat(item, n) + tail)
			got, err := allocated(c, wire, new(point))
			if limit := uint64(16*len(wire) + 64<<10); got > limit || (err == nil) != (tail == "</v>") {
				t.Errorf("%q: got %v and %d bytes allocated, want at most %d", item, err, got, limit)
			}
		}
	}
}

func TestAMapOfManyEntriesKeepsToTheBudget(t *testing.T) {
	const n = 50_000
	wire := []byte("<v>")
	for i := range n {
		wire = fmt.Appendf(wire, "<e key='%05x'/>", i)
	}
	wire = append(wire, "</v>"...)
	for _, v := range []any{new(map[string]wide), new(map[string]*wider)} {
		if got, err := allocated(New(), wire, v); got > budget(len(wire)) {
			t.Errorf("into %T: got %d bytes allocated (%v), want at most %d", v, got, err, budget(len(wire)))
		}
	}
}

// A short input of wide items is refused by default, and taken where the limit says so.
func TestTheLimitOfElementsFollowsTheInput(t *testing.T) {
	wire := []byte("<v>" + strings.Repeat("<i/>", 2000) + "</v>")
	err := New().Decode(wire, new([]wider))
	wantLimit(t, err, int64(len(wire)))
	if want := "more than 24391 elements (Limits.MaxElements)"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := New(WithLimits(codecs.Limits{MaxElements: 1 << 20})).Decode(wire, new([]wider)); err != nil {
		t.Errorf("got %v with a limit of one's own", err)
	}
}
