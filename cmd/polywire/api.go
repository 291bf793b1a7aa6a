package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/polywire/polywire/internal/nearest"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// describeDestination is where a service that wants to be asked gives its description.
const describeDestination = "polywire.describe"

// checkAPI holds m against the description that --api names.
func (v *verb) checkAPI(ctx context.Context, conn connection, m *transport.Message) error {
	if v.api == "" {
		return nil
	}
	d, err := v.description(ctx, conn)
	if err != nil {
		return err
	}
	op := d.Operation(m.Destination)
	if op == nil {
		var known []string
		for _, o := range d.Operations {
			known = append(known, o.Destination)
		}
		return usage(fmt.Errorf("service %s has no %s (it has: %s)", d.Service, m.Destination, strings.Join(known, ", ")))
	}
	if !slices.Contains(v.style, op.Style) {
		return usage(fmt.Errorf("%s is a %s of service %s: call it by %s", op.Destination, op.Style, d.Service, verbOf(op.Style)))
	}
	if op.Request == nil {
		if len(m.Body) > 0 {
			return codecError(fmt.Errorf("%s takes no body", op.Destination))
		}
		return nil
	}
	return checkBody(d, op.Request, m)
}

// verbOf is the command for a style.
func verbOf(style string) string {
	return map[string]string{"method": "request", "queue": "send", "topic": "publish", "survey": "gather"}[style]
}

func (v *verb) description(ctx context.Context, conn connection) (*contract.Description, error) {
	document, err := []byte(nil), error(nil)
	if v.api == "describe" {
		reply, err := conn.Request(ctx, &transport.Message{Destination: describeDestination, Accept: jsonType})
		if err != nil {
			return nil, replied(ctx, err, true)
		}
		document = reply.Body
	} else if document, err = os.ReadFile(v.api); err != nil {
		return nil, usage(err)
	}
	d, err := contract.ParseDescription(document)
	if err != nil {
		return nil, usage(err)
	}
	return d, nil
}

func checkBody(d *contract.Description, s *contract.Shape, m *transport.Message) error {
	if m.ContentType != jsonType {
		return nil // bytes as they are: the caller's word
	}
	dec := json.NewDecoder(bytes.NewReader(m.Body))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return codecError(fmt.Errorf("%s takes a body: %w; write it with -d", m.Destination, err))
	}
	if err := checkValue(d, s, value, ""); err != nil {
		return codecError(fmt.Errorf("%s: %w", m.Destination, err))
	}
	return nil
}

// checkValue finds what no reader of s would take, or would leave out.
func checkValue(d *contract.Description, s *contract.Shape, value any, path string) error {
	at := func(name string) string { return strings.TrimPrefix(path+"."+name, ".") }
	switch s.Kind {
	case "struct":
		object, ok := value.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is %s, and takes an object", here(path), jsonKind(value))
		}
		fields := s.Fields
		if named := d.Types[s.Type]; named != nil {
			fields = named.Fields
		}
		for _, name := range slices.Sorted(maps.Keys(object)) {
			i := slices.IndexFunc(fields, func(f contract.Shape) bool { return f.Name == name })
			if i < 0 {
				return unknownField(fields, at(name), name)
			}
			if object[name] == nil && fields[i].Optional {
				continue
			}
			if err := checkValue(d, &fields[i], object[name], at(name)); err != nil {
				return err
			}
		}
		return nil
	case "list", "array":
		return checkItems(d, s, value, path)
	case "map":
		object, ok := value.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is %s, and takes an object", here(path), jsonKind(value))
		}
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if err := checkValue(d, s.Elem, object[name], at(name)); err != nil {
				return err
			}
		}
		return nil
	}
	return checkScalar(s, value, path)
}

func checkItems(d *contract.Description, s *contract.Shape, value any, path string) error {
	items, ok := value.([]any)
	if !ok && value != nil {
		return fmt.Errorf("%s is %s, and takes an array", here(path), jsonKind(value))
	}
	for i, item := range items {
		if err := checkValue(d, s.Elem, item, fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	return nil
}

func unknownField(fields []contract.Shape, path, name string) error {
	var known []string
	for _, f := range fields {
		known = append(known, f.Name)
	}
	if meant := nearest.Name(name, known); meant != "" {
		return fmt.Errorf("%s is not known: did you mean %s?", path, meant)
	}
	return fmt.Errorf("%s is not known (known: %s)", path, strings.Join(known, ", "))
}

// checkScalar compares kinds alone: ranges and formats are the service's to judge.
func checkScalar(s *contract.Shape, value any, path string) error {
	takes := map[string]string{
		"bool": "a boolean", "int": "a number", "uint": "a number", "float": "a number", "string": "a string",
		"bytes": "a string", "time": "a string", "duration": "a number", "text": "a string",
	}[s.Kind]
	got := jsonKind(value)
	special := s.Kind == "float" && got == "a string" // NaN and the infinities
	if takes != "" && takes != got && !special {
		return fmt.Errorf("%s is %s, and takes %s", here(path), got, takes)
	}
	return nil
}

func jsonKind(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "an array"
	}
	return "an object"
}

func here(path string) string {
	if path == "" {
		return "the body"
	}
	return path
}
