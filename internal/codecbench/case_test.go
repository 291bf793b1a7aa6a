package codecbench

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/all"
	"github.com/polywire/polywire/codecs/jsoncodec"
)

// only is the selection of the rows that most tests need.
func only(codec, shape string) Selection {
	return Selection{"codec": {codec}, "shape": {shape}}
}

func TestCodecsOfOneOperationStandSideBySide(t *testing.T) {
	cases, refused, err := Prepare(all.Makers(), Selection{"codec": {"json", "protobuf"}, "shape": {"order", "sparse"}})
	if err != nil || len(refused) > 0 {
		t.Fatal(err, refused)
	}
	var want, got []string
	for _, shape := range []string{"order", "sparse"} {
		for _, rows := range []string{Plain, Generated} {
			for _, tier := range []string{Tuned, Naive} {
				for _, op := range []string{Encode, Decode} {
					for _, codec := range []string{"json", "protobuf"} {
						want = append(want, fmt.Sprintf("codec=%s/shape=%s/tier=%s/rows=%s/op=%s", codec, shape, tier, rows, op))
					}
				}
			}
		}
	}
	for _, c := range cases {
		got = append(got, c.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEveryWorkerDoesItsWork(t *testing.T) {
	cases, _, err := Prepare(all.Makers(), Selection{})
	if err != nil {
		t.Fatal(err)
	}
	if want := 8 * 4 * len(all.Makers()); len(cases) < want {
		t.Errorf("got %d cases, want at least %d", len(cases), want)
	}
	for _, c := range cases {
		work := c.Worker()
		for range 2 {
			if err := work(); err != nil {
				t.Errorf("%s: %v", c.Name(), err)
			}
		}
		if c.Items < 1 || c.Logical < 1 || c.Wire < 1 || c.Gzip < 1 || c.Zstd < 1 {
			t.Errorf("%s: %d items, sizes %+v", c.Name(), c.Items, c.Sizes)
		}
	}
}

// A faulty codec is JSON with one fault.
type faulty struct {
	*jsoncodec.Codec
	refuse error
	decode func(c *jsoncodec.Codec, src []byte, v any) error
	append func(c *jsoncodec.Codec, dst []byte, v any) ([]byte, error)
}

func (f *faulty) Name() string { return "faulty" }

func (f *faulty) CheckType(t reflect.Type) error {
	if f.refuse != nil {
		return f.refuse
	}
	return f.Codec.CheckType(t)
}

func (f *faulty) Decode(src []byte, v any) error {
	if f.decode != nil {
		return f.decode(f.Codec, src, v)
	}
	return f.Codec.Decode(src, v)
}

func (f *faulty) Append(dst []byte, v any) ([]byte, error) {
	if f.append != nil {
		return f.append(f.Codec, dst, v)
	}
	return f.Codec.Append(dst, v)
}

func maker(f faulty) []all.Maker {
	return []all.Maker{{Name: "faulty", New: func(codecs.Limits) codecs.Codec {
		f := f
		f.Codec = jsoncodec.New()
		return &f
	}}}
}

func TestACodecThatLosesSomethingHasNoRow(t *testing.T) {
	forgets := func(*jsoncodec.Codec, []byte, any) error { return nil }
	_, _, err := Prepare(maker(faulty{decode: forgets}), only("faulty", "order"))
	if err == nil || !strings.Contains(err.Error(), "codec faulty, shape order, plain: the value is another") {
		t.Errorf("got %v, want an error that tells the difference", err)
	}
}

func TestWhatIsRefusedIsToldAndIsNoError(t *testing.T) {
	cases, refused, err := Prepare(maker(faulty{refuse: fmt.Errorf("%w: too flat", codecs.ErrUnsupported)}), only("faulty", "order"))
	if err != nil || len(cases) > 0 {
		t.Errorf("got %d cases and %v, want none", len(cases), err)
	}
	reason := "unsupported type: too flat"
	want := []Refusal{{"faulty", "order", Plain, refused[0].Reason}, {"faulty", "order", Generated, refused[0].Reason}}
	if !slices.Equal(refused, want) || !strings.Contains(refused[0].Reason, "too flat") {
		t.Errorf("got %+v, want two that say %q", refused, reason)
	}
}

func TestARefusalThatComesTooLateIsAnError(t *testing.T) {
	late := func(_ *jsoncodec.Codec, dst []byte, _ any) ([]byte, error) { return dst, codecs.ErrUnsupported }
	_, _, err := Prepare(maker(faulty{append: late}), only("faulty", "order"))
	if err == nil || errors.Is(err, codecs.ErrUnsupported) {
		t.Errorf("got %v, want an error that is no refusal", err)
	}
}

func TestAnEncodingThatGrowsFailsTheRow(t *testing.T) {
	calls := 0
	grows := func(c *jsoncodec.Codec, dst []byte, v any) ([]byte, error) {
		out, err := c.Append(dst, v)
		if calls++; calls > 1 {
			out = append(out, ' ')
		}
		return out, err
	}
	cases, _, err := Prepare(maker(faulty{append: grows}), Selection{"shape": {"order"}, "op": {Encode}})
	if err != nil {
		t.Fatal(err)
	}
	if err := cases[0].Worker()(); err == nil {
		t.Error("got no error of an encoding that is longer than the one that was checked")
	}
}

func TestASelectionOfWhatIsNotThereNamesWhatIs(t *testing.T) {
	for _, tc := range []struct{ key, value, want string }{
		{"codec", "jsn", `unknown codec "jsn" (known: `},
		{"codec", "jsn", `; did you mean "json"?`},
		{"shape", "lists", `unknown shape "lists" (known: order, document, list, series, text, blob, map, sparse); did you mean "list"?`},
		{"tier", "fast", `unknown tier "fast" (known: tuned, naive)`},
		{"rows", "x", `unknown rows "x" (known: plain, generated)`},
		{"op", "read", `unknown op "read" (known: encode, decode)`},
	} {
		_, _, err := Prepare(all.Makers(), Selection{tc.key: {tc.value}})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %s", err, tc.want)
		}
	}
}
