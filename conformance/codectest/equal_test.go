package codectest_test

import (
	"math"
	"math/big"
	"os"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/conformance/codectest"
	"github.com/polywire/polywire/internal/codecharness"
)

// exact is the equality of the profile as options of go-cmp.
var exact = cmp.Options{
	cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b float64) bool {
		return math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b)
	}),
	cmp.Comparer(func(a, b float32) bool {
		return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
	}),
	cmp.Comparer(func(a, b big.Int) bool { return a.Cmp(&b) == 0 }),
	cmp.Exporter(func(reflect.Type) bool { return true }),
	cmp.FilterPath(func(p cmp.Path) bool { // fields that are not exported do not count
		f, ok := p.Last().(cmp.StructField)
		return ok && f.Name() == "hidden"
	}, cmp.Ignore()),
}

// choices lets rapid choose what Generated makes, so that it shrinks what fails.
type choices struct{ t *rapid.T }

func (c choices) Below(n int64) uint64 { return uint64(rapid.Int64Range(0, n-1).Draw(c.t, "choice")) }

// TestDiffIsWhatGoCmpFinds compares each sample with each other of its type, and with itself.
func TestDiffIsWhatGoCmpFinds(t *testing.T) {
	samples := codectest.Corpus()
	again := codectest.Corpus()
	equal, different := 0, 0
	for i, a := range samples {
		for j, b := range again {
			if a.Large || b.Large || reflect.TypeOf(a.Value) != reflect.TypeOf(b.Value) {
				continue
			}
			if inZone(a.Value) || inZone(b.Value) {
				continue // cmp knows the instant alone
			}
			got, want := codectest.Diff(a.Value, b.Value) == "", cmp.Equal(a.Value, b.Value, exact)
			if got != want {
				t.Errorf("%s and %s: Diff says %q, go-cmp %v", a.Name, b.Name, codectest.Diff(a.Value, b.Value), cmp.Diff(a.Value, b.Value, exact))
			}
			if i == j && !got {
				t.Errorf("%s is not itself: %s", a.Name, codectest.Diff(a.Value, b.Value))
			}
			if got {
				equal++
			} else {
				different++
			}
		}
	}
	if equal < len(samples)/2 || different < len(samples) {
		t.Errorf("%d equal and %d different pairs: too few to say anything", equal, different)
	}
}

// inZone reports whether v holds a time that is not in UTC.
func inZone(v any) bool {
	return codectest.Diff(v, v) != ""
}

func TestDiffWantsTimesInUTC(t *testing.T) {
	at := time.Unix(5, 7)
	if codectest.Diff(at, at.UTC()) != "" || codectest.Diff(at.UTC(), at.In(time.FixedZone("", 60))) == "" || codectest.Diff(at, at.UTC().Add(1)) == "" {
		t.Error("a time is compared by more or less than its instant and the zone that it is read in")
	}
}

// valuesEnv says how many generated values each codec carries; 100 by default.
const valuesEnv = "POLYWIRE_RAPID_VALUES"

// TestGeneratedValuesComeBack is C031 with rapid's choices, which shrinks what fails, and with go-cmp's equality.
func TestGeneratedValuesComeBack(t *testing.T) {
	n := 100
	if text := os.Getenv(valuesEnv); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", valuesEnv, err)
		}
	}
	for _, h := range codecharness.All() {
		t.Run(h.Name, func(t *testing.T) {
			c, done := h.New(codecs.Limits{}), 0
			for done < n {
				rapid.Check(t, func(t *rapid.T) {
					if done >= n {
						return
					}
					done++
					v := codectest.Generated(choices{t}, int(rapid.IntRange(0, 3).Draw(t, "depth")))
					body, err := c.Append(nil, v)
					if err != nil {
						t.Fatal(err)
					}
					got := reflect.New(reflect.TypeOf(v))
					if err := c.Decode(body, got.Interface()); err != nil {
						t.Fatalf("own output %q: %v", body, err)
					}
					if diff := cmp.Diff(v, got.Elem().Interface(), exact); diff != "" {
						t.Fatalf("decode(encode(v)) is not v: %s", diff)
					}
					if diff := codectest.Diff(v, got.Elem().Interface()); diff != "" {
						t.Fatalf("go-cmp finds none, but Diff: %s", diff)
					}
				})
			}
		})
	}
}
