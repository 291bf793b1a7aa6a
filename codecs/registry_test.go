package codecs_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/polywire/polywire/codecs"
)

// A named codec is all that a Registry looks at.
type named struct{ name, media string }

func (n *named) Name() string                             { return n.name }
func (n *named) ContentType() string                      { return n.media }
func (n *named) Append(dst []byte, _ any) ([]byte, error) { return dst, nil }
func (n *named) Decode([]byte, any) error                 { return nil }

// An aliased codec has more media types than its own.
type aliased struct {
	named
	aliases []string
}

func (a *aliased) ContentTypeAliases() []string { return a.aliases }

var (
	avro = &named{"avro", "application/avro"}
	json = &named{"json", "application/json"}
	xml  = &named{"xml", "text/xml"}
)

func registry(t *testing.T) *codecs.Registry {
	t.Helper()
	r, err := codecs.NewRegistry(json, avro, xml)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNewRegistryRefuses(t *testing.T) {
	var nilCodec *named
	for _, tc := range []struct {
		rule   string
		codecs []codecs.Codec
		want   string
	}{
		{"a nil interface", []codecs.Codec{json, nil}, "codecs: codec 2 of the registry: is nil; pass the result of its New function"},
		{"a nil pointer", []codecs.Codec{nilCodec}, "codecs: codec 1 of the registry: is nil; pass the result of its New function"},
		{"one name twice", []codecs.Codec{json, &named{"json", "text/json"}}, `codecs: codec 2 of the registry: "json" is registered twice; leave one out`},
		{"one media type twice", []codecs.Codec{json, &named{"fast", "application/json"}},
			`codecs: codec 2 of the registry: "fast" has the content type "application/json" of "json"; leave one out`},
		{"no name", []codecs.Codec{&named{"", "a/b"}}, `codecs: codec 1 of the registry: has the name ""; a name is lower case and not empty`},
		{"capitals", []codecs.Codec{&named{"JSON", "a/b"}}, `codecs: codec 1 of the registry: has the name "JSON"; a name is lower case and not empty`},
		{"a content type with parameters", []codecs.Codec{&named{"a", "a/b; x=y"}},
			`codecs: codec 1 of the registry: "a" has the content type "a/b; x=y"; want a lower-case media type without parameters`},
		{"an alias of another codec", []codecs.Codec{json, &aliased{named{"a", "a/b"}, []string{"a/c", "application/json"}}},
			`codecs: codec 2 of the registry: "a" has the content type "application/json" of "json"; leave one out`},
		{"an alias with parameters", []codecs.Codec{&aliased{named{"a", "a/b"}, []string{"a/c; x=y"}}},
			`codecs: codec 1 of the registry: "a" has the content type "a/c; x=y"; want a lower-case media type without parameters`},
		{"no content type", []codecs.Codec{&named{"a", ""}},
			`codecs: codec 1 of the registry: "a" has the content type ""; want a lower-case media type without parameters`},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			_, err := codecs.NewRegistry(tc.codecs...)
			if err == nil || err.Error() != tc.want {
				t.Errorf("got %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestByName(t *testing.T) {
	r := registry(t)
	if c, err := r.ByName("avro"); c != avro || err != nil {
		t.Errorf("avro: got %v, %v", c, err)
	}
	for got, want := range map[string]string{
		"jsn":  `codecs: unknown codec "jsn" (known: avro, json, xml); did you mean "json"?`,
		"JSON": `codecs: unknown codec "JSON" (known: avro, json, xml); did you mean "json"?`,
		"cbor": `codecs: unknown codec "cbor" (known: avro, json, xml)`,
		"":     `codecs: unknown codec "" (known: avro, json, xml)`,
		"a\nb": `codecs: unknown codec "a\nb" (known: avro, json, xml)`,
	} {
		_, err := r.ByName(got)
		if !errors.Is(err, codecs.ErrUnknown) || err.Error() != want {
			t.Errorf("%q: got %v\nwant %s", got, err, want)
		}
	}
	if _, err := r.ByName(strings.Repeat("x", 1<<20)); len(err.Error()) > 256 {
		t.Errorf("a name of 1 MiB makes an error of %d bytes", len(err.Error()))
	}
	if _, err := new(codecs.Registry).ByName("json"); err.Error() != `codecs: unknown codec "json" (known: none)` {
		t.Errorf("empty registry: %v", err)
	}
}

func TestByContentType(t *testing.T) {
	r := registry(t)
	for _, ct := range []string{
		"application/json", "APPLICATION/Json", "application/json; charset=utf-8", "application/json;charset=\"UTF-8\"",
		" application/json ; v=1",
	} {
		if c, err := r.ByContentType(ct); c != json || err != nil {
			t.Errorf("%q: got %v, %v", ct, c, err)
		}
	}
	for ct, want := range map[string]string{
		"application/jsn":                     `codecs: unknown content type "application/jsn" (known: application/avro, application/json, text/xml); did you mean "application/json"?`,
		"application/problem+json":            `codecs: unknown content type "application/problem+json" (known: application/avro, application/json, text/xml)`,
		"application/json; charset=utf-16":    `codecs: content type "application/json; charset=utf-16": every codec writes UTF-8: unknown codec`,
		"":                                    `codecs: unknown content type "" (known: application/avro, application/json, text/xml)`,
		"application/json; charset=a;charset": `codecs: unknown content type "application/json; charset=a;charset" (known: application/avro, application/json, text/xml)`,
	} {
		if _, err := r.ByContentType(ct); !errors.Is(err, codecs.ErrUnknown) || err.Error() != want {
			t.Errorf("%q: got %v\nwant %s", ct, err, want)
		}
	}
}

func TestAccept(t *testing.T) {
	r := registry(t)
	for _, tc := range []struct {
		rule   string
		accept []string
		want   codecs.Codec // nil: nothing fits
	}{
		{"an empty list fits nothing", nil, nil},
		{"an empty element fits nothing", []string{""}, nil},
		{"the only known one wins", []string{"application/cbor, application/avro"}, avro},
		{"the first of equals wins", []string{"text/xml", "application/avro"}, xml},
		{"the higher weight wins", []string{"text/xml;q=0.5, application/avro;q=0.9"}, avro},
		{"the more specific range wins at equal weight", []string{"*/*, text/xml"}, xml},
		{"a wildcard picks the first registered", []string{"*/*"}, json},
		{"a half wildcard picks within its half", []string{"text/*"}, xml},
		{"weight 0 excludes", []string{"application/json;q=0, application/*"}, avro},
		{"weight 0 alone fits nothing", []string{"application/json;q=0"}, nil},
		{"a specific range overrules an excluding wildcard", []string{"*/*;q=0, text/xml"}, xml},
		{"of equally specific ranges the first decides", []string{"text/xml;q=0", "text/xml;q=0.5"}, nil},
		{"the first decides, whatever its weight", []string{"text/xml;q=0.5", "text/xml;q=0"}, xml},
		{"the first wildcard decides", []string{"text/*;q=0, text/*;q=0.5"}, nil},
		{"the most specific range decides, though a wildcard weighs more", []string{"text/xml;q=0.1, text/*;q=0.9, application/avro;q=0.5"}, avro},
		{"what a wildcard leaves is liked better than what has less weight", []string{"application/json;q=0.1, */*;q=0.5"}, avro},
		{"a half wildcard overrules an excluding one", []string{"*/*;q=0, text/*;q=0.1"}, xml},
		{"a half wildcard excludes its half", []string{"*/*, application/*;q=0"}, xml},
		{"weight 0 with digits excludes", []string{"text/xml;q=0.000, text/*"}, nil},
		{"params of a type do not count", []string{"text/xml;level=1;q=0.5"}, xml},
		{"case does not matter", []string{"TEXT/XML"}, xml},
		{"a malformed element is left out", []string{"application/json;q=x, ;;, text/xml;q=0.1"}, xml},
		{"a weight above 1 is malformed", []string{"application/json;q=2, text/xml"}, xml},
		{"what comes after 32 ranges is not read", []string{strings.Repeat("a/b,", 32) + "text/xml"}, nil},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			got, ok := r.Accept(tc.accept...)
			if got != tc.want || ok != (tc.want != nil) {
				t.Errorf("%q: got %v, %v; want %v", tc.accept, got, ok, tc.want)
			}
		})
	}
}

func TestACodecIsFoundByItsAliases(t *testing.T) {
	packed := &aliased{named{"packed", "application/vnd.packed"}, []string{"application/packed", "application/x-packed"}}
	r, err := codecs.NewRegistry(json, packed)
	if err != nil {
		t.Fatal(err)
	}
	for _, media := range []string{"application/vnd.packed", "application/packed", "Application/X-Packed; a=b"} {
		if c, err := r.ByContentType(media); err != nil || c != packed {
			t.Errorf("%s: got %v, %v", media, c, err)
		}
	}
	for accept, want := range map[string]codecs.Codec{
		"application/packed":                                    packed,
		"application/json;q=0.5, application/x-packed":          packed,
		"application/x-packed;q=0.5, application/json":          json,
		"application/*":                                         json,
		"application/vnd.packed;q=0, application/packed, */*":   json,
		"application/*;q=0.1, application/vnd.packed;q=0.2":     packed,
		"application/packed;q=0, application/json;q=0.1, */*":   packed, // by the names that are not excluded
		"application/json;q=0.3, application/x-packed;q=0":      json,
		"application/*;q=0.1, application/json;q=0, text/plain": packed,
	} {
		if c, ok := r.Accept(accept); !ok || c != want {
			t.Errorf("%s: got %v, want %s", accept, c, want.Name())
		}
	}
	if names := r.Names(); len(names) != 2 {
		t.Errorf("got the names %v, want two", names)
	}
}

func TestNamesAreSorted(t *testing.T) {
	if diff := cmp.Diff([]string{"avro", "json", "xml"}, registry(t).Names()); diff != "" {
		t.Error(diff)
	}
}
