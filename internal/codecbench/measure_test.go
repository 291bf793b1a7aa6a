package codecbench

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/codecs/all"
	"github.com/polywire/polywire/codecs/jsoncodec"
)

func TestMeasureFillsEveryFigure(t *testing.T) {
	var told []string
	r, err := Measure(t.Context(), all.Makers(), Settings{
		Selection: Selection{"codec": {"json", "protobuf"}, "shape": {"order"}, "tier": {Tuned}, "rows": {Plain}},
		Time:      3 * time.Millisecond, Rounds: 3,
		Progress: func(done, total int, r Row) {
			if total != 4 || done > total {
				t.Errorf("progress: %d of %d, want 4 in all", done, total)
			}
			told = append(told, r.Codec+" "+r.Op)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"json encode", "protobuf encode", "json decode", "protobuf decode", " "}; !slices.Equal(told, want) {
		t.Errorf("progress: got %q, want %q", told, want)
	}
	if len(r.Results) != 4 {
		t.Fatalf("got %d results, want 4", len(r.Results))
	}
	for _, x := range r.Results {
		if len(x.Samples) != 3 || x.NS <= 0 || x.Low > x.NS || x.High < x.NS || x.MBps <= 0 || x.PerSec <= 0 || x.Samples[0].N < 1 {
			t.Errorf("%s: got %+v", x.Name(), x)
		}
	}
	if r.Go == "" || r.Platform == "" || r.Cores < 1 || r.Version == "" || r.Rounds != 3 {
		t.Errorf("got %+v", r)
	}
}

func TestMeasureEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := Settings{Time: time.Second, Rounds: 3, Progress: func(int, int, Row) { cancel() }}
	if _, err := Measure(ctx, all.Makers(), s); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestAnErrorWhileMeasuringNamesTheRow(t *testing.T) {
	calls := 0
	fails := func(c *jsoncodec.Codec, src []byte, v any) error {
		if calls++; calls > 20 {
			return errors.New("tired")
		}
		return c.Decode(src, v)
	}
	_, err := Measure(t.Context(), maker(faulty{decode: fails}), Settings{
		Selection: Selection{"shape": {"order"}, "tier": {Tuned}, "rows": {"plain"}, "op": {"decode"}}, Time: time.Second, Rounds: 1,
	})
	if err == nil || !strings.HasPrefix(err.Error(), "codec=faulty/shape=order/tier=tuned/rows=plain/op=decode: tired") {
		t.Errorf("got %v, want the row and its error", err)
	}
}

func TestTheMedianIsOfAllRounds(t *testing.T) {
	for want, values := range map[float64][]float64{1: {1}, 2: {9, 2, 1}, 2.5: {3, 2, 9, 1}} {
		if got := median(values); got != want {
			t.Errorf("%v: got %v, want %v", values, got, want)
		}
	}
}
