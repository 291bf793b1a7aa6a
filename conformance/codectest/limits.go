package codectest

import (
	"errors"
	"slices"
	"strings"

	"github.com/polywire/polywire/codecs"
)

func limitCases() []Case {
	return []Case{
		{ID: "C066", Group: "D", Rule: "nesting at Limits.MaxDepth passes and one level more is an error, both ways", Run: depthAtTheLimit},
		{ID: "C067", Group: "D", Rule: "a cyclic value is an error that says so, and what is shared cannot grow for ever", Run: cyclesAreErrors},
		{ID: "C068", Group: "D", Rule: "Limits.MaxBytes and Limits.MaxElements hold both ways, for all parts together", Run: bytesAndElements},
		{ID: "C071", Group: "D", Rule: "time grows no faster than the input: eight times as much takes less than 27 times as long", Run: takesLinearTime},
		{ID: "C076", Group: "D", Rule: "hostile input is an error or a value, at 16 bytes allocated for each of its own and 64 KiB", Run: survivesBombs(2 * middle)},
		{ID: "C076n", Group: "D", Rule: "so is hostile input of megabytes", Tier: Nightly, Run: survivesBombs(1 << 30)},
	}
}

// WantLimit checks that err is a limit of the codec.
func (e *Env) WantLimit(err error, op, what string) {
	if e.WantError(err, op, what) && !errors.Is(err, codecs.ErrLimit) {
		e.Errorf("%s: got %v, want codecs.ErrLimit", what, err)
	}
}

func depthAtTheLimit(e *Env) {
	for _, limit := range []int{5, 100} {
		e.depths(e.With(limits{MaxDepth: limit}), limit)
	}
}

// depths tries values that nest in each way, up to some levels above the limit of c.
func (e *Env) depths(c codecs.Codec, limit int) {
	in, list, by, deep := &nest{}, &nest{}, &nest{}, &nest{}
	for depth := 1; depth < limit+2; depth++ {
		in, list, by = &nest{In: in}, &nest{List: []nest{*list}}, &nest{By: map[string]nest{"": *by}}
		deep = &nest{Deep: [][]nest{{*deep}}}
		for _, tc := range []struct {
			what   string
			levels int
			v      any
		}{{"members", 1 + depth, in}, {"lists", 1 + 2*depth, list}, {"maps", 1 + 2*depth, by}, {"lists of lists", 1 + 3*depth, deep}} {
			e.Part(tc.what, func() { e.depth(c, tc.v, tc.levels-limit) })
		}
	}
}

// depth checks that v, so many levels above the limit of c, is carried or too deep both ways.
func (e *Env) depth(c codecs.Codec, v any, above int) {
	const enough = 4
	if above > enough {
		return
	}
	body, err := c.Append(nil, v)
	if above <= 0 {
		if err != nil {
			e.Errorf("encode at the limit: %v", err)
		} else if err := c.Decode(body, new(nest)); err != nil {
			e.Errorf("decode at the limit: %v", err)
		}
		return
	}
	e.WantLimit(err, "encode", "above the limit")
	if body, ok := e.Encode(e.With(limits{MaxDepth: 200}), v); ok {
		e.WantLimit(c.Decode(body, new(nest)), "decode", "above the limit")
	}
}

func cyclesAreErrors(e *Env) {
	ring := &nest{}
	ring.In = ring
	inList := &nest{List: make([]nest, 1)}
	inList.List[0].List = inList.List
	inMap := &nest{By: map[string]nest{}}
	inMap.By["a"] = nest{By: inMap.By}
	inDeep := &nest{Deep: [][]nest{make([]nest, 1)}}
	inDeep.Deep[0][0].Deep = inDeep.Deep
	for what, v := range map[string]any{"a pointer": ring, "a value": *ring, "a list": inList, "a map": inMap, "lists of lists": inDeep} {
		e.Part(what, func() {
			for _, c := range []codecs.Codec{e.Codec, e.With(limits{MaxDepth: 1 << 30})} {
				_, err := c.Append(nil, v)
				e.WantLimit(err, "encode", "a cycle")
				if err != nil && c == e.Codec && !strings.Contains(err.Error(), "cyclic") {
					e.Errorf("the text does not tell of cycles: %v", err)
				}
			}
		})
	}
	e.Part("shared", func() {
		leaf := &nest{}
		for range 22 { // 2^22 of them, were they written
			leaf = &nest{List: []nest{{In: leaf}, {In: leaf}}}
		}
		_, err := e.With(limits{MaxDepth: 1000}).Append(nil, leaf)
		e.WantLimit(err, "encode", "what is shared")
		long := strings.Repeat("x", 1<<20)
		many := lists{S: slices.Repeat([]string{long}, 64)}
		for what, v := range map[string]any{"a text": many, "bytes": blobs{L: slices.Repeat([][]byte{[]byte(long)}, 64)}, "text keys": manyKeys(long)} {
			const most = 8 * codecs.DefaultMaxBytes
			got := allocatedAtMost(most, func() { _, err = e.Codec.Append(nil, v) })
			e.WantLimit(err, "encode", what+" of 1 MiB, 64 times")
			if got > most {
				e.Errorf("%s of 1 MiB, 64 times: %d bytes allocated, want at most %d", what, got, most)
			}
		}
	})
}

// manyKeys has one long key in many maps.
func manyKeys(long string) any {
	return lists{O: slices.Repeat([]map[string]int32{{long: 1}}, 64)}
}

// atLimit checks that v passes c both ways.
func (e *Env) atLimit(c codecs.Codec, v any) {
	if body, ok := e.Encode(c, v); ok {
		e.Decode(c, body, v)
	}
}

// aboveLimit checks that v fails both ways.
func (e *Env) aboveLimit(c codecs.Codec, v any) {
	got, err := c.Append([]byte("head"), v)
	e.WantLimit(err, "encode", "above the limit")
	if string(got) != "head" {
		e.Errorf("an error returns dst as %q, want it as it was", quote(got))
	}
	if body, ok := e.Encode(e.Codec, v); ok {
		p := pointed(v)
		e.WantLimit(c.Decode(body, p), "decode", "above the limit")
		if d := Diff(behind(fresh(v)), behind(p)); d != "" {
			e.Errorf("an error leaves the old value: %s", d)
		}
	}
}

func bytesAndElements(e *Env) {
	e.Part("bytes", func() {
		for _, v := range []any{text{strings.Repeat("a", 100)}, lists{I: make([]int64, 100)}, blobs{B: make([]byte, 100)}, maps{S: map[string]string{"a": "b"}}} {
			body, ok := e.Encode(e.Codec, v)
			if !ok {
				continue
			}
			e.atLimit(e.With(limits{MaxBytes: len(body)}), v)
			e.aboveLimit(e.With(limits{MaxBytes: len(body) - 1}), v)
			if _, err := e.With(limits{MaxBytes: len(body)}).Append(make([]byte, 1000), v); err != nil {
				e.Errorf("what stood in dst counts: %v", err)
			}
		}
		if _, err := e.Codec.Append(nil, text{strings.Repeat("a", codecs.DefaultMaxBytes)}); !errors.Is(err, codecs.ErrLimit) {
			e.Errorf("above 4 MiB with the default: got %v", err)
		}
	})
	e.Part("elements", func() {
		c := e.With(limits{MaxElements: 6})
		e.atLimit(c, lists{I: make([]int64, 6)})
		e.atLimit(c, lists{B: make([]bool, 3), S: make([]string, 3)})
		for _, v := range []any{
			lists{I: make([]int64, 7)}, lists{B: make([]bool, 3), S: make([]string, 4)}, keys{I: map[int64]string{1: "", 2: "", 3: "", 4: "", 5: "", 6: "", 7: ""}},
			lists{N: [][]string{{"", ""}, {"", ""}, {""}}},
		} {
			e.aboveLimit(c, v)
		}
	})
}
