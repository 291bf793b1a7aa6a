package codectest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
)

func memoryCases() []Case {
	return []Case{
		{ID: "C077", Group: "E", Rule: "equal values have equal encodings, also maps, a thousand times", Run: encodesAlike},
		{ID: "C084", Group: "F", Rule: "a decoded value does not change when the input is overwritten, and Decode does not change its input", Run: aliasesNothing},
		{ID: "C085", Group: "F", Rule: "an encoding that is overwritten changes no later one", Run: keepsNothing},
		{ID: "C086", Group: "F", Rule: "Append appends, keeps what was there, uses spare room, and returns dst as it was on error", Run: appends},
		{ID: "C087", Group: "F", Rule: "Decode replaces the target and shares nothing with what it was; after an error it is zero", Run: replaces},
		{ID: "C090", Group: "G", Rule: "one codec serves 64 goroutines with values of all kinds", Run: serves(64)},
	}
}

func encodesAlike(e *Env) {
	m := map[string]string{}
	for i := range 100 {
		m[strings.Repeat("k", i)] = fmt.Sprint(i)
	}
	v := maps{S: m}
	first, ok := e.Encode(e.Codec, v)
	for i := 0; ok && i < 1000; i++ {
		c := e.Codec
		if i%100 == 0 {
			c = e.With(limits{})
			clone := map[string]string{}
			for _, k := range slices.Sorted(mapKeys(m)) {
				clone[k] = m[k]
			}
			v = maps{S: clone}
		}
		if again, err := c.Append(nil, v); err != nil || !bytes.Equal(first, again) {
			e.Errorf("another encoding of one value: %s, %v", quote(again), err)
			return
		}
	}
}

func mapKeys[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func aliasesNothing(e *Env) {
	for _, d := range e.documents() {
		src := bytes.Clone(d.body)
		got, ok := e.Decode(e.Codec, src, d.Value)
		if !ok {
			continue
		}
		if !bytes.Equal(src, d.body) {
			e.Errorf("%s: Decode changed its input", d.String())
		}
		for i := range src {
			src[i] = 0xDD
		}
		if df := Diff(d.Value, got); df != "" {
			e.Errorf("%s aliases its input: %s", d.String(), df)
		}
	}
}

func keepsNothing(e *Env) {
	for _, d := range e.documents() {
		want := bytes.Clone(d.body)
		first, ok := e.Encode(e.Codec, d.Value)
		if !ok {
			continue
		}
		for i := range first {
			first[i] = 0xDD
		}
		if again, ok := e.Encode(e.Codec, d.Value); ok && !bytes.Equal(again, want) {
			e.Errorf("%s: got %s, want %s", d.String(), quote(again), quote(want))
		}
	}
	b := blobs{B: []byte("before")}
	before, _ := e.Encode(e.Codec, b)
	b.B[0] = 'B'
	if after, ok := e.Encode(e.Codec, b); ok && bytes.Equal(before, after) {
		e.Errorf("a changed value has the old encoding")
	}
}

func appends(e *Env) {
	for _, d := range e.documents() {
		room := append(make([]byte, 0, len(d.body)+64), "head"...)
		tail := room[:cap(room)]
		for i := 4; i < len(tail); i++ {
			tail[i] = 0xAA
		}
		got, err := e.Codec.Append(room, d.Value)
		if err != nil || string(got) != "head"+string(d.body) {
			e.Errorf("%s: got %s, %v, want head and %s", d.String(), quote(got), err, quote(d.body))
			continue
		}
		if len(d.body) > 0 && &got[0] != &room[0] {
			e.Errorf("%s: Append left spare room unused", d.String())
		}
		full := slices.Clip([]byte("head"))
		if got, err := e.Codec.Append(full, d.Value); err != nil || string(got) != "head"+string(d.body) || string(full) != "head" {
			e.Errorf("%s without room: got %s, %v", d.String(), quote(got), err)
		}
	}
	for _, bad := range []any{text{"\xff"}, lists{S: []string{"ok", "\xff"}}, maps{S: map[string]string{"a": "ok", "b": "\xff"}}, []any{1}, nil} {
		room := append(make([]byte, 0, 64), "head"...)
		got, err := e.Codec.Append(room, bad)
		if err == nil || string(got) != "head" || cap(got) != cap(room) {
			e.Errorf("on error: got %q, %v, want dst as it was", got, err)
		}
	}
}

func replaces(e *Env) {
	old, oldMap, oldPoint := []int64{7, 8, 9}, map[string]string{"x": "1"}, &point{3, 4}
	got := whole{Text: "old", Bool: true, Lists: lists{I: old}, Maps: maps{S: oldMap}, Opt: optionals{P: oldPoint, N: ptr(int64(1))}, Blobs: blobs{B: []byte("old")}, Fixed: fixed{H: [4]byte{1}}}
	want := whole{Ints: widths{I8: 5}, Lists: lists{I: []int64{1}}, Maps: maps{S: map[string]string{"y": "2"}}, Opt: optionals{P: &point{X: 6}}}
	body, ok := e.Encode(e.Codec, want)
	if !ok {
		return
	}
	if err := e.Codec.Decode(body, &got); err != nil {
		e.Errorf("%v", err)
	}
	if d := Diff(want, got); d != "" {
		e.Errorf("a target that was not zero: %s", d)
	}
	if old[0] != 7 || oldMap["x"] != "1" || len(oldMap) != 1 || *oldPoint != (point{3, 4}) {
		e.Errorf("Decode wrote to memory that the old value shared: %v %v %v", old, oldMap, oldPoint)
	}
	for n := len(body) - 1; n > 0; n-- {
		got = want
		if err := e.Codec.Decode(body[:n], &got); err != nil {
			if d := Diff(whole{}, got); d != "" {
				e.Errorf("after an error the target is not zero: %s", d)
			}
		}
	}
}

// serves runs all documents on n goroutines at once, each of them in another order.
func serves(n int) func(e *Env) {
	return func(e *Env) {
		docs := e.documents()
		c := e.With(limits{})
		start := make(chan struct{}) // closed when all goroutines stand ready
		var wg sync.WaitGroup
		for g := range n {
			wg.Go(func() {
				<-start
				for i := range docs {
					d := &docs[(i*7+g*13)%len(docs)]
					got, ok := e.Decode(c, d.body, d.Value)
					if !ok {
						continue
					}
					if df := Diff(d.Value, got); df != "" {
						e.Errorf("%s: %s", d.String(), df)
					}
					if body, ok := e.Encode(c, got); ok && !bytes.Equal(body, d.body) {
						e.Errorf("%s: got %s, want %s", d.String(), quote(body), quote(d.body))
					}
				}
			})
		}
		close(start)
		wg.Wait()
	}
}
