package codectest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/polywire/polywire/codecs"
)

func malformedCases() []Case {
	return []Case{
		{ID: "C047", Group: "C", Rule: "no bytes at all are an error", Unless: EmptyIsZero, Run: refusesNothing, Inverse: readsNothingAsZero},
		{ID: "C048", Group: "C", Rule: "every proper prefix of an encoding is an error", Unless: EndsAnywhere, Run: refusesPrefixes, Inverse: prefixesSurvive},
		{ID: "C049", Group: "C", Rule: "an encoding with a byte behind it is an error, and so are two in a row", Run: refusesTrailing},
		{ID: "C050", Group: "C", Rule: "every flip of a single bit is an error or a value that survives another round", Run: flipsBits},
		{ID: "C063", Group: "C", Rule: "an error names path, offset and codec in at most 256 printable bytes, and nothing of the body", Run: errorsAreShort},
		{ID: "C110", Group: "C", Rule: "invalid UTF-8 on the wire is an error, also in keys and in what is skipped", Run: refusesInvalidUTF8OnTheWire},
		{ID: "C111", Group: "C", Rule: "what stands in the codec's documents is read as they say, or refused", Ability: AbilityDocuments, Run: readsDocuments},
	}
}

// An encoded is a sample with its encoding.
type encoded struct {
	Sample
	body []byte
}

// documents are encodings of all samples that are not large.
func (e *Env) documents() []encoded {
	var all []encoded
	for _, s := range Corpus() {
		if s.Large || s.Name == "a pointer" {
			continue
		}
		if body, err := e.Codec.Append(nil, s.Value); err == nil { // that all are carried is for other cases
			all = append(all, encoded{s, body})
		}
	}
	return all
}

// some are at least n documents, spread over all kinds.
func (e *Env) some(n int) []encoded {
	all := e.documents()
	var picked []encoded
	for i := 0; i < len(all); i += max(1, len(all)/n) {
		picked = append(picked, all[i])
	}
	return picked
}

func (d *encoded) String() string { return fmt.Sprintf("%s %s", d.Case, d.Name) }

func refusesNothing(e *Env) {
	for _, d := range e.documents() {
		e.Refused(e.Codec, nil, d.Value, "no bytes as "+d.String())
		e.Refused(e.Codec, []byte{}, d.Value, "no bytes as "+d.String())
	}
}

func readsNothingAsZero(e *Env) {
	for _, v := range []any{point{1, 2}, whole{Text: "old"}, []int{1}, map[string]int{"a": 1}, "s", 5} {
		p := pointed(v)
		if err := e.Codec.Decode(nil, p); err != nil || !reflect.ValueOf(p).Elem().IsZero() {
			e.Errorf("no bytes into a %T: got %s, %v, want zero", v, short(behind(p)), err)
		}
	}
}

// refusesPrefixes leaves out values that are the same with and without their end,
// such as a number in text.
func refusesPrefixes(e *Env) {
	for _, d := range e.some(60) {
		for n := range prefixesOf(d.body) {
			if bare(d.body) {
				e.Survives(e.Codec, d.body[:n], d.Value, d.String())
			} else {
				e.Refused(e.Codec, d.body[:n], d.Value, fmt.Sprintf("%d of %d bytes of %s", n, len(d.body), d.String()))
			}
		}
	}
}

// bare reports whether body is a number in text, which may end anywhere.
func bare(body []byte) bool {
	return len(body) > 1 && len(bytes.Trim(body, "-0123456789.eE+")) == 0
}

// prefixesOf yields the lengths of prefixes: all of a short body, of a long one those near its ends and some between.
func prefixesOf(body []byte) func(yield func(int) bool) {
	const near = 400
	step := max(1, (len(body)-2*near)/near)
	return func(yield func(int) bool) {
		for n := 0; n < len(body); n++ {
			if n > near && n < len(body)-near && n%step != 0 {
				continue
			}
			if !yield(n) {
				return
			}
		}
	}
}

// prefixesSurvive checks what is left of the rule: a prefix is an error or a
// value of its own, and an error inside a length.
func prefixesSurvive(e *Env) {
	for _, d := range e.some(60) {
		for n := range prefixesOf(d.body) {
			e.Survives(e.Codec, d.body[:n], d.Value, fmt.Sprintf("%d of %d bytes of %s", n, len(d.body), d.String()))
		}
	}
	body, ok := e.Encode(e.Codec, text{strings.Repeat("a", 100)})
	for n := 1; ok && n < len(body); n++ {
		e.Refused(e.Codec, body[:n], text{}, fmt.Sprintf("a string cut after %d bytes", n))
	}
}

// refusesTrailing leaves white space aside, which formats in text allow behind a value.
func refusesTrailing(e *Env) {
	for _, d := range e.some(60) {
		for _, tail := range []string{"\x00", "{", "\xff", "\x00\x00\x00", "<"} {
			e.Refused(e.Codec, append(bytes.Clone(d.body), tail...), d.Value, fmt.Sprintf("%q behind %s", tail, d.String()))
		}
	}
	body, ok := e.Encode(e.Codec, point{1, 2})
	if ok {
		e.Refused(e.Codec, append(bytes.Clone(body), body...), point{}, "two encodings in a row")
	}
}

func flipsBits(e *Env) {
	for _, d := range e.some(40) {
		bits := 8 * len(d.body)
		step := 1
		if e.Tier != Nightly {
			step = max(1, bits/2000)
		}
		for bit := 0; bit < bits; bit += step {
			body := bytes.Clone(d.body)
			body[bit/8] ^= 1 << (bit % 8)
			e.Survives(e.Codec, body, d.Value, fmt.Sprintf("%s with bit %d flipped", d.String(), bit))
		}
	}
}

// The markers stand in encodings as they are, in every format: so bytes on the
// wire can be changed without knowing it.
const (
	marker  = "markerAAAA"
	another = "markerBBBB"
	secret  = "markerS3CR"
)

// patched returns body with old replaced by new, which has as many bytes.
func (e *Env) patched(body []byte, old, new string) ([]byte, bool) {
	if len(old) != len(new) || !bytes.Contains(body, []byte(old)) {
		e.Errorf("the text %q does not stand as it is in %s, so nothing can be shown with it", old, quote(body))
		return nil, false
	}
	return bytes.Replace(body, []byte(old), []byte(new), 1), true
}

func errorsAreShort(e *Env) {
	for _, v := range []any{text{marker}, lists{S: []string{marker}}, maps{S: map[string]string{marker: secret}}, optionals{S: ptr(marker)}} {
		body, ok := e.Encode(e.Codec, v)
		if !ok {
			continue
		}
		if body, ok = e.patched(body, marker, secret[:9]+"\xff"); !ok {
			continue
		}
		if err := e.refusal(e.Codec, body, v, "invalid UTF-8"); err != nil {
			e.tellsNothing(err, secret[:9])
		}
	}
	long := reflect.New(reflect.StructOf([]reflect.StructField{{
		Name: "A" + strings.Repeat("b", 500), Type: reflect.TypeFor[string](), Tag: reflect.StructTag(`wire:"` + strings.Repeat("n", 500) + `,1"`),
	}})).Elem()
	long.Field(0).SetString("\xff")
	_, err := e.Codec.Append(nil, long.Interface())
	e.WantError(err, "encode", "a name of 500 bytes")
}

// tellsNothing checks that err, however printed or unwrapped, does not hold text.
func (e *Env) tellsNothing(err error, text string) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if printed := fmt.Sprintf(verb, err); strings.Contains(printed, text) {
			e.Errorf("%s prints the body: %s", verb, printed)
		}
	}
	if !utf8.ValidString(err.Error()) || strings.ContainsAny(err.Error(), "\x00\n\r\x1b") {
		e.Errorf("the text is not fit for a log: %q", err)
	}
	for inner := err; inner != nil; {
		if strings.Contains(inner.Error(), text) {
			e.Errorf("a wrapped error prints the body: %v", inner)
		}
		u, ok := inner.(interface{ Unwrap() error })
		if !ok {
			return
		}
		inner = u.Unwrap()
	}
}

func refusesInvalidUTF8OnTheWire(e *Env) {
	for _, tc := range []struct {
		where string
		v     any
		path  string
	}{
		{"a string", text{marker}, "s"},
		{"an item", lists{S: []string{"", marker}}, "s[1]"},
		{"a value of a map", maps{S: map[string]string{"k": marker}}, "s[#0]"},
		{"a key", maps{S: map[string]string{marker: ""}}, ""},
		{"what a pointer points to", optionals{S: ptr(marker)}, "s"},
		{"a string at the top", marker, ""},
	} {
		for _, bad := range []string{"marker\xff\xffAA", "marker\xed\xa0\x80A", "marker\xc0\xafAA", "markerAAA\xc3", "marker\xf4\x90\x80\x80"} {
			e.Part(tc.where, func() {
				body, ok := e.Encode(e.Codec, tc.v)
				if !ok {
					return
				}
				if body, ok = e.patched(body, marker, bad); !ok {
					return
				}
				err := e.refusal(e.Codec, body, tc.v, fmt.Sprintf("%q", bad))
				if ce := new(codecs.Error); errors.As(err, &ce) && tc.path != "" && ce.Path != "" && ce.Path != tc.path { // a codec around another one may know none
					e.Errorf("%q: the error is at %q, want %q: %v", bad, ce.Path, tc.path, err)
				}
			})
		}
	}
}

func readsDocuments(e *Env) {
	for _, d := range e.h.Documents {
		e.Part(d.Rule, func() { e.document(&d) })
	}
}

func (e *Env) document(d *Document) {
	if d.Want != nil {
		if got, ok := e.Decode(e.Codec, d.Data, d.Want); ok {
			if df := Diff(d.Want, got); df != "" {
				e.Errorf("%s: %s", quote(d.Data), df)
			}
		}
		return
	}
	err := e.refusal(e.Codec, d.Data, d.Into, quote(d.Data))
	var ce *codecs.Error
	if !errors.As(err, &ce) {
		return
	}
	if d.Path != "" && ce.Path != d.Path {
		e.Errorf("%s: the error is at %q, want %q: %v", quote(d.Data), ce.Path, d.Path, err)
	}
	if !strings.Contains(err.Error(), d.Error) {
		e.Errorf("%s: got %v, want %q in it", quote(d.Data), err, d.Error)
	}
}
