package codectest

import (
	"fmt"
	"reflect"
)

func nilCases() []Case {
	return []Case{
		{ID: "C094", Group: "H", Rule: "nil is no value and no target: an error both ways, and so is a target that is no pointer", Run: refusesNil},
		{ID: "C096", Group: "H", Rule: "nil and empty have one encoding and are read as nil", Run: nilIsEmpty},
	}
}

func refusesNil(e *Env) {
	var nobody *point
	for _, v := range []any{nil, nobody, new(*point), (*[]int)(nil)} {
		got, err := e.Codec.Append([]byte("head"), v)
		e.WantError(err, "encode", fmt.Sprintf("a nil %T", v))
		if string(got) != "head" {
			e.Errorf("a nil %T: dst is %q", v, got)
		}
	}
	body, ok := e.Encode(e.Codec, point{1, 2})
	if !ok {
		return
	}
	for _, target := range []any{nil, nobody, point{}, "s", []int{}, map[string]int{}} {
		e.WantError(e.Codec.Decode(body, target), "decode", fmt.Sprintf("into %T", target))
	}
	var p *point
	if err := e.Codec.Decode(body, &p); err != nil || p == nil || *p != (point{1, 2}) {
		e.Errorf("into a pointer to a nil pointer: got %v, %v", p, err)
	}
}

func nilIsEmpty(e *Env) {
	for _, pair := range [][2]any{
		{lists{}, lists{B: []bool{}, I: []int64{}, S: []string{}, P: []point{}, Q: []*point{}, N: [][]string{}, O: []map[string]int32{}}},
		{maps{}, maps{S: map[string]string{}, P: map[string]point{}, L: map[string][]int32{}}},
		{blobs{}, blobs{B: []byte{}, L: [][]byte{}}},
		{lists{N: [][]string{nil, {"a"}}}, lists{N: [][]string{{}, {"a"}}}},
		{maps{L: map[string][]int32{"a": nil}}, maps{L: map[string][]int32{"a": {}}}},
		{blobs{L: [][]byte{nil, {1}}}, blobs{L: [][]byte{{}, {1}}}},
		{optionals{L: ptr([]int32(nil))}, optionals{L: ptr([]int32{})}},
		{[]int(nil), []int{}}, {map[string]int(nil), map[string]int{}}, {[]byte(nil), []byte{}},
	} {
		none, ok := e.Encode(e.Codec, pair[0])
		if !ok {
			continue
		}
		if some, ok := e.Encode(e.Codec, pair[1]); ok && string(none) != string(some) {
			e.Errorf("%T: nil is %s and empty is %s", pair[0], quote(none), quote(some))
		}
		got, ok := e.Decode(e.Codec, none, pair[0])
		if !ok {
			continue
		}
		if p := emptyButNotNil("", reflect.ValueOf(got)); p != "" {
			e.Errorf("%T: %s is empty but not nil", got, p)
		}
	}
}
