package contract

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/polywire/polywire/internal/shape"
	"github.com/polywire/polywire/transport"
)

// A param binds one name in Message.Params to one field of a request.
type param struct {
	name  string
	shape *shape.Shape
	cache *shape.Cache
	field func(request any) any // the field's address
}

func newParam(name string, t reflect.Type, field func(any) any) (param, error) {
	if name == "" || strings.ContainsAny(name, "= ") || !utf8.ValidString(name) {
		return param{}, errors.New("a name is text without spaces and =")
	}
	p := param{name: name, cache: new(shape.Cache), field: field}
	var err error
	if p.shape, err = p.cache.Of(t); err != nil {
		return param{}, err
	}
	if p.shape.Kind == shape.Pointer && p.shape.Elem.Kind == shape.List {
		return param{}, fmt.Errorf("%s: bind the slice itself, nil is no values", t)
	}
	if !isText(item(p.shape)) {
		return param{}, fmt.Errorf("%s has no text: want a string, bool, number, time, a type with MarshalText and UnmarshalText, or a slice of them", t)
	}
	return p, nil
}

// item is the shape of one value of a param.
func item(s *shape.Shape) *shape.Shape {
	if s.Kind == shape.Pointer || s.Kind == shape.List {
		return s.Elem
	}
	return s
}

func isText(s *shape.Shape) bool {
	switch s.Kind {
	case shape.Bool, shape.Int, shape.Uint, shape.Float, shape.String, shape.Time, shape.Duration, shape.Text:
		return true
	}
	return false
}

// write adds the field of request to params.
func (p *param) write(params url.Values, request any) error {
	s, v, err := p.cache.Source(p.field(request))
	if err != nil {
		return p.wrap(err)
	}
	add := func(v shape.Value) error {
		text, err := textOf(item(s), v)
		if err != nil {
			return p.wrap(err)
		}
		if text != "" || s.Kind == shape.List {
			params[p.name] = append(params[p.name], text)
		}
		return nil
	}
	switch s.Kind {
	case shape.Pointer:
		if v.IsNil() {
			return nil
		}
		return add(v.Elem(s.Elem))
	case shape.List:
		for i := range v.Len() {
			if err := add(v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	default:
		return add(v)
	}
}

// read sets the field of request from params, and leaves it as it is when they do not name it.
func (p *param) read(params url.Values, request any) error {
	texts, ok := params[p.name]
	if !ok || len(texts) == 0 {
		return nil
	}
	s, v, err := p.cache.Target(p.field(request))
	switch {
	case err != nil:
		return p.wrap(err)
	case s.Kind == shape.List:
		v.SetZero()
		for i, text := range texts {
			if err := setText(s.Elem, v.Item(i), text); err != nil {
				return p.wrap(err)
			}
		}
		return nil
	case len(texts) > 1:
		return p.wrap(fmt.Errorf("is given %d times, want it once", len(texts)))
	case s.Kind == shape.Pointer:
		return p.wrap(setText(s.Elem, v.SetNew(s.Elem), texts[0]))
	default:
		return p.wrap(setText(s, v, texts[0]))
	}
}

// wrap names the param, never its value.
func (p *param) wrap(err error) error {
	if err == nil {
		return nil
	}
	return transport.CodeInvalidArgument.Errorf("param %q: %w", p.name, err)
}

func textOf(s *shape.Shape, v shape.Value) (string, error) {
	switch s.Kind {
	case shape.Bool:
		return strconv.FormatBool(v.Bool()), nil
	case shape.Int, shape.Duration:
		return strconv.FormatInt(v.Int(), 10), nil
	case shape.Uint:
		return strconv.FormatUint(v.Uint(), 10), nil
	case shape.Float:
		return strconv.FormatFloat(v.Float(), 'g', -1, s.Bits), nil
	case shape.Time:
		t, err := v.Time()
		return string(shape.AppendTime(nil, t)), err
	case shape.Text:
		text, err := v.AppendText(nil)
		return string(text), err
	default:
		return v.Str(), nil
	}
}

func setText(s *shape.Shape, v shape.Value, text string) error {
	err := parse(s, v, text)
	if errors.Is(err, strconv.ErrSyntax) || errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("want %s of %d bits", s.Kind, s.Bits) // strconv's text quotes the value
	}
	return err
}

func parse(s *shape.Shape, v shape.Value, text string) error {
	switch s.Kind {
	case shape.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return errors.New("want true or false")
		}
		v.SetBool(b)
	case shape.Int, shape.Duration:
		i, err := strconv.ParseInt(text, 10, s.Bits)
		if err != nil {
			return err
		}
		return v.SetInt(i)
	case shape.Uint:
		u, err := strconv.ParseUint(text, 10, s.Bits)
		if err != nil {
			return err
		}
		return v.SetUint(u)
	case shape.Float:
		f, err := strconv.ParseFloat(text, s.Bits)
		if err != nil {
			return err
		}
		return v.SetFloat(f)
	case shape.Time:
		t, err := shape.ParseTime([]byte(text))
		if err != nil {
			return err
		}
		return v.SetTime(t)
	case shape.Text:
		return v.SetText([]byte(text))
	default:
		v.SetStr(text)
	}
	return nil
}
