package codectest

import (
	"bytes"
	"fmt"
	"net/netip"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/polywire/polywire/codecs"
)

func typeCases() []Case {
	return []Case{
		{ID: "C031", Group: "A", Rule: "generated values of generated types come back: hundreds of them", Run: generatedValues(300)},
		{ID: "C031n", Group: "A", Rule: "generated values of generated types come back: 100,000 of them", Tier: Nightly, Run: generatedValues(100_000)},
		{ID: "C024", Group: "A", Rule: "generated messages come back by their own equality, one-ofs and all", Ability: AbilityMessages, Run: carriesMessages},
		{ID: "C074", Group: "D", Rule: "types of a thousand fields and of a hundred levels are carried", Run: carriesLargeTypes},
		{ID: "C079", Group: "E", Rule: "encode(decode(x)) is x for what the codec wrote", Run: isFixedPoint},
		{ID: "C083", Group: "E", Rule: "an encoding depends on the value alone: on no zone, map, goroutine or codec before it", Run: dependsOnNothing},
		{ID: "C088", Group: "F", Rule: "after an error nothing of the failed input or value is left in a later one", Run: errorsLeaveNothing},
		{ID: "C091", Group: "G", Rule: "64 goroutines that use a type for the first time at once agree", Run: firstUseAtOnce},
		{ID: "C092", Group: "G", Rule: "what a codec remembers of types is bounded, however many there are", Run: remembersFew},
		{ID: "C093", Group: "G", Rule: "types of one name are apart, in one codec and in two", Run: namesakesAreApart},
		{ID: "C107", Group: "J", Rule: "a registry finds the codec by its name and media type, in any case and with parameters, and once", Run: isFound},
		{ID: "C115", Group: "F", Rule: "a text's method never sees memory of the input or of another value", Run: textsSeeTheirOwn},
		{ID: "C116", Group: "F", Rule: "a panic of the user's method is the user's, and the codec works afterwards", Run: panicsPass},
	}
}

func carriesMessages(e *Env) {
	for _, m := range e.h.Messages {
		e.Part(m.Name, func() {
			body, ok := e.Encode(e.Codec, m.Value)
			if !ok {
				return
			}
			got := m.New()
			if err := e.Codec.Decode(body, got); err != nil {
				e.Errorf("%s: %v", quote(body), err)
				return
			}
			if !m.Equal(m.Value, got) {
				e.Errorf("decode(encode(v)) is not v: got %s, from %s", short(got), quote(body))
			}
			if again, ok := e.Encode(e.Codec, got); ok && !bytes.Equal(body, again) {
				e.Errorf("encoded as %s, then as %s", quote(body), quote(again))
			}
			if err := e.Codec.Decode([]byte("\xff\xff\xff"), got); err == nil || !m.Equal(m.New(), got) {
				e.Errorf("rubbish into a message that was not empty: got %s, %v, want an error and an empty one", short(got), err)
			}
		})
	}
}

// numbered is a struct type of n fields of type t.
func numbered(n int, prefix string, t reflect.Type) reflect.Type {
	fields := make([]reflect.StructField, n)
	for i := range fields {
		fields[i] = reflect.StructField{Name: fmt.Sprint(prefix, i), Type: t, Tag: reflect.StructTag(fmt.Sprintf(`wire:"%s%d,%d"`, prefix, i, i+1))}
	}
	return reflect.StructOf(fields)
}

func carriesLargeTypes(e *Env) {
	wide := reflect.New(numbered(1000, "F", reflect.TypeFor[int32]())).Elem()
	for i := range wide.NumField() {
		wide.Field(i).SetInt(int64(i) - 500)
	}
	e.RoundTrip(e.Codec, wide.Interface())
	deep := reflect.TypeFor[int32]()
	for range 90 {
		deep = numbered(1, "D", deep)
	}
	v := reflect.New(deep).Elem()
	leaf := v
	for leaf.Kind() == reflect.Struct {
		leaf = leaf.Field(0)
	}
	leaf.SetInt(7)
	e.RoundTrip(e.Codec, v.Interface())
}

func isFixedPoint(e *Env) {
	for _, d := range e.documents() {
		if got, ok := e.Decode(e.Codec, d.body, d.Value); ok {
			if again, ok := e.Encode(e.Codec, got); ok && !bytes.Equal(d.body, again) {
				e.Errorf("%s: %s, then %s", d.String(), quote(d.body), quote(again))
			}
		}
	}
}

func dependsOnNothing(e *Env) {
	at := time.Unix(1_700_000_000, 5)
	var want []byte
	for i, zone := range []*time.Location{time.UTC, time.Local, time.FixedZone("a", 14*3600), time.FixedZone("b", -3601)} {
		got, ok := e.Encode(e.Codec, instants{At: at.In(zone)})
		if i == 0 {
			want = got
		} else if ok && !bytes.Equal(want, got) {
			e.Errorf("in another zone a time is %s, want %s", quote(got), quote(want))
		}
	}
	now := time.Now()
	if got, ok := e.Encode(e.Codec, instants{At: now}); ok {
		if want, ok := e.Encode(e.Codec, instants{At: now.Round(0)}); ok && !bytes.Equal(want, got) {
			e.Errorf("a monotonic reading changes %s to %s", quote(want), quote(got))
		}
	}
	docs := e.documents()
	var wg sync.WaitGroup
	for _, c := range []codecs.Codec{e.With(limits{}), e.Codec} {
		wg.Go(func() {
			for i := range docs {
				d := &docs[len(docs)-1-i]
				if got, ok := e.Encode(c, d.Value); ok && !bytes.Equal(d.body, got) {
					e.Errorf("%s: %s elsewhere, want %s", d.String(), quote(got), quote(d.body))
				}
			}
		})
	}
	wg.Wait()
}

func errorsLeaveNothing(e *Env) {
	good, ok := e.Encode(e.Codec, point{1, 2})
	if !ok {
		return
	}
	for _, v := range []any{text{marker + "\xff"}, lists{S: []string{marker, "\xff"}}, maps{S: map[string]string{marker: "", "z": "\xff"}}} {
		_, err := e.Codec.Append(nil, v)
		e.WantError(err, "encode", "invalid UTF-8")
		if again, ok := e.Encode(e.Codec, point{1, 2}); ok && !bytes.Equal(good, again) {
			e.Errorf("after an error a value is %s, want %s", quote(again), quote(good))
		}
	}
	v := whole{Lists: lists{S: []string{marker, another}}, Maps: maps{S: map[string]string{marker: another}}, Text: marker, Named: named{Addr: netip.MustParseAddr("::1")}}
	body, ok := e.Encode(e.Codec, v)
	if !ok {
		return
	}
	bad, ok := e.patched(bytes.Clone(body), another, "marker\xff\xff\xff\xff")
	for i := 0; ok && i < 20; i++ {
		var got whole
		src := bytes.Clone(bad)
		err := e.Codec.Decode(src, &got)
		e.WantError(err, "decode", "invalid UTF-8")
		for j := range src {
			src[j] = 0xDD
		}
		if err := e.Codec.Decode(body, &got); err != nil {
			e.Errorf("after an error: %v", err)
		} else if d := Diff(v, got); d != "" {
			e.Errorf("after an error: %s", d)
		}
		e.Decode(e.Codec, good, point{})
	}
}

func firstUseAtOnce(e *Env) {
	for round := range 5 {
		t := numbered(3+round, "First", reflect.TypeFor[[]tree]())
		v := reflect.New(t).Elem()
		v.Field(0).Set(reflect.ValueOf([]tree{{Value: 1, Kids: []*tree{{Value: 2}}}}))
		c, bodies := e.With(limits{}), make([][]byte, 64)
		start := make(chan struct{}) // closed when all goroutines stand ready
		var wg sync.WaitGroup
		for g := range bodies {
			wg.Go(func() {
				<-start
				bodies[g], _ = e.Encode(c, v.Interface())
				if got, ok := e.Decode(c, bodies[g], v.Interface()); ok {
					if d := Diff(v.Interface(), got); d != "" {
						e.Errorf("%s", d)
					}
				}
			})
		}
		close(start)
		wg.Wait()
		for _, b := range bodies[1:] {
			if !bytes.Equal(b, bodies[0]) {
				e.Errorf("%s and %s", quote(b), quote(bodies[0]))
			}
		}
	}
}

// remembersFew counts what one codec keeps after a few types and after twelve times
// as many: a list without bound would keep twelve times as much.
func remembersFew(e *Env) {
	const few, many = 600, 7200
	values := make([]any, many)
	for i := range values {
		t := reflect.StructOf([]reflect.StructField{{Name: fmt.Sprint("A", i), Type: reflect.TypeFor[int32](), Tag: `wire:"a,1"`}})
		values[i] = reflect.New(t).Interface()
	}
	use := func(c codecs.Codec, from, to int) {
		for _, v := range values[from:to] {
			if body, ok := e.Encode(c, v); ok {
				if err := c.Decode(body, v); err != nil {
					e.Errorf("%v", err)
				}
			}
		}
	}
	use(e.With(limits{}), 0, many) // what reflection keeps of a type is not the codec's
	c := e.With(limits{})
	base := held()
	use(c, 0, few)
	first := held() - base
	most := int64(0)
	for at := few; at < many; at += few {
		use(c, at, at+few)
		most = max(most, held()-base)
	}
	runtime.KeepAlive(values)
	if first > 64<<10 && most > 9*first {
		e.Errorf("%d types cost %d bytes, and %d types up to %d: what is remembered has no bound", few, first, many, most)
	}
	runtime.KeepAlive(c)
}

// held is what lives on the heap.
func held() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func namesakesAreApart(e *Env) {
	one := func() any {
		type record struct {
			A string `wire:"a,1"`
		}
		return record{"text"}
	}()
	two := func() any {
		type record struct {
			A int64   `wire:"a,1"`
			B []int32 `wire:"b,2"`
		}
		return record{7, []int32{1}}
	}()
	for range 2 {
		e.RoundTrip(e.Codec, one)
		e.RoundTrip(e.Codec, two)
		e.RoundTrip(e.With(limits{}), two)
		e.RoundTrip(e.With(limits{}), one)
	}
	type first struct {
		P point `wire:"p,1"`
	}
	type second struct {
		P struct {
			Z string `wire:"z,1"`
		} `wire:"p,1"`
	}
	e.RoundTrip(e.Codec, first{point{1, 2}})
	e.RoundTrip(e.Codec, second{struct {
		Z string `wire:"z,1"`
	}{"z"}})
}

func isFound(e *Env) {
	c := e.Codec
	reg, err := codecs.NewRegistry(c)
	if err != nil {
		e.Errorf("%v", err)
		return
	}
	if got, err := reg.ByName(c.Name()); err != nil || got != c {
		e.Errorf("by its name: got %v, %v", got, err)
	}
	known := []string{c.ContentType()}
	if a, ok := c.(codecs.Aliaser); ok {
		known = append(known, a.ContentTypeAliases()...)
	}
	for _, media := range known {
		for _, text := range []string{media, strings.ToUpper(media), media + "; charset=utf-8", media + ";charset=UTF-8; v=1"} {
			if got, err := reg.ByContentType(text); err != nil || got != c {
				e.Errorf("by %s: got %v, %v", text, got, err)
			}
		}
		if _, err := reg.ByContentType(media + "; charset=latin1"); err == nil {
			e.Errorf("%s in latin1 is found", media)
		}
	}
	if _, err := codecs.NewRegistry(c, e.With(limits{})); err == nil {
		e.Errorf("a registry takes the codec twice")
	}
	if _, err := reg.ByName("no-such-codec"); err == nil || !strings.Contains(err.Error(), c.Name()) {
		e.Errorf("an unknown name: got %v, want the known ones in it", err)
	}
	if got, ok := reg.Accept(c.ContentType() + ";q=0.5, */*;q=0.1"); !ok || got != c {
		e.Errorf("accepted: got %v, %v", got, ok)
	}
	if other := e.With(limits{}); other.Name() != c.Name() || other.ContentType() != c.ContentType() {
		e.Errorf("another codec of this format is %s, %s", other.Name(), other.ContentType())
	}
}

// A keeper is a text whose method keeps what it was given, as it must not.
type keeper struct{ text []byte }

// MarshalText returns its own memory.
func (k keeper) MarshalText() ([]byte, error) { return k.text, nil }

// UnmarshalText keeps the caller's.
func (k *keeper) UnmarshalText(b []byte) error { k.text = b; return nil }

func textsSeeTheirOwn(e *Env) {
	type keepers struct {
		A keeper `wire:"a,1"`
		B keeper `wire:"b,2"`
	}
	v := keepers{keeper{[]byte(marker)}, keeper{[]byte(another)}}
	body, ok := e.Encode(e.Codec, v)
	if !ok {
		return
	}
	if string(v.A.text) != marker || string(v.B.text) != another {
		e.Errorf("encode changed a text to %q, %q", v.A.text, v.B.text)
	}
	src, got := bytes.Clone(body), keepers{}
	if err := e.Codec.Decode(src, &got); err != nil {
		e.Errorf("%v", err)
		return
	}
	for i := range got.A.text {
		got.A.text[i] = 'X'
	}
	if !bytes.Equal(src, body) {
		e.Errorf("a text that keeps what it gets has the input's memory: %s", quote(src))
	}
}

// A thrower is a text whose methods panic.
type thrower struct{ text string }

// MarshalText panics.
func (t thrower) MarshalText() ([]byte, error) {
	if t.text == "" {
		panic("mine")
	}
	return []byte(t.text), nil
}

// UnmarshalText panics.
func (*thrower) UnmarshalText([]byte) error { panic("mine") }

func panicsPass(e *Env) {
	body, ok := e.Encode(e.Codec, a[thrower]{thrower{"t"}})
	if !ok {
		return
	}
	for what, f := range map[string]func(){
		"encode": func() { _, _ = e.Codec.Append(nil, a[thrower]{}) },
		"decode": func() { _ = e.Codec.Decode(body, new(a[thrower])) },
	} {
		func() {
			defer func() {
				if got := recover(); got != "mine" {
					e.Errorf("%s: got %v, want the panic of the method", what, got)
				}
			}()
			f()
		}()
		e.RoundTrip(e.Codec, aWhole())
	}
}
