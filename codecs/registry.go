package codecs

import (
	"errors"
	"fmt"
	"mime"
	"reflect"
	"slices"
	"strings"

	"github.com/polywire/polywire/internal/nearest"
)

// A Registry finds codecs by name and by media type. It is made once, from a
// list, and never changes: safe for concurrent use, no global state. The zero
// value knows no codec.
type Registry struct {
	byName map[string]Codec
	byType map[string]Codec
	order  []entry // as given to NewRegistry; wildcards of Accept pick the first
}

// An entry is a codec and the media types that it is known by, its own first.
type entry struct {
	Codec
	media []string
}

// NewRegistry returns a Registry of the given codecs. Two codecs of one name or
// one media type are an error, as is a nil codec or one that names neither.
func NewRegistry(codecs ...Codec) (*Registry, error) {
	r := &Registry{byName: make(map[string]Codec), byType: make(map[string]Codec)}
	for i, c := range codecs {
		if err := r.add(c); err != nil {
			return nil, fmt.Errorf("codecs: codec %d of the registry: %w", i+1, err)
		}
	}
	return r, nil
}

func (r *Registry) add(c Codec) error {
	if isNil(c) {
		return errors.New("is nil; pass the result of its New function")
	}
	name := c.Name()
	if name == "" || strings.ToLower(name) != name {
		return fmt.Errorf("has the name %s; a name is lower case and not empty", quoted(name))
	}
	if r.byName[name] != nil {
		return fmt.Errorf("%s is registered twice; leave one out", quoted(name))
	}
	known := []string{c.ContentType()}
	if a, ok := c.(Aliaser); ok {
		known = append(known, a.ContentTypeAliases()...)
	}
	for _, media := range known {
		if err := r.addType(c, media); err != nil {
			return err
		}
	}
	r.byName[name] = c
	r.order = append(r.order, entry{c, known})
	return nil
}

func (r *Registry) addType(c Codec, declared string) error {
	media, params, err := mime.ParseMediaType(declared)
	if err != nil || len(params) > 0 || media != declared || !strings.Contains(media, "/") {
		return fmt.Errorf("%s has the content type %s; want a lower-case media type without parameters",
			quoted(c.Name()), quoted(declared))
	}
	if other := r.byType[media]; other != nil {
		return fmt.Errorf("%s has the content type %s of %s; leave one out",
			quoted(c.Name()), quoted(media), quoted(other.Name()))
	}
	r.byType[media] = c
	return nil
}

// Names returns the names of all codecs in alphabetical order.
func (r *Registry) Names() []string {
	names := make([]string, 0, len(r.order))
	for _, c := range r.order {
		names = append(names, c.Name())
	}
	slices.Sort(names)
	return names
}

// ByName returns the codec that configuration calls name. The error wraps
// ErrUnknown and lists the known names.
func (r *Registry) ByName(name string) (Codec, error) {
	if c := r.byName[name]; c != nil {
		return c, nil
	}
	return nil, &lookupError{what: "codec", got: name, known: r.Names()}
}

// ByContentType returns the codec for the content type of a message. Case does
// not matter; parameters are ignored, but a charset other than UTF-8 is
// refused. application/problem+json is not application/json: nothing is
// sniffed. The error wraps ErrUnknown and lists the known types.
func (r *Registry) ByContentType(contentType string) (Codec, error) {
	if c := r.byType[contentType]; c != nil {
		return c, nil
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, r.unknownType(contentType)
	}
	if cs, ok := params["charset"]; ok && !strings.EqualFold(cs, "utf-8") {
		return nil, fmt.Errorf("codecs: content type %s: every codec writes UTF-8: %w", quoted(contentType), ErrUnknown)
	}
	if c := r.byType[media]; c != nil {
		return c, nil
	}
	return nil, r.unknownType(contentType)
}

func (r *Registry) unknownType(got string) error {
	known := make([]string, 0, len(r.order))
	for media := range r.byType {
		known = append(known, media)
	}
	slices.Sort(known)
	return &lookupError{what: "content type", got: got, known: known}
}

// A lookupError says what was asked for, what there is, and what may be meant.
type lookupError struct {
	what, got string
	known     []string
}

func (e *lookupError) Error() string {
	known := strings.Join(e.known, ", ")
	if known == "" {
		known = "none"
	}
	text := fmt.Sprintf("codecs: unknown %s %s (known: %s)", e.what, quoted(e.got), known)
	if near := nearest.Name(e.got, e.known); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	return text
}

func (e *lookupError) Unwrap() error { return ErrUnknown }

// isNil reports whether c is nil or holds a nil pointer.
func isNil(c Codec) bool {
	if c == nil {
		return true
	}
	v := reflect.ValueOf(c)
	return v.Kind() == reflect.Pointer && v.IsNil()
}
