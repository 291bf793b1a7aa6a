package codectest

import (
	"errors"
	"reflect"
	"strings"
	"time"
	"unsafe"

	"github.com/polywire/polywire/codecs"
)

func refusalCases() []Case {
	return []Case{
		{ID: "C008", Group: "A", Rule: "invalid UTF-8 is refused on encode, wherever it stands", Run: refusesInvalidUTF8},
		{ID: "C021", Group: "A", Rule: "a field of type any is refused at registration, with its path", Run: refusesTypes("any")},
		{ID: "C109", Group: "K", Rule: "a type that not every format carries is refused at registration, with the path of the field", Run: refusesTypes("")},
		{ID: "C112", Group: "K", Rule: "a value that cannot be carried is refused on encode, with its path", Run: refusesValues},
		{ID: "C113", Group: "K", Rule: "what registration refuses, encode and decode refuse too", Run: checkAndUseAgree},
		{ID: "C114", Group: "K", Rule: "fields without numbers are carried by their names", Unless: NeedsNumbers, Run: carriesWithoutNumbers, Inverse: refusesWithoutNumbers},
	}
}

// The types here are wrong on purpose.
type (
	hasJSON     struct{ A int32 }
	halfText    struct{ A int32 }
	isGenerated struct{ A int32 }
	badText     struct{ text string }
	sameText    int
	brokenText  struct{ err error }
)

// MarshalJSON is a method that one format alone could honour.
func (hasJSON) MarshalJSON() ([]byte, error) { return []byte("1"), nil }

// MarshalText lacks its other half.
func (halfText) MarshalText() ([]byte, error) { return nil, nil }

// ProtoReflect makes a type look generated.
func (*isGenerated) ProtoReflect() {}

// MarshalText returns what may be no text.
func (b badText) MarshalText() ([]byte, error) { return []byte(b.text), nil }

// UnmarshalText takes anything.
func (b *badText) UnmarshalText(text []byte) error { b.text = string(text); return nil }

// MarshalText gives all values one text.
func (sameText) MarshalText() ([]byte, error) { return []byte("x"), nil }

// UnmarshalText takes anything.
func (*sameText) UnmarshalText([]byte) error { return nil }

// MarshalText fails.
func (b brokenText) MarshalText() ([]byte, error) { return nil, b.err }

// UnmarshalText fails, and says too much.
func (*brokenText) UnmarshalText([]byte) error { return errors.New(secret) }

// An uncarried is a type that is refused, and what the path of the error ends in.
type uncarried struct {
	what string
	typ  reflect.Type
	path string
}

func uncarriedTypes() []uncarried { return append(kindsUncarried(), namesUncarried()...) }

func kindsUncarried() []uncarried {
	return []uncarried{
		{"any", reflect.TypeFor[struct {
			V any `wire:"v,1"`
		}](), "V"},
		{"any in a list", reflect.TypeFor[struct {
			V []any `wire:"v,1"`
		}](), "V[]"},
		{"any in a map", reflect.TypeFor[struct {
			V map[string]any `wire:"v,1"`
		}](), "V[]"},
		{"any behind a pointer", reflect.TypeFor[struct {
			V *any `wire:"v,1"`
		}](), "V"},
		{"a list of any", reflect.TypeFor[[]any](), "[]"},
		{"an interface", reflect.TypeFor[struct {
			E error `wire:"e,1"`
		}](), "E"},
		{"a channel", reflect.TypeFor[struct {
			C chan int `wire:"c,1"`
		}](), "C"},
		{"a function", reflect.TypeFor[struct {
			F func() `wire:"f,1"`
		}](), "F"},
		{"a complex number", reflect.TypeFor[struct {
			L []struct {
				C complex128 `wire:"c,1"`
			} `wire:"l,1"`
		}](), "L[].C"},
		{"uintptr", reflect.TypeFor[struct {
			P uintptr `wire:"p,1"`
		}](), "P"},
		{"an unsafe pointer", reflect.TypeFor[struct {
			P unsafe.Pointer `wire:"p,1"`
		}](), "P"},
		{"a pointer to a pointer", reflect.TypeFor[struct {
			P **int `wire:"p,1"`
		}](), "P"},
		{"a map with float keys", reflect.TypeFor[struct {
			M map[float64]int `wire:"m,1"`
		}](), "M"},
		{"a map with struct keys", reflect.TypeFor[struct {
			M map[point]int `wire:"m,1"`
		}](), "M"},
		{"a map with time keys", reflect.TypeFor[struct {
			M map[time.Time]int `wire:"m,1"`
		}](), "M"},
		{"an embedded pointer", reflect.TypeFor[struct{ *Embeddable }](), "Embeddable"},
		{"methods for JSON alone", reflect.TypeFor[struct {
			J hasJSON `wire:"j,1"`
		}](), "J"},
		{"half of a text", reflect.TypeFor[struct {
			T halfText `wire:"t,1"`
		}](), "T"},
		{"a generated message inside", reflect.TypeFor[struct {
			G isGenerated `wire:"g,1"`
		}](), "G"},
	}
}

func namesUncarried() []uncarried {
	return []uncarried{
		{"no exported field", reflect.TypeFor[struct {
			S struct{ a int } `wire:"s,1"`
		}](), "S"},
		{"a tag on a field that is not exported", reflect.TypeFor[struct {
			S struct {
				a int `wire:"a,1"`
				B int `wire:"b,2"`
			} `wire:"s,1"`
		}](), "a"},
		{"two fields of one name", reflect.TypeFor[struct {
			S struct {
				A int `wire:"x,1"`
				B int `wire:"x,2"`
			} `wire:"s,1"`
		}](), "S"},
		{"two fields of one number", reflect.TypeFor[struct {
			S struct {
				A int `wire:"a,1"`
				B int `wire:"b,1"`
			} `wire:"s,1"`
		}](), "S"},
		{"a name with a space", reflect.TypeFor[struct {
			A int `wire:"a b,1"`
		}](), "A"},
		{"a name that begins with a digit", reflect.TypeFor[struct {
			A int `wire:"1a,1"`
		}](), "A"},
		{"a number out of range", reflect.TypeFor[struct {
			A int `wire:"a,19000"`
		}](), "A"},
		{"an option that is not known", reflect.TypeFor[struct {
			A int `wire:"a,1,sometimes"`
		}](), "A"},
	}
}

// Embeddable is embedded by pointer, which has no place on a wire.
type Embeddable struct {
	A int `wire:"a,1"`
}

// refusesTypes checks those whose name begins so.
func refusesTypes(prefix string) func(e *Env) {
	return func(e *Env) {
		checker, ok := e.Codec.(codecs.TypeChecker)
		if !ok {
			e.Errorf("the codec does not implement codecs.TypeChecker, so nothing is refused before the first message")
			return
		}
		for _, u := range uncarriedTypes() {
			if strings.HasPrefix(u.what, prefix) {
				e.Part(u.what, func() { e.refusesType(checker, u) })
			}
		}
		if prefix == "" {
			e.WantError(checker.CheckType(nil), "check", "a nil type")
			if err := checker.CheckType(reflect.TypeFor[*whole]()); err != nil {
				e.Errorf("a pointer to a type that is carried: %v", err)
			}
		}
	}
}

func (e *Env) refusesType(checker codecs.TypeChecker, u uncarried) {
	for _, t := range []reflect.Type{u.typ, reflect.PointerTo(u.typ), u.typ} {
		err := checker.CheckType(t)
		if !e.WantError(err, "check", u.what) {
			continue
		}
		if !errors.Is(err, codecs.ErrUnsupported) {
			e.Errorf("got %v, want codecs.ErrUnsupported", err)
		}
		var ce *codecs.Error
		if errors.As(err, &ce) && !strings.HasSuffix(ce.Path, u.path) {
			e.Errorf("the path is %q, want one that ends in %q: %v", ce.Path, u.path, err)
		}
	}
}

// A refused is a value that cannot be carried, the path of the error, and a
// text that it must not hold.
type refused struct {
	what string
	v    any
	path string
}

func (e *Env) refuses(list []refused) {
	for _, r := range list {
		e.Part(r.what, func() {
			got, err := e.Codec.Append([]byte("head"), r.v)
			if !e.WantError(err, "encode", r.what) {
				return
			}
			var ce *codecs.Error
			if errors.As(err, &ce) && ce.Path != r.path {
				e.Errorf("the path is %q, want %q: %v", ce.Path, r.path, err)
			}
			if string(got) != "head" {
				e.Errorf("dst is %s, want it as it was", quote(got))
			}
			e.tellsNothing(err, secret)
		})
	}
}

func refusesInvalidUTF8(e *Env) {
	type texts struct {
		T badText             `wire:"t,1"`
		K map[badText]int32   `wire:"k,2"`
		L map[string][]string `wire:"l,3"`
	}
	e.refuses([]refused{
		{"a string", text{secret + "\xff"}, "s"},
		{"a surrogate", text{"\xed\xa0\x80"}, "s"},
		{"a long form", text{"\xc0\x80"}, "s"},
		{"half a rune", text{"a\xc3"}, "s"},
		{"above U+10FFFF", text{"\xf4\x90\x80\x80"}, "s"},
		{"deep in a long string", text{strings.Repeat("a", 10_000) + "\xff"}, "s"},
		{"an item", lists{S: []string{"", secret + "\xff"}}, "s[1]"},
		{"an item of an item", lists{N: [][]string{nil, {"", "\xff"}}}, "n[1][1]"},
		{"a value of a map", maps{S: map[string]string{secret: "\xff"}}, "s[#0]"},
		{"a key", maps{S: map[string]string{secret + "\xff": ""}}, "s"},
		{"what a pointer points to", optionals{S: ptr("\xff")}, "s"},
		{"in a field of a field", whole{Emb: embedding{embedded: embedded{"\xff"}}}, "emb.name"},
		{"a text", texts{T: badText{secret + "\xff"}}, "t"},
		{"a key that is a text", texts{K: map[badText]int32{{"\xff"}: 1}}, "k"},
		{"a list in a map", texts{L: map[string][]string{"a": nil, secret: {"", "\xff"}}}, "l[#1][1]"},
		{"at the top", "\xff", ""},
	})
}

func refusesValues(e *Env) {
	type texts struct {
		T []brokenText       `wire:"t,1"`
		K map[brokenText]int `wire:"k,2"`
		S map[sameText]int   `wire:"s,3"`
	}
	far := time.FixedZone("far", -2*3600)
	e.refuses([]refused{
		{"the year 0", instants{At: time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC)}, "at"},
		{"the year 10000 in UTC", instants{At: time.Date(9999, 12, 31, 23, 0, 0, 0, far)}, "at"},
		{"the year -5", lists{T: []time.Time{{}, time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC)}}, "t[1]"},
		{"nil in a list", lists{Q: []*point{{}, nil}}, "q[1]"},
		{"nil in a map", maps{Q: map[string]*point{secret: nil}}, "q[#0]"},
		{"two keys of one text", texts{S: map[sameText]int{1: 1, 2: 2}}, "s"},
		{"a text that fails", texts{T: []brokenText{{errors.New(secret)}}}, "t[0]"},
		{"a key that fails", texts{K: map[brokenText]int{{errors.New(secret)}: 1}}, "k"},
	})
	cause := errors.New(secret)
	_, err := e.Codec.Append(nil, texts{T: []brokenText{{cause}}})
	if !errors.Is(err, cause) {
		e.Errorf("errors.Is does not find what MarshalText said in %v", err)
	}
}

func checkAndUseAgree(e *Env) {
	body, _ := e.Encode(e.Codec, point{1, 2})
	for _, u := range uncarriedTypes() {
		p := reflect.New(u.typ)
		_, err := e.Codec.Append(nil, p.Interface())
		e.WantError(err, "encode", u.what)
		if err != nil && !errors.Is(err, codecs.ErrUnsupported) {
			e.Errorf("encode %s: got %v, want codecs.ErrUnsupported", u.what, err)
		}
		e.WantError(e.Codec.Decode(body, p.Interface()), "decode", u.what)
	}
}

type byName struct {
	First string
	Next  int32 `json:"next"`
	Last  *byName
}

func carriesWithoutNumbers(e *Env) { e.RoundTrip(e.Codec, byName{"a", 1, &byName{First: "b"}}) }

func refusesWithoutNumbers(e *Env) {
	checker, ok := e.Codec.(codecs.TypeChecker)
	if !ok {
		e.Errorf("the codec does not implement codecs.TypeChecker")
		return
	}
	err := checker.CheckType(reflect.TypeFor[byName]())
	if !e.WantError(err, "check", "fields without numbers") {
		return
	}
	if !errors.Is(err, codecs.ErrUnsupported) || !strings.Contains(err.Error(), "First") || !strings.Contains(err.Error(), "number") {
		e.Errorf("got %v, want the path of the first field and what it lacks", err)
	}
	_, err = e.Codec.Append(nil, byName{})
	e.WantError(err, "encode", "fields without numbers")
}
