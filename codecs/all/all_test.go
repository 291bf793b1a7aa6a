package all_test

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/all"
)

type line struct {
	Name  string `wire:"name,1"`
	Count uint64 `wire:"count,2"`
}

// A parcel has a field of each kind that every format carries.
type parcel struct {
	ID     string           `wire:"id,1"`
	Fine   bool             `wire:"fine,2"`
	Weight float64          `wire:"weight,3"`
	Cents  int64            `wire:"cents,4,optional"`
	Seal   []byte           `wire:"seal,5"`
	Hash   [2]byte          `wire:"hash,6"`
	At     time.Time        `wire:"at,7"`
	Took   time.Duration    `wire:"took,8"`
	Lines  []line           `wire:"lines,9"`
	Grid   [][]int32        `wire:"grid,10"`
	Labels map[string]line  `wire:"labels,11"`
	Floors map[int32]string `wire:"floors,12"`
	Note   *string          `wire:"note,13"`
	Gone   *string          `wire:"gone,14"`
}

func aParcel() parcel {
	note := ""
	return parcel{
		ID: "p-7 \x00é", Fine: true, Weight: math.Inf(-1), Cents: math.MinInt64, Seal: []byte{0, 0xff}, Hash: [2]byte{1, 2},
		At: time.Date(1815, 12, 10, 1, 2, 3, 456789012, time.UTC), Took: -time.Nanosecond,
		Lines: []line{{}, {"a", math.MaxUint64}}, Grid: [][]int32{{1}, nil, {-2, 3}},
		Labels: map[string]line{"": {"b", 1}, "x": {}}, Floors: map[int32]string{-1: "cellar", 0: ""}, Note: &note,
	}
}

func TestEveryCodecCarriesTheSame(t *testing.T) {
	for _, c := range all.Codecs() {
		t.Run(c.Name(), func(t *testing.T) {
			if checker, ok := c.(codecs.TypeChecker); ok {
				if err := checker.CheckType(reflect.TypeFor[parcel]()); err != nil {
					t.Fatal(err)
				}
			}
			for _, want := range []parcel{aParcel(), {Weight: math.Copysign(0, -1)}} {
				body, err := c.Append(nil, &want)
				if err != nil {
					t.Fatal(err)
				}
				var got parcel
				if err := c.Decode(body, &got); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" || math.Signbit(want.Weight) != math.Signbit(got.Weight) {
					t.Errorf("the value is another afterwards: %s", diff)
				}
			}
		})
	}
}

func TestNoCodecReadsWhatAnotherWrote(t *testing.T) {
	for _, from := range all.Codecs() {
		body, err := from.Append(nil, aParcel())
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range all.Codecs() {
			if to.Name() == from.Name() {
				continue
			}
			got := aParcel()
			err := to.Decode(body, &got)
			var e *codecs.Error
			if !errors.As(err, &e) || e.Codec != to.Name() || len(err.Error()) > 256 {
				t.Errorf("%s reads what %s wrote: got %v", to.Name(), from.Name(), err)
			}
			if !reflect.ValueOf(got).IsZero() {
				t.Errorf("%s leaves %+v of what %s wrote", to.Name(), got, from.Name())
			}
		}
	}
}

func TestMakersMakeWhatTheyName(t *testing.T) {
	for _, m := range all.Makers() {
		small, normal := m.New(codecs.Limits{MaxBytes: 16}), m.New(codecs.Limits{})
		if small.Name() != m.Name || normal.Name() != m.Name {
			t.Errorf("the maker of %s makes %s and %s", m.Name, small.Name(), normal.Name())
		}
		if _, err := small.Append(nil, aParcel()); !errors.Is(err, codecs.ErrLimit) {
			t.Errorf("%s with 16 bytes: got %v, want an error of the limit", m.Name, err)
		}
		if _, err := normal.Append(nil, aParcel()); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
}

func TestTextThatIsNotUTF8IsFoundAtItsPathInEveryFormat(t *testing.T) {
	const good, bad = "markerAAAA", "marker\xff\xffAA"
	note := good
	for _, c := range all.Codecs() {
		for path, v := range map[string]parcel{
			"id": {ID: good}, "note": {Note: &note}, "lines[1].name": {Lines: []line{{}, {Name: good}}}, "floors[#0]": {Floors: map[int32]string{7: good}},
		} {
			body, err := c.Append(nil, v)
			if err != nil {
				t.Fatal(c.Name(), err)
			}
			err = c.Decode(bytes.Replace(body, []byte(good), []byte(bad), 1), new(parcel))
			var e *codecs.Error
			if !errors.As(err, &e) || e.Path != path || !strings.Contains(err.Error(), "UTF-8") {
				t.Errorf("%s: got %v, want invalid UTF-8 at %s", c.Name(), err, path)
			}
		}
	}
}
