package codectest

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/polywire/polywire/codecs"
)

func evolutionCases() []Case {
	return []Case{
		{ID: "C032", Group: "B", Rule: "what the reader has and the writer had not is zero", Run: readerAdds},
		{ID: "C033", Group: "B", Rule: "what the writer had and the reader has not is skipped, whatever its kind and depth", Run: readerDrops},
		{ID: "C034", Group: "B", Rule: "the order of fields may change", Run: readerReorders},
		{ID: "C035", Group: "B", Rule: "a field with another name is another field", Unless: NeedsNumbers, Run: renamedIsAnother, Inverse: renamedIsTheSame},
		{ID: "C036", Group: "B", Rule: "integers and floats may become wider", Run: widens},
		{ID: "C037", Group: "B", Rule: "an integer may become narrower where it fits; where it does not, the error names the path", Run: narrows},
		{ID: "C038", Group: "B", Rule: "a field may become optional and back: absent is zero", Run: optionalAndBack},
		{ID: "C039", Group: "B", Rule: "a name that an enum with names does not know is an error with its path", Run: unknownNames},
		{ID: "C040", Group: "B", Rule: "what a reader does not know is gone when it writes", Run: unknownIsDropped},
		{ID: "C042", Group: "B", Rule: "a list is no map and a map no list: an error with the path", Unless: KindsAreUntold, Run: kindsDiffer(listsAndMaps), Inverse: kindsSurvive(listsAndMaps)},
		{ID: "C043", Group: "B", Rule: "one kind is not read as another: an error with the path, never a zero", Run: kindsDiffer(scalarKinds)},
		{ID: "C045", Group: "B", Rule: "case matters in names", Run: caseMatters},
		{ID: "C046", Group: "B", Rule: "one key twice in a map is an error, and one name twice where names are on the wire", Run: refusesDuplicates},
	}
}

// Read encodes v and reads it as a value of the type of like, by a codec that
// knows what wrote it.
func (e *Env) Read(v, like any) (any, error) {
	body, ok := e.Encode(e.Codec, v)
	if !ok {
		return like, errors.New("nothing was written")
	}
	p := dirty(like) // of which nothing may be left
	err := e.reader(v).Decode(body, p)
	return behind(p), err
}

// dirty returns a pointer to a value of like's type that is full of something else.
func dirty(like any) any {
	p := reflect.New(reflect.TypeOf(like))
	generator{newRandom("dirty")}.fill(p.Elem(), 3)
	return p.Interface()
}

// reader returns a codec that reads what was written of v's type.
func (e *Env) reader(v any) codecs.Codec {
	if e.h.Knowing != nil {
		return e.h.Knowing(reflect.TypeOf(v))
	}
	return e.h.New(limits{})
}

// reads checks that v, read as the type of want, is want.
func (e *Env) reads(v, want any) {
	got, err := e.Read(v, want)
	if err != nil {
		e.Errorf("%s read as a %T: %v", short(v), want, err)
		return
	}
	if d := Diff(want, got); d != "" {
		e.Errorf("%s read as a %T: %s", short(v), want, d)
	}
}

// refusesAs checks that v is no value of the type of like, and that the error is at path.
func (e *Env) refusesAs(v, like any, path string) {
	got, err := e.Read(v, like)
	if !e.WantError(err, "decode", short(v)+" read as a "+reflect.TypeOf(like).String()) {
		return
	}
	var ce *codecs.Error
	if errors.As(err, &ce) && ce.Path != path {
		e.Errorf("%s read as a %T: the path is %q, want %q: %v", short(v), like, ce.Path, path, err)
	}
	if !reflect.ValueOf(got).IsZero() {
		e.Errorf("%s read as a %T: an error leaves %s", short(v), like, short(got))
	}
}

func readerAdds(e *Env) {
	type more struct {
		X    int32            `wire:"x,1"`
		Y    int32            `wire:"y,2"`
		S    string           `wire:"s,3"`
		P    *int64           `wire:"p,4"`
		L    []string         `wire:"l,5"`
		M    map[string]point `wire:"m,6"`
		T    time.Time        `wire:"t,7"`
		In   point            `wire:"in,8"`
		H    [4]byte          `wire:"h,9"`
		A    [2]int32         `wire:"a,10"`
		Next *more            `wire:"next,11"`
		U    uint64           `wire:"u,12"`
		ID   uuid             `wire:"id,13"`
		F    float64          `wire:"f,14"`
		B    []byte           `wire:"b,15"`
	}
	e.reads(point{1, 2}, more{X: 1, Y: 2})
	type in struct {
		P []point `wire:"p,5"`
	}
	type inMore struct {
		P []more `wire:"p,5"`
	}
	e.reads(in{[]point{{1, 2}, {3, 4}}}, inMore{[]more{{X: 1, Y: 2}, {X: 3, Y: 4}}})
}

func readerDrops(e *Env) {
	type little struct {
		Text  string  `wire:"text,4"`
		Inner *little `wire:"inner,17"`
	}
	v := aWhole()
	v.Inner = ptr(aWhole())
	e.reads(v, little{v.Text, &little{Text: v.Text}})
	for _, d := range e.documents() {
		if reflect.TypeOf(d.Value).Kind() == reflect.Struct && d.Case != "C030" {
			e.reads(d.Value, empty{})
		}
	}
	type first struct {
		B []bool `wire:"b,1"`
	}
	e.reads(aList(3), first{[]bool{true, false, true}})
	type last struct {
		O []map[string]int32 `wire:"o,12"`
	}
	e.reads(aList(2), last{[]map[string]int32{{"k": 0}, {"k": 1}}})
}

func readerReorders(e *Env) {
	type turned struct {
		Y int32 `wire:"y,2"`
		X int32 `wire:"x,1"`
	}
	e.reads(point{1, 2}, turned{X: 1, Y: 2})
	type turnedOptionals struct {
		F *float64  `wire:"f,7"`
		S *string   `wire:"s,2"`
		P *turned   `wire:"p,3"`
		L *[]int32  `wire:"l,5"`
		B *bool     `wire:"b,6"`
		N *int64    `wire:"n,1"`
		H *[2]byte  `wire:"h,9"`
		U *uint64   `wire:"u,13"`
		R *[]byte   `wire:"r,8"`
		X *struct{} `wire:"new,20"`
	}
	e.reads(optionals{N: ptr(int64(1)), S: ptr("s"), P: &point{1, 2}, F: ptr(0.5), U: ptr(uint64(7))},
		turnedOptionals{N: ptr(int64(1)), S: ptr("s"), P: &turned{X: 1, Y: 2}, F: ptr(0.5), U: ptr(uint64(7))})
}

type renamed struct {
	Z int32 `wire:"z,1"`
	Y int32 `wire:"y,2"`
}

func renamedIsAnother(e *Env) { e.reads(point{1, 2}, renamed{0, 2}) }

func renamedIsTheSame(e *Env) { e.reads(point{1, 2}, renamed{1, 2}) }

func widens(e *Env) {
	type narrow struct {
		A int8           `wire:"a,1"`
		B uint16         `wire:"b,2"`
		L []int32        `wire:"l,3"`
		M map[int8]uint8 `wire:"m,4"`
		P *int16         `wire:"p,5"`
	}
	type wider struct {
		A int64            `wire:"a,1"`
		B uint32           `wire:"b,2"`
		L []int64          `wire:"l,3"`
		M map[int64]uint16 `wire:"m,4"`
		P *int             `wire:"p,5"`
	}
	e.Part("integers", func() {
		e.reads(narrow{-128, math.MaxUint16, []int32{math.MinInt32, 1}, map[int8]uint8{-1: 255}, ptr(int16(-5))},
			wider{-128, math.MaxUint16, []int64{math.MinInt32, 1}, map[int64]uint16{-1: 255}, ptr(-5)})
	})
	type single struct {
		F float32 `wire:"f,1"`
	}
	type double struct {
		F float64 `wire:"f,1"`
	}
	e.Part("floats", func() { e.reads(single{1.5}, double{1.5}) })
}

func narrows(e *Env) {
	type wide struct {
		A int64           `wire:"a,1"`
		U uint32          `wire:"u,2"`
		L []int64         `wire:"l,3"`
		M map[int64]int64 `wire:"m,4"`
		P *int64          `wire:"p,5"`
		S []widths        `wire:"s,6"`
	}
	type small struct {
		I64 int8 `wire:"i64,4"`
	}
	type narrow struct {
		A int8            `wire:"a,1"`
		U uint8           `wire:"u,2"`
		L []int8          `wire:"l,3"`
		M map[int16]int16 `wire:"m,4"`
		P *int8           `wire:"p,5"`
		S []small         `wire:"s,6"`
	}
	e.reads(wide{A: 127, U: 255, L: []int64{-128}, M: map[int64]int64{-32768: 32767}, P: ptr(int64(1)), S: []widths{{I64: 5}}},
		narrow{127, 255, []int8{-128}, map[int16]int16{-32768: 32767}, ptr(int8(1)), []small{{5}}})
	for _, tc := range []struct {
		v    wide
		path string
	}{
		{wide{A: 128}, "a"}, {wide{A: -129}, "a"}, {wide{A: math.MaxInt64}, "a"}, {wide{A: 1 << 32}, "a"}, {wide{U: 256}, "u"}, {wide{U: math.MaxUint32}, "u"},
		{wide{L: []int64{1, 128}}, "l[1]"}, {wide{M: map[int64]int64{0: 0, 1: 32768}}, "m[#1]"}, {wide{M: map[int64]int64{0: 0, 32768: 1}}, "m[#1]"},
		{wide{P: ptr(int64(-129))}, "p"}, {wide{S: []widths{{}, {}, {I64: 1 << 40}}}, "s[2].i64"},
	} {
		e.refusesAs(tc.v, narrow{}, tc.path)
	}
	type signed struct {
		A int64 `wire:"a,1"`
	}
	type unsigned struct {
		A uint64 `wire:"a,1"`
	}
	e.Part("above the highest signed", func() { e.refusesAs(unsigned{math.MaxUint64}, signed{}, "a") })
	e.Part("below zero", func() { e.refusesAs(signed{-1}, unsigned{}, "a") })
}

func optionalAndBack(e *Env) {
	type needed struct {
		N int64    `wire:"n,1"`
		S string   `wire:"s,2"`
		P point    `wire:"p,3"`
		F float64  `wire:"f,7"`
		H [2]byte  `wire:"h,9"`
		U uint64   `wire:"u,13"`
		B bool     `wire:"b,6"`
		R []byte   `wire:"r,8"`
		X []string `wire:"x,20,optional"`
	}
	e.Part("there", func() {
		e.reads(optionals{N: ptr(int64(1)), S: ptr("s"), P: &point{1, 2}, F: ptr(0.5), H: &[2]byte{1}, U: ptr(uint64(1)), B: ptr(true), R: &[]byte{1}},
			needed{1, "s", point{1, 2}, 0.5, [2]byte{1}, 1, true, []byte{1}, nil})
	})
	type list struct {
		L []int32 `wire:"l,5"`
	}
	e.Part("an optional list", func() { e.reads(optionals{L: &[]int32{1, 2}}, list{[]int32{1, 2}}) })
	e.Part("absent", func() { e.reads(optionals{}, needed{}) })
	type maybe struct {
		N *int64 `wire:"n,1"`
		P *point `wire:"p,3"`
	}
	e.Part("becomes optional", func() { e.reads(needed{N: 5, P: point{1, 2}}, maybe{ptr(int64(5)), &point{1, 2}}) })
}

func unknownNames(e *Env) {
	type old struct {
		C string   `wire:"c,1"`
		L []string `wire:"l,2"`
	}
	type known struct {
		C color   `wire:"c,1"`
		L []color `wire:"l,2"`
	}
	e.reads(old{"green", []string{"blue", "red"}}, known{1, []color{2, 0}})
	e.refusesAs(old{C: secret, L: nil}, known{}, "c")
	e.refusesAs(old{C: "red", L: []string{"blue", secret}}, known{}, "l[1]")
}

func unknownIsDropped(e *Env) {
	type little struct {
		N int32 `wire:"n,2"`
	}
	type whole struct {
		S string `wire:"s,1"`
		N int32  `wire:"n,2"`
	}
	body, ok := e.Encode(e.Codec, whole{marker, 5})
	if !ok {
		return
	}
	c := e.reader(whole{})
	got, ok := e.Decode(c, body, little{})
	if !ok {
		return
	}
	if body, ok := e.Encode(c, got); ok && bytes.Contains(body, []byte(marker)) {
		e.Errorf("what was skipped is in %s", quote(body))
	}
}

// A mismatch is a value and a type that it is none of; the error is at path.
type mismatch struct {
	v, like any
	path    string
}

type a[T any] struct {
	A T `wire:"a,1"`
}

func listsAndMaps() []mismatch {
	return []mismatch{
		{a[[]string]{[]string{"x", "y"}}, a[map[string]string]{}, "a"},
		{a[map[string]string]{map[string]string{"x": "y"}}, a[[]string]{}, "a"},
		{a[map[string]int32]{map[string]int32{"x": 1}}, a[[]int32]{}, "a"},
		{a[[]int32]{[]int32{1, 2}}, a[map[string]int32]{}, "a"},
		{a[[]point]{[]point{{1, 2}}}, a[point]{}, "a"},
		{a[point]{point{1, 2}}, a[[]point]{}, "a"},
	}
}

func scalarKinds() []mismatch {
	return []mismatch{
		{a[string]{marker}, a[int32]{}, "a"},
		{a[string]{"12"}, a[int64]{}, "a"},
		{a[string]{marker}, a[bool]{}, "a"},
		{a[string]{marker}, a[float64]{}, "a"},
		{a[int32]{7}, a[string]{}, "a"},
		{a[int32]{7}, a[point]{}, "a"},
		{a[int32]{7}, a[time.Time]{}, "a"},
		{a[bool]{true}, a[string]{}, "a"},
		{a[float64]{1.5}, a[int64]{}, "a"},
		{a[float64]{1.5}, a[string]{}, "a"},
		{a[point]{point{1, 2}}, a[int32]{}, "a"},
		{a[point]{point{1, 2}}, a[float64]{}, "a"},
		{a[string]{marker}, a[time.Time]{}, "a"},
		{a[a[string]]{a[string]{marker}}, a[a[int32]]{}, "a.a"},
		{a[[]a[*string]]{[]a[*string]{{}, {ptr(marker)}}}, a[[]a[*int32]]{}, "a[1].a"},
		{a[map[string]a[string]]{map[string]a[string]{"k": {marker}}}, a[map[string]a[int32]]{}, "a[#0].a"},
	}
}

func kindsDiffer(list func() []mismatch) func(e *Env) {
	return func(e *Env) {
		for _, m := range list() {
			name := strings.ReplaceAll(reflect.TypeOf(m.v).Field(0).Type.String()+" as "+reflect.TypeOf(m.like).Field(0).Type.String(), "github.com/polywire/polywire/conformance/", "")
			e.Part(strings.ReplaceAll(name, "codectest.", ""), func() { e.refusesAs(m.v, m.like, m.path) })
		}
	}
}

// kindsSurvive checks what is left of the rule: an error, or a value that survives another round.
func kindsSurvive(list func() []mismatch) func(e *Env) {
	return func(e *Env) {
		for _, m := range list() {
			if body, ok := e.Encode(e.Codec, m.v); ok {
				e.Survives(e.reader(m.v), body, m.like, quote(body))
			}
		}
	}
}

func caseMatters(e *Env) {
	type upper struct {
		A string `wire:"NAME,1"`
		B string `wire:"own,2"`
	}
	type lower struct {
		A string `wire:"name,3"`
		B string `wire:"own,2"`
	}
	e.reads(upper{"x", "y"}, lower{B: "y"})
	type both struct {
		A string `wire:"id,1"`
		B string `wire:"ID,2"`
		C string `wire:"Id,3"`
	}
	e.RoundTrip(e.Codec, both{"a", "b", "c"})
	e.RoundTrip(e.Codec, maps{S: map[string]string{"id": "1", "ID": "2", "Id": "3"}})
}

func refusesDuplicates(e *Env) {
	for _, v := range []any{
		maps{S: map[string]string{marker: "1", another: "2"}}, maps{P: map[string]point{marker: {1, 2}, another: {}}}, map[string]int{marker: 1, another: 2},
		lists{O: []map[string]int32{{"a": 1}, {marker: 1, another: 2, "z": 3}}}, keys{Fix: map[uuid]int32{{15: 0xAA}: 1, {15: 0xBB}: 2}},
	} {
		body, ok := e.Encode(e.Codec, v)
		if !ok {
			continue
		}
		from, to := another, marker
		if _, isText := v.(keys); isText {
			from, to = "000000bb", "000000aa"
		}
		if body, ok = e.patched(body, from, to); ok {
			e.Refused(e.Codec, body, v, "one key twice")
		}
	}
	type named struct {
		A int32 `wire:"markerAAAA,1"`
		B int32 `wire:"markerBBBB,2"`
	}
	body, ok := e.Encode(e.Codec, named{1, 2})
	if !ok || !bytes.Contains(body, []byte(another)) {
		return // names are not on this wire
	}
	e.Refused(e.Codec, bytes.ReplaceAll(body, []byte(another), []byte(marker)), named{}, "one name twice")
	e.Part("unknown", func() {
		e.Refused(e.Codec, bytes.ReplaceAll(body, []byte(another), []byte(marker)), empty{}, "one unknown name twice")
	})
}
