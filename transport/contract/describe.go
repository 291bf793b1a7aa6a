package contract

import (
	"errors"
	"fmt"
	"path"
	"reflect"
	"strings"

	"github.com/polywire/polywire/internal/shape"
	"github.com/polywire/polywire/transport"
)

// kindNames are the kinds of shapes as documents name them. The first is none;
// "message", a generated message, comes after those of package shape.
var kindNames = [...]string{
	shape.Bool: "bool", shape.Int: "int", shape.Uint: "uint", shape.Float: "float", shape.String: "string",
	shape.Bytes: "bytes", shape.Time: "time", shape.Duration: "duration", shape.Text: "text", shape.List: "list",
	shape.Array: "array", shape.Map: "map", shape.Struct: "struct", shape.Struct + 1: "message",
}

// needs are the features without which a style cannot be used; nil for what is no style.
func needs(style string) []string {
	switch style {
	case styleMethod:
		return []string{"Request"}
	case styleQueue:
		return []string{"Send"}
	case styleTopic:
		return []string{"Publish"}
	case styleSurvey:
		return []string{"Publish", "Gather"}
	}
	return nil
}

// Describe returns what the service offers. It fails as Err does.
func (s *Service) Describe() (*Description, error) {
	if s.err != nil {
		return nil, s.err
	}
	w := describer{
		out:   &Description{Version: descriptionVersion, Service: s.name, Operations: make([]Operation, 0, len(s.specs))},
		names: make(map[reflect.Type]string),
	}
	if err := w.reserve(s.specs); err != nil {
		return nil, err
	}
	for _, own := range s.specs {
		o, err := w.operation(own)
		if err = errors.Join(err, w.err); err != nil {
			return nil, fmt.Errorf("contract: describe %s: %w", own.destination, err)
		}
		w.out.Operations = append(w.out.Operations, o)
	}
	return w.out, nil
}

// A describer collects the types that operations refer to.
type describer struct {
	out   *Description
	cache shape.Cache
	names map[reflect.Type]string
	depth int // of shapes within the same type
	err   error
}

// reserve gives failures their own names before all other types: callers know them by those.
func (w *describer) reserve(specs []*spec) error {
	taken := make(map[string]reflect.Type)
	for _, own := range specs {
		for i := range own.failures {
			f := &own.failures[i]
			if other := taken[f.name]; other != nil && other != f.typ {
				return transport.CodeInvalidArgument.Errorf("the failures %s and %s share the name %s: rename one", other, f.typ, f.name)
			}
			taken[f.name], w.names[f.typ] = f.typ, f.name
		}
	}
	return nil
}

func (w *describer) operation(own *spec) (Operation, error) {
	o := Operation{
		Destination: own.destination, Style: own.style, Needs: needs(own.style),
		Idempotent: own.idempotent, Keyed: own.key != nil,
	}
	err := own.eachType(func(role string, t reflect.Type) error {
		s, err := w.typeShape(t)
		switch role {
		case "request":
			o.Request = s
		case "reply":
			o.Reply = s
		}
		return err
	})
	for i := range own.failures {
		if o.Failures == nil {
			o.Failures = make(map[string]transport.Code)
		}
		o.Failures[own.failures[i].name] = own.failures[i].code
	}
	for i := range own.params {
		s := w.shape(own.params[i].shape)
		s.Name = own.params[i].name
		o.Params = append(o.Params, *s)
	}
	return o, err
}

// typeShape describes a type at the top of a message.
func (w *describer) typeShape(t reflect.Type) (*Shape, error) {
	if generated(t) {
		s := &Shape{Kind: "message", Type: w.name(t)}
		w.define(s.Type, &Shape{Kind: "message"})
		return s, nil
	}
	s, err := w.cache.Of(t)
	if err != nil {
		return nil, err
	}
	return w.shape(s), nil
}

func (w *describer) shape(s *shape.Shape) *Shape {
	if s.Kind == shape.Pointer {
		out := w.shape(s.Elem)
		out.Optional = true
		return out
	}
	out := &Shape{Kind: kindNames[s.Kind]}
	if w.depth++; w.depth > maxShapeDepth { // a list or map type that holds itself
		w.err = fmt.Errorf("%s nests deeper than %d levels: put a struct between", s.Type, maxShapeDepth)
		return out
	}
	defer func() { w.depth-- }()
	switch s.Kind {
	case shape.Int, shape.Uint, shape.Float:
		out.Bits = s.Bits
	case shape.Bytes, shape.Array:
		out.Len = max(s.Len, 0)
	}
	switch s.Kind {
	case shape.List, shape.Array:
		out.Elem = w.item(s.Elem)
	case shape.Map:
		out.Key, out.Elem = w.shape(s.Key), w.item(s.Elem)
	case shape.Struct:
		w.structShape(out, s)
	}
	return out
}

// item describes what a list or map holds, in which a pointer is never nil.
func (w *describer) item(s *shape.Shape) *Shape {
	out := w.shape(s)
	out.Optional = false
	return out
}

func (w *describer) structShape(out *Shape, s *shape.Shape) {
	if s.Type.Name() == "" {
		out.Fields = w.fields(s)
		return
	}
	out.Type = w.name(s.Type)
	if w.out.Types[out.Type] == nil {
		def := &Shape{Kind: "struct"}
		w.define(out.Type, def) // before its fields, which may refer to it
		outer := w.depth
		w.depth = 0
		def.Fields = w.fields(s)
		w.depth = outer
	}
}

func (w *describer) fields(s *shape.Shape) []Shape {
	fields := make([]Shape, 0, len(s.Fields))
	for i := range s.Fields {
		f := &s.Fields[i]
		out := w.shape(f.Shape)
		out.Name, out.Number, out.OmitZero = f.Name, f.Number, f.OmitZero
		fields = append(fields, *out)
	}
	return fields
}

func (w *describer) define(name string, s *Shape) {
	if w.out.Types == nil {
		w.out.Types = make(map[string]*Shape)
	}
	w.out.Types[name] = s
}

// name finds a name for t that no other type has: its own, else with its
// package, else with a number.
func (w *describer) name(t reflect.Type) string {
	if name, ok := w.names[t]; ok {
		return name
	}
	name := plainName(t.Name())
	if w.taken(name) {
		name = plainName(path.Base(t.PkgPath())) + "." + name
	}
	for base, n := name, 2; w.taken(name); n++ {
		name = fmt.Sprintf("%s_%d", base, n)
	}
	w.names[t] = name
	return name
}

func (w *describer) taken(name string) bool {
	for _, other := range w.names {
		if other == name {
			return true
		}
	}
	return false
}

// plainName takes the paths and brackets out of the name of a generic type:
// Page[example.org/shop.Item] is Page_Item.
func plainName(name string) string {
	var b strings.Builder
	for _, part := range strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("[], *", r) }) {
		part = part[strings.LastIndexByte(part, '/')+1:]
		part = part[strings.LastIndexByte(part, '.')+1:]
		if b.Len() > 0 {
			b.WriteByte('_')
		}
		b.WriteString(part)
	}
	return b.String()
}
